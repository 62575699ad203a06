// check: whether what clients and members saw is what the store promises. Pure: histories in, violations out.

export { checkApi } from './api.js'
export { describeApiOperation } from './api-excerpt.js'
export { type ApiGuarantee, type ApiViolation, apiGuarantees } from './api-guarantee.js'
export {
  type ApiAsked,
  type ApiChange,
  type ApiEvent,
  type ApiHistory,
  type ApiOperation,
  type ApiOutcome,
  type ApiSelector,
  type ApiState,
  type ApiWatch,
  type ApiWatchSession,
  isInDoubt
} from './api-history.js'
export { encodeApiHistory } from './api-jsonl.js'
export { ApiRecorder, markAnnotation, tallyField } from './api-recorder.js'
export { type AuthVerdict, checkAuth } from './auth.js'
export {
  type AuthCaller,
  type AuthDone,
  type AuthHistory,
  type AuthNeed,
  type AuthOperation,
  type AuthTold,
  refusalOf
} from './auth-history.js'
export { encodeAuthHistory } from './auth-jsonl.js'
export { shrinkAuth } from './auth-shrink.js'
export { type ClusterFacts, checkCluster, type LeaderFact, type LogEntryFact, type LogFact, type MemberState } from './cluster.js'
export { describeOperation } from './excerpt.js'
export { checkFacts } from './facts.js'
export { type Guarantee, guarantees, type Violation, violation } from './guarantee.js'
export {
  comparesOf,
  equalBytes,
  type History,
  hasWritten,
  type Operation,
  opsOf,
  performed,
  type RangeOperation,
  revisionOf,
  type TxnOperation,
  type WatchedBatch,
  type WatchRecord
} from './history.js'
export { encodeHistory, encodeRegisterHistory, type HistoryHeader, type Verdict } from './jsonl.js'
export { type Decoded, decodeHistory, HistoryDecoder } from './jsonl-decoder.js'
export {
  checkLeases,
  type LeaseClocks,
  type LeaseHistory,
  type LeaseKind,
  type LeaseOperation,
  leaseEndsWithinUs
} from './lease.js'
export { encodeLeaseHistory } from './lease-jsonl.js'
export { checkOperations, type OperationsVerdict, searchStepsMax } from './linearizability.js'
export { Model } from './model.js'
export { type ViolationPage, violationPage } from './page.js'
export type { RegisterHistory, RegisterOperation, RegisterValue } from './register.js'
export { searchRegister } from './register-search.js'
export { checkRegisters, type RegistersVerdict } from './registers.js'
export { type SampleShape, sampleHistory } from './sample.js'
export { shrinkHistory, shrinkLeases, shrinkRegisters } from './shrink.js'
export { checkStore, type StoreQuestion, type StoreVerdict } from './store.js'
export type { AnyHistory } from './timeline.js'
export { checkHistory, type HistoryVerdict, storeQuestion } from './verdict.js'
export { checkWatches, type Observed, observe } from './watch.js'
