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
export { ApiRecorder, markAnnotation, tallyField } from './api-recorder.js'
export { type ClusterFacts, checkCluster, type LeaderFact, type MemberState } from './cluster.js'
export { describeOperation } from './excerpt.js'
export { type Guarantee, guarantees, type Violation, violation } from './guarantee.js'
export {
  equalBytes,
  type History,
  hasWritten,
  type Operation,
  type RangeOperation,
  revisionOf,
  type TxnOperation,
  type WatchedBatch,
  type WatchRecord
} from './history.js'
export { checkOperations, type OperationsVerdict, searchStepsMax } from './linearizability.js'
export { Model } from './model.js'
export { checkStore, type StoreVerdict } from './store.js'
export { checkWatches, type Observed, observe } from './watch.js'
