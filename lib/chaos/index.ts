// chaos: workloads as values: what to run in the simulator, what to break, and the verdict; and how to make a failing run smaller.

export { type Case, commandOf } from './case.js'
export type { ChaosShape, ClusterCast } from './cluster-cast.js'
export { clusterGuarantees } from './cluster-check.js'
export type { ClusterRunPlan } from './cluster-plan.js'
export { type Casts, perform, type SeedAnswer, type SeedOrder } from './order.js'
export { Recorder } from './recorder.js'
export { isFailing, type Run, type RunListener, type RunOptions, type RunResult, type RunViolation, type StoreCast } from './run.js'
export { type Shrinkage, type Shrinking, shrink, type Trial } from './shrink.js'
export type { StoreMix, StorePlan } from './store-plan.js'
export type { Workload } from './workload.js'
export { isWorkload, type WorkloadName, workloads } from './workloads.js'
