// storage: what the apiserver needs of a store.

export type {
  StoreCompare,
  StoreEvent,
  StoreKeyValue,
  StoreOp,
  StoreOpResult,
  StoreProtocol,
  StoreRange,
  StoreRangeAnswer,
  StoreRef,
  StoreTxn,
  StoreTxnAnswer,
  StoreWatch,
  StoreWatchBatch
} from './store-protocol.js'
