// Known histories of leases: what each breaks, or that it breaks nothing. Times are seconds.

import t from 'tap'
import { runSeed } from '../../bin/store-seed.js'
import {
  checkHistory,
  checkLeases,
  decodeHistory,
  encodeLeaseHistory,
  guarantees,
  type LeaseHistory,
  type LeaseOperation
} from '../../lib/check/index.js'

type Row = readonly [from: number, until: number, kind: string, answer: unknown, more?: object]

const refused = (code: string): object => ({ ok: false, error: { code, definite: true, detail: '' } })

/** An answer that is text is a refusal; undefined: in doubt. */
function history(rows: readonly Row[], rest: Partial<LeaseHistory> = {}): LeaseHistory {
  const operations = rows.map(([from, until, kind, answer, more = {}]) => ({
    client: 'c',
    to: 'm',
    id: 1,
    invokedUs: from * 1e6,
    returnedUs: answer === undefined ? Number.POSITIVE_INFINITY : until * 1e6,
    kind,
    outcome: answer === undefined ? undefined : typeof answer === 'string' ? refused(answer) : { ok: true, value: answer },
    ...more
  }))
  return { operations: operations as unknown as LeaseOperation[], clocks: { rateMax: 1, jumps: [] }, ...rest }
}

const granted: Row = [0, 0.1, 'grant', { ttlSeconds: 10 }, { ttlSeconds: 10 }]
const renewed = (at: number): Row => [at, at + 0.1, 'keepAlive', { ttlSeconds: 10 }]
const toldGone = (at: number): Row => [at, at + 0.1, 'keepAlive', { ttlSeconds: 0 }]
const attached: Row = [1, 1.1, 'attach', {}, { key: 'a' }]
const also: Row = [1.2, 1.3, 'attach', {}, { key: 'b' }]
const read = (at: number, ...keys: string[]): Row => [at, at + 0.1, 'read', { keys }]
const look = (at: number, remainingTtlSeconds: number, keys: readonly string[] = []): Row => [
  at,
  at + 0.1,
  'look',
  { grantedTtlSeconds: remainingTtlSeconds < 0 ? 0 : 10, remainingTtlSeconds, keys }
]

const good: readonly [string, LeaseHistory][] = [
  ['its time is over', history([granted, renewed(9), toldGone(19)])],
  ['revoked before its time', history([granted, attached, [2, 2.1, 'revoke', {}], read(2.2), toldGone(3), look(4, -1)])],
  ['a revocation in doubt may have been', history([granted, [2, 2.1, 'revoke', undefined], toldGone(3)])],
  ['a renewal in doubt may not have been', history([granted, [9, 9.1, 'keepAlive', undefined], toldGone(10.1)])],
  ['one that was refused was not', history([granted, [9, 9.1, 'keepAlive', 'no leader'], toldGone(10.1)])],
  [
    'not there before it was granted',
    history([look(-1, -1), [-0.5, 0.05, 'look', { grantedTtlSeconds: 0, remainingTtlSeconds: -1, keys: [] }], granted, look(1, 8)])
  ],
  ['a clock that is fast ends it early', history([granted, toldGone(9)], { clocks: { rateMax: 1.2, jumps: [] } })],
  ['a clock that leapt, too', history([granted, toldGone(6)], { clocks: { rateMax: 1, jumps: [{ atUs: 3e6, byUs: 4e6 }] } })],
  [
    'a key that is being attached may be there or not',
    history([granted, attached, [2, 4, 'attach', {}, { key: 'b' }], read(3, 'a'), look(3, 6, ['a', 'b'])])
  ],
  ['gone in time', history([granted, renewed(5), toldGone(16)], { steadyUs: 0 })],
  ['nobody leads: it may stay', history([granted, look(100, 3)])]
]

const bad: readonly [string, keyof typeof guarantees, LeaseHistory][] = [
  ['gone before its time', 'leaseLives', history([granted, toldGone(9)])],
  ['gone before its time since the renewal', 'leaseLives', history([granted, renewed(9), toldGone(15)])],
  ['a refusal says that it is gone', 'leaseLives', history([granted, [2, 2.1, 'attach', 'lease not found', { key: 'a' }]])],
  ['its key is gone', 'leaseLives', history([granted, attached, read(2)])],
  ['the clock was not so wrong', 'leaseLives', history([granted, toldGone(8)], { clocks: { rateMax: 1.2, jumps: [] } })],
  ['renewed after it was told gone', 'leaseGoneForEver', history([granted, toldGone(11), renewed(12)])],
  ['there after it was revoked', 'leaseGoneForEver', history([granted, [2, 2.1, 'revoke', {}], look(3, 4)])],
  ['its key outlives it', 'leaseKeysGone', history([granted, attached, toldGone(11), read(12, 'a')])],
  ['one of its keys is gone', 'leaseKeysTogether', history([granted, attached, also, read(2, 'b')])],
  ['a key is not told of', 'leaseKeysTrue', history([granted, attached, look(2, 8, [])])],
  ['a key that nobody attached', 'leaseKeysTrue', history([granted, look(2, 8, ['z'])])],
  ['gone before what it had left', 'leaseTimeTrue', history([granted, look(8, 5), toldGone(11)])],
  ['more left than was granted', 'leaseTimeTrue', history([granted, look(1, 11)])],
  ['there long after its time', 'leaseEnds', history([granted, renewed(5), look(21, 1)], { steadyUs: 0 })]
]

for (const [name, leases] of good) t.test(name, async t => t.same(checkLeases(leases), []))
for (const [name, guarantee, leases] of bad) {
  t.test(name, async t => {
    const found = checkLeases(leases)
    t.ok(
      found.some(violation => violation.guarantee === guarantees[guarantee]),
      JSON.stringify(found)
    )
  })
}

t.test('what a run of the workload saw, a leader with a bad clock and all, is the same from its lines', async t => {
  const { leases } = runSeed(1, { workload: 'lease', options: { forMs: 6000, faults: ['drift', 'jump', 'isolate'] }, history: true })
  if (leases === undefined) return t.fail('it hands back no leases')
  t.ok(leases.operations.length > 50 && leases.clocks.jumps.length > 0 && leases.steadyUs !== undefined)
  const decoded = decodeHistory(encodeLeaseHistory(leases, { about: 'a run' }))
  if (typeof decoded === 'string' || decoded.kind !== 'lease') return t.fail(String(decoded))
  t.match(decoded.history.clocks, leases.clocks)
  t.same([...encodeLeaseHistory(decoded.history, decoded.header)], [...encodeLeaseHistory(leases, { about: 'a run' })])
  t.match(checkHistory(decoded), { verdict: 'passed', violations: [] })
})
