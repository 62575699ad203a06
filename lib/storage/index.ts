// storage: what the apiserver needs of a store.

export type {
  StoreAccess,
  StoreAsked,
  StoreAuthAnswer,
  StoreAuthChange,
  StoreAuthQuery,
  StoreAuthRequest,
  StoreCaller,
  StoreCredentials,
  StorePermission,
  StoreToken
} from './store-auth.js'
export {
  alarmNames,
  refusalCodes,
  type StorageProtocol,
  type StoreAlarm,
  type StoreAlarmRequest,
  type StoreAlarmType,
  type StoreAuthProtocol,
  type StoreCompare,
  type StoreDelete,
  type StoreEvent,
  type StoreKeyValue,
  type StoreLease,
  type StoreLeaseGrant,
  type StoreOp,
  type StoreOpResult,
  type StoreProtocol,
  type StorePut,
  type StoreRange,
  type StoreRangeAnswer,
  type StoreRef,
  type StoreRefusalCode,
  type StoreSortOrder,
  type StoreSortTarget,
  type StoreTxn,
  type StoreTxnAnswer,
  type StoreWatch,
  type StoreWatchBatch
} from './store-protocol.js'
