// StoreProtocol: what the replicated store accepts by message: etcd's KV, watch, lease and alarms.
//
// Any member answers: one that does not lead passes on what only a leader may answer. A refusal has a code of
// `refusalCodes` and as its detail etcd's own text where etcd has one. All are definite but `leader lost`: it may have happened.
// Keys are binary strings, a character a byte. A lease's id is a positive safe integer. Its time is the store's own, monotonic
// (`real`), never the cluster's clock, which can be advanced; see docs/adr/0011.
//
// Who asks may be said with each request (store-auth.ts). While auth is on, one from outside is refused with `user empty`,
// `invalid auth token`, `permission denied`, or `auth revision old`: then users or roles changed under it, and it may be asked again.

import type { Ref, Stream } from '../actor/index.js'
import type { StoreAsked, StoreAuthAnswer, StoreAuthRequest, StoreCredentials, StoreToken } from './store-auth.js'

export interface StoreProtocol extends StoreAuthProtocol {
  /** Linearizable, unless asked to be serializable. */
  range(query: StoreRange & StoreAsked): StoreRangeAnswer
  txn(txn: StoreTxn & StoreAsked): StoreTxnAnswer
  /** Forgets what is older than that revision. */
  compact(request: { readonly revision: number } & StoreAsked): { readonly revision: number }
  /** The newest revision acknowledged to anyone before this was asked (linearizable; batched by the store). */
  revision(): { readonly revision: number }
  /**
   * Refused, or ended before any event, with `compacted` when the revisions since `startRevision` are gone. An item is one batch, in order
   * of revision. Who may watch is decided when it begins, as in etcd; what is taken from its user later does not end it.
   */
  watch(watch: StoreWatch & StoreAsked): Stream<StoreWatchBatch>
  /**
   * Every watch of that group on this member is sent a batch as soon as it has all its events, with a revision no older than this
   * member's at this request. The number of them. As etcd's WatchProgressRequest.
   */
  requestProgress(request: { readonly group: string } & StoreAsked): { readonly watches: number }

  /** `id` 0: the store chooses one. A time to live below the store's least is raised to it. `lease exists`, `lease ttl too large`. */
  grantLease(grant: { readonly id: number; readonly ttlSeconds: number } & StoreAsked): StoreLeaseGrant
  /** Deletes its keys, all in one revision; its caller must be allowed to write each. `lease not found`. */
  revokeLease(lease: { readonly id: number } & StoreAsked): { readonly revision: number }
  /** The time to live that it has from now on; 0: there is no such lease, and never again will be unless it is granted again. */
  keepAliveLease(lease: { readonly id: number } & StoreAsked): { readonly ttlSeconds: number; readonly revision: number }
  lease(query: { readonly id: number; readonly keys?: boolean } & StoreAsked): StoreLease
  leases(request?: StoreAsked): { readonly ids: readonly number[]; readonly revision: number }

  alarms(request: StoreAlarmRequest & StoreAsked): { readonly alarms: readonly StoreAlarm[]; readonly revision: number }
  /** The hash of the state at that revision (0: the newest) on this member: members that compacted at the same agree (etcd's HashKV). */
  hash(at: { readonly revision: number } & StoreAsked): {
    readonly hash: number
    readonly revision: number
    readonly compactRevision: number
  }
}

export interface StoreAuthProtocol {
  /** Users and roles: changes them, or tells of them. */
  auth(request: StoreAuthRequest): StoreAuthAnswer
  /**
   * A token, good at every member that runs for as long as it is used now and then, and until its user's password is another or the user is
   * gone. `auth failed`, `auth not enabled`, `no password user`.
   */
  authenticate(credentials: StoreCredentials): StoreToken
}

/** What the apiserver needs of a storage, whichever it is. */
export type StorageProtocol = Pick<StoreProtocol, 'range' | 'txn' | 'compact' | 'revision' | 'watch'>
export type StoreRef = Ref<StorageProtocol>

/** Stable words. A gateway maps them to the errors of gRPC. */
export const refusalCodes = [
  'compacted',
  'future revision',
  'no leader',
  'leader lost',
  'no space',
  'corrupt',
  'lease not found',
  'lease exists',
  'lease ttl too large',
  'too many ops',
  'duplicate key',
  'empty key',
  'key not found',
  'value provided',
  'lease provided',
  'request too large',
  'overloaded',
  'member not found',
  'member exists',
  'peer url exists',
  'learner not ready',
  'too many learners',
  'not learner',
  'unhealthy',
  'not enough started members',
  'bad leader transferee',
  'transfer timeout',
  'root user not found',
  'root role not granted',
  'user exists',
  'user empty',
  'user not found',
  'role exists',
  'role empty',
  'role not found',
  'role not granted',
  'auth failed',
  'no password user',
  'permission not given',
  'permission not granted',
  'permission denied',
  'auth not enabled',
  'auth revision old',
  'invalid auth token',
  'invalid auth management',
  'too many of auth',
  'invalid'
] as const
export type StoreRefusalCode = (typeof refusalCodes)[number]

export interface StoreKeyValue {
  readonly key: string
  readonly value: Uint8Array
  readonly createRevision: number
  readonly modRevision: number
  readonly version: number
  readonly lease: number
}

export type StoreSortOrder = 'none' | 'ascend' | 'descend'
export type StoreSortTarget = 'key' | 'version' | 'create' | 'mod' | 'value'

export interface StoreRange {
  readonly key: string
  readonly end?: string | undefined // Exclusive. Absent: that key alone.
  readonly revision?: number | undefined // Absent or 0: the newest.
  readonly limit?: number | undefined
  readonly keysOnly?: boolean | undefined
  readonly countOnly?: boolean | undefined
  /** Absent: by key, ascending. Only `sortTarget`: ascending, of what the limit left, as in etcd. */
  readonly sortOrder?: StoreSortOrder | undefined
  readonly sortTarget?: StoreSortTarget | undefined
  /** Of what is given; `count` is of all in the range. 0 or absent: no bound. */
  readonly minModRevision?: number | undefined
  readonly maxModRevision?: number | undefined
  readonly minCreateRevision?: number | undefined
  readonly maxCreateRevision?: number | undefined
  readonly serializable?: boolean | undefined // Answered from this member's state, however old; but it never goes back.
}

export interface StoreRangeAnswer {
  readonly kvs: readonly StoreKeyValue[]
  readonly count: number
  readonly more: boolean
  readonly revision: number // Of the store, when it answered.
}

/** Over a range, it must hold for every key there is. */
export type StoreCompare = {
  readonly key: string
  readonly end?: string | undefined
  readonly result: 'equal' | 'greater' | 'less' | 'notEqual'
} & (
  | { readonly target: 'version' | 'create' | 'mod' | 'lease'; readonly operand: number }
  | { readonly target: 'value'; readonly operand: Uint8Array }
)

export interface StorePut {
  readonly type: 'put'
  readonly key: string
  readonly value: Uint8Array
  readonly lease?: number | undefined // 0 or absent: none.
  readonly prevKv?: boolean | undefined
  /** Keeps the value that the key has, which must exist; `value` must be empty. */
  readonly ignoreValue?: boolean | undefined
  readonly ignoreLease?: boolean | undefined
}
export interface StoreDelete {
  readonly type: 'delete'
  readonly key: string
  readonly end?: string | undefined
  readonly prevKv?: boolean | undefined
}
/** A transaction in a transaction: its compares are of the state before the outermost. */
export type StoreOp =
  | StorePut
  | StoreDelete
  | ({ readonly type: 'range' } & Omit<StoreRange, 'serializable'>)
  | ({ readonly type: 'txn' } & StoreTxn)

/** At most `txnOpsMax` compares, and operations in each branch; of a nested one, less what those around it have. */
export interface StoreTxn {
  readonly compares: readonly StoreCompare[]
  readonly success: readonly StoreOp[]
  readonly failure: readonly StoreOp[]
}

export interface StoreTxnAnswer {
  readonly succeeded: boolean
  readonly revision: number // Of the store after it; a transaction that wrote has this as its modRevision.
  readonly results: readonly StoreOpResult[]
}

export type StoreOpResult =
  | { readonly type: 'put'; readonly prev?: StoreKeyValue | undefined }
  | { readonly type: 'delete'; readonly deleted: number; readonly prevs: readonly StoreKeyValue[] }
  | { readonly type: 'range'; readonly kvs: readonly StoreKeyValue[]; readonly count: number; readonly more: boolean }
  | { readonly type: 'txn'; readonly succeeded: boolean; readonly results: readonly StoreOpResult[] }

export interface StoreWatch {
  readonly key: string
  readonly end?: string | undefined
  readonly startRevision: number // The first revision wanted; 0: from now on.
  readonly prevKv?: boolean | undefined
  readonly noPut?: boolean | undefined
  readonly noDelete?: boolean | undefined
  /** A batch without events now and then while there are none, as etcd's progress_notify. */
  readonly progressNotify?: boolean | undefined
  /** For `requestProgress`; `client stream`, say. */
  readonly group?: string | undefined
}

export interface StoreWatchBatch {
  /** Every event up to this revision has been sent, in this batch or before: nothing at or before it is still to come. */
  readonly revision: number
  readonly events: readonly StoreEvent[] // Empty: only progress.
}

export interface StoreEvent {
  readonly type: 'put' | 'delete'
  readonly kv: StoreKeyValue // Of a delete: the key and the revision of the deletion.
  readonly prev?: StoreKeyValue | undefined
}

export interface StoreLeaseGrant {
  readonly id: number
  readonly ttlSeconds: number
  readonly revision: number
}

export interface StoreLease {
  readonly id: number
  readonly grantedTtlSeconds: number // 0 if there is none.
  /** Whole seconds until it ends unless it is kept alive; 0: its time is over, and it is being revoked; -1: there is none. */
  readonly remainingTtlSeconds: number
  readonly keys: readonly string[] // Ascending; empty unless asked for.
  readonly revision: number
}

export type StoreAlarmType = 'noSpace' | 'corrupt'

/** etcd's. */
export const alarmNames: Readonly<Record<StoreAlarmType, string>> = { noSpace: 'NOSPACE', corrupt: 'CORRUPT' }

export interface StoreAlarm {
  readonly member: string // Its address; empty: it is not known which member is wrong.
  readonly alarm: StoreAlarmType
}

/** Without a member or an alarm: all. What is given back: those asked for, raised, or lowered. */
export interface StoreAlarmRequest {
  readonly action: 'get' | 'activate' | 'deactivate'
  readonly member?: string | undefined
  readonly alarm?: StoreAlarmType | undefined
}
