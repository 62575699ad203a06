// Auth: users, roles, whether they count, and the revision that each change of them has: etcd's authStore (server/auth/store.go).
//
// Guarantee: the same changes in the same order give the same state and results on every member; one that fails changes nothing.
// Not here: tokens, and how a password is hashed and compared. While auth is off nobody should ask who may do what.

import { unreachable } from '../std/index.js'
import { type AuthChange, type AuthFailureCode, type Caller, rootName } from './auth-change.js'
import { isOfSameKeys, isPermission, type Permission, PermittedKeys } from './permission.js'

/** etcd has none. */
export const authLimits = {
  usersMax: 10_000,
  rolesMax: 10_000,
  rolesPerUserMax: 1_000,
  permissionsPerRoleMax: 1_000,
  nameLengthMax: 1_024, // In characters.
  keyLengthMax: 4_096, // Of a permission, and of its end.
  passwordLengthMax: 1_024
} as const

export interface User {
  readonly name: string
  /** Of its password; undefined: it has none. */
  readonly hash: string | undefined
  readonly roles: readonly string[] // Ascending.
}

export interface Role {
  readonly name: string
  readonly permissions: readonly Permission[] // Ascending by key; no two of the same keys.
}

interface Permitted {
  readonly read: PermittedKeys
  readonly write: PermittedKeys
}

const byName = (a: { readonly name: string }, b: { readonly name: string }): number => (a.name < b.name ? -1 : 1)

export class Auth {
  readonly #users = new Map<string, User>()
  readonly #roles = new Map<string, Role>()
  readonly #permitted = new Map<string, Permitted>() // By user; made when it is first asked for.
  #isEnabled = false
  #revision = 1 // As etcd's.

  get isEnabled(): boolean {
    return this.#isEnabled
  }
  get revision(): number {
    return this.#revision
  }

  user(name: string): User | undefined {
    return this.#users.get(name)
  }
  role(name: string): Role | undefined {
    return this.#roles.get(name)
  }
  /** Ascending by name. */
  users(): User[] {
    return [...this.#users.values()].sort(byName)
  }
  roles(): Role[] {
    return [...this.#roles.values()].sort(byName)
  }

  /** What a snapshot says, part by part. */
  stand(isEnabled: boolean, revision: number): void {
    this.#isEnabled = isEnabled
    this.#revision = revision
  }
  restoreUser(user: User): void {
    this.#users.set(user.name, user)
  }
  restoreRole(role: Role): void {
    this.#roles.set(role.name, role)
  }

  /** Undefined: it happened. */
  apply(change: AuthChange): AuthFailureCode | undefined {
    switch (change.type) {
      case 'enable':
        return this.#enable()
      case 'disable':
        return this.#disable()
      case 'addUser':
        return this.#addUser(change.name, change.hash)
      case 'deleteUser':
        return this.#deleteUser(change.name)
      case 'changePassword':
        return this.#changePassword(change.name, change.hash)
      case 'grantRole':
        return this.#grantRole(change.user, change.role)
      case 'revokeRole':
        return this.#revokeRole(change.user, change.role)
      case 'addRole':
        return this.#addRole(change.name)
      case 'deleteRole':
        return this.#deleteRole(change.name)
      case 'grantPermission':
        return this.#grantPermission(change.role, change.permission)
      case 'revokePermission':
        return this.#revokePermission(change.role, change)
      case 'authenticate':
        return this.misfitOfLogin(change.user) ?? (change.authRevision === this.#revision ? undefined : 'authRevisionOld')
      default:
        return unreachable(change)
    }
  }

  /** Whether somebody may have a token by that name, if the password is right. */
  misfitOfLogin(name: string): AuthFailureCode | undefined {
    if (!this.#isEnabled) return 'authNotEnabled'
    return this.#users.get(name)?.hash === undefined ? 'authFailed' : undefined
  }

  /** As etcd's isOpPermitted. `keys` as in a request: no `end` is the one key. */
  misfitOfKeys(
    caller: Caller,
    keys: { readonly key: string; readonly end?: string | undefined },
    access: 'read' | 'write'
  ): AuthFailureCode | undefined {
    if (caller.authRevision === 0) return 'userEmpty'
    if (caller.authRevision < this.#revision) return 'authRevisionOld'
    const user = this.#users.get(caller.user)
    if (user === undefined) return 'permissionDenied'
    return user.roles.includes(rootName) || this.#permittedTo(user)[access].has(keys) ? undefined : 'permissionDenied'
  }

  /** As etcd's IsAdminPermitted: it does not mind the revision. */
  misfitOfRoot({ user }: Caller): AuthFailureCode | undefined {
    if (user === '') return 'userEmpty'
    const roles = this.#users.get(user)?.roles
    if (roles === undefined) return 'userNotFound'
    return roles.includes(rootName) ? undefined : 'permissionDenied'
  }

  #permittedTo(user: User): Permitted {
    const known = this.#permitted.get(user.name)
    if (known !== undefined) return known
    const all = user.roles.flatMap(role => this.#roles.get(role)?.permissions ?? [])
    const permitted = {
      read: new PermittedKeys(all.filter(({ access }) => access !== 'write')),
      write: new PermittedKeys(all.filter(({ access }) => access !== 'read'))
    }
    this.#permitted.set(user.name, permitted)
    return permitted
  }

  #changed(): undefined {
    this.#revision++
    this.#permitted.clear()
    return undefined
  }

  /** The revision stays: nobody had one before. */
  #enable(): AuthFailureCode | undefined {
    if (this.#isEnabled) return undefined
    const root = this.#users.get(rootName)
    if (root === undefined) return 'rootUserNotFound'
    if (!root.roles.includes(rootName)) return 'rootRoleNotGranted'
    this.#isEnabled = true
    return undefined
  }

  #disable(): undefined {
    if (!this.#isEnabled) return undefined
    this.#isEnabled = false
    return this.#changed()
  }

  #addUser(name: string, hash: string | undefined): AuthFailureCode | undefined {
    if (name === '') return 'userEmpty'
    if (this.#users.has(name)) return 'userExists'
    if (this.#users.size >= authLimits.usersMax || name.length > authLimits.nameLengthMax) return 'tooManyOfAuth'
    this.#users.set(name, { name, hash, roles: [] })
    return this.#changed()
  }

  #deleteUser(name: string): AuthFailureCode | undefined {
    if (this.#isEnabled && name === rootName) return 'invalidAuthManagement'
    return this.#users.delete(name) ? this.#changed() : 'userNotFound'
  }

  #changePassword(name: string, hash: string): AuthFailureCode | undefined {
    const user = this.#users.get(name)
    if (user === undefined) return 'userNotFound'
    if (user.hash !== undefined) this.#users.set(name, { ...user, hash })
    return this.#changed() // As etcd, also of a user that has no password and gets none.
  }

  #grantRole(name: string, role: string): AuthFailureCode | undefined {
    const user = this.#users.get(name)
    if (user === undefined) return 'userNotFound'
    if (role !== rootName && !this.#roles.has(role)) return 'roleNotFound' // The role root need not be added.
    if (user.roles.includes(role)) return undefined
    if (user.roles.length >= authLimits.rolesPerUserMax) return 'tooManyOfAuth'
    this.#users.set(name, { ...user, roles: [...user.roles, role].sort() })
    return this.#changed()
  }

  #revokeRole(name: string, role: string): AuthFailureCode | undefined {
    if (this.#isEnabled && name === rootName && role === rootName) return 'invalidAuthManagement'
    const user = this.#users.get(name)
    if (user === undefined) return 'userNotFound'
    if (!user.roles.includes(role)) return 'roleNotGranted'
    this.#users.set(name, { ...user, roles: user.roles.filter(one => one !== role) })
    return this.#changed()
  }

  #addRole(name: string): AuthFailureCode | undefined {
    if (name === '') return 'roleEmpty'
    if (this.#roles.has(name)) return 'roleExists'
    if (this.#roles.size >= authLimits.rolesMax || name.length > authLimits.nameLengthMax) return 'tooManyOfAuth'
    this.#roles.set(name, { name, permissions: [] })
    return this.#changed()
  }

  #deleteRole(name: string): AuthFailureCode | undefined {
    if (this.#isEnabled && name === rootName) return 'invalidAuthManagement'
    if (!this.#roles.delete(name)) return 'roleNotFound'
    for (const user of this.#users.values()) {
      if (user.roles.includes(name)) this.#users.set(user.name, { ...user, roles: user.roles.filter(role => role !== name) })
    }
    return this.#changed()
  }

  #grantPermission(name: string, permission: Permission): AuthFailureCode | undefined {
    const role = this.#roles.get(name)
    if (role === undefined) return 'roleNotFound'
    const { key, end = '' } = permission
    if (!isPermission(permission)) return 'invalidAuthManagement'
    const others = role.permissions.filter(other => !isOfSameKeys(other, permission))
    const isTooLong = Math.max(key.length, end.length) > authLimits.keyLengthMax
    if (isTooLong || others.length >= authLimits.permissionsPerRoleMax) return 'tooManyOfAuth'
    this.#roles.set(name, { name, permissions: [...others, permission].sort(byKeys) })
    return this.#changed()
  }

  #revokePermission(name: string, keys: { readonly key: string; readonly end?: string | undefined }): AuthFailureCode | undefined {
    const role = this.#roles.get(name)
    if (role === undefined) return 'roleNotFound'
    const permissions = role.permissions.filter(other => !isOfSameKeys(other, keys))
    if (permissions.length === role.permissions.length) return 'permissionNotGranted'
    this.#roles.set(name, { name, permissions })
    return this.#changed()
  }
}

function byKeys(a: Permission, b: Permission): number {
  if (a.key !== b.key) return a.key < b.key ? -1 : 1
  return (a.end ?? '') < (b.end ?? '') ? -1 : 1
}
