// Deployment plan: which replica set gets which size next. Pure; one step of a rollout at a time, each safe by itself.
//
// Upstream's rolling.go, recreate.go and sync.go: a rolling update never has more than desired + maxSurge pods, and takes away
// available ones only above desired - maxUnavailable. A change of size in the middle of a rollout is shared out in proportion.

import type { Deployment, ReplicaSet } from '../kinds/index.js'
import { desiredReplicasOf, maxReplicasOf } from './deployment-annotations.js'
import { byCreation, createdMs } from './pod-state.js'
import { resolveBounds } from './rollout-bounds.js'

export interface Scaling {
  readonly replicaSet: ReplicaSet
  readonly replicas: number
}

export const sizeOf = (replicaSet: ReplicaSet): number => replicaSet.spec.replicas ?? 1
export const totalSize = (replicaSets: readonly ReplicaSet[]): number => replicaSets.reduce((sum, one) => sum + sizeOf(one), 0)
export const totalAvailable = (replicaSets: readonly ReplicaSet[]): number =>
  replicaSets.reduce((sum, one) => sum + (one.status?.availableReplicas ?? 0), 0)
export const isActive = (replicaSet: ReplicaSet): boolean => sizeOf(replicaSet) > 0
const desiredOf = (deployment: Deployment): number => deployment.spec.replicas ?? 1

/** The size of the new replica set: up to desired, while all of them stay within the surge. */
export function newReplicaSetSize(deployment: Deployment, all: readonly ReplicaSet[], newSize: number): number {
  if (deployment.spec.strategy?.type === 'Recreate') return desiredOf(deployment)
  const room = desiredOf(deployment) + resolveBounds(deployment).maxSurge - totalSize(all)
  if (room <= 0) return newSize
  return newSize + Math.max(0, Math.min(room, desiredOf(deployment) - newSize))
}

/** The next step of a rolling update: first the new one up, then the old ones down. */
export function planRollingUpdate(deployment: Deployment, newest: ReplicaSet, old: readonly ReplicaSet[]): Scaling[] {
  const all = [...old, newest]
  const desired = desiredOf(deployment)
  if (sizeOf(newest) > desired) return [{ replicaSet: newest, replicas: desired }]
  const replicas = newReplicaSetSize(deployment, all, sizeOf(newest))
  if (replicas !== sizeOf(newest)) return [{ replicaSet: newest, replicas }]
  return planOldDown(deployment, newest, old)
}

function planOldDown(deployment: Deployment, newest: ReplicaSet, old: readonly ReplicaSet[]): Scaling[] {
  if (totalSize(old) === 0) return []
  const minAvailable = desiredOf(deployment) - resolveBounds(deployment).maxUnavailable
  const newUnavailable = sizeOf(newest) - (newest.status?.availableReplicas ?? 0)
  const surplus = totalSize([...old, newest]) - minAvailable - newUnavailable
  if (surplus <= 0) return []
  const sizes = new Map(old.map(replicaSet => [replicaSet, sizeOf(replicaSet)]))
  const oldestFirst = [...old].sort(byCreation)
  const take = (replicaSet: ReplicaSet, count: number): void => void sizes.set(replicaSet, (sizes.get(replicaSet) ?? 0) - count)
  // Pods that are not available serve nobody: they go first, so that a broken rollout cannot block itself.
  let left = surplus
  for (const replicaSet of oldestFirst) {
    const unhealthy = sizeOf(replicaSet) - (replicaSet.status?.availableReplicas ?? 0)
    const count = Math.min(left, Math.max(0, unhealthy))
    take(replicaSet, count)
    left -= count
  }
  left = [...old, newest].reduce((sum, one) => sum + staying(one), 0) - minAvailable
  for (const replicaSet of oldestFirst) {
    const count = Math.max(0, Math.min(left, sizes.get(replicaSet) ?? 0))
    take(replicaSet, count)
    left -= count
  }
  return oldestFirst.filter(one => sizes.get(one) !== sizeOf(one)).map(one => ({ replicaSet: one, replicas: sizes.get(one) as number }))
}

/**
 * Its available pods without those that are to go: a status from before it was scaled down counts them still. (Upstream counts them
 * here, and may take away more than maxUnavailable allows.)
 */
const staying = (replicaSet: ReplicaSet): number => Math.min(sizeOf(replicaSet), replicaSet.status?.availableReplicas ?? 0)

/** Whether the deployment's size was changed since its replica sets were last told. */
export function isScalingEvent(deployment: Deployment, all: readonly ReplicaSet[]): boolean {
  return all.some(one => isActive(one) && (desiredReplicasOf(one) ?? desiredOf(deployment)) !== desiredOf(deployment))
}

/** What a change of size, or a pause, asks for. */
export function planScale(deployment: Deployment, newest: ReplicaSet | undefined, old: readonly ReplicaSet[]): Scaling[] {
  const desired = desiredOf(deployment)
  const single = activeOrLatest(newest, old)
  if (single !== undefined) return sizeOf(single) === desired ? [] : [{ replicaSet: single, replicas: desired }]
  if (isSaturated(deployment, newest)) return old.filter(isActive).map(replicaSet => ({ replicaSet, replicas: 0 }))
  if (deployment.spec.strategy?.type === 'Recreate') return []
  return planProportionally(deployment, [...old, ...(newest === undefined ? [] : [newest])].filter(isActive))
}

function planProportionally(deployment: Deployment, active: readonly ReplicaSet[]): Scaling[] {
  const desired = desiredOf(deployment)
  const allowed = desired > 0 ? desired + resolveBounds(deployment).maxSurge : 0
  const toAdd = allowed - totalSize(active)
  // The largest take most; between equals the newer when growing, the older when shrinking.
  const bySize = (a: ReplicaSet, b: ReplicaSet): number => sizeOf(b) - sizeOf(a) || (toAdd > 0 ? byCreation(b, a) : byCreation(a, b))
  const sorted = [...active].sort(bySize)
  let added = 0
  const sizes = sorted.map(replicaSet => {
    const share = toAdd === 0 ? 0 : proportion(replicaSet, deployment, toAdd, added)
    added += share
    return sizeOf(replicaSet) + share
  })
  if (toAdd !== 0 && sizes.length > 0) sizes[0] = Math.max(0, (sizes[0] as number) + toAdd - added)
  return sorted.map((replicaSet, index) => ({ replicaSet, replicas: sizes[index] as number }))
}

function proportion(replicaSet: ReplicaSet, deployment: Deployment, toAdd: number, added: number): number {
  if (sizeOf(replicaSet) === 0 || toAdd === added) return 0
  const share = fraction(replicaSet, deployment)
  return toAdd > 0 ? Math.min(share, toAdd - added) : Math.max(share, toAdd - added)
}

function fraction(replicaSet: ReplicaSet, deployment: Deployment): number {
  const desired = desiredOf(deployment)
  if (desired === 0) return -sizeOf(replicaSet)
  const before = maxReplicasOf(replicaSet) || (deployment.status?.replicas ?? 0)
  if (before === 0) return 0
  const size = (sizeOf(replicaSet) * (desired + resolveBounds(deployment).maxSurge)) / before
  return Math.floor(size + 0.5) - sizeOf(replicaSet)
}

/** The only one with pods; with none, the one that would get them. Undefined: several have pods. */
function activeOrLatest(newest: ReplicaSet | undefined, old: readonly ReplicaSet[]): ReplicaSet | undefined {
  const active = [...old, ...(newest === undefined ? [] : [newest])].filter(isActive)
  if (active.length > 1) return undefined
  return active[0] ?? newest ?? [...old].sort((a, b) => createdMs(b) - createdMs(a))[0]
}

function isSaturated(deployment: Deployment, newest: ReplicaSet | undefined): boolean {
  const desired = desiredOf(deployment)
  return (
    newest !== undefined &&
    sizeOf(newest) === desired &&
    desiredReplicasOf(newest) === desired &&
    newest.status?.availableReplicas === desired
  )
}

/** Old replica sets beyond the revision history limit, the lowest revisions first; never one that has pods or is not settled. */
export function planCleanup(
  deployment: Deployment,
  old: readonly ReplicaSet[],
  revision: (replicaSet: ReplicaSet) => number
): ReplicaSet[] {
  const limit = deployment.spec.revisionHistoryLimit
  if (limit === undefined) return []
  const alive = old.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
  const surplus = alive.length - limit
  if (surplus <= 0) return []
  return [...alive]
    .sort((a, b) => revision(a) - revision(b) || byCreation(a, b))
    .slice(0, surplus)
    .filter(({ spec, status, metadata }) => {
      const idle = (status?.replicas ?? 0) === 0 && (spec.replicas ?? 1) === 0
      return idle && (metadata.generation ?? 0) <= (status?.observedGeneration ?? 0)
    })
}
