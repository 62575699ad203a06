import t from 'tap'
import { crc32c, integerBelow, seededRandom } from '../../lib/std/index.js'

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text)

t.test('published values', async t => {
  // RFC 3720 appendix B.4, in the value's usual byte order, and the check value of the polynomial.
  const cases: readonly [string, Uint8Array, number][] = [
    ['nothing', new Uint8Array(0), 0],
    ['123456789', ascii('123456789'), 0xe3069283],
    ['32 zeros', new Uint8Array(32), 0x8a9136aa],
    ['32 ones', new Uint8Array(32).fill(255), 0x62a8ab43],
    ['0 to 31', Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
    ['31 to 0', Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c]
  ]
  for (const [name, bytes, sum] of cases) t.equal(crc32c(bytes), sum, name)
})

t.test('pieces give the sum of the whole, from any offset', async t => {
  const random = seededRandom(3)
  const bytes = Uint8Array.from({ length: 300 }, () => integerBelow(random, 256))
  for (let round = 0; round < 500; round++) {
    const start = integerBelow(random, 300)
    const end = start + integerBelow(random, 301 - start)
    const cut = start + integerBelow(random, end - start + 1)
    const whole = crc32c(bytes.slice(start, end))
    if (crc32c(bytes, cut, end, crc32c(bytes, start, cut)) !== whole) t.fail(`${start} ${cut} ${end}`)
  }
  t.pass('500 cuts')
})
