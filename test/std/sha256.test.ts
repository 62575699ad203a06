// SHA-256 against node:crypto, in one part and in many.

import { createHash } from 'node:crypto'
import t from 'tap'
import { Sha256, seededRandom } from '../../lib/std/index.js'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

t.test('it is that of node:crypto, however the bytes are cut', async t => {
  t.equal(hex(new Sha256().digest()), 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
  const random = seededRandom(1)
  for (const length of [1, 3, 55, 56, 63, 64, 65, 119, 120, 128, 1000, 70_000]) {
    const bytes = Uint8Array.from({ length }, () => Math.floor(random() * 256))
    const expected = createHash('sha256').update(bytes).digest('hex')
    t.equal(hex(new Sha256().add(bytes).digest()), expected, `${length} bytes`)
    const parts = new Sha256()
    for (let at = 0; at < length; ) {
      const size = Math.floor(random() * 150)
      parts.add(bytes.subarray(at, at + size))
      at += size
    }
    t.equal(hex(parts.digest()), expected, `${length} bytes in parts`)
  }
})
