import t from 'tap'
import { hashOf, Mvcc } from '../../lib/mvcc/index.js'
import type { Message } from '../../lib/raft/index.js'
import { crc32c } from '../../lib/std/index.js'
import {
  isSnapshotFault,
  readSnapshot,
  type SnapshotContent,
  type SnapshotFault,
  type SnapshotHeader,
  SnapshotReader,
  snapshotFile
} from '../../lib/store/index.js'
import { alone, Bench, BenchDisk, peers, self } from './bench.js'

const header: SnapshotHeader = {
  clusterId: 'c',
  index: 2 ** 40,
  term: 7,
  membership: { voters: ['control-0/store', 'control-1/store'], learners: ['control-2/store'], removed: ['control-9/störe'] }
}

function filled(keys: number, valueBytes: number, from = 0): Mvcc {
  const mvcc = new Mvcc()
  for (let i = 0; i < keys; i++) {
    const value = new Uint8Array(valueBytes).fill(i + from)
    mvcc.apply({ type: 'txn', compares: [], success: [{ type: 'put', key: `k${i}`, value }], failure: [] })
  }
  return mvcc
}

const fileOf = (mvcc: Mvcc): Uint8Array => Buffer.concat([...snapshotFile(header, mvcc)])

function readInParts(bytes: Uint8Array, partBytes: number): SnapshotContent | SnapshotFault {
  const reader = new SnapshotReader()
  for (let at = 0; at < bytes.length; at += partBytes) {
    const fault = reader.add(bytes.subarray(at, at + partBytes))
    if (fault !== undefined) return fault
  }
  return reader.finish()
}

t.test('a snapshot file is read in parts of any size, and says what it is of', async t => {
  const mvcc = filled(300, 10_000)
  const bytes = fileOf(mvcc)
  t.equal(bytes.length % 512, 0, 'what etcdctl takes for a file with its checksum behind it')
  for (const partBytes of [1 << 30, 1 << 20, 65_536, 1000]) {
    const content = readInParts(bytes, partBytes)
    if (isSnapshotFault(content)) return t.fail(content.reason)
    t.same(content.header, header)
    t.same(hashOf(content.mvcc), hashOf(mvcc))
    t.ok(Buffer.from(fileOf(content.mvcc)).equals(Buffer.from(bytes)), 'byte for byte')
  }
})

t.test('a snapshot file that was changed, cut short, lengthened or mixed with another is refused', async t => {
  const bytes = fileOf(filled(3, 20))
  for (let at = 0; at < bytes.length; at++) {
    const changed = Uint8Array.from(bytes, (byte, i) => (i === at ? byte ^ (1 << (at % 8)) : byte))
    const outcome = readSnapshot(changed)
    if (!isSnapshotFault(outcome) || outcome.fault !== 'damaged') return t.fail(`byte ${at} changed`, { outcome })
    if (!isSnapshotFault(readSnapshot(bytes.subarray(0, at)))) return t.fail(`cut at ${at}`)
  }
  t.match(readSnapshot(Buffer.concat([bytes, bytes])), { fault: 'damaged' }, 'twice')
  const old = [...snapshotFile(header, filled(300, 10_000))]
  const later = [...snapshotFile(header, filled(300, 10_000, 1))]
  t.ok(old.length > 6 && old.length === later.length)
  for (let at = 1; at < old.length - 1; at++) {
    const mixed = old.with(at, later[at] as Uint8Array)
    const differs = !Buffer.from(old[at] as Uint8Array).equals(Buffer.from(later[at] as Uint8Array))
    if (isSnapshotFault(readSnapshot(Buffer.concat(mixed))) !== differs) return t.fail(`chunk ${at} of a later state`)
  }
  const swapped = old.with(4, old[5] as Uint8Array).with(5, old[4] as Uint8Array)
  t.match(readSnapshot(Buffer.concat(swapped)), { fault: 'damaged', reason: /in their order/ })
  t.match(readSnapshot(Buffer.concat(old.toSpliced(4, 1))), { fault: 'damaged' })
})

t.test('a snapshot file of a later program is told from a damaged one', async t => {
  const bytes = Uint8Array.from(fileOf(filled(3, 20)))
  const view = new DataView(bytes.buffer)
  view.setUint32(8, 2, true)
  t.match(readSnapshot(bytes), { fault: 'damaged' }, 'a version nobody wrote')
  view.setUint32(12, crc32c(bytes, 0, 12), true)
  t.match(readSnapshot(bytes), { fault: 'newer', reason: /format version 2.*use the kabuki that wrote it, or a later one/ })
})

/** A member alone with so many values of a MiB, which has written a snapshot of them. */
function withSnapshot(megabytes: number, digit = 0): { index: number; disk: BenchDisk; member: Bench } {
  const member = alone()
  for (let i = 0; i < megabytes; i++) {
    member.write(`key-${i}`, String((i + digit) % 10).repeat(1 << 20))
    member.settle()
  }
  const asked = member.put('freshSnapshot', undefined)
  member.settle()
  return { index: member.answer(asked).index, disk: member.disk, member }
}

const partsAsked = (bench: Bench): { index: number; offset: number }[] =>
  bench.effects.flatMap(effect =>
    effect.kind === 'ask' && effect.type === 'snapshotPart' ? [effect.body as { index: number; offset: number }] : []
  )

const told = (bench: Bench, type: string): unknown[] =>
  bench.effects.flatMap(effect => (effect.kind === 'tell' && effect.type === type ? [effect.to] : []))

const named = (index: number, term = 5, from: string = peers[0]): Message => ({
  type: 'snapshot',
  from,
  to: self,
  term,
  snapshot: { meta: { index, term: 1, membership: { voters: [self, ...peers], learners: [], removed: [] } } }
})

t.test('a snapshot is given in parts, of one file, whatever is written meanwhile', async t => {
  const { index, disk, member } = withSnapshot(4)
  const file = disk.files.get(`snapshot-${String(index).padStart(16, '0')}`) as Uint8Array
  const part = (from: number, offset: number): any => {
    const id = member.put('snapshotPart', { index: from, offset })
    return member.answer(id) ?? member.failure(id)
  }
  const parts = [part(1, 0)]
  t.match(parts[0], { index, fileBytes: file.length }, 'at the beginning the newest')
  member.write('later')
  const again = member.put('freshSnapshot', undefined)
  member.settle()
  t.ok(member.answer(again).index > index)
  for (let offset = parts[0].bytes.length; offset < file.length; offset += parts.at(-1).bytes.length) parts.push(part(index, offset))
  t.ok(parts.length > 4 && parts.every(({ bytes }) => bytes.length <= 1 << 20), `${parts.length} parts`)
  t.ok(Buffer.concat(parts.map(({ bytes }) => bytes)).equals(Buffer.from(file)))
  t.match(part(index - 1, 10), { code: 'no snapshot', definite: true })
  member.tick(700)
  member.write('later still')
  const last = member.put('freshSnapshot', undefined)
  member.settle()
  t.ok(member.answer(last))
  t.match(part(index, 10), { code: 'no snapshot' }, 'it goes once nobody asks any more')
  t.equal(disk.files.size, 1)
})

t.test('a follower takes a snapshot part by part, one at a time, and asks again for one that was lost', async t => {
  const { index, disk } = withSnapshot(3)
  const bench = new Bench([self, ...peers])
  bench.raft(named(index))
  bench.settle()
  t.same(partsAsked(bench), [{ index, offset: 0 }], 'one part at a time')
  bench.raft(named(index))
  bench.settle()
  t.equal(partsAsked(bench).length, 1, 'a leader that names it again is not a reason to begin again')
  bench.tick(100)
  t.equal(partsAsked(bench).length, 2, 'the part is lost: it is asked for again')
  bench.raft(named(index, 6, peers[1]))
  bench.settle()
  bench.send(peers[0], disk)
  bench.settle()
  t.match(bench.logs('snapshot installed'), [{ index }])
  t.match(bench.messages().at(-1), { type: 'appendResponse', to: peers[1], term: 6, index }, 'who leads by then hears of it')
  t.same([...bench.disk.files.keys()], [...disk.files.keys()])
  t.equal(bench.disk.begun.size, 0)
  const next = new Bench([self, ...peers], bench.disk, {}, 2)
  t.match(next.logs('recovered'), [{ index, term: 6 }], 'and its next life begins with it')
})

t.test('a snapshot that is gone, damaged, mixed or of another cluster is not installed, and its sender hears of it', async t => {
  const { index, disk } = withSnapshot(3)
  const [[name, file]] = [...disk.files] as [[string, Uint8Array]]
  const later = withSnapshot(3, 4)
  later.member.write('key-0', 'x'.repeat(1 << 20))
  const asked = later.member.put('freshSnapshot', undefined)
  later.member.settle()
  t.ok(later.member.answer(asked))
  const [newer] = [...later.disk.files.values()] as [Uint8Array]
  const foreign = Buffer.concat([...snapshotFile({ ...header, index }, filled(1, 1))])
  const mixed = Uint8Array.from(file)
  mixed.set(newer.subarray(2 << 20, 3 << 20), 2 << 20)
  const cases: [string, Uint8Array, RegExp][] = [
    ['damaged', Uint8Array.from(file, (byte, at) => (at === 1_500_000 ? byte ^ 1 : byte)), /whole/],
    ['cut short', file.subarray(0, file.length - 512), /ends too early/],
    ['a part of a later state', mixed, /whole|order/],
    ['of another entry', newer, /of entry/]
  ]
  for (const [what, bytes, reason] of cases) {
    const bench = new Bench([self, ...peers])
    const from = new BenchDisk()
    from.files.set(name, bytes)
    bench.raft(named(index))
    bench.send(peers[0], from)
    bench.settle()
    t.match(bench.logs('snapshot not received'), [{ failure: 'damaged', detail: reason }], what)
    t.same([told(bench, 'snapshotDamaged'), told(bench, 'snapshotFailed')], [[peers[0]], [peers[0]]], what)
    t.same([bench.disk.files.size, bench.disk.begun.size, bench.logs('snapshot installed').length], [0, 0, 0], what)
  }
  const bench = new Bench([self, ...peers], undefined, { clusterId: 'd' })
  bench.raft(named(index))
  const from = new BenchDisk()
  from.files.set(name, foreign)
  bench.send(peers[0], from)
  t.match(bench.logs('snapshot not received'), [{ detail: 'the file is of cluster c' }])
  const { member } = withSnapshot(1)
  const before = member.logs('snapshot taken').length
  const newest = member.logs('snapshot taken').at(-1)?.index as number
  const kept = [...member.disk.files.values()][0] as Uint8Array
  const damaged = Uint8Array.from(kept, (byte, at) => (at === 700 ? byte ^ 1 : byte))
  member.disk.files.set(`snapshot-${String(newest).padStart(16, '0')}`, damaged)
  member.put('snapshotDamaged', { index: newest }, peers[0], 'tell')
  t.ok(
    [...member.disk.files.values()].some(bytes => !isSnapshotFault(readSnapshot(bytes))),
    'whose file was damaged writes another'
  )
  t.ok(before > 0)
})

t.test('a member with a log of another cluster, of another member or of a later program stops, says why, and changes nothing', async t => {
  const { disk } = withSnapshot(1)
  const before = JSON.stringify([disk.segments, [...disk.files]])
  const misplaced = new Bench([self, ...peers], disk, { clusterId: 'd' }, 2)
  t.match(misplaced.logs('cannot begin'), [{ reason: /of cluster c, not of d.*data directory/ }])
  const exits = misplaced.effects.filter(effect => effect.kind === 'exit')
  t.equal(exits.length, 1)
  t.equal(JSON.stringify([disk.segments, [...disk.files]]), before)
  const [, file] = [...disk.files][0] as [string, Uint8Array]
  const view = new DataView(file.buffer, file.byteOffset)
  view.setUint32(8, 9, true)
  view.setUint32(12, crc32c(file, 0, 12), true)
  const older = new Bench([self, ...peers], disk, {}, 3)
  t.match(older.logs('cannot begin'), [{ reason: /format version 9.*use the kabuki that wrote it/ }])
  t.equal(disk.files.size, 1)
})
