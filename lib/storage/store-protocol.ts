// StoreProtocol: what the replicated store accepts by message: etcd's KV, watch and compaction.
//
// Any member answers: one that does not lead passes writes and linearizable reads on. Failures: `no leader`
// (definite), `compacted`, `future revision`, `no space` (definite), `leader lost` (indefinite: it may have happened).

import type { Ref, Stream } from '../actor/index.js'

export interface StoreProtocol {
  range(query: StoreRange): StoreRangeAnswer
  txn(txn: StoreTxn): StoreTxnAnswer
  /** Forgets what is older than that revision. */
  compact(request: { readonly revision: number }): { readonly revision: number }
  /** The newest revision acknowledged to anyone before this was asked (linearizable; batched by the store). */
  revision(): { readonly revision: number }
  /** Refused, or ended before any event, with `compacted` when the revisions since `startRevision` are gone. An item is one batch, in order of revision. */
  watch(watch: StoreWatch): Stream<StoreWatchBatch>
}
export type StoreRef = Ref<StoreProtocol>

export interface StoreKeyValue {
  readonly key: string
  readonly value: Uint8Array
  readonly createRevision: number
  readonly modRevision: number
  readonly version: number
  readonly lease: number
}

export interface StoreRange {
  readonly key: string
  readonly end?: string | undefined // Exclusive. Absent: that key alone.
  readonly revision?: number | undefined // Absent or 0: the newest.
  readonly limit?: number | undefined
  readonly keysOnly?: boolean | undefined
  readonly countOnly?: boolean | undefined
  readonly serializable?: boolean | undefined // Answered from this member's state, however old; but it never goes back.
}

export interface StoreRangeAnswer {
  readonly kvs: readonly StoreKeyValue[]
  readonly count: number
  readonly more: boolean
  readonly revision: number // Of the store, when it answered.
}

export type StoreCompare = {
  readonly key: string
  readonly result: 'equal' | 'greater' | 'less' | 'notEqual'
} & (
  | { readonly target: 'version' | 'create' | 'mod' | 'lease'; readonly operand: number }
  | { readonly target: 'value'; readonly operand: Uint8Array }
)

export type StoreOp =
  | { readonly type: 'put'; readonly key: string; readonly value: Uint8Array; readonly lease?: number }
  | { readonly type: 'delete'; readonly key: string; readonly end?: string | undefined; readonly prevKv?: boolean }
  | ({ readonly type: 'range' } & Omit<StoreRange, 'serializable'>)

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
  | { readonly type: 'put' }
  | { readonly type: 'delete'; readonly deleted: number; readonly prevs: readonly StoreKeyValue[] }
  | { readonly type: 'range'; readonly kvs: readonly StoreKeyValue[]; readonly count: number; readonly more: boolean }

export interface StoreWatch {
  readonly key: string
  readonly end?: string | undefined
  readonly startRevision: number // The first revision wanted; 0: from now on.
  readonly prevKv?: boolean
}

export interface StoreWatchBatch {
  /** Every event up to this revision has been sent, in this batch or before. */
  readonly revision: number
  readonly events: readonly StoreEvent[] // Empty: only progress.
}

export interface StoreEvent {
  readonly type: 'put' | 'delete'
  readonly kv: StoreKeyValue // Of a delete: the key and the revision of the deletion.
  readonly prev?: StoreKeyValue | undefined
}
