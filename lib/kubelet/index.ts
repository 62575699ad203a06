// kubelet: what a node thinks with: pods to plans, plans to containers, containers to statuses.

export { ActorRuntime } from './actor-runtime.js'
export { exitCodeAnnotation, runSecondsAnnotation } from './container-start.js'
export {
  type ContainerRun,
  type ContainerView,
  containersOf,
  isSidecar,
  newContainerView,
  type PodEnding,
  type PodView
} from './container-view.js'
export { type BackOffEntry, backOffBaseMs, backOffMaxMs, goDuration, retryAtMs, tried } from './crash-back-off.js'
export { type DownwardFacts, fieldValue, resourceValue } from './downward.js'
export { environment, expand, serviceVariables } from './environment.js'
export { LogBuffer, type LogLine, lineBytesMax, logBytesMax } from './log-buffer.js'
export { LogStream } from './log-stream.js'
export { NodeAgent, type NodeAgentOptions, nodeAgentDefaults, simulatedStatusCheckMs } from './node-agent.js'
export { capacityDefault, leaseDurationSeconds, leaseNamespace, type NodeFacts, newNode, nodeLease, nodeStatus } from './node-status.js'
export { type Plan, planPod, type Stop } from './plan.js'
export { PodAddresses } from './pod-addresses.js'
export type { PodHost } from './pod-host.js'
export { phaseOf, podStatus, type StatusFacts } from './pod-status.js'
export { PodWorker } from './pod-worker.js'
export { PodWorkers } from './pod-workers.js'
export { dueProbes, type Health, healthOf, newProbes, type Probes, probed, probing } from './probe.js'
export { recovered } from './recovery.js'
export { resolvConf } from './resolver.js'
export * from './runtime.js'
export { SimulatedRuntime } from './simulated-runtime.js'
export { statusPatch } from './status-patch.js'
export { podVolumes, volumeSources } from './volumes.js'
