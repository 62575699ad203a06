// Auth at a member of the store: who may do what is decided where it is applied, read or renewed; tokens; logins.

import t from 'tap'
import { store } from '../../actors/store.js'
import type { Outcome, Ref } from '../../lib/actor/index.js'
import type { AuthChange } from '../../lib/auth/index.js'
import { World } from '../../lib/sim/index.js'
import type { StoreAuthRequest, StoreCaller } from '../../lib/storage/index.js'
import type { StoreMemberProtocol } from '../../lib/store/index.js'
import { Tokens, tokenOf } from '../../lib/store/tokens.js'
import { alone, type Bench, BenchDisk, peers, self } from './bench.js'

const encoder = new TextEncoder()
const nobody: StoreCaller = {}
const named = (commonName: string): StoreCaller => ({ commonName })

function asked(bench: Bench, type: string, body?: unknown): any {
  const id = bench.put(type, body)
  for (let turn = 0; turn < 4; turn++) bench.settle()
  return bench.answer(id) ?? bench.failure(id)
}
const change = (bench: Bench, change: AuthChange, caller?: StoreCaller): any => asked(bench, 'changeAuth', { change, ...by(caller) })
const by = (caller?: StoreCaller): object => (caller === undefined ? {} : { caller })
const putOf = (key: string, more: object = {}) => ({ type: 'put', key, value: encoder.encode('v'), ...more })
const txnOf = (...success: object[]) => ({ compares: [], success, failure: [] })
const put = (bench: Bench, caller: StoreCaller | undefined, key: string, more: object = {}): any =>
  asked(bench, 'txn', { ...txnOf(putOf(key, more)), ...by(caller) })

/** Root, a user that may read and write `/u/` and write `/w/`, and one without a role. */
const users: readonly AuthChange[] = [
  { type: 'addUser', name: 'root', hash: 'h' },
  { type: 'grantRole', user: 'root', role: 'root' },
  { type: 'addUser', name: 'u', hash: 'h' },
  { type: 'addUser', name: 'idle', hash: 'h' },
  { type: 'addRole', name: 'r' },
  { type: 'grantPermission', role: 'r', permission: { access: 'readwrite', key: '/u/', end: '/u0' } },
  { type: 'grantPermission', role: 'r', permission: { access: 'write', key: '/w/', end: '/w0' } },
  { type: 'grantRole', user: 'u', role: 'r' }
]

function guardedBench(disk?: BenchDisk): Bench {
  const bench = alone(disk)
  for (const one of users) t.match(change(bench, one), { isEnabled: false })
  t.match(asked(bench, 'grantLease', { id: 5, ttlSeconds: 1000 }), { id: 5 })
  for (const key of ['/u/seed', '/w/seed', '/secret']) put(bench, undefined, key, key === '/secret' ? { lease: 5 } : {})
  t.match(change(bench, { type: 'enable' }), { isEnabled: true })
  return bench
}

const denied = { code: 'permission denied', definite: true, detail: 'etcdserver: permission denied' }
const empty = { code: 'user empty', definite: true, detail: 'etcdserver: user name is empty' }

t.test('what is done by the time it is applied: a command proposed before a revocation is refused after it', async t => {
  const bench = guardedBench()
  const revision = (): number => asked(bench, 'revision').revision
  const before = revision()
  // All of them in one entry, in this order.
  const [granted, revoked, late, anonymousLate, own] = [
    bench.put('txn', { ...txnOf(putOf('/u/1')), caller: named('u') }),
    bench.put('changeAuth', { change: { type: 'revokeRole', user: 'u', role: 'r' } }),
    bench.put('txn', { ...txnOf(putOf('/u/2')), caller: named('u') }),
    bench.put('txn', { ...txnOf(putOf('/u/3')), caller: nobody }),
    bench.put('txn', txnOf(putOf('/u/4')))
  ]
  bench.settle()
  t.equal(bench.answer(granted).revision, before + 1)
  t.match(bench.answer(revoked), { isEnabled: true })
  t.match(bench.failure(late), { code: 'auth revision old', definite: true, detail: 'etcdserver: revision of auth store is old' })
  t.match(bench.failure(anonymousLate), empty)
  t.equal(bench.answer(own).revision, before + 2, 'a part of kabuki')
  t.match(put(bench, named('u'), '/u/5'), denied, 'and now it has no role')
  t.equal(revision(), before + 2)
  // As a follower that has not heard of the revocation passes it on.
  const proposal = (authRevision: number): any =>
    asked(bench, 'propose', { type: 'put', key: '/u/6', value: new Uint8Array(), by: { user: 'u', authRevision } })
  t.match(proposal(9), { code: 'auth revision old' })
  t.match(proposal(10), denied)
})

t.test('who is let in before auth is on is asked when it is applied', async t => {
  const bench = alone()
  for (const one of users) change(bench, one)
  const enabled = bench.put('changeAuth', { change: { type: 'enable' }, caller: nobody })
  const late = bench.put('txn', { ...txnOf(putOf('a')), caller: nobody })
  bench.settle()
  t.match(bench.answer(enabled), { isEnabled: true })
  t.match(bench.failure(late), empty)
})

t.test('what each request needs', async t => {
  const bench = guardedBench()
  const root = named('root')
  const u = named('u')
  const idle = named('idle')
  const range = (key: string, end?: string, more: object = {}) =>
    ['range', { key, ...(end === undefined ? {} : { end }), ...more }] as const
  const txn = (...success: object[]) => ['txn', txnOf(...success)] as const
  const compare = { key: '/secret', target: 'version', result: 'equal', operand: 0 }
  const nested = (inner: object) => txn({ type: 'txn', compares: [], success: [], failure: [inner] })
  /** Who may: everybody that the request is tried with but nobody is a user. */
  const cases: readonly (readonly [request: readonly [type: string, body?: object], who: 'users' | 'u' | 'root'])[] = [
    [range('/u/seed'), 'u'],
    [range('/u/', '/u0'), 'u'],
    [range('/u/', '/u0', { serializable: true }), 'u'],
    [range('/secret'), 'root'],
    [range('/secret', undefined, { serializable: true }), 'root'],
    [range('/u/', '\0'), 'root'],
    [range('/w/seed'), 'root'],
    [txn(putOf('/u/a')), 'u'],
    [txn(putOf('/w/a')), 'u'],
    [txn(putOf('/w/a', { prevKv: true })), 'root'],
    [txn(putOf('/u/a', { lease: 5 })), 'root'],
    [txn(putOf('/secret', { lease: 5 })), 'root'],
    [txn({ type: 'range', key: '/u/a' }), 'u'],
    [txn({ type: 'range', key: '/w/a' }), 'root'],
    [txn({ type: 'delete', key: '/w/', end: '/w0' }), 'u'],
    [txn({ type: 'delete', key: '/w/', end: '/w0', prevKv: true }), 'root'],
    [nested(putOf('/u/a')), 'u'],
    [nested(putOf('/secret')), 'root'],
    [nested({ type: 'range', key: '/secret' }), 'root'],
    [['txn', { compares: [compare], success: [], failure: [] }], 'root'],
    [['txn', { compares: [], success: [], failure: [putOf('/secret')] }], 'root'],
    [['grantLease', { id: 0, ttlSeconds: 100 }], 'users'],
    [['keepAliveLease', { id: 5 }], 'root'],
    [['keepAliveLease', { id: 99 }], 'users'],
    [['lease', { id: 5 }], 'users'],
    [['lease', { id: 5, keys: true }], 'root'],
    [['leases', {}], 'root'],
    [['members', {}], 'users'],
    [['status', {}], 'users'],
    [['alarms', { action: 'get' }], 'users'],
    [['alarms', { action: 'deactivate' }], 'root'],
    [['hash', { revision: 0 }], 'root'],
    [['log', { index: 1 }], 'root'], // What nobody thought of.
    [['freshSnapshot', {}], 'root'],
    [['addMember', { address: '-', isLearner: true }], 'root'],
    [['removeMember', { address: 'control-9/store' }], 'root'],
    [['promoteMember', { address: 'control-9/store' }], 'root'],
    [['transferLeadership', { to: peers[0] }], 'root'],
    [['admit', { need: { key: '/u/seed' } }], 'u'],
    [['admit', { need: 'user' }], 'users'],
    [['auth', { type: 'users' }], 'root'],
    [['auth', { type: 'roles' }], 'root'],
    [['auth', { type: 'user', name: 'root' }], 'root'],
    [['auth', { type: 'user', name: 'u' }], 'u'],
    [['auth', { type: 'role', name: 'r' }], 'u'],
    [['auth', { type: 'addRole', name: 'another' }], 'root'],
    [['auth', { type: 'deleteRole', name: 'another' }], 'root'],
    [['revokeLease', { id: 5 }], 'root'],
    [['compact', { revision: 3 }], 'root']
  ]
  const isBarred = (found: any): boolean => ['permission denied', 'user empty', 'user not found'].includes(found.code)
  for (const [[type, body], who] of cases) {
    const about = `${type} ${JSON.stringify(body)}`
    const may = { users: [idle, u, root], u: [u, root], root: [root] }[who]
    for (const caller of [nobody, idle, u, root]) {
      const found = asked(bench, type, { ...body, caller })
      if (caller === nobody) t.match(found, empty, `${about} by nobody`)
      else t.equal(!isBarred(found), may.includes(caller), `${about} by ${caller.commonName}: ${JSON.stringify(found)}`)
    }
  }
  const watch = (key: string, caller: StoreCaller): any => {
    const id = bench.put('watch', [256, { key, startRevision: 0, caller }], 'root/client', 'open')
    bench.settle()
    return bench.failure(id)
  }
  t.equal(watch('/u/a', u), undefined)
  t.match(watch('/secret', u), denied)
  t.match(watch('/u/a', nobody), empty)
  t.match(asked(bench, 'auth', { type: 'status', caller: nobody }), { isEnabled: true, authRevision: 11 }, 'for everybody')
})

t.test('a token is good until its user changes, is not used for long, or the member starts again', async t => {
  const disk = new BenchDisk()
  const bench = guardedBench(disk)
  const authRevision = (): number => asked(bench, 'auth', { type: 'status' }).authRevision
  const logIn = (user: string): string =>
    change(bench, { type: 'authenticate', user, token: `token-${user}`, authRevision: authRevision() }).token
  const read = (token: string, of = bench): any => asked(of, 'range', { key: '/u/seed', caller: { token, commonName: 'root' } })
  const invalid = { code: 'invalid auth token', definite: true, detail: 'etcdserver: invalid auth token' }
  const token = logIn('u')
  t.match(token, /^token-u\.\d+$/)
  t.match(read(token), { count: 1 })
  t.match(put(bench, { token }, '/u/token'), { succeeded: true })
  t.match(read('token-u.1'), invalid, 'whatever the certificate says')
  t.match(read('garbage'), invalid)
  bench.nowMs += 299_000
  t.match(read(token), { count: 1 })
  bench.nowMs += 299_000
  t.match(read(token), { count: 1 }, 'since its last use')
  bench.nowMs += 300_001
  t.match(read(token), invalid)
  const second = logIn('u')
  change(bench, { type: 'changePassword', name: 'u', hash: 'new' })
  t.match(read(second), invalid)
  const third = logIn('u')
  t.match(read(third), { count: 1 })
  t.match(change(bench, { type: 'authenticate', user: 'u', token: 'x', authRevision: 3 }), { code: 'auth revision old' })
  const next = alone(disk, undefined, 2)
  t.match(read(third, next), invalid, 'its login is in the log, but not how long ago it was')
  t.match(asked(next, 'range', { key: '/u/seed', caller: named('u') }), { count: 1 }, 'users are')
  t.match(asked(next, 'range', { key: '/secret', caller: named('u') }), denied)
})

t.test('a member that is behind a login catches up before it says that it does not know the token', async t => {
  const bench = guardedBench()
  const { authRevision } = asked(bench, 'auth', { type: 'status' })
  const logIn = (token: string): string => change(bench, { type: 'authenticate', user: 'u', token, authRevision }).token
  const next = 1 + Number(logIn('first').split('.')[1])
  const body = { key: '/u/seed', caller: { token: `second.${next}` } }
  const [early, forged] = [bench.put('range', body), bench.put('range', { ...body, caller: { token: `none.${next + 100}` } })]
  bench.settle()
  t.match(bench.effects.at(-1), { kind: 'ask', to: self, type: 'revision' })
  t.equal(bench.answer(early) ?? bench.failure(early), undefined)
  t.equal(logIn('second'), `second.${next}`)
  bench.reply(self, 'revision', { revision: 9 })
  t.match(bench.failure(forged), { code: 'invalid auth token' }, 'the later of the two')
  bench.effects.splice(
    bench.effects.findLastIndex(effect => effect.kind === 'ask' && effect.type === 'revision'),
    1
  )
  bench.reply(self, 'revision', { revision: 9 })
  t.match(bench.effects.at(-1), { kind: 'ask', to: self, type: 'range', body })
  bench.reply(self, 'range', { count: 1 })
  t.match(bench.answer(early), { count: 1 })
  const watch = bench.put('watch', [256, { key: '/u/a', startRevision: 0, caller: { token: `third.${next + 1}` } }], 'root/client', 'open')
  bench.settle()
  t.match(bench.failure(watch), { code: 'no leader', definite: true }, 'of a watch it is told, and it may be asked for again')
})

t.test('tokens: the one that was used longest ago makes room', async t => {
  const tokens = new Tokens(10)
  tokens.add('old', 'a', 10, 0)
  t.equal(tokens.size, 0, 'of an earlier life')
  for (let at = 0; at < 100_000; at++) tokens.add(tokenOf('t', at), 'a', 11, at / 100)
  t.equal(tokens.userOf('t.0', 5_000), 'a')
  tokens.add('more', 'b', 12, 5_000)
  t.equal(tokens.size, 100_000)
  t.same(
    ['t.0', 't.1', 't.2', 'more'].map(token => tokens.userOf(token, 5_001)),
    ['a', undefined, 'a', 'b']
  )
  tokens.add('later', 'b', 13, 302_000)
  t.ok(tokens.size < 90_000, 'what is over goes with the next login')
  tokens.dropUser('b')
  t.same(
    ['later', 'more'].map(token => tokens.userOf(token, 302_001)),
    [undefined, undefined]
  )
})

t.test('three members: a login at one is good at all, and what was acknowledged is seen by who asks next', async t => {
  const world = new World({ seed: 7 })
  const members = ['control-0/store', 'control-1/store', 'control-2/store'] as const
  for (const member of members) world.start(member, store, { clusterId: 'c', members })
  const call = (at: number, type: string, body: object): any => {
    const to = members[at % 3] as string as Ref<StoreMemberProtocol>
    const outcome = world.client.call(to, 30_000, type as 'range', body as never) as Outcome<unknown>
    return outcome.ok ? outcome.value : outcome.error
  }
  const auth = (at: number, request: StoreAuthRequest): any => call(at, 'auth', request)
  world.runUntil(() => call(0, 'revision', {}).revision === 1, 20_000)
  for (const request of [
    { type: 'addUser', name: 'root', password: 'secret' },
    { type: 'grantRole', user: 'root', role: 'root' },
    { type: 'addUser', name: 'u', password: 'pw' },
    { type: 'addUser', name: 'cn', noPassword: true },
    { type: 'addRole', name: 'r' },
    { type: 'grantPermission', role: 'r', permission: { access: 'readwrite', key: 'a' } }
  ] as StoreAuthRequest[])
    t.match(auth(1, { ...request, caller: nobody }), { isEnabled: false }, JSON.stringify(request))
  const logIn = (at: number, name: string, password: string): any => call(at, 'authenticate', { name, password })
  t.match(logIn(0, 'u', 'pw'), { code: 'auth not enabled' })
  t.match(auth(2, { type: 'enable', caller: nobody }), { isEnabled: true })
  t.match(logIn(0, 'u', 'wrong'), { code: 'auth failed', detail: 'etcdserver: authentication failed, invalid user ID or password' })
  t.match(logIn(0, 'cn', 'x'), { code: 'no password user' })
  t.match(logIn(0, 'who', 'x'), { code: 'auth failed' })
  t.match(auth(0, { type: 'addUser', name: 'long', password: 'x'.repeat(1_025) }), { code: 'invalid' })
  for (let round = 0; round < 9; round++) {
    const root = { token: logIn(round, 'root', 'secret').token }
    // Whoever does not lead has not applied the login yet.
    for (const at of [0, 1, 2]) t.match(call(at, 'txn', { ...txnOf(putOf('root')), caller: root }), { succeeded: true }, `at ${at}`)
    const u = { token: logIn(round + 1, 'u', 'pw').token }
    const read = (): any => call(round + 2, 'range', { key: 'a', caller: u })
    t.match(read(), denied)
    t.match(auth(round, { type: 'grantRole', user: 'u', role: 'r', caller: root }), { isEnabled: true })
    t.match(read(), { count: round === 0 ? 0 : 1 }, 'granted at one, seen at another')
    const written = call(round + 1, 'txn', { ...txnOf(putOf('a')), caller: u })
    t.ok(written.succeeded === true || written.code === 'auth revision old', JSON.stringify(written))
    if (written.succeeded !== true) call(round, 'txn', txnOf(putOf('a')))
    t.match(auth(round + 1, { type: 'revokeRole', user: 'u', role: 'r', caller: root }), { isEnabled: true })
    t.match(read(), denied, 'and so is what was taken')
    t.match(auth(round + 2, { type: 'changePassword', name: 'u', password: 'pw', caller: root }), { isEnabled: true })
    t.match(read(), { code: 'invalid auth token' })
  }
  t.match(
    call(0, 'range', { key: 'a', caller: { token: `x.${2 ** 40}` } }),
    { code: 'invalid auth token' },
    'of an entry that there is not'
  )
  t.match(auth(0, { type: 'users' }), { users: ['cn', 'root', 'u'] })
  t.match(auth(1, { type: 'roles' }), { roles: ['r'] })
  t.match(auth(2, { type: 'role', name: 'r' }), { permissions: [{ access: 'readwrite', key: 'a' }] })
})
