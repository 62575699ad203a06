// Messages: those of etcd's v3 API that are used here, as the codec gives them (api/etcdserverpb/rpc.proto, mvccpb/kv.proto).

import type { Descriptor } from '../protobuf/index.js'

export interface EtcdHeader {
  readonly clusterId: bigint
  readonly memberId: bigint
  readonly revision: number
}

export interface EtcdKeyValue {
  readonly key: string
  readonly createRevision: number
  readonly modRevision: number
  readonly version: number
  readonly value: Uint8Array
  readonly lease: number
}

export interface EtcdRangeResponse {
  readonly header?: EtcdHeader
  readonly kvs: readonly EtcdKeyValue[]
  readonly more: boolean
  readonly count: number
}

export interface EtcdTxnResponse {
  readonly header?: EtcdHeader
  readonly succeeded: boolean
  readonly responses: readonly EtcdResponseOp[]
}

export interface EtcdResponseOp {
  readonly responseRange?: EtcdRangeResponse
  readonly responsePut?: { readonly prevKv?: EtcdKeyValue }
  readonly responseDeleteRange?: { readonly deleted: number; readonly prevKvs: readonly EtcdKeyValue[] }
  readonly responseTxn?: EtcdTxnResponse
}

export interface EtcdWatchResponse {
  readonly header?: EtcdHeader
  readonly created: boolean
  readonly canceled: boolean
  readonly compactRevision: number
  readonly cancelReason: string
  readonly events: readonly { readonly type: number; readonly kv?: EtcdKeyValue; readonly prevKv?: EtcdKeyValue }[]
}

export interface EtcdStatusResponse {
  readonly header?: EtcdHeader
  readonly version: string
  readonly leader: bigint
}

export const etcdMethods = {
  range: '/etcdserverpb.KV/Range',
  txn: '/etcdserverpb.KV/Txn',
  compact: '/etcdserverpb.KV/Compact',
  watch: '/etcdserverpb.Watch/Watch',
  status: '/etcdserverpb.Maintenance/Status'
} as const

/** Fields that hold a key: `Codec` makes binary strings of them. */
export const isKey = (field: string): boolean => field === 'key' || field === 'rangeEnd'

/** What the build wrote of etcd's protos (resources/etcd.json). */
export const descriptorOf = (file: Uint8Array): Descriptor => JSON.parse(new TextDecoder().decode(file)) as Descriptor
