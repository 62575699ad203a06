// mvcc: etcd's data model as a deterministic state machine, with the encoding of its commands, snapshots and watches.

export { misfitOfLease } from './access.js'
export { type Alarm, type AlarmType, alarmTypes, costOf } from './alarm.js'
export type { WatchRequest } from './audience.js'
export { ByteReader, ByteWriter } from './bytes.js'
export type {
  Command,
  CommandResult,
  Compare,
  CompareResult,
  Delete,
  DeleteResult,
  Op,
  OpResult,
  Put,
  PutResult,
  RangeOp,
  Txn,
  TxnResult
} from './command.js'
export { CommandReader, CommandWriter } from './command-codec.js'
export { bytesOfKey, contains, type KeyRange, keyOfBytes, keyOfText, prefixEnd, textOfKey, unbounded } from './key.js'
export { type Event, type Failure, type FailureCode, failed, type KeyValue } from './key-value.js'
export { type Lease, leaseTtlSecondsMax } from './lease.js'
export { LeaseClock } from './lease-clock.js'
export { type Answer, Mvcc, type MvccOptions } from './mvcc.js'
export type { RangeQuery, RangeResult } from './range-query.js'
export { hashing, hashOf, Restoration, restore, type StoreHash, snapshot } from './snapshot.js'
export { misfitOfOps, txnOpsMaxDefault } from './txn.js'
export { type WatchDelivery, WatchHub, type WatchLimits, watchLimits } from './watch-hub.js'
