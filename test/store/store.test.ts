import t from 'tap'
import { acknowledge, alone, Bench, BenchDisk, leading, peers, self } from './bench.js'

const range = { key: 'a', end: 'z' }

/** What one that rejoins is given of a leader's state, and the disk that has it by then. */
function stateOf(leader: Bench): { index: number; from: BenchDisk } {
  const { disk } = leader
  const segments = disk.segments.map(segment => ({ ...segment }))
  const asked = leader.put('freshSnapshot', undefined)
  leader.settle()
  const from = new BenchDisk()
  for (const [name, bytes] of disk.files) from.files.set(name, bytes)
  disk.segments = segments // As if that had been another member.
  disk.files.clear()
  return { index: leader.answer(asked).index, from }
}

t.test('group commit: the writes of a batch are one entry and one save, and told to others before it', async t => {
  const bench = leading()
  const from = bench.effects.length
  const ids = Array.from({ length: 50 }, (_, at) => bench.write(`k${at}`))
  t.same(bench.words(from), [], 'nothing happens before the batch is over')
  bench.settle()
  t.same(bench.words(from), [`append ${peers[0]}`, 'save'], 'the second peer was never heard of: one probe is out')
  const told = bench.effects.length
  acknowledge(bench)
  const words = bench.words(told)
  t.same(
    words.filter(word => word.startsWith('answer')),
    ids.map(id => `answer ${id}`)
  )
  t.notOk(words.includes('save'), 'a commit index waits for the next save')
  t.same(
    ids.map(id => bench.answer(id).revision),
    ids.map((_, at) => at + 2)
  )
})

t.test('a member alone answers after its save', async t => {
  const bench = alone()
  const from = bench.effects.length
  const id = bench.write('a')
  bench.settle()
  t.same(bench.words(from), ['save', `answer ${id}`])
})

t.test('history over its length is forgotten, whatever the clock says', async t => {
  const bench = alone()
  for (let batch = 0; batch < 62; batch++) {
    for (let i = 0; i < 1000; i++) bench.write('a')
    bench.settle()
  }
  bench.settle()
  const id = bench.put('hash', { revision: 0 })
  const { compactRevision, revision } = bench.answer(id) as { compactRevision: number; revision: number }
  t.equal(revision, 62_001)
  t.ok(compactRevision > 35_000 && compactRevision < revision - 19_000, `compacted to ${compactRevision}`)
})

t.test('history over its bytes is forgotten, but for the newest quarter', async t => {
  const bench = new Bench([self], undefined, { historyBytesMax: 100_000 })
  bench.tick(20)
  bench.settle()
  const facts = (): { compactRevision: number; revision: number } => {
    const id = bench.put('hash', { revision: 0 })
    return bench.answer(id) as { compactRevision: number; revision: number }
  }
  const write = (count: number): void => {
    for (let i = 0; i < count; i++) {
      bench.write('a', 'x'.repeat(1000))
      bench.settle()
    }
    bench.settle()
  }
  write(100)
  t.equal(facts().compactRevision, 0, 'as much as there may be')
  write(2)
  t.equal(facts().revision - facts().compactRevision, 25, `${JSON.stringify(facts())}`)
  write(50)
  t.equal(facts().revision - facts().compactRevision, 75, 'once')
  write(100)
  t.ok(facts().revision - facts().compactRevision < 101, 'and again')
})

t.test('a follower acknowledges after its save', async t => {
  const bench = new Bench([self, ...peers])
  bench.settle()
  const from = bench.effects.length
  const entry = { index: 1, term: 1, kind: 'normal', data: new Uint8Array(0) } as const
  bench.raft({ type: 'append', from: peers[0], to: self, term: 1, prevIndex: 0, prevTerm: 0, entries: [entry], commit: 0 })
  bench.settle()
  t.same(bench.words(from), ['save', `appendResponse ${peers[0]}`])
  const voted = bench.effects.length
  bench.raft({ type: 'vote', from: peers[1], to: self, term: 2, campaign: 1, lastIndex: 1, lastTerm: 1 })
  bench.settle()
  t.same(bench.words(voted), [], 'it stands by its leader')
  bench.tick(30)
  const free = bench.effects.length
  bench.raft({ type: 'vote', from: peers[1], to: self, term: 2, campaign: 9, lastIndex: 1, lastTerm: 1 })
  bench.settle()
  t.same(bench.words(free), ['save', `voteResponse ${peers[1]}`])
  t.match(bench.messages().at(-1), { granted: true, campaign: 9 })
})

t.test('the reads of a batch share a round, and are answered once a majority confirmed it', async t => {
  const bench = leading()
  const from = bench.effects.length
  const ids = [bench.put('range', range), bench.put('range', { ...range, countOnly: true }), bench.put('revision', undefined)]
  bench.settle()
  t.same(bench.words(from).sort(), [`heartbeat ${peers[0]}`, `heartbeat ${peers[1]}`])
  const beat = bench.messages().at(-1)
  if (beat?.type !== 'heartbeat') return t.fail('no heartbeat')
  const { term, round } = beat
  bench.raft({ type: 'heartbeatResponse', from: peers[1], to: self, term, round: round - 1 })
  bench.settle()
  t.notOk(
    bench.words(from).some(word => word.startsWith('answer')),
    'an answer to a round before proves nothing'
  )
  bench.raft({ type: 'heartbeatResponse', from: peers[1], to: self, term, round })
  bench.settle()
  t.same(
    bench.words(from).filter(word => word.startsWith('answer')),
    ids.map(id => `answer ${id}`)
  )
  const old = bench.put('range', { ...range, serializable: true })
  t.match(bench.answer(old), { kvs: [], revision: 1 }, 'a serializable one is answered at once')
})

t.test('a serializable read waits until its life has what the lives before had, and then for nobody', async t => {
  const bench = leading()
  const from = bench.effects.length
  const first = bench.put('range', { ...range, serializable: true })
  bench.settle()
  const beat = bench.messages().at(-1)
  if (beat?.type !== 'heartbeat') return t.fail('no heartbeat: it was not confirmed')
  t.notOk(bench.words(from).includes(`answer ${first}`))
  bench.raft({ type: 'heartbeatResponse', from: peers[1], to: self, term: beat.term, round: beat.round })
  bench.settle()
  t.match(bench.answer(first), { kvs: [], revision: 1 })
  const then = bench.effects.length
  const second = bench.put('range', { ...range, serializable: true })
  t.same(bench.words(then), [`answer ${second}`])
})

t.test('what cannot be done is refused, definitely', async t => {
  const bench = new Bench([self, ...peers])
  bench.settle()
  const noLeader = [
    bench.write('a'),
    bench.put('range', range),
    bench.put('compact', { revision: 1 }),
    bench.put('propose', { type: 'txn', compares: [], success: [], failure: [] })
  ]
  bench.settle()
  for (const id of noLeader) t.match(bench.failure(id), { code: 'no leader', definite: true })
  const lone = alone(undefined, { txnBytesMax: 100 })
  const large = lone.write('a', 'x'.repeat(200))
  t.match(lone.failure(large), { code: 'request too large', definite: true, detail: 'etcdserver: request is too large' })
  const one = lone.write('a')
  lone.settle()
  t.equal(lone.answer(one).revision, 2)
  const future = lone.put('range', { ...range, revision: 9 })
  lone.settle()
  t.match(lone.failure(future), { code: 'future revision', definite: true })
  const compacted = lone.put('compact', { revision: 2 })
  lone.settle()
  t.ok(lone.answer(compacted))
  const past = lone.put('range', { ...range, revision: 1 })
  const watch = lone.put('watch', [256, { ...range, startRevision: 1 }], 'root/client', 'open')
  lone.settle()
  for (const id of [past, watch]) t.match(lone.failure(id), { code: 'compacted' })
})

t.test('a leader that is deposed leaves its writes in doubt', async t => {
  const bench = leading()
  const id = bench.write('a')
  bench.settle()
  bench.raft({ type: 'heartbeat', from: peers[1], to: self, term: 99, commit: 0, round: 1 })
  bench.settle()
  t.match(bench.failure(id), { code: 'leader lost', definite: false })
  t.equal(bench.put('txn', { compares: [], success: [], failure: [] }), id + 1)
  t.match(bench.effects.at(-1), { kind: 'ask', to: peers[1], type: 'propose' }, 'and passes on what is asked now')
})

t.test('a snapshot lets the log before it go, and the next life begins with it', async t => {
  const disk = new BenchDisk()
  const args = { snapshots: { entriesMax: 10, bytesMax: 1 << 20 }, segmentBytesMax: 500 }
  const bench = alone(disk, args)
  for (let at = 0; at < 60; at++) {
    bench.write('a', `${at}`)
    bench.settle()
  }
  t.ok(bench.logs('snapshot taken').length >= 5)
  t.equal(disk.files.size, 1, 'one snapshot is kept')
  t.ok(disk.segments.length <= 3 && (disk.segments[0]?.sequence ?? 0) > 3, `segments ${disk.segments.map(({ sequence }) => sequence)}`)
  const calls = disk.calls.filter(call => ['commitFile', 'release'].includes(call))
  t.equal(calls[0], 'commitFile', 'the file before the log goes')
  const next = alone(disk, args, 2)
  const id = next.put('range', { key: 'a' })
  next.settle()
  t.match(next.answer(id), { revision: 61, kvs: [{ modRevision: 61, version: 60 }] })
})

t.test('a large snapshot is of the state at its beginning, and takes several turns, in which the member goes on', async t => {
  const disk = new BenchDisk()
  const args = { snapshots: { entriesMax: 1000, bytesMax: 9 << 20 } }
  disk.slow = true
  const bench = alone(disk, args)
  for (let i = 0; i < 9; i++) {
    bench.write(`key-${i}`, String(i).repeat(1 << 20))
    bench.settle()
  }
  bench.settle()
  t.same(bench.logs('snapshot taken'), [])
  const id = bench.write('key-0', 'later')
  bench.settle()
  t.ok(bench.answer(id), 'a write is answered meanwhile')
  t.equal(disk.files.size, 0)
  bench.tick(20)
  t.match(bench.logs('snapshot taken'), [{ index: 10 }])
  t.equal(disk.files.size, 1)
  const next = alone(disk, args, 2)
  const read = next.put('range', { key: 'key-', end: 'key0' })
  next.settle()
  const values = (next.answer(read) as { kvs: { value: Uint8Array }[] }).kvs.map(({ value }) => value)
  t.same(
    values.map(({ length }) => length),
    [5, ...Array(8).fill(1 << 20)],
    'the next life has both'
  )
})

t.test('a snapshot that cannot be kept is told to who sent it, after a while', async t => {
  const former = alone()
  former.write('a')
  former.settle()
  const { index, from } = stateOf(former)

  const disk = new BenchDisk()
  disk.full = true
  const bench = new Bench([self, ...peers], disk)
  const snapshot = { meta: { index, term: 1, membership: { voters: [self, ...peers], learners: [], removed: [] } } }
  const send = (): void => {
    bench.raft({ type: 'snapshot', from: peers[0], to: self, term: 5, snapshot })
    bench.send(peers[0], from)
  }
  const told = (): number => bench.effects.filter(effect => effect.kind === 'tell' && effect.type === 'snapshotFailed').length
  send()
  bench.tick(10)
  t.equal(told(), 0)
  bench.tick(40)
  t.equal(told(), 1)
  t.same(bench.logs('snapshot installed'), [])
  disk.full = false
  send()
  bench.settle()
  t.match(bench.logs('snapshot installed'), [{ index }])
  t.match(bench.messages().at(-1), { type: 'appendResponse', index })
})

t.test('a snapshot of its own that cannot be written is tried again, not at once', async t => {
  const disk = new BenchDisk()
  const bench = alone(disk, { snapshots: { entriesMax: 1, bytesMax: 1 << 20 } })
  const before = bench.logs('snapshot taken').length
  disk.full = true
  bench.write('a')
  bench.settle()
  for (let at = 0; at < 10; at++) bench.settle()
  t.equal(bench.logs('snapshot not written').length, 1)
  disk.full = false
  bench.tick(60)
  t.ok(bench.logs('snapshot taken').length > before)
})

t.test('status, and standing on each change of it', async t => {
  const bench = new Bench([self, ...peers])
  bench.settle()
  const open = bench.put('standing', [256, undefined], 'root/client', 'open')
  const standings = (): unknown[] =>
    bench.effects.flatMap(effect => (effect.kind === 'items' && effect.id === open ? (effect.body as unknown[]) : []))
  bench.settle()
  t.same(standings(), [{ term: 0, leader: null, isLearner: false }])
  bench.raft({ type: 'append', from: peers[0], to: self, term: 3, prevIndex: 0, prevTerm: 0, entries: [], commit: 0 })
  bench.settle()
  t.same(standings().at(-1), { term: 3, leader: peers[0], isLearner: false })
  const status = bench.answer(bench.put('status', undefined))
  t.match(status, { address: self, leader: peers[0], term: 3, revision: 1, isLearner: false, errors: [] })
})

/** What a watch was sent, in a word each batch: its events' keys, and the revision up to which it has all. */
function batchesOf(bench: Bench, id: number): string[] {
  return bench.effects
    .filter(effect => effect.kind === 'items' && effect.id === id)
    .flatMap((effect: any) => effect.body as { revision: number; events: { type: string; kv: { key: string } }[] }[])
    .map(({ revision, events }) => [...events.map(({ type, kv }) => `${type} ${kv.key}`), revision].join(', '))
}
const watchOf = (bench: Bench, of: object, window = 256): number =>
  bench.put('watch', [window, { ...range, startRevision: 0, ...of }], 'root/client', 'open')

t.test('watches are filtered, and told their progress on request and by timer, and never too much', async t => {
  const bench = alone(undefined, { watchProgressEveryMs: 60_000 })
  const write = (key: string): void => {
    bench.write(key)
    bench.settle()
  }
  write('a')
  const puts = watchOf(bench, { noDelete: true, group: 'g', progressNotify: true })
  const deletes = watchOf(bench, { noPut: true, startRevision: 1, group: 'g' })
  const narrow = watchOf(bench, { window: 1, key: 'b', end: undefined, startRevision: 1, group: 'g' }, 1)
  bench.settle()
  write('b')
  bench.put('txn', { compares: [], success: [{ type: 'delete', key: 'a' }], failure: [] })
  bench.settle()
  write('b')
  t.same(batchesOf(bench, puts), ['put b, 3', 'put b, 5'])
  t.same(batchesOf(bench, deletes), ['delete a, 4'])
  t.same(batchesOf(bench, narrow), ['put b, 3'], 'it has no credit for the next, and nobody waits for it')
  t.same(bench.answer(bench.put('requestProgress', { group: 'g' })), { watches: 3 })
  bench.settle()
  t.equal(batchesOf(bench, puts).at(-1), '5')
  t.equal(batchesOf(bench, deletes).at(-1), '5', 'what it does not want is not to come')
  t.equal(batchesOf(bench, narrow).length, 1, 'nothing is told to one that is behind')
  bench.cell.receive({ kind: 'credit', from: 'root/client', to: self, life: 7, id: narrow, type: '', body: undefined, count: 1 })
  bench.settle()
  t.same(batchesOf(bench, narrow), ['put b, 3', 'put b, 5'], 'first what it had not seen')
  bench.cell.receive({ kind: 'credit', from: 'root/client', to: self, life: 7, id: narrow, type: '', body: undefined, count: 2 })
  bench.settle()
  t.same(batchesOf(bench, narrow).at(-1), '5', 'then the progress')
  const before = batchesOf(bench, puts).length
  bench.tick(2 * 2400 + 10)
  t.ok(batchesOf(bench, puts).length > before, 'by timer')
  t.equal(batchesOf(bench, deletes).filter(word => word === '5').length, 1, 'who did not ask for it is not told')
})
