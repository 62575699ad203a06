// chaos: workloads as values: what to run, what to break, and the verdict.

export { Recorder } from './recorder.js'
export { type RunResult, type StoreCast, type StoreEventName, storeEvents } from './result.js'
export { type StorePlan, storePlan } from './store-plan.js'
export { runStore } from './store-workload.js'
