// EtcdStore: what the gateway asks of its own member: the store's protocol, with all that etcd's API has.

import type { Ref, Stream } from '../actor/index.js'
import type { StoreKeyValue, StoreWatchBatch } from '../storage/index.js'
import type { StoreStanding, StoreStatus } from '../store/index.js'

export type EtcdStoreRef = Ref<EtcdStore>

export interface EtcdStore {
  range(query: EtcdRange): EtcdRangeAnswer
  txn(txn: EtcdTxn): EtcdTxnAnswer
  compact(request: { readonly revision: number }): { readonly revision: number }
  watch(watch: EtcdWatch): Stream<StoreWatchBatch>
  requestProgress(request: { readonly group: string }): { readonly watches: number }
  status(): StoreStatus
  standing(): Stream<StoreStanding>
  hash(at: { readonly revision: number }): { readonly hash: number; readonly revision: number; readonly compactRevision: number }
  grantLease(lease: { readonly id: number; readonly ttlSeconds: number }): {
    readonly id: number
    readonly ttlSeconds: number
    readonly revision: number
  }
  revokeLease(lease: { readonly id: number }): { readonly revision: number }
  keepAliveLease(lease: { readonly id: number }): { readonly ttlSeconds: number; readonly revision: number }
  lease(query: { readonly id: number; readonly keys: boolean }): {
    readonly id: number
    readonly grantedTtlSeconds: number
    readonly remainingTtlSeconds: number
    readonly keys: readonly string[]
    readonly revision: number
  }
  leases(): { readonly ids: readonly number[]; readonly revision: number }
  alarms(request: { readonly action: 'get' | 'activate' | 'deactivate'; readonly member?: string; readonly alarm?: EtcdAlarm }): {
    readonly alarms: readonly { readonly member: string; readonly alarm: EtcdAlarm }[]
    readonly revision: number
  }
  members(): EtcdMembers
  addMember(member: { readonly address: string; readonly isLearner: boolean }): EtcdMembers
  removeMember(member: { readonly address: string }): EtcdMembers
  promoteMember(member: { readonly address: string }): EtcdMembers
  transferLeadership(request: { readonly to: string }): object
}

export type EtcdAlarm = 'noSpace' | 'corrupt'

export interface EtcdMembers {
  readonly members: readonly { readonly address: string; readonly isLearner: boolean; readonly isStarted: boolean }[]
  readonly revision?: number
}

export interface EtcdRange {
  readonly key: string
  readonly end?: string | undefined
  readonly revision?: number | undefined
  readonly limit?: number | undefined
  readonly keysOnly?: boolean | undefined
  readonly countOnly?: boolean | undefined
  readonly serializable?: boolean | undefined
  readonly sortOrder?: 'none' | 'ascend' | 'descend' | undefined
  readonly sortTarget?: 'key' | 'version' | 'create' | 'mod' | 'value' | undefined
  readonly minModRevision?: number | undefined
  readonly maxModRevision?: number | undefined
  readonly minCreateRevision?: number | undefined
  readonly maxCreateRevision?: number | undefined
}

export interface EtcdRangeAnswer {
  readonly kvs: readonly StoreKeyValue[]
  readonly count: number
  readonly more: boolean
  readonly revision: number
}

export type EtcdCompare = {
  readonly key: string
  readonly end?: string | undefined
  readonly result: 'equal' | 'greater' | 'less' | 'notEqual'
} & (
  | { readonly target: 'version' | 'create' | 'mod' | 'lease'; readonly operand: number }
  | { readonly target: 'value'; readonly operand: Uint8Array }
)

export interface EtcdPut {
  readonly type: 'put'
  readonly key: string
  readonly value: Uint8Array
  readonly lease?: number
  readonly prevKv?: boolean
  readonly ignoreValue?: boolean
  readonly ignoreLease?: boolean
}

export type EtcdOp =
  | EtcdPut
  | { readonly type: 'delete'; readonly key: string; readonly end?: string | undefined; readonly prevKv?: boolean }
  | ({ readonly type: 'range' } & Omit<EtcdRange, 'serializable'>)
  | ({ readonly type: 'txn' } & EtcdTxn)

export interface EtcdTxn {
  readonly compares: readonly EtcdCompare[]
  readonly success: readonly EtcdOp[]
  readonly failure: readonly EtcdOp[]
}

export type EtcdOpResult =
  | { readonly type: 'put'; readonly prev?: StoreKeyValue | undefined }
  | { readonly type: 'delete'; readonly deleted: number; readonly prevs: readonly StoreKeyValue[] }
  | ({ readonly type: 'range' } & Omit<EtcdRangeAnswer, 'revision'>)
  | { readonly type: 'txn'; readonly succeeded: boolean; readonly results: readonly EtcdOpResult[] }

export interface EtcdTxnAnswer {
  readonly succeeded: boolean
  readonly revision: number
  readonly results: readonly EtcdOpResult[]
}

export interface EtcdWatch {
  readonly key: string
  readonly end?: string | undefined
  readonly startRevision: number
  readonly prevKv?: boolean
  readonly noPut?: boolean
  readonly noDelete?: boolean
  readonly progressNotify?: boolean
  readonly group?: string
}
