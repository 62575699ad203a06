// scheduler: where pods go. The pure thinking of kube-scheduler: its cache, queue, plugins, decisions.

export { Cluster, type Placement } from './cluster.js'
export { type Diagnosis, fitError, noNodes } from './diagnosis.js'
export { type NodeFacts, NodeInfo } from './node-info.js'
export type { ClusterEvent, FilterStart, NodeFilter, NodeScorer, Plugin, Rejection } from './plugin.js'
export { defaultPlugins } from './plugins/index.js'
export { type PodInfo, podInfo } from './pod-info.js'
export { type Preemption, preempt } from './preemption.js'
export { type QueuedPod, type QueuePlace, queueLimits, SchedulingQueue } from './queue.js'
export { podRequests, type Resources } from './resources.js'
export { feasibleNodesToFind, nodeRejects, type Schedule, type ScheduleOptions, schedule, scoreNodes } from './schedule.js'
export {
  type BindDecision,
  type Decision,
  defaultSchedulerName,
  Scheduler,
  type SchedulerOptions,
  type UnschedulableDecision
} from './scheduler.js'
