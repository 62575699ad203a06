// StoreAuth: who asks the store, and what it knows of users and roles: etcd's auth.
//
// A request without a caller is one of kabuki's own parts (the apiserver, say), and may do anything. One with a caller, even with an
// empty one, comes from outside: while auth is on it must be a user's, by a token that `authenticate` gave, or, without
// a token, by the name in its client certificate. While auth is off, who calls does not matter.

/** Empty: somebody who shows nothing. */
export interface StoreCaller {
  /** From `authenticate`. One that is not known is refused, whatever the certificate says. */
  readonly token?: string | undefined
  /** Of a verified client certificate: the user of that name. */
  readonly commonName?: string | undefined
}

/** What every request may carry. */
export interface StoreAsked {
  readonly caller?: StoreCaller | undefined
}

export type StoreAccess = 'read' | 'write' | 'readwrite'

/** To a key, or to a range as in etcd: an `end` of one NUL has no upper end. */
export interface StorePermission {
  readonly access: StoreAccess
  readonly key: string
  readonly end?: string | undefined
}

/** What changes users and roles. Each but a grant of a role that is there already makes the auth revision grow by one; `enable` does not. */
export type StoreAuthChange =
  /** Needs a user root with the role root. */
  | { readonly type: 'enable' }
  | { readonly type: 'disable' }
  | { readonly type: 'addUser'; readonly name: string; readonly password?: string | undefined; readonly noPassword?: boolean | undefined }
  | { readonly type: 'deleteUser'; readonly name: string }
  | { readonly type: 'changePassword'; readonly name: string; readonly password: string }
  | { readonly type: 'grantRole'; readonly user: string; readonly role: string }
  | { readonly type: 'revokeRole'; readonly user: string; readonly role: string }
  | { readonly type: 'addRole'; readonly name: string }
  | { readonly type: 'deleteRole'; readonly name: string }
  | { readonly type: 'grantPermission'; readonly role: string; readonly permission: StorePermission }
  | { readonly type: 'revokePermission'; readonly role: string; readonly key: string; readonly end?: string | undefined }

/** Linearizable. */
export type StoreAuthQuery =
  /** For everybody. */
  | { readonly type: 'status' }
  /** Of oneself, or by root. */
  | { readonly type: 'user'; readonly name: string }
  | { readonly type: 'users' }
  /** Of a role one has, or by root. */
  | { readonly type: 'role'; readonly name: string }
  | { readonly type: 'roles' }

export type StoreAuthRequest = (StoreAuthChange | StoreAuthQuery) & StoreAsked

export interface StoreAuthAnswer {
  readonly revision: number // Of the keys.
  readonly authRevision: number // From 1 on.
  readonly isEnabled: boolean
  /** Of `users`, ascending. */
  readonly users?: readonly string[] | undefined
  /** Of `user` (its own) and of `roles`, ascending. */
  readonly roles?: readonly string[] | undefined
  /** Of `role`, ascending by key. */
  readonly permissions?: readonly StorePermission[] | undefined
}

export interface StoreCredentials {
  readonly name: string
  readonly password: string
}

export interface StoreToken {
  readonly token: string
  readonly revision: number // Of the keys.
}
