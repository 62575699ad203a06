// chaos: workloads as values: what to run, what to break, and the verdict.

export { clusterGuarantees } from './cluster-check.js'
export { type ClusterState, missingOf } from './cluster-convergence.js'
export { type ClusterRunPlan, clusterPlan, clusterTroubles, type Strike, strikes } from './cluster-plan.js'
export {
  type ChaosShape,
  type ClusterCast,
  type ClusterEventName,
  type ClusterResult,
  type ClusterViolation,
  clusterEvents,
  clusterEventsWanted
} from './cluster-result.js'
export { runCluster } from './cluster-workload.js'
export { type ControlCall, drawLiveFault, type LiveFault, type LiveFaultKind, type LiveTargets, liveFaultKinds } from './live-faults.js'
export { Recorder } from './recorder.js'
export { type RunResult, type StoreCast, type StoreEventName, storeEvents, storeEventsWanted } from './result.js'
export { type StorePlan, storePlan } from './store-plan.js'
export { runStore } from './store-workload.js'
export { tierLabel, tiers } from './user-objects.js'
export { type ApiCall, UserScript } from './user-script.js'
export { WatchScript } from './watch-script.js'
