// What a run of the workload `auth` saw is judged the same from its lines; and what the checker follows when answers are lost.

import t from 'tap'
import { runSeed } from '../../bin/store-seed.js'
import { type AuthHistory, type AuthOperation, checkAuth, checkHistory, decodeHistory, encodeAuthHistory } from '../../lib/check/index.js'

t.test('what a run saw is the same from its lines', async t => {
  const { auth } = runSeed(1, { workload: 'auth', options: { forMs: 4000, faults: ['isolate', 'crashMachine'] }, history: true })
  if (auth === undefined) return t.fail('it hands back nothing about users and roles')
  t.ok(auth.operations.length > 100)
  const decoded = decodeHistory(encodeAuthHistory(auth, { about: 'a run' }))
  if (typeof decoded === 'string' || decoded.kind !== 'auth') return t.fail(String(decoded))
  t.same([...encodeAuthHistory(decoded.history, decoded.header)], [...encodeAuthHistory(auth, { about: 'a run' })])
  t.match(checkHistory(decoded), { verdict: 'passed', violations: [] })
})

t.test('changes in doubt are followed, in whatever order they took effect', async t => {
  const base = { client: 'a', to: 'm', returnedUs: Number.POSITIVE_INFINITY, outcome: undefined }
  const lost = (us: number, name: string): AuthOperation => ({ ...base, kind: 'change', change: { type: 'addRole', name }, invokedUs: us })
  const told = (us: number, authRevision: number, roles: readonly string[]): AuthOperation => ({
    ...base,
    kind: 'query',
    query: { type: 'roles' },
    invokedUs: us,
    returnedUs: us + 1,
    outcome: { ok: true, value: { revision: 1, authRevision, isEnabled: false, roles } }
  })
  const names = Array.from({ length: 9 }, (_, at) => `r${at}`)
  const history = (roles: readonly string[]): AuthHistory => ({
    kind: 'auth',
    operations: [...names.map((name, at) => lost(at, name)), told(100, 1 + roles.length, roles), told(200, 10, names)]
  })
  t.same(checkAuth(history(['r1', 'r4', 'r7', 'r8'])), { violations: [], unknown: undefined, doubtsResolved: 9 })
  const { violations, unknown } = checkAuth(history(['r1', 'r4', 'x']))
  t.equal(unknown, undefined)
  t.match(violations, [{ guarantee: /^what is told of users and roles/, excerpt: /"type":"roles"/ }])
})
