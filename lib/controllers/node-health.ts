// Node health: when a node counts as lost, and which taints its state asks for. Pure; upstream's node lifecycle.
//
// A node is alive while its Lease is renewed or its status reported, timed by when THIS controller saw it, on the cluster's clock:
// what the node's own clock says does not matter.

import type { Node, Taint } from '../kinds/index.js'
import { type Condition, findCondition, formatTime } from '../object/index.js'

export const notReadyTaint = 'node.kubernetes.io/not-ready'
export const unreachableTaint = 'node.kubernetes.io/unreachable'
export const unschedulableTaint = 'node.kubernetes.io/unschedulable'

/** What was last seen of a node's signs of life. */
export interface Heartbeat {
  readonly sign: string // The lease's renewTime and the heartbeat of its Ready condition; any change is a sign of life.
  readonly seenMs: number // Cluster clock.
}

export function heartbeat(old: Heartbeat | undefined, node: Node, renewTime: string | undefined, nowMs: number): Heartbeat {
  const ready = findCondition(node.status?.conditions, 'Ready')
  // Not what this controller wrote itself: a node that was given up is not alive for that.
  const reported = ready?.status === 'Unknown' ? '' : `${ready?.lastHeartbeatTime ?? ''}/${ready?.status ?? ''}`
  const sign = `${renewTime ?? ''} ${reported}`
  if (old === undefined) return { sign, seenMs: nowMs }
  if (old.sign === sign || (reported === '' && old.sign.startsWith(`${renewTime ?? ''} `))) return old
  return { sign, seenMs: nowMs }
}

/** Conditions that a kubelet reports; a lost node's are not known. */
const kubeletConditions = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'] as const

/** The conditions of a node of which nothing was heard for the grace period; the same list if that is said already. */
export function lostConditions(node: Node, nowMs: number): readonly Condition[] {
  const old = node.status?.conditions ?? []
  const now = formatTime(nowMs)
  let changed = false
  const next = [...old]
  for (const type of kubeletConditions) {
    const index = next.findIndex(condition => condition.type === type)
    const known = next[index]
    if (known === undefined) {
      changed = true
      const times = { lastHeartbeatTime: node.metadata.creationTimestamp ?? now, lastTransitionTime: now }
      next.push({ type, status: 'Unknown', reason: 'NodeStatusNeverUpdated', message: 'Kubelet never posted node status.', ...times })
    } else if (known.status !== 'Unknown') {
      changed = true
      const message = 'Kubelet stopped posting node status.'
      next[index] = { ...known, status: 'Unknown', reason: 'NodeStatusUnknown', message, lastTransitionTime: now }
    }
  }
  return changed ? next : old
}

export const readyStatus = (node: Node): string => findCondition(node.status?.conditions, 'Ready')?.status ?? 'Unknown'

const pressureTaints: readonly { type: string; status: string; key: string }[] = [
  { type: 'Ready', status: 'False', key: notReadyTaint },
  { type: 'Ready', status: 'Unknown', key: unreachableTaint },
  { type: 'MemoryPressure', status: 'True', key: 'node.kubernetes.io/memory-pressure' },
  { type: 'DiskPressure', status: 'True', key: 'node.kubernetes.io/disk-pressure' },
  { type: 'PIDPressure', status: 'True', key: 'node.kubernetes.io/pid-pressure' },
  { type: 'NetworkUnavailable', status: 'True', key: 'node.kubernetes.io/network-unavailable' }
]
const noScheduleKeys: ReadonlySet<string> = new Set([...pressureTaints.map(({ key }) => key), unschedulableTaint])

/** The node's taints as its conditions, its cordon and `evicts` ask for them; the same list if nothing changes. */
export function plannedTaints(node: Node, evicts: boolean, nowMs: number): readonly Taint[] {
  const old = node.spec?.taints ?? []
  const now = formatTime(nowMs)
  const wanted: Taint[] = []
  for (const { type, status, key } of pressureTaints) {
    if (findCondition(node.status?.conditions, type)?.status === status) wanted.push({ key, effect: 'NoSchedule', timeAdded: now })
  }
  if (node.spec?.unschedulable === true) wanted.push({ key: unschedulableTaint, effect: 'NoSchedule', timeAdded: now })
  const ready = findCondition(node.status?.conditions, 'Ready')?.status
  if (evicts && ready === 'False') wanted.push({ key: notReadyTaint, effect: 'NoExecute', timeAdded: now })
  if (evicts && ready === 'Unknown') wanted.push({ key: unreachableTaint, effect: 'NoExecute', timeAdded: now })
  const isOurs = ({ key, effect }: Taint): boolean =>
    (effect === 'NoSchedule' && noScheduleKeys.has(key)) || (effect === 'NoExecute' && (key === notReadyTaint || key === unreachableTaint))
  const kept = old.filter(taint => !isOurs(taint) || wanted.some(one => isSameTaint(one, taint)))
  const added = wanted.filter(taint => !old.some(one => isSameTaint(one, taint)))
  return added.length === 0 && kept.length === old.length ? old : [...kept, ...added]
}

export const isSameTaint = (a: Taint, b: Taint): boolean => a.key === b.key && a.effect === b.effect

export type ZoneState = 'Normal' | 'PartialDisruption' | 'FullDisruption'

/** Upstream's ComputeZoneState: full if none is ready, partial if more than two are not and they are a large share. */
export function zoneState(ready: number, notReady: number, unhealthyFraction: number): ZoneState {
  if (ready === 0 && notReady > 0) return 'FullDisruption'
  if (notReady > 2 && notReady / (notReady + ready) >= unhealthyFraction) return 'PartialDisruption'
  return 'Normal'
}

export const zoneOf = (node: Node): string => {
  const { 'topology.kubernetes.io/region': region = '', 'topology.kubernetes.io/zone': zone = '' } = node.metadata.labels ?? {}
  return region === '' && zone === '' ? '' : `${region}:\u0000:${zone}`
}

/** Nodes a second whose pods may be evicted in that zone. `allFull`: every zone is down; the fault is more likely ours. */
export function evictionsPerSecond(
  state: ZoneState,
  allFull: boolean,
  nodes: number,
  options: { readonly nodeEvictionPerSecond: number; readonly secondaryNodeEvictionPerSecond: number; readonly largeClusterNodes: number }
): number {
  if (allFull) return 0
  if (state !== 'PartialDisruption') return options.nodeEvictionPerSecond
  return nodes > options.largeClusterNodes ? options.secondaryNodeEvictionPerSecond : 0
}
