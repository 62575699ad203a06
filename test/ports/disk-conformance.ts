// Disk conformance: what lib/ports/disk.ts promises, as one suite for every implementation.

import t from 'tap'
import type { Outcome } from '../../lib/actor/index.js'
import { type DiskProtocol, filePartBytesMax, invalid, noSpace } from '../../lib/ports/index.js'

/** A keeper (keeper.ts) with a disk of its own, empty at first. */
export interface DiskHarness {
  call<K extends keyof DiskProtocol>(type: K, body?: Parameters<DiskProtocol[K]>[0]): Promise<Outcome<ReturnType<DiskProtocol[K]>>>
  /** Resolves once durable; rejects if the keeper died of it. `segment` as in `ctx.save`. */
  save(bytes: Uint8Array, segment?: number): Promise<void>
  /** Kills the keeper, or its machine with the power, and starts the next life. */
  crash(power: boolean): Promise<void>
  /** Lets no more bytes be written, or again. A host that cannot do this leaves it out. */
  readonly fill?: (full: boolean) => Promise<void>
  close(): Promise<void>
}

/** More than any disk sets aside for a journal. */
const overFull = 20 << 20

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

async function must<V>(outcome: Promise<Outcome<V>>): Promise<V> {
  const settled = await outcome
  if (!settled.ok) throw new Error(JSON.stringify(settled.error))
  return settled.value
}

/** The journal as text, without the zeros of space set aside; segments that hold nothing are left out. */
async function journal(h: DiskHarness): Promise<Record<number, string>> {
  const { segments } = await must(h.call('recover'))
  const sequences = segments.map(segment => segment.sequence)
  if (sequences.some((sequence, i) => i > 0 && sequence <= (sequences[i - 1] as number))) throw new Error(`not ascending: ${sequences}`)
  const text: [number, string][] = []
  for (const { sequence } of segments) {
    const content = (await must(h.call('readSegment', { sequence }))) as Uint8Array
    const end = content.findLastIndex(byte => byte !== 0) + 1
    text.push([sequence, new TextDecoder().decode(content.subarray(0, end))])
  }
  return Object.fromEntries(text.filter(([, content]) => content !== ''))
}

/** As an owner has to: recover, find the end, repair. */
async function reopen(h: DiskHarness): Promise<Record<number, string>> {
  const found = await journal(h)
  const { segments } = await must(h.call('recover'))
  const last = segments.at(-1)
  if (last !== undefined) await must(h.call('repair', { sequence: last.sequence, length: bytes(found[last.sequence] ?? '').length }))
  return found
}

type Case = (t: import('tap').Test, h: DiskHarness) => Promise<void>

const cases: Readonly<Record<string, Case>> = {
  async 'an empty disk has no journal and no files'(t, h) {
    t.same(await journal(h), {})
    t.same((await must(h.call('recover'))).files, [])
    t.equal(await must(h.call('readFile', { name: 'meta' })), null)
    await must(h.call('removeFile', { name: 'meta' }))
  },
  async 'saves are appended, and survive every crash'(t, h) {
    await reopen(h)
    await h.save(bytes('one '))
    await h.save(bytes('two '))
    t.same(await journal(h), { 1: 'one two ' })
    for (const power of [false, true]) {
      await h.crash(power)
      t.same(await reopen(h), { 1: power ? 'one two three-false ' : 'one two ' })
      await h.save(bytes(`three-${power} `))
    }
    t.same(await journal(h), { 1: 'one two three-false three-true ' })
  },
  async 'repair cuts the last segment, and saves go on there'(t, h) {
    await reopen(h)
    await h.save(bytes('good torn'))
    await h.crash(true)
    await must(h.call('recover'))
    await must(h.call('repair', { sequence: 1, length: 5 }))
    await h.save(bytes('new'))
    t.same(await journal(h), { 1: 'good new' })
    await h.crash(true)
    t.same(await reopen(h), { 1: 'good new' })
  },
  async 'repair is refused for other segments and beyond the end'(t, h) {
    await reopen(h)
    await h.save(bytes('x'))
    await must(h.call('rotate'))
    await h.save(bytes('y'))
    for (const at of [
      { sequence: 1, length: 0 },
      { sequence: 3, length: 0 },
      { sequence: 2, length: -1 },
      { sequence: 2, length: 1 << 30 }
    ]) {
      t.match(await h.call('repair', at), { ok: false, error: { code: invalid, definite: true } }, JSON.stringify(at))
    }
    t.same(await journal(h), { 1: 'x', 2: 'y' })
  },
  async 'rotate begins the next segment, release drops old ones but never the last'(t, h) {
    await reopen(h)
    await h.save(bytes('a'))
    t.same(await must(h.call('rotate')), { sequence: 2 })
    await h.save(bytes('b'))
    t.same(await must(h.call('rotate')), { sequence: 3 })
    await h.save(bytes('c'))
    await h.crash(true)
    t.same(await reopen(h), { 1: 'a', 2: 'b', 3: 'c' })
    await must(h.call('release', { before: 3 }))
    t.same(await journal(h), { 3: 'c' })
    await must(h.call('release', { before: 99 }))
    await h.save(bytes('d'))
    await h.crash(true)
    t.same(await reopen(h), { 3: 'cd' })
    t.same(await must(h.call('rotate')), { sequence: 4 })
  },
  async 'a save that names a newer segment begins it; another goes to the last'(t, h) {
    await reopen(h)
    await h.save(bytes('a'), 1)
    await h.save(bytes('b'), 2)
    await h.save(bytes('c'), 1)
    await h.save(bytes('d'))
    t.same(await journal(h), { 1: 'a', 2: 'bcd' })
    await h.crash(true)
    t.same(await reopen(h), { 1: 'a', 2: 'bcd' })
    await h.save(bytes('e'), 3)
    t.same(await journal(h), { 1: 'a', 2: 'bcd', 3: 'e' })
  },
  async 'files are written whole, replaced, read and removed, durably'(t, h) {
    const big = new Uint8Array(100_000).map((_, i) => i * 7)
    await must(h.call('writeFile', { name: 'snapshot-1.db', bytes: big }))
    await must(h.call('writeFile', { name: 'meta', bytes: bytes('old') }))
    await must(h.call('writeFile', { name: 'meta', bytes: bytes('new') }))
    await must(h.call('writeFile', { name: 'empty', bytes: bytes('') }))
    await h.crash(true)
    const names = (await must(h.call('recover'))).files.map(file => file.name).sort()
    t.same(names, ['empty', 'meta', 'snapshot-1.db'])
    t.same((await must(h.call('files'))).files.map(file => file.name).sort(), names)
    t.same(Buffer.from((await must(h.call('readFile', { name: 'meta' }))) as Uint8Array).toString(), 'new')
    t.equal(Buffer.compare(Buffer.from((await must(h.call('readFile', { name: 'snapshot-1.db' }))) as Uint8Array), Buffer.from(big)), 0)
    t.equal((await must(h.call('readFile', { name: 'empty' })))?.length, 0)
    await must(h.call('removeFile', { name: 'meta' }))
    await h.crash(true)
    t.equal(await must(h.call('readFile', { name: 'meta' })), null)
  },
  async 'a file that comes in parts is seen once it is committed, whole, and durable then'(t, h) {
    const name = 'snapshot-2'
    const parts = Array.from({ length: 5 }, (_, i) => new Uint8Array(70_000).map((_, at) => i + at * 7))
    const begin = (): Promise<void> => must(h.call('beginFile', { name }))
    const append = (i: number): Promise<Outcome<void>> => h.call('appendFile', { name, offset: i * 70_000, bytes: parts[i] as Uint8Array })
    await must(h.call('writeFile', { name, bytes: bytes('old') }))
    t.match(await append(0), { ok: false, error: { code: invalid, definite: true } }, 'it was not begun')
    await begin()
    for (let i = 0; i < 3; i++) await must(append(i))
    t.match(await append(4), { ok: false, error: { code: invalid } }, 'a part was left out')
    t.match(await append(1), { ok: false, error: { code: invalid } }, 'a part comes twice')
    t.match(await h.call('commitFile', { name, length: 350_000 }), { ok: false, error: { code: invalid } }, 'parts are missing')
    t.same(Buffer.from((await must(h.call('readFile', { name }))) as Uint8Array).toString(), 'old')
    await h.crash(false)
    t.same((await must(h.call('recover'))).files, [{ name }], 'what was begun is gone')
    t.match(await append(3), { ok: false, error: { code: invalid } })
    await begin()
    await must(append(0))
    await begin()
    for (let i = 0; i < 5; i++) await must(append(i))
    await must(h.call('commitFile', { name, length: 350_000 }))
    await h.crash(true)
    await must(h.call('recover'))
    const whole = Buffer.concat(parts)
    t.ok(whole.equals(Buffer.from((await must(h.call('readFile', { name }))) as Uint8Array)), 'it replaces the old one')
    const part = await must(h.call('readPart', { name, offset: 340_000, length: 20_000 }))
    t.equal(part?.fileBytes, 350_000)
    t.ok(whole.subarray(340_000).equals(Buffer.from(part?.bytes ?? [])), 'a part ends with the file')
    t.equal((await must(h.call('readPart', { name, offset: 350_000, length: 10 })))?.bytes.length, 0)
    t.equal(await must(h.call('readPart', { name: 'none', offset: 0, length: 10 })), null)
    t.match(await h.call('readPart', { name, offset: 0, length: filePartBytesMax + 1 }), { ok: false, error: { code: invalid } })
    await begin()
    await must(append(0))
    await must(h.call('abandonFile', { name }))
    await must(h.call('abandonFile', { name }))
    t.match(await append(1), { ok: false, error: { code: invalid } })
    t.equal((await must(h.call('readFile', { name })))?.length, 350_000)
  },
  async 'what is reserved can be saved, over a new segment and a crash'(t, h) {
    const room = 3 << 20 // More than a journal sets aside by itself.
    await reopen(h)
    t.same(await must(h.call('reserve', { bytes: room })), { bytes: room }, 'before there is a segment')
    await h.save(bytes('a'))
    await h.fill?.(true)
    await h.save(new Uint8Array(room / 2).fill(97))
    await h.save(new Uint8Array(room / 2 - 1).fill(97))
    await h.fill?.(false)
    await must(h.call('repair', { sequence: 1, length: 1 }))
    t.same(await must(h.call('reserve', { bytes: room })), { bytes: room })
    await h.fill?.(true)
    await h.save(new Uint8Array(room / 4).fill(98))
    await h.crash(false)
    t.equal((await reopen(h))[1]?.length, 1 + room / 4)
    await h.save(new Uint8Array(room / 4).fill(99), 2)
    await h.save(new Uint8Array(room / 4).fill(100))
    const left = await must(h.call('reserve', { bytes: room }))
    if (h.fill !== undefined) {
      t.ok(left.bytes >= room / 4, 'a full disk has what is left of it')
      await t.rejects(h.save(new Uint8Array(overFull)))
      await h.fill(false)
      await h.crash(false)
      t.equal((await reopen(h))[2]?.length, room / 2)
    }
    t.same(await must(h.call('reserve', { bytes: room })), { bytes: room })
    await h.crash(true)
    t.equal((await reopen(h))[2]?.length, room / 2, 'what is set aside is not taken for the journal')
    t.same((await must(h.call('recover'))).files, [])
  },
  async 'names that are not plain are refused'(t, h) {
    for (const name of ['', '../x', 'a/b', '.hidden', 'UPPER', 'segment-00000001', 'x.tmp', 'a'.repeat(200)]) {
      t.match(await h.call('writeFile', { name, bytes: bytes('x') }), { ok: false, error: { code: invalid, definite: true } }, name)
      t.match(await h.call('beginFile', { name }), { ok: false, error: { code: invalid, definite: true } }, name)
    }
    t.same((await must(h.call('recover'))).files, [])
  },
  async 'a full disk refuses files and fails saves; what was there stays'(t, h) {
    if (h.fill === undefined) return void t.pass('full disk', { skip: 'this host cannot fill its disk' })
    await reopen(h)
    await h.save(bytes('kept'))
    await must(h.call('writeFile', { name: 'meta', bytes: bytes('kept') }))
    await h.fill(true)
    t.match(await h.call('writeFile', { name: 'meta', bytes: bytes('lost') }), { ok: false, error: { code: noSpace } })
    await t.rejects(h.save(new Uint8Array(overFull).fill(120)))
    await h.fill(false)
    await h.crash(false)
    t.match((await reopen(h))[1], /^kept/)
    t.same(Buffer.from((await must(h.call('readFile', { name: 'meta' }))) as Uint8Array).toString(), 'kept')
  }
}

export function diskConformance(name: string, harness: () => Promise<DiskHarness>): void {
  t.test(`${name} is a disk`, async t => {
    for (const [subject, run] of Object.entries(cases)) {
      await t.test(subject, async t => {
        const h = await harness()
        try {
          await run(t, h)
        } finally {
          await h.close()
        }
      })
    }
  })
}
