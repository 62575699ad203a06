// Auth: users, roles, permissions, and logins. A password goes to the member of the store and no further.

import type { Flow } from '../actor/index.js'
import type { GrpcCall } from '../ports/index.js'
import { grpcCodes } from '../ports/index.js'
import type { StoreAccess, StoreAuthAnswer, StoreAuthChange, StoreAuthQuery, StorePermission } from '../storage/index.js'
import { faults } from './errors.js'
import type { Gateway } from './gateway.js'
import { Fault, faultOf, type Unary } from './method.js'

interface PermissionMessage {
  readonly permType: number
  readonly key: string
  readonly rangeEnd: string
}
interface UserAddRequest {
  readonly name: string
  readonly password: string
  readonly options?: { readonly noPassword: boolean }
}
interface ChangePasswordRequest {
  readonly name: string
  readonly password: string
  readonly hashedPassword: string
}

const accesses: readonly StoreAccess[] = ['read', 'write', 'readwrite'] // In the order of etcd's numbers.
const unknownAccess = new Fault({ code: grpcCodes.invalidArgument, text: 'a permission is 0 (READ), 1 (WRITE) or 2 (READWRITE)' })
const foreignHash = new Fault({
  code: grpcCodes.unimplemented,
  text: 'kabuki hashes passwords itself: send the password, not its bcrypt hash'
})

export const auth: Readonly<Record<string, Unary>> = {
  AuthEnable: (gateway, _request: object, call) => change(gateway, call, { type: 'enable' }),
  AuthDisable: (gateway, _request: object, call) => change(gateway, call, { type: 'disable' }),
  *AuthStatus(gateway, _request: object, call) {
    const answer = yield* ask(gateway, call, { type: 'status' })
    return answer instanceof Fault ? answer : { ...headed(gateway, answer), enabled: answer.isEnabled, authRevision: answer.authRevision }
  },
  *Authenticate(gateway, { name, password }: { name: string; password: string }, call) {
    const answer = yield* gateway.ask(call, 'write', 'authenticate', { name, password })
    return answer.ok ? { header: gateway.header(answer.value.revision), token: answer.value.token } : faultOf(answer.error)
  },
  UserAdd: (gateway, { name, password, options }: UserAddRequest, call) =>
    change(gateway, call, { type: 'addUser', name, ...(options?.noPassword === true ? { noPassword: true } : { password }) }),
  *UserGet(gateway, { name }: { name: string }, call) {
    const answer = yield* ask(gateway, call, { type: 'user', name })
    return answer instanceof Fault ? answer : { ...headed(gateway, answer), roles: answer.roles }
  },
  *UserList(gateway, _request: object, call) {
    const answer = yield* ask(gateway, call, { type: 'users' })
    return answer instanceof Fault ? answer : { ...headed(gateway, answer), users: answer.users }
  },
  UserDelete: (gateway, { name }: { name: string }, call) => change(gateway, call, { type: 'deleteUser', name }),
  *UserChangePassword(gateway, { name, password, hashedPassword }: ChangePasswordRequest, call) {
    if (password === '' && hashedPassword !== '') return foreignHash
    return yield* change(gateway, call, { type: 'changePassword', name, password })
  },
  UserGrantRole: (gateway, { user, role }: { user: string; role: string }, call) =>
    change(gateway, call, { type: 'grantRole', user, role }),
  UserRevokeRole: (gateway, { name: user, role }: { name: string; role: string }, call) =>
    change(gateway, call, { type: 'revokeRole', user, role }),
  RoleAdd: (gateway, { name }: { name: string }, call) => change(gateway, call, { type: 'addRole', name }),
  *RoleGet(gateway, { role }: { role: string }, call) {
    const answer = yield* ask(gateway, call, { type: 'role', name: role })
    return answer instanceof Fault ? answer : { ...headed(gateway, answer), perm: answer.permissions?.map(messageOf) }
  },
  *RoleList(gateway, _request: object, call) {
    const answer = yield* ask(gateway, call, { type: 'roles' })
    return answer instanceof Fault ? answer : { ...headed(gateway, answer), roles: answer.roles }
  },
  RoleDelete: (gateway, { role: name }: { role: string }, call) => change(gateway, call, { type: 'deleteRole', name }),
  *RoleGrantPermission(gateway, { name: role, perm }: { name: string; perm?: PermissionMessage }, call) {
    if (perm === undefined) return new Fault(faults.permissionNotGiven)
    const access = accesses[perm.permType]
    if (access === undefined) return unknownAccess
    return yield* change(gateway, call, { type: 'grantPermission', role, permission: { access, ...keysOf(perm) } })
  },
  RoleRevokePermission: (gateway, request: { role: string; key: string; rangeEnd: string }, call) =>
    change(gateway, call, { type: 'revokePermission', role: request.role, ...keysOf(request) })
}

function* ask(gateway: Gateway, call: GrpcCall, query: StoreAuthQuery): Flow<StoreAuthAnswer | Fault> {
  const answer = yield* gateway.ask(call, 'read', 'auth', query)
  return answer.ok ? answer.value : faultOf(answer.error)
}

function* change(gateway: Gateway, call: GrpcCall, request: StoreAuthChange): Flow<object | Fault> {
  const answer = yield* gateway.ask(call, 'write', 'auth', request)
  return answer.ok ? headed(gateway, answer.value) : faultOf(answer.error)
}

const headed = (gateway: Gateway, { revision }: StoreAuthAnswer) => ({ header: gateway.header(revision) })

const keysOf = ({ key, rangeEnd }: { readonly key: string; readonly rangeEnd: string }) =>
  rangeEnd === '' ? { key } : { key, end: rangeEnd }

const messageOf = ({ access, key, end = '' }: StorePermission): PermissionMessage => ({
  permType: accesses.indexOf(access),
  key,
  rangeEnd: end
})
