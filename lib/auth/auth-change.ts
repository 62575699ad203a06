// AuthChange: what changes users and roles, the same on every member; who asked for a command; and why it may not happen.

import type { Permission } from './permission.js'

export type AuthChange =
  | { readonly type: 'enable' }
  | { readonly type: 'disable' }
  /** `hash`: of its password; absent: it has none, and never will. */
  | { readonly type: 'addUser'; readonly name: string; readonly hash?: string | undefined }
  | { readonly type: 'deleteUser'; readonly name: string }
  | { readonly type: 'changePassword'; readonly name: string; readonly hash: string }
  | { readonly type: 'grantRole'; readonly user: string; readonly role: string }
  | { readonly type: 'revokeRole'; readonly user: string; readonly role: string }
  | { readonly type: 'addRole'; readonly name: string }
  | { readonly type: 'deleteRole'; readonly name: string }
  | { readonly type: 'grantPermission'; readonly role: string; readonly permission: Permission }
  | { readonly type: 'revokePermission'; readonly role: string; readonly key: string; readonly end?: string | undefined }
  /** A password was right at that revision. It changes nothing here: members keep tokens, by their own clocks. */
  | { readonly type: 'authenticate'; readonly user: string; readonly token: string; readonly authRevision: number }

/** Who asked for something, and the auth revision then. Who has no name is `anonymous`, and has no revision. */
export interface Caller {
  readonly user: string
  readonly authRevision: number
}

export const anonymous: Caller = { user: '', authRevision: 0 }

/** The user, and the role, that may do everything. */
export const rootName = 'root'

export type AuthFailureCode =
  | 'rootUserNotFound'
  | 'rootRoleNotGranted'
  | 'userExists'
  | 'userEmpty'
  | 'userNotFound'
  | 'roleExists'
  | 'roleEmpty'
  | 'roleNotFound'
  | 'roleNotGranted'
  | 'authFailed'
  | 'permissionNotGranted'
  | 'permissionDenied'
  | 'authNotEnabled'
  | 'authRevisionOld'
  | 'invalidAuthManagement'
  | 'tooManyOfAuth'
