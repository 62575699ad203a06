// KeyValue, Event, and what a store says when it cannot: plain data that may cross threads. Never changed once made.

export interface KeyValue {
  readonly key: string
  readonly value: Uint8Array
  readonly createRevision: number
  readonly modRevision: number
  /** Puts since the key was created; 0 says that this revision deleted it. */
  readonly version: number
  /** 0: none. */
  readonly lease: number
}

export interface Event {
  readonly type: 'put' | 'delete'
  /** Of a delete: the key and the revision, all else zero, as in etcd. */
  readonly kv: KeyValue
  readonly prev?: KeyValue
}

export const noValue = new Uint8Array(0)

export function tombstone(key: string, modRevision: number): KeyValue {
  return { key, value: noValue, createRevision: 0, modRevision, version: 0, lease: 0 }
}

export const isTombstone = (kv: KeyValue): boolean => kv.version === 0

/** Wording is etcd's: clients compare it. */
const messages = {
  compacted: 'etcdserver: mvcc: required revision has been compacted',
  future: 'etcdserver: mvcc: required revision is a future revision',
  emptyKey: 'etcdserver: key is not provided',
  keyNotFound: 'etcdserver: key not found',
  valueProvided: 'etcdserver: value is provided',
  leaseProvided: 'etcdserver: lease is provided',
  tooManyOps: 'etcdserver: too many operations in txn request',
  duplicateKey: 'etcdserver: duplicate key given in txn request',
  leaseNotFound: 'etcdserver: requested lease not found',
  leaseExists: 'etcdserver: lease already exists',
  leaseTtlTooLarge: 'etcdserver: too large lease TTL',
  noSpace: 'etcdserver: mvcc: database space exceeded',
  corrupt: 'etcdserver: corrupt cluster',
  rootUserNotFound: 'etcdserver: root user does not exist',
  rootRoleNotGranted: 'etcdserver: root user does not have root role',
  userExists: 'etcdserver: user name already exists',
  userEmpty: 'etcdserver: user name is empty',
  userNotFound: 'etcdserver: user name not found',
  roleExists: 'etcdserver: role name already exists',
  roleEmpty: 'etcdserver: role name is empty',
  roleNotFound: 'etcdserver: role name not found',
  roleNotGranted: 'etcdserver: role is not granted to the user',
  authFailed: 'etcdserver: authentication failed, invalid user ID or password',
  permissionNotGranted: 'etcdserver: permission is not granted to the role',
  permissionDenied: 'etcdserver: permission denied',
  authNotEnabled: 'etcdserver: authentication is not enabled',
  authRevisionOld: 'etcdserver: revision of auth store is old',
  invalidAuthManagement: 'etcdserver: invalid auth management',
  tooManyOfAuth: 'more users, roles or permissions, or longer names, than the store keeps'
} as const

export type FailureCode = keyof typeof messages

/** Definite: nothing happened. */
export interface Failure {
  readonly type: 'failed'
  readonly code: FailureCode
  readonly message: string
}

export const failed = (code: FailureCode): Failure => ({ type: 'failed', code, message: messages[code] })
