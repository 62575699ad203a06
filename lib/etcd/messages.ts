// Messages of etcd's API, as the codec gives them: proto3's JSON names, defaults filled in. Only what the gateway looks at.

import type { StoreKeyValue } from '../storage/index.js'

export interface Header {
  readonly clusterId: bigint
  readonly memberId: bigint
  readonly revision: number
  readonly raftTerm: number
}

export interface RangeRequest {
  readonly key: string
  readonly rangeEnd: string
  readonly limit: number
  readonly revision: number
  readonly sortOrder: number
  readonly sortTarget: number
  readonly serializable: boolean
  readonly keysOnly: boolean
  readonly countOnly: boolean
  readonly minModRevision: number
  readonly maxModRevision: number
  readonly minCreateRevision: number
  readonly maxCreateRevision: number
}

export interface PutRequest {
  readonly key: string
  readonly value: Uint8Array
  readonly lease: number
  readonly prevKv: boolean
  readonly ignoreValue: boolean
  readonly ignoreLease: boolean
}

export interface DeleteRangeRequest {
  readonly key: string
  readonly rangeEnd: string
  readonly prevKv: boolean
}

export interface CompareMessage {
  readonly result: number
  readonly target: number
  readonly key: string
  readonly version: number
  readonly createRevision: number
  readonly modRevision: number
  readonly value: Uint8Array
  readonly lease: number
  readonly rangeEnd: string
}

export interface RequestOp {
  readonly requestRange?: RangeRequest
  readonly requestPut?: PutRequest
  readonly requestDeleteRange?: DeleteRangeRequest
  readonly requestTxn?: TxnRequest
}

export interface TxnRequest {
  readonly compare: readonly CompareMessage[]
  readonly success: readonly RequestOp[]
  readonly failure: readonly RequestOp[]
}

export interface WatchCreateRequest {
  readonly key: string
  readonly rangeEnd: string
  readonly startRevision: number
  readonly progressNotify: boolean
  readonly filters: readonly number[]
  readonly prevKv: boolean
  readonly watchId: number
  readonly fragment: boolean
}

export interface WatchRequest {
  readonly createRequest?: WatchCreateRequest
  readonly cancelRequest?: { readonly watchId: number }
  readonly progressRequest?: object
}

export interface WatchResponse {
  readonly header: Header
  readonly watchId: number
  readonly created?: boolean
  readonly canceled?: boolean
  readonly compactRevision?: number
  readonly cancelReason?: string
  readonly fragment?: boolean
  readonly events?: readonly EventMessage[]
}

export interface EventMessage {
  readonly type: 0 | 1 // PUT, DELETE
  readonly kv: StoreKeyValue
  readonly prevKv?: StoreKeyValue | undefined
}

export interface MemberMessage {
  readonly ID: bigint
  readonly name: string
  readonly peerURLs: readonly string[]
  readonly clientURLs: readonly string[]
  readonly isLearner: boolean
}
