import t from 'tap'
import type { Outcome } from '../../lib/actor/index.js'
import {
  checkCluster,
  checkOperations,
  checkStore,
  guarantees,
  type LogFact,
  Model,
  type Operation,
  type StoreVerdict,
  sampleHistory,
  type WatchRecord
} from '../../lib/check/index.js'
import { integerBelow, seededRandom } from '../../lib/std/index.js'
import type { StoreEvent, StoreKeyValue, StoreOp, StoreTxn, StoreTxnAnswer } from '../../lib/storage/index.js'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const put = (key: string, value: string): StoreOp => ({ type: 'put', key, value: bytes(value) })
const del = (key: string): StoreOp => ({ type: 'delete', key })
const kv = (key: string, value: string, modRevision: number, createRevision = modRevision, version = 1): StoreKeyValue => ({
  key,
  value: bytes(value),
  modRevision,
  createRevision,
  version,
  lease: 0
})
const event = (of: StoreKeyValue, prev?: StoreKeyValue): StoreEvent => ({ type: 'put', kv: of, ...(prev === undefined ? {} : { prev }) })
const deletion = (key: string, modRevision: number): StoreEvent => ({
  type: 'delete',
  kv: { ...kv(key, '', modRevision), createRevision: 0, version: 0 }
})

const lost: Outcome<never> = { ok: false, error: { code: 'timeout', definite: false, detail: '' } }
const refused: Outcome<never> = { ok: false, error: { code: 'no leader', definite: true, detail: '' } }
const asked = (from: number, to: number) => ({ client: 'c', to: 'm', invokedUs: from, returnedUs: to })
const answered = (revision: number, results: StoreTxnAnswer['results'] = [{ type: 'put' }]): Outcome<StoreTxnAnswer> => ({
  ok: true,
  value: { succeeded: true, revision, results }
})

/** A write of one operation, from one time to another. */
function write(from: number, to: number, op: StoreOp, outcome: Outcome<StoreTxnAnswer>): Operation {
  const returns = outcome.ok || outcome.error.definite ? to : Number.POSITIVE_INFINITY
  return { ...asked(from, returns), kind: 'txn', txn: { compares: [], success: [op], failure: [] }, outcome }
}
const read = (from: number, to: number, revision: number, kvs: readonly StoreKeyValue[], serializable = false): Operation => ({
  ...asked(from, to),
  kind: 'range',
  query: { key: 'a', end: 'z', serializable },
  outcome: { ok: true, value: { kvs, count: kvs.length, more: false, revision } }
})
const at = (to: string, operation: Operation): Operation => ({ ...operation, to })
const watch = (startRevision: number, batches: [revision: number, ...StoreEvent[]][], more: Partial<WatchRecord> = {}): WatchRecord => ({
  client: 'w',
  to: 'm',
  request: { key: 'a', end: 'z', startRevision, prevKv: true },
  openedUs: 0,
  batches: batches.map(([revision, ...events], at) => ({ atUs: 1000 + at, revision, events })),
  ended: undefined,
  ...more
})

const a1 = write(0, 10, put('a', '1'), answered(2))
const a2 = write(20, 30, put('a', '2'), answered(3))

const histories: { name: string; operations: Operation[]; watches?: WatchRecord[]; broken?: string; compactedMax?: number }[] = [
  { name: 'nothing', operations: [] },
  { name: 'writes and reads in their order', operations: [a1, a2, read(40, 50, 3, [kv('a', '2', 3, 2, 2)])] },
  { name: 'a read among concurrent writes sees the one before', operations: [a1, a2, read(15, 25, 2, [kv('a', '1', 2)])] },
  { name: 'a read that may be old is old', operations: [a1, a2, read(40, 50, 2, [kv('a', '1', 2)], true)] },
  {
    name: 'reads that may be old go forward',
    operations: [a1, a2, at('m2', read(40, 50, 2, [kv('a', '1', 2)], true)), at('m2', read(60, 70, 3, [kv('a', '2', 3, 2, 2)], true))]
  },
  {
    name: 'reads that may be old go back at another member',
    operations: [a1, a2, at('m2', read(40, 50, 3, [kv('a', '2', 3, 2, 2)], true)), at('m3', read(60, 70, 2, [kv('a', '1', 2)], true))]
  },
  {
    name: 'reads that may be old go back at one member',
    operations: [a1, a2, at('m2', read(40, 50, 3, [kv('a', '2', 3, 2, 2)], true)), at('m2', read(60, 70, 2, [kv('a', '1', 2)], true))],
    broken: guarantees.serializableForward
  },
  {
    name: 'reads that may be old run side by side',
    operations: [a1, a2, at('m2', read(40, 60, 3, [kv('a', '2', 3, 2, 2)], true)), at('m2', read(50, 70, 2, [kv('a', '1', 2)], true))]
  },
  { name: 'a lost write that took effect', operations: [a1, write(12, 14, put('a', 'x'), lost), read(40, 50, 3, [kv('a', 'x', 3, 2, 2)])] },
  {
    name: 'a lost write that took effect much later',
    operations: [a1, write(1, 2, put('b', 'x'), lost), a2, read(40, 50, 4, [kv('a', '2', 3, 2, 2), kv('b', 'x', 4)])]
  },
  { name: 'a lost write that never happened', operations: [a1, write(1, 2, put('b', 'x'), lost), a2] },
  {
    name: 'two lost deletes of which one happened',
    operations: [a1, write(11, 12, del('a'), lost), write(13, 14, del('a'), lost), read(40, 50, 3, [])]
  },
  {
    name: 'which of two lost writes came first shows only later',
    operations: [
      write(0, 1, put('a', 'x'), lost),
      write(0, 1, put('a', 'y'), lost),
      write(0, 10, put('b', '1'), answered(4)),
      read(40, 50, 4, [kv('a', 'x', 3, 2, 2), kv('b', '1', 4)])
    ]
  },

  { name: 'a stale read', operations: [a1, a2, read(40, 50, 2, [kv('a', '1', 2)])], broken: guarantees.realTime },
  {
    name: 'a write before one that was done',
    operations: [write(0, 10, put('a', '1'), answered(3)), write(20, 30, put('b', '1'), answered(2))],
    broken: guarantees.realTime
  },
  { name: 'one revision for two writes', operations: [a1, write(5, 15, put('b', '1'), answered(2))], broken: guarantees.uniqueRevision },
  { name: 'a read of what was not written', operations: [a1, read(20, 30, 2, [kv('a', '9', 2)])], broken: guarantees.noLostWrite },
  { name: 'a read that misses a write', operations: [a1, a2, read(40, 50, 3, [kv('a', '1', 2)])], broken: guarantees.values },
  { name: 'a wrong version', operations: [a1, a2, read(40, 50, 3, [kv('a', '2', 3, 2, 3)])], broken: guarantees.noLostWrite },
  { name: 'a revision that nobody wrote', operations: [a1, read(20, 30, 3, [kv('a', '1', 2)])], broken: guarantees.noInvention },
  {
    name: 'a refused write that took effect',
    operations: [a1, write(12, 14, put('a', 'x'), refused)],
    watches: [watch(2, [[3, event(kv('a', '1', 2)), event(kv('a', 'x', 3, 2, 2), kv('a', '1', 2))]])],
    broken: guarantees.refusedIsNothing
  },
  {
    name: 'a write that took effect twice',
    operations: [a1, write(12, 14, put('a', 'x'), lost)],
    watches: [watch(2, [[4, event(kv('a', '1', 2)), event(kv('a', 'x', 3, 2, 2)), event(kv('a', 'x', 4, 2, 3))]])],
    broken: guarantees.atMostOnce
  },
  {
    name: 'a lost write that took effect before it was asked for',
    operations: [
      a1,
      a2,
      read(40, 45, 3, [kv('a', '2', 3, 2, 2)]),
      write(50, 60, put('b', 'x'), lost),
      read(70, 80, 3, [kv('a', '2', 3, 2, 2)])
    ],
    watches: [watch(2, [[2, event(kv('b', 'x', 2))]])],
    broken: guarantees.noLostWrite
  },
  {
    name: 'a delete that found what was not there',
    operations: [write(0, 10, del('a'), answered(2, [{ type: 'delete', deleted: 1, prevs: [] }]))],
    broken: guarantees.values
  },
  {
    name: 'a revision refused as being in the future',
    operations: [
      a1,
      {
        ...asked(20, 30),
        kind: 'range',
        query: { key: 'a', revision: 2 },
        outcome: { ok: false, error: { code: 'future revision', definite: true, detail: '' } }
      }
    ],
    broken: guarantees.future
  },
  {
    name: 'a revision refused as compacted',
    operations: [
      a1,
      {
        ...asked(20, 30),
        kind: 'range',
        query: { key: 'a', revision: 1 },
        outcome: { ok: false, error: { code: 'compacted', definite: true, detail: '' } }
      }
    ],
    broken: guarantees.compactedOnlyIfAsked
  }
]

const e2 = event(kv('a', '1', 2))
const e3 = event(kv('a', '2', 3, 2, 2), kv('a', '1', 2))
const e4 = event(kv('a', '3', 4, 2, 3), kv('a', '2', 3, 2, 2))
const both = [write(0, 10, put('a', '1'), answered(2)), write(20, 30, put('a', '2'), answered(3))]
const watches: { name: string; watches: WatchRecord[]; broken?: string; compactedMax?: number }[] = [
  {
    name: 'all of it',
    watches: [
      watch(1, [
        [2, e2],
        [3, e3]
      ])
    ]
  },
  { name: 'in one batch', watches: [watch(2, [[3, e2, e3]])] },
  { name: 'from the middle', watches: [watch(3, [[3, e3]])] },
  { name: 'from now on', watches: [watch(0, [[3, e3]])] },
  { name: 'progress', watches: [watch(1, [[2, e2], [2], [3, e3]])] },
  { name: 'behind, but ended', watches: [watch(1, [[2, e2]], { ended: 'closed' })] },
  { name: 'prev was compacted', watches: [watch(3, [[3, event(kv('a', '2', 3, 2, 2))]])], compactedMax: 3 },
  { name: 'ended by a compaction', watches: [watch(1, [], { ended: { code: 'compacted', definite: true, detail: '' } })], compactedMax: 3 },

  {
    name: 'a gap',
    watches: [watch(1, [[4, e2, e4]]), watch(1, [[4, e2, e3, e4]])],
    broken: guarantees.watchReliable
  },
  {
    name: 'a gap between batches',
    watches: [
      watch(1, [
        [2, e2],
        [4, e4]
      ])
    ],
    broken: guarantees.watchReliable
  },
  { name: 'the first is missing', watches: [watch(1, [[3, e3]])], broken: guarantees.watchResumable },
  { name: 'one late', watches: [watch(2, [[3, e3]])], broken: guarantees.watchResumable },
  { name: 'told past what was not sent', watches: [watch(1, [[3, e2]])], broken: guarantees.watchBookmarkable },
  { name: 'progress past what was not sent', watches: [watch(1, [[2, e2], [3]])], broken: guarantees.watchBookmarkable },
  { name: 'progress past what was sent after it', watches: [watch(1, [[2, e2], [3], [3, e3]])], broken: guarantees.watchBookmarkable },
  {
    name: 'outside its range',
    watches: [watch(1, [[3, e2, e3]], { request: { key: 'b', end: 'c', startRevision: 1 } })],
    broken: guarantees.watchFiltered
  },
  {
    name: 'a change that says it created',
    watches: [watch(1, [[3, e2, event(kv('a', '2', 3, 3, 1), kv('a', '1', 2))]])],
    broken: guarantees.watchCreated
  },
  {
    name: 'a first version of another revision',
    watches: [watch(1, [[3, e2, event(kv('a', '2', 3, 2, 1), kv('a', '1', 2))]])],
    broken: guarantees.watchCreated
  },
  {
    name: 'twice',
    watches: [
      watch(1, [
        [2, e2],
        [3, e2, e3]
      ])
    ],
    broken: guarantees.watchUnique
  },
  { name: 'twice in a batch', watches: [watch(1, [[3, e2, e2, e3]])], broken: guarantees.watchUnique },
  { name: 'out of order', watches: [watch(1, [[3, e3, e2]])], broken: guarantees.watchOrdered },
  { name: 'before its start', watches: [watch(3, [[3, e2, e3]])], broken: guarantees.watchResumable },
  { name: 'beyond what its batch says', watches: [watch(1, [[2, e2, e3]])], broken: guarantees.watchAtomic },
  { name: 'another value', watches: [watch(1, [[3, e2, event(kv('a', '9', 3, 2, 2))]])], broken: guarantees.noLostWrite },
  { name: 'members differ', watches: [watch(1, [[2, e2]]), watch(1, [[2, deletion('a', 2)]])], broken: guarantees.agreement },
  { name: 'no prev', watches: [watch(1, [[3, e2, event(kv('a', '2', 3, 2, 2))]])], broken: guarantees.watchPrev },
  { name: 'a wrong prev', watches: [watch(1, [[3, e2, event(kv('a', '2', 3, 2, 2), kv('a', '0', 2))]])], broken: guarantees.watchPrev },
  {
    name: 'the future',
    watches: [
      watch(1, [
        [2, e2],
        [9, e3]
      ])
    ],
    broken: guarantees.noInvention
  },
  { name: 'asleep', watches: [watch(1, [[2, e2]])], broken: guarantees.watchCaughtUp },
  {
    name: 'ended by a compaction that nobody asked for',
    watches: [watch(1, [[3, e2, e3]], { ended: { code: 'compacted', definite: true, detail: '' } })],
    compactedMax: 3,
    broken: guarantees.compactedOnlyIfAsked
  }
]

const judge = (operations: readonly Operation[], seen: readonly WatchRecord[], compactedMax = 0): StoreVerdict =>
  checkStore({ history: { operations, watches: seen }, isWhole: () => true, compactedMax, isQuiet: true })

t.test('histories of operations are judged right', async t => {
  for (const { name, operations, watches = [], broken } of histories) {
    const { violations, unknown } = judge(operations, watches)
    t.equal(unknown, undefined, name)
    if (broken === undefined) t.same(violations, [], name)
    else t.equal(violations[0]?.guarantee, broken, name)
  }
})

t.test('watches are judged right', async t => {
  for (const { name, watches: seen, broken, compactedMax } of watches) {
    const three = [...both, write(40, 50, put('a', '3'), answered(4))]
    const hasThree = seen.some(({ batches }) => batches.some(({ events }) => events.includes(e4)))
    const { violations } = judge(hasThree ? three : both, seen, compactedMax)
    if (broken === undefined) t.same(violations, [], name)
    else t.equal(violations[0]?.guarantee, broken, name)
  }
  const part = judge(both, [watch(1, [[3]], { request: { key: 'b', startRevision: 1 } })])
  t.match(part.violations, [{ guarantee: guarantees.agreement }].slice(1), 'a watch of another key has no events to see')
})

t.test('a watch that sees part of a revision', async t => {
  const txn: StoreTxn = { compares: [], success: [put('a', '1'), put('b', '1')], failure: [] }
  const operation: Operation = { ...asked(0, 10), kind: 'txn', txn, outcome: answered(2, [{ type: 'put' }, { type: 'put' }]) }
  const whole = watch(1, [[2, event(kv('a', '1', 2)), event(kv('b', '1', 2))]])
  const torn = watch(1, [[2, event(kv('a', '1', 2))]], { client: 'torn' })
  const check = (seen: WatchRecord[]) =>
    checkStore({
      history: { operations: [operation], watches: seen },
      isWhole: one => one.client !== 'torn',
      compactedMax: 0,
      isQuiet: true
    })
  t.same(check([whole]).violations, [])
  t.match(check([whole, torn]).violations, [{ guarantee: guarantees.watchAtomic }])
})

t.test('which of two lost writes took effect, a watch tells that saw no more than what was there before, or not all keys', async t => {
  const operations = [
    write(0, 10, put('a', '1'), lost),
    write(5, 10, put('a', '2'), lost),
    write(20, 30, put('a', '3'), answered(3)),
    read(40, 50, 3, [kv('a', '3', 3, 2, 2)])
  ]
  const check = (of: string) =>
    ['whole', 'narrow'].map(client => {
      const before = event(kv('a', of, 2))
      const seen = event(kv('a', '3', 3, 2, 2), before.kv)
      const told = client === 'whole' ? watch(3, [[3, seen]], { client }) : watch(2, [[3, before, seen]], { client })
      return checkStore({
        history: { operations, watches: [told] },
        isWhole: watch => watch.client === 'whole',
        compactedMax: 0,
        isQuiet: false
      })
    })
  for (const of of ['1', '2']) for (const { violations, unknown } of check(of)) t.same([violations, unknown], [[], undefined])
  for (const { violations } of check('4')) t.equal(violations.length, 1, 'what nobody wrote')
})

t.test('what cannot be decided within the bound is no pass', async t => {
  const { operations } = sampleHistory({ seed: 1, operations: 20_000, clients: 50, keys: 1000, lostShare: 0.1, watches: 0 })
  const { violations, unknown } = checkOperations(operations, new Map(), [], 100)
  t.same(violations, [])
  t.match(unknown, /gave up/)
})

t.test('random runs of a right store are judged right, and one changed answer is found', async t => {
  let found = 0
  for (let seed = 0; seed < 60; seed++) {
    const { operations, change } = randomRun(seed)
    t.same(judge(operations, []).violations, [], `seed ${seed}`)
    change()
    const { violations, unknown } = judge(operations, [])
    if (violations.length > 0 || unknown !== undefined) found++
  }
  t.equal(found, 60)
})

/** Eight clients of a store that decides at one instant between each request and its answer. */
function randomRun(seed: number): { operations: Operation[]; change: () => void } {
  const random = seededRandom(seed)
  const model = new Model()
  const operations: Operation[] = []
  const plans = Array.from({ length: 120 }, (_, at) => {
    const from = integerBelow(random, 2000)
    const point = from + 1 + integerBelow(random, 50)
    return { at, from, point, to: point + 1 + integerBelow(random, 50) }
  }).sort((a, b) => a.point - b.point)
  for (const { at, from, to } of plans) {
    const key = String.fromCharCode(97 + integerBelow(random, 4))
    const chance = random()
    if (chance < 0.4) {
      const { kvs, count, more } = model.range({ key: 'a', end: 'z' }, model.revision)
      operations.push({
        ...asked(from, to),
        kind: 'range',
        query: { key: 'a', end: 'z' },
        outcome: { ok: true, value: { kvs, count, more, revision: model.revision } }
      })
      continue
    }
    const ops = chance < 0.55 ? [del(key)] : [put(key, `${at}`)]
    const txn: StoreTxn = { compares: [], success: ops, failure: [] }
    const happens = random() < 0.8
    const answer = happens ? model.apply(txn) : undefined
    const told = answer !== undefined && random() < 0.8
    operations.push({
      ...asked(from, told ? to : Number.POSITIVE_INFINITY),
      kind: 'txn',
      txn,
      outcome: told ? { ok: true, value: answer } : lost
    })
  }
  const change = (): void => {
    const reads = operations.filter(
      operation => operation.kind === 'range' && operation.outcome?.ok === true && operation.outcome.value.kvs.length > 0
    )
    const victim = reads[integerBelow(random, reads.length)] as Operation & { kind: 'range' }
    if (victim.outcome?.ok !== true) return
    const [first, ...rest] = victim.outcome.value.kvs as [StoreKeyValue, ...StoreKeyValue[]]
    victim.outcome = { ok: true, value: { ...victim.outcome.value, kvs: [{ ...first, value: bytes('changed') }, ...rest] } }
  }
  return { operations, change }
}

t.test('members are judged right', async t => {
  const state = { member: 'a', hash: 1, revision: 5, compactRevision: 0 }
  const leader = { member: 'a', term: 1, atUs: 0 }
  t.same(checkCluster({ leaders: [leader, { ...leader, member: 'b', term: 2 }], states: [state, { ...state, member: 'b' }] }), [])
  t.match(checkCluster({ leaders: [leader, { ...leader, member: 'b' }], states: [] }), [{ guarantee: guarantees.oneLeader }])
  for (const wrong of [{ hash: 2 }, { revision: 4 }, { compactRevision: 1 }])
    t.match(checkCluster({ leaders: [], states: [state, { ...state, ...wrong }] }), [{ guarantee: guarantees.equalStates }])
})

t.test('logs of members are judged right', async t => {
  type Part = [member: string, term: number, commit: number, entries: [index: number, term: number, hash: number][], isLeader?: boolean]
  const factsOf = (parts: readonly Part[]): LogFact[] =>
    parts.map(([member, term, commit, entries, isLeader = false], at) => ({
      member,
      atUs: at,
      term,
      isLeader,
      commit,
      lastIndex: entries.at(-1)?.[0] ?? 0,
      entries: entries.map(([index, of, hash]) => ({ index, term: of, hash }))
    }))
  const cases: { name: string; parts: Part[]; broken?: string }[] = [
    { name: 'nothing', parts: [] },
    {
      name: 'one behind the other',
      parts: [
        [
          'a',
          1,
          3,
          [
            [1, 1, 7],
            [2, 1, 8],
            [3, 1, 9]
          ],
          true
        ],
        [
          'b',
          1,
          1,
          [
            [1, 1, 7],
            [2, 1, 8]
          ]
        ],
        ['c', 1, 3, [[3, 1, 9]]]
      ]
    },
    {
      name: 'what was not committed is replaced',
      parts: [
        [
          'a',
          1,
          1,
          [
            [1, 1, 7],
            [2, 1, 8]
          ],
          true
        ],
        [
          'b',
          2,
          2,
          [
            [1, 1, 7],
            [2, 2, 5]
          ],
          true
        ],
        [
          'a',
          2,
          2,
          [
            [1, 1, 7],
            [2, 2, 5]
          ]
        ]
      ]
    },
    {
      name: 'one index and term, two entries',
      parts: [
        ['a', 1, 0, [[1, 1, 7]]],
        ['b', 1, 0, [[1, 1, 8]]]
      ],
      broken: guarantees.logMatching
    },
    {
      name: 'the same entry after different ones',
      parts: [
        [
          'a',
          3,
          0,
          [
            [1, 1, 7],
            [2, 3, 9]
          ]
        ],
        [
          'b',
          3,
          0,
          [
            [1, 2, 7],
            [2, 3, 9]
          ]
        ]
      ],
      broken: guarantees.logMatching
    },
    {
      name: 'a leader without what was committed before its term',
      parts: [
        [
          'a',
          1,
          2,
          [
            [1, 1, 7],
            [2, 1, 8]
          ],
          true
        ],
        ['b', 2, 1, [[1, 1, 7]], true]
      ],
      broken: guarantees.leaderCompleteness
    },
    {
      name: 'a leader with something else where it was committed',
      parts: [
        [
          'a',
          1,
          2,
          [
            [1, 1, 7],
            [2, 1, 8]
          ],
          true
        ],
        [
          'b',
          3,
          0,
          [
            [1, 1, 7],
            [2, 2, 8]
          ],
          true
        ]
      ],
      broken: guarantees.leaderCompleteness
    },
    {
      name: 'members that committed different entries',
      parts: [
        [
          'a',
          1,
          2,
          [
            [1, 1, 7],
            [2, 1, 8]
          ]
        ],
        ['b', 2, 2, [[2, 2, 8]]]
      ],
      broken: guarantees.committedSame
    }
  ]
  for (const { name, parts, broken } of cases) {
    const violations = checkCluster({ leaders: [], states: [], logs: factsOf(parts) })
    if (broken === undefined) t.same(violations, [], name)
    else t.equal(violations[0]?.guarantee, broken, name)
  }
})
