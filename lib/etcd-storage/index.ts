// etcd-storage: a real etcd as a storage: StorageProtocol in etcd's messages, which members to ask, watches, compaction.

export { compactionLoop } from './compactor.js'
export { type EtcdConfig, EtcdConnection, type EtcdContext } from './connection.js'
export { KeyPrefix } from './key-prefix.js'
export { descriptorOf, type EtcdHeader, type EtcdRangeResponse, type EtcdTxnResponse, etcdMethods } from './messages.js'
export { Translation } from './translation.js'
export { EtcdWatches } from './watches.js'
