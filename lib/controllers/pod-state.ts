// Pod state: what a pod's status means to its controllers, and which of several pods is missed least.

import type { Pod } from '../kinds/index.js'
import { type ApiObject, findCondition, isBeingDeleted, parseTime } from '../object/index.js'

export const isPodReady = (pod: Pod): boolean => findCondition(pod.status?.conditions, 'Ready')?.status === 'True'

export const isPodTerminal = (pod: Pod): boolean => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'

/** Neither over nor on its way out. */
export const isPodActive = (pod: Pod): boolean => !isPodTerminal(pod) && !isBeingDeleted(pod)

/** When it has been ready for `minReadySeconds`, in Unix milliseconds; undefined while it is not ready. */
export function availableAtMs(pod: Pod, minReadySeconds: number): number | undefined {
  const ready = findCondition(pod.status?.conditions, 'Ready')
  if (ready?.status !== 'True') return undefined
  if (minReadySeconds === 0) return Number.NEGATIVE_INFINITY
  const sinceMs = parseTime(ready.lastTransitionTime ?? '')
  return sinceMs === undefined ? undefined : sinceMs + minReadySeconds * 1000
}

export function isPodAvailable(pod: Pod, minReadySeconds: number, nowMs: number): boolean {
  const atMs = availableAtMs(pod, minReadySeconds)
  return atMs !== undefined && atMs <= nowMs
}

export const createdMs = (object: ApiObject): number => parseTime(object.metadata.creationTimestamp ?? '') ?? 0

/** Oldest first; names decide between those of one second. */
export const byCreation = (a: ApiObject, b: ApiObject): number =>
  createdMs(a) - createdMs(b) || compareText(a.metadata.name, b.metadata.name)

export const compareText = (a: string | undefined, b: string | undefined): number => {
  const left = a ?? ''
  const right = b ?? ''
  return left < right ? -1 : left > right ? 1 : 0
}

const deletionCost = 'controller.kubernetes.io/pod-deletion-cost'
const phaseRank: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 }

/**
 * The order in which surplus pods are deleted (upstream's ActivePodsWithRanks): unassigned, then by phase, not ready, of lower
 * cost, doubled up on a node, ready for a shorter time, restarted more often, newer. Times are compared by the binary order of
 * magnitude of their distance from now, so that ages do not decide alone (LogarithmicScaleDown); uids decide between equals.
 */
export function deletionOrder(rankOf: (pod: Pod) => number, nowMs: number): (a: Pod, b: Pod) => number {
  return (a, b) => {
    const assigned = Number(isAssigned(a)) - Number(isAssigned(b))
    if (assigned !== 0) return assigned
    const phase = (phaseRank[a.status?.phase ?? ''] ?? 0) - (phaseRank[b.status?.phase ?? ''] ?? 0)
    if (phase !== 0) return phase
    const ready = Number(isPodReady(a)) - Number(isPodReady(b))
    if (ready !== 0) return ready
    const cost = costOf(a) - costOf(b)
    if (cost !== 0) return cost
    const rank = rankOf(b) - rankOf(a)
    if (rank !== 0) return rank
    if (isPodReady(a)) {
      const since = newerFirst(readySinceMs(a), readySinceMs(b), nowMs)
      if (since !== undefined) return since !== 0 ? since : compareText(a.metadata.uid, b.metadata.uid)
    }
    const restarts = restartsOf(b) - restartsOf(a)
    if (restarts !== 0) return restarts
    const age = newerFirst(createdMs(a), createdMs(b), nowMs)
    if (age !== undefined && age !== 0) return age
    return compareText(a.metadata.uid, b.metadata.uid)
  }
}

const isAssigned = (pod: Pod): boolean => (pod.spec.nodeName ?? '') !== ''

function costOf(pod: Pod): number {
  const text = pod.metadata.annotations?.[deletionCost] ?? ''
  return /^(0|-?[1-9]\d*)$/.test(text) ? Number(text) : 0
}

const readySinceMs = (pod: Pod): number => parseTime(findCondition(pod.status?.conditions, 'Ready')?.lastTransitionTime ?? '') ?? 0

const restartsOf = (pod: Pod): number => Math.max(0, ...(pod.status?.containerStatuses ?? []).map(({ restartCount }) => restartCount))

/** Undefined: the times are equal and the next criterion decides. 0: of the same order of magnitude. */
function newerFirst(aMs: number, bMs: number, nowMs: number): number | undefined {
  if (aMs === bMs) return undefined
  if (aMs === 0 || bMs === 0) return aMs === 0 ? -1 : 1
  return magnitude(nowMs - aMs) - magnitude(nowMs - bMs)
}

// Upstream takes the logarithm of nanoseconds.
const magnitude = (ageMs: number): number => (ageMs > 0 ? Math.floor(Math.log2(ageMs * 1e6)) : -1)
