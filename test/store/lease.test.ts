import t from 'tap'
import { corruptOf } from '../../lib/store/index.js'
import { acknowledge, alone, type Bench, leading, peers, self } from './bench.js'

const encoder = new TextEncoder()

function asked(bench: Bench, type: string, body?: unknown): any {
  const id = bench.put(type, body)
  for (let turn = 0; turn < 3; turn++) bench.settle()
  return bench.answer(id) ?? bench.failure(id)
}
const grant = (bench: Bench, id: number, ttlSeconds: number): any => asked(bench, 'grantLease', { id, ttlSeconds })
const renew = (bench: Bench, id: number): any => asked(bench, 'keepAliveLease', { id })
const attach = (bench: Bench, key: string, lease: number): any =>
  asked(bench, 'txn', { compares: [], success: [{ type: 'put', key, value: encoder.encode('v'), lease }], failure: [] })
const pass = (bench: Bench, ms: number): void => bench.tick(Math.ceil(ms / 25))
const keys = (bench: Bench): string[] => asked(bench, 'range', { key: '\0', end: '\0' }).kvs.map((kv: { key: string }) => kv.key)

t.test('a lease lives for its time from its last renewal, and takes its keys with it in one revision', async t => {
  const bench = alone()
  t.match(grant(bench, 7, 10), { id: 7, ttlSeconds: 10, revision: 1 })
  t.match(grant(bench, 7, 10), { code: 'lease exists', definite: true, detail: 'etcdserver: lease already exists' })
  const chosen = grant(bench, 0, 100)
  t.ok(Number.isSafeInteger(chosen.id) && chosen.id > 0, 'the store chooses an id')
  for (const key of ['b', 'a']) attach(bench, key, 7)
  attach(bench, 'c', chosen.id)
  t.match(attach(bench, 'd', 99), { code: 'lease not found', detail: 'etcdserver: requested lease not found' })
  t.match(asked(bench, 'lease', { id: 7, keys: true }), { grantedTtlSeconds: 10, remainingTtlSeconds: 10, keys: ['a', 'b'] })
  pass(bench, 9_000)
  t.match(renew(bench, 7), { ttlSeconds: 10 })
  pass(bench, 9_000)
  t.same(keys(bench), ['a', 'b', 'c'], 'renewed')
  t.match(asked(bench, 'leases').ids, [7, chosen.id])
  pass(bench, 1_100)
  t.same(keys(bench), ['c'])
  t.equal(asked(bench, 'revision').revision, 5, 'three puts, and one revision for the end')
  t.match(renew(bench, 7), { ttlSeconds: 0 })
  t.match(asked(bench, 'lease', { id: 7, keys: true }), { grantedTtlSeconds: 0, remainingTtlSeconds: -1, keys: [] })
  t.match(asked(bench, 'revokeLease', { id: 7 }), { code: 'lease not found' })
  t.match(asked(bench, 'revokeLease', { id: chosen.id }), { revision: 6 })
  t.same(keys(bench), [])
})

t.test('what no lease can be is refused, and a short time is raised', async t => {
  const bench = alone()
  t.match(grant(bench, 1, 0), { ttlSeconds: 1 }, 'longer than an election takes')
  for (const [id, ttlSeconds, code] of [
    [2 ** 53, 10, 'invalid'],
    [-1, 10, 'invalid'],
    [1.5, 10, 'invalid'],
    [2, 0.5, 'invalid'],
    [2, 9_000_000_001, 'lease ttl too large']
  ] as const)
    t.match(grant(bench, id, ttlSeconds), { code, definite: true }, `${id} ${ttlSeconds}`)
})

t.test('a renewal that is too late ends the lease before it is told gone', async t => {
  const bench = alone()
  grant(bench, 7, 10)
  bench.nowMs += 10_000 // It did not wake in time: nothing has revoked the lease yet.
  const from = bench.effects.length
  t.match(renew(bench, 7), { ttlSeconds: 0 })
  t.ok(bench.words(from).indexOf('save') < bench.words(from).findIndex(word => word.startsWith('answer')), 'its end is in the log first')
})

t.test('a checkpoint is what the next life begins with, and a renewal takes it back before it is answered', async t => {
  const bench = alone(undefined, { leaseCheckpointEveryMs: 10_000 })
  grant(bench, 1, 100)
  grant(bench, 2, 100)
  pass(bench, 61_000)
  const from = bench.effects.length
  t.match(renew(bench, 2), { ttlSeconds: 100 })
  const words = bench.words(from)
  t.ok(words.indexOf('save') >= 0 && words.indexOf('save') < words.findIndex(word => word.startsWith('answer')), words.join())
  const next = alone(bench.disk, undefined, 2)
  const left = asked(next, 'lease', { id: 1 }).remainingTtlSeconds
  t.ok(left > 30 && left < 52, `it had 39 s left, and the checkpoint is at most 12 s old: ${left}`)
  t.ok(asked(next, 'lease', { id: 2 }).remainingTtlSeconds > 95, 'renewed')
})

t.test('only a leader that a majority confirmed renews, and none that was deposed', async t => {
  const bench = leading()
  const granted = bench.put('grantLease', { id: 7, ttlSeconds: 10 })
  bench.settle()
  acknowledge(bench)
  t.match(bench.answer(granted), { id: 7 })
  const [renewal, look] = [bench.put('keepAliveLease', { id: 7 }), bench.put('lease', { id: 7 })]
  bench.settle()
  t.equal(bench.answer(renewal), undefined, 'nobody has confirmed it')
  bench.raft({ type: 'heartbeat', from: peers[1], to: self, term: 99, commit: 0, round: 1 })
  bench.settle()
  for (const id of [renewal, look]) t.match(bench.failure(id), { code: 'no leader', definite: true })
  bench.put('keepAliveLease', { id: 7 })
  t.match(bench.effects.at(-1), { kind: 'ask', to: peers[1], type: 'renewLease' }, 'passed on from now on')
  const passedOn = bench.put('renewLease', { id: 7 })
  t.match(bench.failure(passedOn), { code: 'no leader', definite: true }, 'but once')
})

t.test('over its quota a store raises the alarm and grows no more, until it has room and the alarm is lowered', async t => {
  const bench = alone(undefined, { quotaBytes: 10_000 })
  const put = (key: string): any =>
    asked(bench, 'txn', { compares: [], success: [{ type: 'put', key, value: new Uint8Array(1000) }], failure: [] })
  const took: string[] = []
  while (took.length < 20 && put(`k${took.length}`).succeeded === true) took.push(`k${took.length}`)
  t.equal(took.length, 8, 'of 1,130 bytes each')
  const alarm = { member: self, alarm: 'noSpace' }
  t.same(asked(bench, 'alarms', { action: 'get' }).alarms, [alarm], 'raised once, by the leader')
  const gone = asked(bench, 'txn', { compares: [], success: [{ type: 'delete', key: 'k', end: 'l' }], failure: [] })
  t.match(gone, { succeeded: true }, 'deletes pass')
  asked(bench, 'compact', { revision: gone.revision })
  t.match(put('a'), { code: 'no space', definite: true }, 'there is room, but the alarm is on')
  asked(bench, 'alarms', { action: 'deactivate', ...alarm })
  t.match(put('a'), { succeeded: true })
  const from = bench.effects.length
  const succeeded = Array.from({ length: 20 }, (_, at) => put(`b${at}`)).filter(answer => answer.succeeded === true).length
  t.ok(succeeded > 0 && succeeded < 8, `${succeeded}`)
  t.equal(bench.words(from).filter(word => word === 'save').length, succeeded + 1, 'one alarm, and what is refused enters no log')
})

t.test('alarms: of a full store nothing grows, of a corrupt one nothing changes; the next life knows them', async t => {
  const bench = alone()
  grant(bench, 7, 1000)
  attach(bench, 'a', 7)
  const alarm = (action: string, of: object = {}): any => asked(bench, 'alarms', { action, ...of })
  const full = { member: 'control-1/store', alarm: 'noSpace' }
  const corrupt = { member: 'control-2/store', alarm: 'corrupt' }
  const remove = (): any => asked(bench, 'txn', { compares: [], success: [{ type: 'delete', key: 'a' }], failure: [] })
  t.same(alarm('activate', full).alarms, [full])
  t.match(attach(bench, 'b', 7), { code: 'no space', detail: 'etcdserver: mvcc: database space exceeded', definite: true })
  t.match(grant(bench, 8, 10), { code: 'no space' })
  t.match(remove(), { succeeded: true }, 'what makes room goes on')
  t.match(asked(bench, 'compact', { revision: 2 }), { revision: 3 })
  t.same(alarm('activate', corrupt).alarms, [corrupt])
  t.match(remove(), { code: 'corrupt', detail: 'etcdserver: corrupt cluster' })
  t.match(asked(bench, 'revokeLease', { id: 7 }), { code: 'corrupt' })
  t.same(alarm('get').alarms, [full, corrupt])
  t.same(asked(alone(bench.disk, undefined, 2), 'alarms', { action: 'get' }).alarms, [full, corrupt])
  t.same(alarm('deactivate', { alarm: 'corrupt' }).alarms, [corrupt])
  t.same(alarm('deactivate').alarms, [full])
  t.match(attach(bench, 'b', 7), { succeeded: true })
})

t.test('the leader compares hashes, and raises an alarm that names who differs from the majority', async t => {
  const bench = leading({ corruptionCheckEveryMs: 5000 })
  const alive = (): void => {
    const term = bench.messages().at(-1)?.term ?? 1
    for (const peer of peers) bench.raft({ type: 'heartbeatResponse', from: peer, to: self, term, round: 0 })
  }
  for (let at = 0; at < 210 && !bench.effects.some(({ kind, type }: any) => kind === 'ask' && type === 'hash'); at++) {
    bench.tick()
    alive()
  }
  const own = bench.put('hash', { revision: 0 })
  const { hash, revision, compactRevision } = bench.answer(own)
  t.ok(bench.reply(peers[0], 'hash', { hash, revision, compactRevision }), 'it asked the first')
  t.ok(bench.reply(peers[1], 'hash', { hash: hash + 1, revision, compactRevision }), 'and the second')
  bench.settle()
  t.match(bench.logs('corrupt member'), [{ member: peers[1] }])
  acknowledge(bench)
  const put = bench.write('a')
  t.match(bench.failure(put), { code: 'corrupt', definite: true })
})

t.test('who is corrupt, by the hashes of those that answered', async t => {
  const cases: readonly [readonly (readonly [string, number])[], number, readonly string[]][] = [
    [[['a', 1]], 3, []],
    [
      [
        ['a', 1],
        ['b', 1],
        ['c', 1]
      ],
      3,
      []
    ],
    [
      [
        ['a', 1],
        ['b', 2],
        ['c', 1]
      ],
      3,
      ['b']
    ],
    [
      [
        ['a', 1],
        ['b', 2],
        ['c', 2]
      ],
      3,
      ['a']
    ],
    [
      [
        ['a', 1],
        ['b', 2]
      ],
      3,
      ['']
    ],
    [
      [
        ['a', 1],
        ['b', 2],
        ['c', 3]
      ],
      3,
      ['']
    ],
    [
      [
        ['a', 1],
        ['b', 2],
        ['c', 1],
        ['d', 3]
      ],
      5,
      ['']
    ]
  ]
  for (const [hashes, members, corrupt] of cases) t.same(corruptOf(new Map(hashes), members), corrupt, JSON.stringify(hashes))
})
