// ControllerOptions: what can be set of the controllers; kube-controller-manager's flags, in milliseconds of the cluster's clock.

export interface ControllerOptions {
  readonly nodeMonitorPeriodMs: number
  readonly nodeMonitorGracePeriodMs: number
  readonly nodeStartupGracePeriodMs: number
  readonly nodeEvictionPerSecond: number // --node-eviction-rate: nodes whose pods may be evicted, by zone.
  readonly secondaryNodeEvictionPerSecond: number // In a zone that is partly down and large.
  readonly largeClusterNodes: number // --large-cluster-size-threshold
  readonly unhealthyZoneFraction: number // --unhealthy-zone-threshold
  readonly terminatedPodsMax: number // --terminated-pod-gc-threshold
  readonly podGcPeriodMs: number
  readonly orphanQuarantineMs: number // How long a pod's node must be missing before the pod is deleted.
  readonly endpointsPerSliceMax: number // --max-endpoints-per-slice
}

export const controllerDefaults: ControllerOptions = {
  nodeMonitorPeriodMs: 5_000,
  nodeMonitorGracePeriodMs: 40_000,
  nodeStartupGracePeriodMs: 60_000,
  nodeEvictionPerSecond: 0.1,
  secondaryNodeEvictionPerSecond: 0.01,
  largeClusterNodes: 50,
  unhealthyZoneFraction: 0.55,
  terminatedPodsMax: 12_500,
  podGcPeriodMs: 20_000,
  orphanQuarantineMs: 40_000,
  endpointsPerSliceMax: 100
}
