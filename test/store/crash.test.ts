import t from 'tap'
import { alone, Bench, BenchDisk, peers, self } from './bench.js'

/** A disk that keeps what was done to it, so that a crash can be had at any point. */
class RecordingDisk extends BenchDisk {
  readonly record: ({ readonly save: Uint8Array; readonly segment: number } | { readonly type: string; readonly body: any })[] = []

  override save(bytes: Uint8Array, segment: number): void {
    this.record.push({ save: bytes, segment })
    super.save(bytes, segment)
  }

  override answer(type: string, body: any): unknown {
    if (['commitFile', 'beginFile', 'appendFile', 'removeFile', 'release'].includes(type)) this.record.push({ type, body })
    return super.answer(type, body)
  }
}

const sectorBytes = 512
const leads = (bench: Bench): boolean => bench.effects.some(effect => effect.kind === 'show' && effect.facts.role === 'leader')

/** What is left if the machine stops during the step `at`, of which `cut` was done. */
function crashed(record: RecordingDisk['record'], at: number, cut: (bytes: Uint8Array) => Uint8Array): BenchDisk {
  const disk = new BenchDisk()
  for (const step of record.slice(0, at)) 'save' in step ? disk.save(step.save, step.segment) : disk.answer(step.type, step.body)
  const last = record[at]
  if (last !== undefined && 'save' in last) disk.save(cut(last.save), last.segment)
  disk.begun.clear()
  return disk
}

t.test('a crash at any byte of any write to the disk, of log or snapshot, loses nothing that was answered', async t => {
  const disk = new RecordingDisk()
  const args = { snapshots: { entriesMax: 4, bytesMax: 1 << 20 }, segmentBytesMax: 700 }
  const bench = alone(disk, args)
  const answered: { readonly steps: number; readonly revision: number }[] = []
  for (let i = 0; i < 9; i++) {
    const id = bench.write(`key-${i % 3}`, String(i).repeat(1 + (i % 4) * 30))
    bench.settle()
    answered.push({ steps: disk.record.length, revision: bench.answer(id).revision })
  }
  const kinds = new Set(disk.record.map(step => ('save' in step ? 'save' : step.type)))
  t.same([...kinds].sort(), ['appendFile', 'beginFile', 'commitFile', 'release', 'removeFile', 'save'])
  let crashes = 0
  const check = (at: number, what: string, cut: (bytes: Uint8Array) => Uint8Array): boolean => {
    crashes++
    const next = new Bench([self], crashed(disk.record, at, cut), args, 2 + crashes)
    const [recovered] = next.logs('recovered')
    const whole = answered.filter(({ steps }) => steps <= at).at(-1)?.revision ?? 1
    if (recovered === undefined || next.logs('log damaged').length > 0) {
      t.fail(`step ${at}, ${what}: ${JSON.stringify([next.logs('cannot begin'), next.logs('log damaged'), next.logs('snapshot damaged')])}`)
      return false
    }
    for (let i = 0; i < 12 && !leads(next); i++) next.tick(5)
    const read = next.put('revision', undefined)
    next.settle()
    const { revision } = next.answer(read)
    if (revision < whole || revision > whole + 1) t.fail(`step ${at}, ${what}: revision ${revision}, answered ${whole}`)
    return revision >= whole && revision <= whole + 1
  }
  for (const [at, step] of disk.record.entries()) {
    const length = 'save' in step ? step.save.length : 0
    for (let kept = 0; kept <= length; kept++) if (!check(at, `${kept} of ${length} bytes`, bytes => bytes.slice(0, kept))) return
    const offset =
      'save' in step
        ? (crashed(disk.record, at, () => new Uint8Array(0)).segments.find(({ sequence }) => sequence === step.segment)?.bytes.length ?? 0)
        : 0
    const sectors = Math.ceil((offset + length) / sectorBytes) - Math.floor(offset / sectorBytes)
    for (let lost = 1; lost < 1 << sectors; lost++) {
      const cut = (bytes: Uint8Array): Uint8Array =>
        bytes.map((byte, i) => ((lost >> (Math.floor((offset + i) / sectorBytes) - Math.floor(offset / sectorBytes))) & 1 ? 0 : byte))
      if (!check(at, `sectors ${lost.toString(2)} lost of ${sectors}`, cut)) return
    }
  }
  t.pass(`${crashes} crashes`)
})

t.test('a flipped bit of log or snapshot is never taken for a torn save: the member says so and begins nothing', async t => {
  const disk = new BenchDisk()
  const args = { snapshots: { entriesMax: 4, bytesMax: 1 << 20 }, segmentBytesMax: 700 }
  const bench = alone(disk, args)
  for (let i = 0; i < 14; i++) {
    bench.write(`key-${i % 3}`, 'x'.repeat(60))
    bench.settle()
  }
  const parts = [...disk.segments.map(({ bytes }) => bytes), ...disk.files.values()]
  let flips = 0
  for (const bytes of parts) {
    for (let at = 0; at < bytes.length; at += 3) {
      const before = bytes[at] as number
      bytes[at] = before ^ (1 << (at % 8))
      const copy = new BenchDisk()
      copy.segments = disk.segments.map(({ sequence, bytes: of }) => ({ sequence, bytes: of.slice() }))
      for (const [name, of] of disk.files) copy.files.set(name, of.slice())
      const next = new Bench([self, ...peers], copy, args, 2)
      flips++
      const said = next.logs('log damaged').length + next.logs('snapshot damaged').length
      if (said !== 1 || next.logs('recovered').length > 0) return t.fail(`byte ${at} of ${bytes.length}`)
      bytes[at] = before
    }
  }
  t.pass(`${flips} flips`)
})
