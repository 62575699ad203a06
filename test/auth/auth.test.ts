// Users and roles: every refusal, the revision, and which keys permissions cover together.

import t from 'tap'
import { Auth, type AuthChange, type AuthFailureCode, anonymous, authLimits, type Permission, PermittedKeys } from '../../lib/auth/index.js'
import { CommandReader, CommandWriter, hashOf, Mvcc, restore, snapshot } from '../../lib/mvcc/index.js'
import { integerBelow, seededRandom } from '../../lib/std/index.js'

const addUser = (name: string, hash: string | undefined = `hash of ${name}`): AuthChange => ({ type: 'addUser', name, hash })
const noPassword = (name: string): AuthChange => ({ type: 'addUser', name })
const deleteUser = (name: string): AuthChange => ({ type: 'deleteUser', name })
const changePassword = (name: string, hash = 'another'): AuthChange => ({ type: 'changePassword', name, hash })
const grantRole = (user: string, role: string): AuthChange => ({ type: 'grantRole', user, role })
const revokeRole = (user: string, role: string): AuthChange => ({ type: 'revokeRole', user, role })
const addRole = (name: string): AuthChange => ({ type: 'addRole', name })
const deleteRole = (name: string): AuthChange => ({ type: 'deleteRole', name })
const grant = (role: string, access: Permission['access'], key: string, end?: string): AuthChange => ({
  type: 'grantPermission',
  role,
  permission: { access, key, ...(end === undefined ? {} : { end }) }
})
const revoke = (role: string, key: string, end?: string): AuthChange => ({ type: 'revokePermission', role, key, end })
const logIn = (user: string, authRevision: number): AuthChange => ({ type: 'authenticate', user, token: 'token', authRevision })
const enable: AuthChange = { type: 'enable' }
const disable: AuthChange = { type: 'disable' }

function authOf(...changes: readonly AuthChange[]): Auth {
  const auth = new Auth()
  for (const change of changes) {
    const failure = auth.apply(change)
    if (failure !== undefined) throw new Error(`${change.type}: ${failure}`)
  }
  return auth
}

const on = [addUser('root'), grantRole('root', 'root'), enable]

t.test('each change: what it is refused with, and whether it is a new revision', async t => {
  const cases: readonly (readonly [before: readonly AuthChange[], change: AuthChange, expected: AuthFailureCode | 'same' | 'new'])[] = [
    [[], enable, 'rootUserNotFound'],
    [[addUser('root')], enable, 'rootRoleNotGranted'],
    [[addUser('root'), grantRole('root', 'root')], enable, 'same'],
    [on, enable, 'same'],
    [on, disable, 'new'],
    [[], disable, 'same'],
    [[], addUser('a'), 'new'],
    [[], noPassword('a'), 'new'],
    [[], addUser(''), 'userEmpty'],
    [[addUser('a')], addUser('a'), 'userExists'],
    [[], addUser('x'.repeat(authLimits.nameLengthMax + 1)), 'tooManyOfAuth'],
    [[addUser('a')], deleteUser('a'), 'new'],
    [[], deleteUser('a'), 'userNotFound'],
    [on, deleteUser('root'), 'invalidAuthManagement'],
    [[addUser('root')], deleteUser('root'), 'new'],
    [[addUser('a')], changePassword('a'), 'new'],
    [[noPassword('a')], changePassword('a'), 'new'],
    [[], changePassword('a'), 'userNotFound'],
    [[addUser('a'), addRole('r')], grantRole('a', 'r'), 'new'],
    [[addUser('a'), addRole('r'), grantRole('a', 'r')], grantRole('a', 'r'), 'same'],
    [[addUser('a')], grantRole('a', 'r'), 'roleNotFound'],
    [[addUser('a')], grantRole('a', 'root'), 'new'],
    [[addRole('r')], grantRole('a', 'r'), 'userNotFound'],
    [[addUser('a'), addRole('r'), grantRole('a', 'r')], revokeRole('a', 'r'), 'new'],
    [[addUser('a'), addRole('r')], revokeRole('a', 'r'), 'roleNotGranted'],
    [[], revokeRole('a', 'r'), 'userNotFound'],
    [on, revokeRole('root', 'root'), 'invalidAuthManagement'],
    [[], addRole('r'), 'new'],
    [[], addRole(''), 'roleEmpty'],
    [[addRole('r')], addRole('r'), 'roleExists'],
    [[addRole('r')], deleteRole('r'), 'new'],
    [[], deleteRole('r'), 'roleNotFound'],
    [[...on, addRole('root')], deleteRole('root'), 'invalidAuthManagement'],
    [[addRole('r')], grant('r', 'read', 'a'), 'new'],
    [[addRole('r'), grant('r', 'read', 'a')], grant('r', 'write', 'a'), 'new'],
    [[], grant('r', 'read', 'a'), 'roleNotFound'],
    [[addRole('r')], grant('r', 'read', ''), 'invalidAuthManagement'],
    [[addRole('r')], grant('r', 'read', 'b', 'b'), 'invalidAuthManagement'],
    [[addRole('r')], grant('r', 'read', 'b', 'a'), 'invalidAuthManagement'],
    [[addRole('r')], grant('r', 'read', 'b', '\0'), 'new'],
    [[addRole('r')], grant('r', 'read', 'x'.repeat(authLimits.keyLengthMax + 1)), 'tooManyOfAuth'],
    [[addRole('r'), grant('r', 'read', 'a', 'b')], revoke('r', 'a', 'b'), 'new'],
    [[addRole('r'), grant('r', 'read', 'a', 'b')], revoke('r', 'a'), 'permissionNotGranted'],
    [[addRole('r'), grant('r', 'read', 'a')], revoke('r', 'a', ''), 'new'],
    [[], revoke('r', 'a'), 'roleNotFound'],
    [[addUser('a')], logIn('a', 2), 'authNotEnabled'],
    [[...on, addUser('a')], logIn('a', 4), 'same'],
    [[...on, addUser('a')], logIn('a', 3), 'authRevisionOld'],
    [[...on, noPassword('a')], logIn('a', 4), 'authFailed'],
    [on, logIn('a', 3), 'authFailed']
  ]
  for (const [before, change, expected] of cases) {
    const auth = authOf(...before)
    const was = auth.revision
    const failure = auth.apply(change)
    const found = failure ?? (auth.revision === was ? 'same' : 'new')
    t.equal(found, expected, `${JSON.stringify(change)} after ${JSON.stringify(before.at(-1))}`)
    t.equal(auth.revision, found === 'new' ? was + 1 : was)
  }
  t.equal(new Auth().revision, 1)
})

t.test('what is full takes no more, and what is there may still be changed', async t => {
  const auth = authOf(...Array.from({ length: authLimits.usersMax }, (_, at) => noPassword(`u${at}`)))
  t.equal(auth.apply(noPassword('more')), 'tooManyOfAuth')
  t.equal(auth.apply(deleteUser('u1')), undefined)
  t.equal(auth.apply(noPassword('more')), undefined)
  const role = authOf(addRole('r'), ...Array.from({ length: authLimits.permissionsPerRoleMax }, (_, at) => grant('r', 'read', `k${at}`)))
  t.equal(role.apply(grant('r', 'read', 'more')), 'tooManyOfAuth')
  t.equal(role.apply(grant('r', 'write', 'k1')), undefined)
})

t.test('who may do what', async t => {
  const auth = authOf(
    ...on,
    ...[
      addRole('r'),
      grant('r', 'readwrite', 'a'),
      grant('r', 'write', 'w', 'x'),
      grant('r', 'read', 'c', 'e'),
      grant('r', 'read', 'e', 'g')
    ],
    ...[addRole('open'), grant('open', 'read', 'y', '\0'), addUser('u'), grantRole('u', 'r'), grantRole('u', 'open'), addUser('nobody')]
  )
  const { revision } = auth
  const cases: readonly (readonly [
    user: string,
    keys: readonly [key: string, end?: string],
    access: 'read' | 'write',
    expected?: AuthFailureCode
  ])[] = [
    ['root', ['\0', '\0'], 'write'],
    ['u', ['a'], 'read'],
    ['u', ['a'], 'write'],
    ['u', ['a', 'a\0'], 'write'],
    ['u', ['a', 'b'], 'write', 'permissionDenied'],
    ['u', ['a', '\0'], 'read', 'permissionDenied'],
    ['u', ['w1'], 'write'],
    ['u', ['w1'], 'read', 'permissionDenied'],
    ['u', ['w', 'x'], 'write'],
    ['u', ['x'], 'write', 'permissionDenied'],
    ['u', ['c', 'g'], 'read'],
    ['u', ['d', 'f'], 'read'],
    ['u', ['c', 'g\0'], 'read', 'permissionDenied'],
    ['u', ['bz'], 'read', 'permissionDenied'],
    ['u', ['y', '\0'], 'read'],
    ['u', ['zzz', '\0'], 'read'],
    ['u', ['z'], 'read'],
    ['nobody', ['a'], 'read', 'permissionDenied'],
    ['not a user', ['a'], 'read', 'permissionDenied']
  ]
  for (const [user, [key, end], access, expected] of cases)
    t.equal(
      auth.misfitOfKeys({ user, authRevision: revision }, { key, end }, access),
      expected,
      `${user} ${access} ${JSON.stringify([key, end])}`
    )
  t.equal(auth.misfitOfKeys(anonymous, { key: 'a' }, 'read'), 'userEmpty')
  t.equal(auth.misfitOfKeys({ user: 'root', authRevision: revision - 1 }, { key: 'a' }, 'read'), 'authRevisionOld')
  t.same(
    ['', 'root', 'u', 'not a user'].map(user => auth.misfitOfRoot({ user, authRevision: 1 })),
    ['userEmpty', undefined, 'permissionDenied', 'userNotFound']
  )
  auth.apply(deleteRole('r'))
  const caller = { user: 'u', authRevision: auth.revision }
  t.equal(auth.misfitOfKeys(caller, { key: 'a' }, 'read'), 'permissionDenied', 'with its role')
  t.equal(auth.misfitOfKeys(caller, { key: 'z' }, 'read'), undefined)
  t.same(auth.user('u')?.roles, ['open'])
  auth.apply(grantRole('u', 'root'))
  t.equal(auth.misfitOfKeys({ ...caller, authRevision: auth.revision }, { key: 'a' }, 'write'), undefined, 'the role root may everything')
})

t.test('permissions together cover what one of them covers key by key', async t => {
  // Keys of up to two letters; a range is covered if each key in it is, and a key between two of those is covered with the one before it.
  const letters = ['a', 'b', 'c']
  const all = letters.flatMap(one => [one, `${one}\0`, ...letters.map(two => one + two)]).sort()
  const wrong: string[] = []
  let covered = 0
  let split = 0
  for (let seed = 0; seed < 3_000; seed++) {
    const random = seededRandom(seed)
    const any = (): string => all[integerBelow(random, all.length)] as string
    const keysOf = () => {
      const [key, end] = [any(), any()].sort() as [string, string]
      const kind = integerBelow(random, 4)
      return kind === 0 || key === end ? { key } : kind === 1 ? { key, end: '\0' } : { key, end }
    }
    const granted = Array.from({ length: 1 + integerBelow(random, 4) }, keysOf)
    const isIn = ({ key, end }: { key: string; end?: string }, one: string): boolean =>
      end === undefined ? one === key : one >= key && (end === '\0' || one < end)
    const permitted = new PermittedKeys(granted)
    const query = keysOf()
    const probes = [...all, ...all.map(key => `${key}\0`), ...all.map(key => `${key}zz`), 'd'].filter(key => isIn(query, key))
    const expected = probes.every(key => granted.some(one => isIn(one, key)))
    if (permitted.has(query) !== expected) wrong.push(`${JSON.stringify(query)} of ${JSON.stringify(granted)}`)
    if (expected) covered++
    if (expected && !granted.some(one => probes.every(key => isIn(one, key)))) split++
  }
  t.same(wrong, [])
  t.ok(covered > 300 && split > 10, `${covered} covered, ${split} by several together`)
})

const changes: readonly AuthChange[] = [
  ...[addUser('root'), addUser('ü\u{1f600}', 'scrypt$1'), noPassword('cn'), changePassword('root', ''), changePassword('cn', 'not kept')],
  ...[addRole('r'), addRole('日本'), grantRole('root', 'root'), grantRole('cn', 'r'), grantRole('cn', '日本')],
  ...[grant('r', 'read', 'a'), grant('r', 'write', '\xff\0', '\0'), grant('r', 'readwrite', 'c', 'd'), grant('日本', 'read', 'x', 'z')],
  ...[revoke('r', 'a'), revokeRole('cn', 'r'), enable, logIn('root', 17), deleteUser('ü\u{1f600}'), deleteRole('日本'), disable, enable]
]

t.test('in the log: every change, and who asked, as it was written; without a name it is no longer', async t => {
  const writer = new CommandWriter('life')
  const callers = [undefined, anonymous, { user: 'é', authRevision: 2 ** 40 }]
  const expected: unknown[] = []
  for (const [at, change] of changes.entries()) {
    const caller = callers[at % 3]
    writer.add(at, { type: 'auth', change }, caller)
    expected.push([at, { type: 'auth', change }, caller])
  }
  writer.add(100, { type: 'put', key: 'k', value: new Uint8Array([1]) }, anonymous)
  expected.push([100, { type: 'put', key: 'k', value: new Uint8Array([1]) }, anonymous])
  const reader = new CommandReader()
  reader.read(writer.take())
  const found: unknown[] = []
  for (let command = reader.next(); command !== undefined; command = reader.next()) found.push([reader.number, command, reader.caller])
  t.strictSame(JSON.parse(JSON.stringify(found)), JSON.parse(JSON.stringify(expected)))
  const lengthOf = (caller?: { user: string; authRevision: number }): number => {
    writer.add(0, { type: 'put', key: 'k', value: new Uint8Array(0) }, caller)
    return writer.take().length
  }
  t.equal(lengthOf(anonymous), lengthOf())
  t.equal(lengthOf({ user: 'root', authRevision: 9 }), lengthOf() + 6)
})

t.test('in a snapshot: all of it, byte for byte; and not in the hash of the keys', async t => {
  const store = new Mvcc()
  const before = hashOf(store)
  for (const change of changes) t.match(store.apply({ type: 'auth', change }), { type: 'auth' }, JSON.stringify(change))
  t.equal(store.revision, 1, 'no key changed')
  t.same(hashOf(store), before)
  const bytes = Buffer.concat([...snapshot(store)])
  const restored = restore([bytes])
  t.ok(Buffer.concat([...snapshot(restored)]).equals(bytes))
  t.equal(restored.auth.isEnabled, true)
  t.equal(restored.auth.revision, store.auth.revision)
  t.same(restored.auth.users(), [
    { name: 'cn', hash: undefined, roles: [] },
    { name: 'root', hash: '', roles: ['root'] }
  ])
  t.same(restored.auth.roles(), [
    {
      name: 'r',
      permissions: [
        { access: 'readwrite', key: 'c', end: 'd' },
        { access: 'write', key: '\xff\0', end: '\0' }
      ]
    }
  ])
})

t.test('what was written before there was auth is read', async t => {
  const entry = '0102036f6c640601053c0201010161036f6e65050401010a01610002032101620100020001630374776f000a0107016d00050102' // Format 2.
  const saved =
    '040000006bf3331c0102020204000000c5ee4f5f02053c0004000000ded4c36906016d000b0000003308022904016102010205036f6e65020000007a0d225e0501'
  const store = new Mvcc()
  store.applyEntry(Buffer.from(entry, 'hex'))
  const restored = restore([Buffer.from(saved, 'hex')])
  for (const one of [store, restored]) {
    t.match(one.range({ key: '\0', end: '\0' }), { count: 1, kvs: [{ key: 'a', lease: 5, modRevision: 2 }] })
    t.match([one.compactRevision, one.leases.list().length, one.alarms.list()], [2, 1, [{ member: 'm', alarm: 'noSpace' }]])
    t.match([one.auth.isEnabled, one.auth.revision, one.auth.users()], [false, 1, []])
  }
  t.ok(Buffer.concat([...snapshot(restored)]).equals(Buffer.concat([...snapshot(store)])))
})
