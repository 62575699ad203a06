// Command: what changes the store, the same on every member, in the order of the Raft log.

import type { AuthChange } from '../auth/index.js'
import type { Alarm, AlarmType } from './alarm.js'
import type { Failure, KeyValue } from './key-value.js'
import type { RangeQuery, RangeResult } from './range-query.js'

export interface Put {
  readonly type: 'put'
  readonly key: string
  readonly value: Uint8Array
  /** 0 or absent: none. */
  readonly lease?: number
  readonly prevKv?: boolean
  /** Keeps the value or the lease that the key has; it must exist. */
  readonly ignoreValue?: boolean
  readonly ignoreLease?: boolean
}
export interface Delete {
  readonly type: 'delete'
  readonly key: string
  readonly end?: string | undefined
  readonly prevKv?: boolean
}
export interface RangeOp extends RangeQuery {
  readonly type: 'range'
}
/** What a transaction does. The compares of a nested one are of the state before the outermost. */
export type Op = Put | Delete | RangeOp | Txn

export const compareResults = ['equal', 'greater', 'less', 'notEqual'] as const
export type CompareResult = (typeof compareResults)[number]
/** Over a range, it must hold for every key there. */
export type Compare = { readonly key: string; readonly end?: string | undefined; readonly result: CompareResult } & (
  | { readonly target: 'version' | 'create' | 'mod' | 'lease'; readonly number: number }
  | { readonly target: 'value'; readonly value: Uint8Array }
)
export interface Txn {
  readonly type: 'txn'
  readonly compares: readonly Compare[]
  readonly success: readonly Op[]
  readonly failure: readonly Op[]
}

export type Command =
  | Put
  | Delete
  | Txn
  | { readonly type: 'compact'; readonly revision: number }
  | { readonly type: 'leaseGrant'; readonly id: number; readonly ttlSeconds: number }
  | { readonly type: 'leaseRevoke'; readonly id: number }
  | { readonly type: 'leaseCheckpoint'; readonly id: number; readonly remainingTtlSeconds: number }
  | RaiseAlarm
  | LowerAlarm
  | AuthCommand

export interface RaiseAlarm extends Alarm {
  readonly type: 'alarm'
  readonly action: 'activate'
}
export interface LowerAlarm {
  readonly type: 'alarm'
  readonly action: 'deactivate'
  /** Absent: of all. */
  readonly member?: string | undefined
  readonly alarm?: AlarmType | undefined
}

/** It changes no key. What happened is its result, too: members note of it what only they keep. */
export interface AuthCommand {
  readonly type: 'auth'
  readonly change: AuthChange
}

export interface PutResult {
  readonly type: 'put'
  readonly prev: KeyValue | undefined
}
export interface DeleteResult {
  readonly type: 'delete'
  readonly deleted: number
  readonly prevs: readonly KeyValue[]
}
export type OpResult = PutResult | DeleteResult | ({ readonly type: 'range' } & RangeResult) | TxnResult
export interface TxnResult {
  readonly type: 'txn'
  readonly succeeded: boolean
  readonly results: readonly OpResult[]
}
export type CommandResult =
  | PutResult
  | DeleteResult
  | TxnResult
  | { readonly type: 'compact' }
  | { readonly type: 'leaseGrant'; readonly id: number; readonly ttlSeconds: number }
  | { readonly type: 'leaseRevoke'; readonly id: number }
  | { readonly type: 'leaseCheckpoint'; readonly id: number; readonly remainingTtlSeconds: number }
  | { readonly type: 'alarm'; readonly alarms: readonly Alarm[] }
  | AuthCommand
  | Failure
