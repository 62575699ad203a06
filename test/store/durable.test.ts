import t from 'tap'
import { store } from '../../actors/store.js'
import { machineOf, type Ref } from '../../lib/actor/index.js'
import { hashOf, Mvcc } from '../../lib/mvcc/index.js'
import type { Membership, Message } from '../../lib/raft/index.js'
import { inflict, World } from '../../lib/sim/index.js'
import { crc32c } from '../../lib/std/index.js'
import {
  isSnapshotFault,
  readSnapshot,
  type SnapshotContent,
  type SnapshotFault,
  type SnapshotHeader,
  SnapshotReader,
  type StoreMemberProtocol,
  snapshotFile
} from '../../lib/store/index.js'
import { acknowledge, alone, Bench, BenchDisk, leading, peers, self } from './bench.js'

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
  view.setUint32(8, 3, true)
  t.match(readSnapshot(bytes), { fault: 'damaged' }, 'a version nobody wrote')
  view.setUint32(12, crc32c(bytes, 0, 12), true)
  t.match(readSnapshot(bytes), { fault: 'newer', reason: /format version 3.*use the kabuki that wrote it, or a later one/ })
})

t.test('a joint membership is in a file of a version of its own; all others are what they were', async t => {
  const membership = { voters: ['m/a', 'm/d'], learners: ['m/e'], removed: ['m/z'] }
  const beginning = (of: Partial<Membership>): Buffer =>
    Buffer.concat([
      ...snapshotFile({ ...header, clusterId: 'c', index: 7, term: 2, membership: { ...membership, ...of } }, new Mvcc())
    ]).subarray(0, 49)
  t.equal(
    beginning({}).toString('hex'),
    '6b6162756b69534e0100000003c56081190000006069b10cc80702016302036d2f61036d2f6401036d2f6501036d2f7a00',
    'its preamble and header'
  )
  t.same(beginning({ returning: ['m/e'] })[8], 1)
  for (const of of [{ outgoing: ['m/a', 'm/b'] }, { outgoing: ['m/a', 'm/b'], learnersNext: ['m/b'], returning: ['m/e'] }]) {
    const whole = { ...header, membership: { ...membership, ...of } }
    const bytes = Buffer.concat([...snapshotFile(whole, new Mvcc())])
    t.equal(bytes[8], 2, 'who knows no joint membership is not to forget half of the voters')
    t.match(readSnapshot(bytes), { header: whole })
  }
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

t.test('a snapshot that the log has overtaken is not taken for the one that was named since', async t => {
  const { index, disk } = withSnapshot(3)
  const bench = new Bench([self, ...peers])
  bench.raft(named(index))
  bench.settle()
  const entries = Array.from({ length: index + 1 }, (_, i) => ({ index: i + 1, term: 1, kind: 'normal' as const, data: new Uint8Array(0) }))
  bench.raft({ type: 'append', from: peers[0], to: self, term: 5, prevIndex: 0, prevTerm: 0, entries, commit: index + 1 })
  bench.settle()
  bench.raft(named(index + 50))
  bench.send(peers[0], disk)
  bench.settle()
  t.same(bench.logs('snapshot installed'), [])
  t.same(told(bench, 'snapshotFailed'), [peers[0]], 'its leader names it again')
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

/** Room small enough that a test uses it up. */
const small = { roomBytes: 16 << 10 }
const facts = (bench: Bench): unknown => bench.effects.findLast(effect => effect.kind === 'show')?.facts

t.test('over a full disk a member refuses writes, definitely, serves reads, and takes writes again once there is space', async t => {
  const disk = new BenchDisk()
  const bench = alone(disk, small)
  disk.full = true
  const ids: number[] = []
  for (let i = 0; i < 40; i++) {
    ids.push(bench.write(`k${i}`, 'x'.repeat(1000)))
    bench.settle()
  }
  bench.settle()
  const taken = ids.filter(id => bench.answer(id) !== undefined)
  t.ok(taken.length > 2 && taken.length < 20, `${taken.length} were taken`)
  for (const id of ids.slice(taken.length))
    t.match(bench.failure(id), { code: 'no space', definite: true, detail: 'etcdserver: mvcc: database space exceeded' })
  t.match(facts(bench), { role: 'leader', alarms: 'NOSPACE' })
  const listed = (from: Bench): unknown => {
    const id = from.put('alarms', { action: 'get' })
    from.settle()
    return from.answer(id).alarms
  }
  t.same(listed(bench), [{ member: self, alarm: 'noSpace' }])
  const lowered = bench.put('alarms', { action: 'deactivate' })
  bench.settle()
  t.same(bench.answer(lowered).alarms, [])
  t.same(listed(bench), [{ member: self, alarm: 'noSpace' }], 'nobody can lower it while the disk is full')
  t.equal(bench.logs('disk full').length, 1)
  const read = bench.put('range', { key: 'k', end: 'l' })
  bench.settle()
  t.equal(bench.answer(read).kvs.length, taken.length)
  const compaction = bench.put('compact', { revision: 3 })
  bench.settle()
  t.match(bench.answer(compaction), {}, 'what makes space again finds room')
  bench.tick(200)
  t.equal(bench.logs('disk full').length, 1, 'said once')

  const second = alone(disk, small, 2)
  const again = second.put('range', { key: 'k', end: 'l' })
  second.settle()
  t.equal(second.answer(again)?.kvs.length, taken.length, 'its next life begins over a full disk, with all that was answered')
  t.match(second.failure(second.write('a')), { code: 'no space' })
  disk.full = false
  second.tick(60)
  const after = second.write('a')
  second.settle()
  t.ok(second.answer(after), 'and takes writes once there is space')
  t.notMatch(facts(second), { alarms: 'NOSPACE' })
  t.same(listed(second), [], 'the alarm has ended with its cause')
  t.equal(second.logs('disk has space again').length, 1)
})

t.test('a follower over a full disk takes no entries, acknowledges none, and still votes', async t => {
  const disk = new BenchDisk()
  const bench = new Bench([self, ...peers], disk, small)
  bench.settle()
  disk.full = true
  const entry = (index: number) => ({ index, term: 1, kind: 'normal', data: new Uint8Array(3000) }) as const
  const append = (index: number): Message => ({
    type: 'append',
    from: peers[0],
    to: self,
    term: 1,
    prevIndex: index - 1,
    prevTerm: index === 1 ? 0 : 1,
    entries: [entry(index)],
    commit: 0
  })
  for (let index = 1; index <= 8; index++) {
    bench.raft(append(index))
    bench.settle()
  }
  const acknowledged = bench.messages().flatMap(message => (message.type === 'appendResponse' && !message.rejected ? [message.index] : []))
  const last = Math.max(...acknowledged)
  t.ok(last >= 1 && last < 8, `acknowledged ${acknowledged}`)
  const range = bench.put('range', { key: 'a' })
  bench.settle()
  t.match(bench.effects.at(-1), { kind: 'ask', to: peers[0], type: 'range' }, 'a linearizable read is passed on to who has the entries')
  t.ok(bench.reply(peers[0], 'range', { kvs: [], count: 0, more: false, revision: 1 }))
  t.ok(bench.answer(range))
  bench.tick(60)
  bench.raft({ type: 'vote', from: peers[1], to: self, term: 9, campaign: 1, lastIndex: 99, lastTerm: 8 })
  bench.settle()
  t.match(bench.messages().at(-1), { type: 'voteResponse', granted: true })
  disk.full = false
  bench.tick(60)
  bench.raft({ ...append(last + 1), term: 9 } as Message)
  bench.settle()
  t.match(bench.messages().at(-1), { type: 'appendResponse', index: last + 1, rejected: false })
})

t.test('what comes before there is room waits for it, in its order, and is not lost', async t => {
  const disk = new BenchDisk()
  const bench = new Bench([self, ...peers], disk, small)
  bench.settle()
  const entries = [1, 2, 3].map(index => ({ index, term: 1, kind: 'normal', data: new Uint8Array(9_000) }) as const)
  const messages = entries.map(
    (entry): Message => ({
      type: 'append',
      from: peers[0],
      to: self,
      term: 1,
      prevIndex: entry.index - 1,
      prevTerm: entry.index === 1 ? 0 : 1,
      entries: [entry],
      commit: 0
    })
  )
  bench.raft(...messages)
  bench.settle()
  bench.settle()
  t.match(bench.messages().at(-1), { type: 'appendResponse', index: 3, rejected: false })
  const lone = alone(undefined, small)
  const id = lone.write('large', 'x'.repeat(1 << 20))
  lone.settle()
  lone.settle()
  t.ok(lone.answer(id), 'a write larger than what is set aside')
})

t.test('a leader whose disk is full hands over to a member whose disk is not', async t => {
  const bench = leading(small)
  bench.disk.full = true
  for (let i = 0; i < 20; i++) bench.write(`k${i}`, 'x'.repeat(2000))
  bench.settle()
  bench.settle()
  t.ok(bench.reply(peers[0], 'hasRoom', false))
  t.ok(bench.reply(peers[1], 'hasRoom', true))
  t.match(bench.logs('hands over'), [{ to: peers[1] }])
  const other = leading(small)
  other.disk.full = true
  for (let i = 0; i < 20; i++) other.write(`k${i}`, 'x'.repeat(2000))
  other.settle()
  for (const peer of peers) other.reply(peer, 'hasRoom', false)
  other.settle()
  t.same(other.logs('hands over'), [], 'if none has space it goes on to serve reads')
  t.match(facts(other), { role: 'leader', alarms: 'NOSPACE' })
})

/** That member says how its disk is. */
const tellRoom = (bench: Bench, from: string, isFull: boolean): void => {
  bench.put('roomFound', { isFull }, from, 'tell')
}

t.test('a leader knows whose disk is full, lists it as an alarm, and refuses writes once a majority has no room', async t => {
  const bench = leading()
  /** Both peers say what they have: a majority reads with the leader. */
  const alarms = (filter: object = {}): any => {
    const id = bench.put('alarms', { action: 'get', ...filter })
    bench.settle()
    const beat = bench.messages().findLast(({ type }) => type === 'heartbeat')
    if (beat?.type !== 'heartbeat') return t.fail('no heartbeat')
    bench.raft({ type: 'heartbeatResponse', from: peers[0], to: self, term: beat.term, round: beat.round })
    bench.settle()
    return bench.answer(id).alarms
  }
  const accepted = (): boolean => {
    const id = bench.write('a')
    bench.settle()
    const failure = bench.failure(id)
    if (failure !== undefined) t.match(failure, { code: 'no space', definite: true, detail: 'etcdserver: mvcc: database space exceeded' })
    else acknowledge(bench)
    return failure === undefined
  }
  t.same(alarms(), [])
  tellRoom(bench, peers[1], true)
  t.same(alarms(), [{ member: peers[1], alarm: 'noSpace' }])
  t.same([alarms({ alarm: 'corrupt' }), alarms({ member: peers[0] })], [[], []], 'as a filter says')
  t.match(bench.answer(bench.put('status', undefined)).alarms, [{ member: peers[1], alarm: 'noSpace' }])
  t.ok(accepted(), 'the others go on')
  tellRoom(bench, 'control-9/store', true)
  t.ok(accepted(), 'a stranger is not counted')
  tellRoom(bench, peers[0], true)
  t.equal(alarms().length, 2)
  t.notOk(accepted())
  const compaction = bench.put('compact', { revision: 2 })
  bench.settle()
  t.equal(bench.failure(compaction), undefined, 'what makes space is taken: followers keep room for it')
  tellRoom(bench, peers[0], false)
  t.ok(accepted(), 'at once, when there is space')
  tellRoom(bench, peers[0], true)
  t.notOk(accepted())
  const round = (): void => {
    const beat = bench.messages().findLast(({ type }) => type === 'heartbeat')
    if (beat?.type === 'heartbeat') bench.raft({ type: 'heartbeatResponse', from: peers[0], to: self, term: beat.term, round: beat.round })
  }
  for (let at = 0; at < 220; at++) {
    bench.tick()
    round()
  }
  t.same(alarms(), [], 'what is not repeated is forgotten')
  t.ok(accepted())
})

t.test('who is over a full disk tells its leader again and again, and says when it has space', async t => {
  const bench = new Bench([self, ...peers], new BenchDisk(), small)
  const told = (): unknown[] =>
    bench.effects.flatMap(effect => (effect.kind === 'tell' && effect.type === 'roomFound' ? [[effect.to, effect.body]] : []))
  const alive = (times: number): void => {
    for (let at = 0; at < times; at++) {
      bench.raft({ type: 'heartbeat', from: peers[0], to: self, term: 1, commit: 0, round: 1 })
      bench.tick()
    }
  }
  alive(50)
  t.same(told(), [], 'who has room says nothing')
  bench.disk.full = true
  const entry = { index: 1, term: 1, kind: 'normal', data: new Uint8Array(9_000) } as const
  bench.raft({ type: 'append', from: peers[0], to: self, term: 1, prevIndex: 0, prevTerm: 0, entries: [entry], commit: 0 })
  alive(1)
  t.same(told(), [[peers[0], { isFull: true }]], 'at once')
  alive(130)
  const times = told().length
  t.ok(times >= 3 && times <= 5, `${times} times in 3.3 s`)
  const asked = bench.put('alarms', { action: 'get' })
  t.match(bench.effects.at(-1), { kind: 'ask', to: peers[0], type: 'listAlarms' }, 'the leader knows of all')
  t.ok(bench.reply(peers[0], 'listAlarms', { alarms: [], revision: 1 }))
  t.same(bench.answer(asked), { alarms: [], revision: 1 })
  t.match(bench.failure(bench.put('listAlarms', {}, peers[1])), { code: 'no leader' }, 'which is passed on once')
  t.match(bench.answer(bench.put('status', undefined)).alarms, [{ member: self, alarm: 'noSpace' }], 'of itself it knows')
  bench.disk.full = false
  alive(60)
  t.same(told().at(-1), [peers[0], { isFull: false }])
  const after = told().length
  alive(100)
  t.equal(told().length, after, 'once')
})

t.test('where the disks of all but the leader are full, writes are refused for it, and taken when one has space', async t => {
  for (let seed = 1; seed <= 10; seed++) {
    const world = new World({ seed })
    const members = ['control-0/store', 'control-1/store', 'control-2/store'] as string[] as Ref<StoreMemberProtocol>[]
    for (const member of members) world.start(member, store, { clusterId: 'c', members, roomBytes: 64 << 10 })
    world.run(2_000)
    const statusOf = (member: Ref<StoreMemberProtocol>) => world.client.call(member, 1_000, 'status')
    const leader = members.find(member => {
      const status = statusOf(member)
      return status.ok && status.value.leader === member
    }) as Ref<StoreMemberProtocol>
    const [one, other] = members.filter(member => member !== leader) as [Ref<StoreMemberProtocol>, Ref<StoreMemberProtocol>]
    const put = (key: string) =>
      world.client.call(one, 5_000, 'txn', {
        compares: [],
        success: [{ type: 'put', key, value: new Uint8Array(2_000) }],
        failure: []
      })
    const alarms = (): unknown => {
      const answer = world.client.call(one, 2_000, 'alarms', { action: 'get' })
      return answer.ok ? answer.value.alarms.map(({ member, alarm }) => `${member} ${alarm}`).sort() : answer.error
    }
    const fill = (member: string, full: boolean): void => inflict(world, { fault: 'fullDisk', machine: machineOf(member), full })
    fill(one, true)
    for (let at = 0; at < 100; at++) if (!put(`a${at}`).ok) return t.fail(`seed ${seed}: one full disk of three stops writes`)
    t.same(alarms(), [`${one} noSpace`], `seed ${seed}`)
    fill(other, true)
    let at = 0
    let outcome = put('b')
    for (; outcome.ok && at < 100; at++) outcome = put(`b${at}`)
    if (outcome.ok) return t.fail(`seed ${seed}: 100 writes found room`)
    t.match(outcome.error, { code: 'no space', definite: true }, `seed ${seed}: refused after ${at}, not in doubt`)
    t.same(alarms(), [`${one} noSpace`, `${other} noSpace`].sort())
    fill(other, false)
    world.run(world.nowMs + 3_000)
    t.ok(put('c').ok, `seed ${seed}: a majority has space`)
    t.same(alarms(), [`${one} noSpace`])
    fill(one, false)
    world.run(world.nowMs + 3_000)
    t.same(alarms(), [])
  }
})

t.test('where all disks are full, a new leader still learns what is committed, and reads are served', async t => {
  for (let seed = 1; seed <= 10; seed++) {
    const world = new World({ seed })
    const members = ['control-0/store', 'control-1/store', 'control-2/store'] as string[] as Ref<StoreMemberProtocol>[]
    for (const member of members) world.start(member, store, { clusterId: 'c', members, roomBytes: 64 << 10 })
    world.run(2_000)
    const put = (member: Ref<StoreMemberProtocol>, key: string) =>
      world.client.call(member, 5_000, 'txn', {
        compares: [],
        success: [{ type: 'put', key, value: new Uint8Array(2_000) }],
        failure: []
      })
    const [first] = members as [Ref<StoreMemberProtocol>]
    t.ok(put(first, 'a').ok)
    for (const member of members) inflict(world, { fault: 'fullDisk', machine: machineOf(member), full: true })
    let taken = 0
    while (taken < 200 && put(first, `k${taken}`).ok) taken++
    t.ok(taken > 0 && taken < 200, `${taken} writes found room`)
    world.run(world.nowMs + 3_000)
    const leader = members.find(member => {
      const status = world.client.call(member, 1_000, 'status')
      return status.ok && status.value.leader === member
    })
    inflict(world, { fault: 'crashActor', actor: leader as string })
    world.run(world.nowMs + 3_000)
    for (const member of members) {
      if (member === leader) continue
      const read = world.client.call(member, 3_000, 'range', { key: 'a' })
      t.ok(read.ok && read.value.count === 1, `seed ${seed}: ${member} reads: ${read.ok ? '' : read.error.detail}`)
    }
  }
})
