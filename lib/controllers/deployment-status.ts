// Deployment status: what a deployment says of its rollout: counts, Available, Progressing, ReplicaFailure. Pure; upstream's words.

import type { Deployment, DeploymentStatus, ReplicaSet } from '../kinds/index.js'
import { type Condition, findCondition, formatTime, parseTime, removeCondition } from '../object/index.js'
import { totalAvailable } from './deployment-plan.js'
import { resolveBounds } from './rollout-bounds.js'

export const noDeadlineSeconds = 2_147_483_647 // Spelled so, a progress deadline is none.

export const hasProgressDeadline = ({ spec }: Deployment): boolean =>
  spec.progressDeadlineSeconds !== undefined && spec.progressDeadlineSeconds !== noDeadlineSeconds

export function progressing(status: string, reason: string, message: string, nowMs: number): Condition {
  const now = formatTime(nowMs)
  return { type: 'Progressing', status, lastUpdateTime: now, lastTransitionTime: now, reason, message }
}

/** Replaces the condition of that type unless status and reason stay; the transition time moves only with the status. */
export function withCondition(conditions: readonly Condition[] | undefined, condition: Condition): Condition[] {
  const old = findCondition(conditions, condition.type)
  if (old !== undefined && old.status === condition.status && old.reason === condition.reason) return [...(conditions ?? [])]
  const transition = old?.status === condition.status ? old.lastTransitionTime : condition.lastTransitionTime
  return [
    ...removeCondition(conditions, condition.type),
    { ...condition, ...(transition === undefined ? {} : { lastTransitionTime: transition }) }
  ]
}

export function isComplete(deployment: Deployment, status: DeploymentStatus): boolean {
  const desired = deployment.spec.replicas ?? 1
  return (
    (status.updatedReplicas ?? 0) === desired &&
    (status.replicas ?? 0) === desired &&
    (status.availableReplicas ?? 0) === desired &&
    (status.observedGeneration ?? 0) >= (deployment.metadata.generation ?? 0)
  )
}

/** Counts and Available. */
export function countedStatus(
  deployment: Deployment,
  all: readonly ReplicaSet[],
  newest: ReplicaSet | undefined,
  nowMs: number
): DeploymentStatus {
  const sum = (count: (replicaSet: ReplicaSet) => number | undefined): number => all.reduce((total, one) => total + (count(one) ?? 0), 0)
  const availableReplicas = totalAvailable(all)
  const enough = availableReplicas >= (deployment.spec.replicas ?? 1) - resolveBounds(deployment).maxUnavailable
  const now = formatTime(nowMs)
  const available: Condition = {
    type: 'Available',
    status: enough ? 'True' : 'False',
    lastUpdateTime: now,
    lastTransitionTime: now,
    reason: enough ? 'MinimumReplicasAvailable' : 'MinimumReplicasUnavailable',
    message: enough ? 'Deployment has minimum availability.' : 'Deployment does not have minimum availability.'
  }
  const { collisionCount } = deployment.status ?? {}
  const counts = {
    replicas: sum(({ status }) => status?.replicas),
    updatedReplicas: newest?.status?.replicas ?? 0,
    readyReplicas: sum(({ status }) => status?.readyReplicas),
    availableReplicas,
    unavailableReplicas: Math.max(0, all.reduce((total, { spec }) => total + (spec.replicas ?? 1), 0) - availableReplicas)
  }
  return {
    observedGeneration: deployment.metadata.generation ?? 0,
    ...Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0)),
    ...(collisionCount === undefined ? {} : { collisionCount }),
    conditions: withCondition(deployment.status?.conditions, available)
  }
}

/** The status during and after a rollout: counts, Available, Progressing and ReplicaFailure. */
export function rolloutStatus(
  deployment: Deployment,
  all: readonly ReplicaSet[],
  newest: ReplicaSet | undefined,
  nowMs: number
): DeploymentStatus {
  const status = countedStatus(deployment, all, newest, nowMs)
  let conditions = status.conditions ?? []
  const current = findCondition(deployment.status?.conditions, 'Progressing')
  if (!hasProgressDeadline(deployment)) conditions = removeCondition(conditions, 'Progressing')
  else {
    // Once complete, it stays so until the template or size changes: pods that come and go are no rollout.
    const settled = (status.replicas ?? 0) === (status.updatedReplicas ?? 0) && current?.reason === 'NewReplicaSetAvailable'
    if (!settled) conditions = progressOf(deployment, status, newest, current, conditions, nowMs)
  }
  const failure = replicaFailure(all, newest)
  conditions = failure === undefined ? removeCondition(conditions, 'ReplicaFailure') : withCondition(conditions, failure)
  return { ...status, conditions }
}

function progressOf(
  deployment: Deployment,
  status: DeploymentStatus,
  newest: ReplicaSet | undefined,
  current: Condition | undefined,
  conditions: Condition[],
  nowMs: number
): Condition[] {
  const what = newest === undefined ? `Deployment "${deployment.metadata.name}"` : `ReplicaSet "${newest.metadata.name}"`
  if (isComplete(deployment, status)) {
    return withCondition(conditions, progressing('True', 'NewReplicaSetAvailable', `${what} has successfully progressed.`, nowMs))
  }
  if (hasProgressed(deployment, status)) {
    const condition = progressing('True', 'ReplicaSetUpdated', `${what} is progressing.`, nowMs)
    // Its update time moves with every step: the deadline counts from the last one.
    const transition = current?.status === 'True' ? current.lastTransitionTime : condition.lastTransitionTime
    return [
      ...removeCondition(conditions, 'Progressing'),
      { ...condition, ...(transition === undefined ? {} : { lastTransitionTime: transition }) }
    ]
  }
  if (isTimedOut(deployment, status, nowMs)) {
    return withCondition(conditions, progressing('False', 'ProgressDeadlineExceeded', `${what} has timed out progressing.`, nowMs))
  }
  return conditions
}

function hasProgressed(deployment: Deployment, status: DeploymentStatus): boolean {
  const old = deployment.status ?? {}
  const outdated = (one: DeploymentStatus): number => (one.replicas ?? 0) - (one.updatedReplicas ?? 0)
  return (
    (status.updatedReplicas ?? 0) > (old.updatedReplicas ?? 0) ||
    outdated(status) < outdated(old) ||
    (status.readyReplicas ?? 0) > (old.readyReplicas ?? 0) ||
    (status.availableReplicas ?? 0) > (old.availableReplicas ?? 0)
  )
}

function isTimedOut(deployment: Deployment, status: DeploymentStatus, nowMs: number): boolean {
  const condition = findCondition(status.conditions, 'Progressing')
  if (!hasProgressDeadline(deployment) || condition === undefined || condition.reason === 'NewReplicaSetAvailable') return false
  if (condition.reason === 'ProgressDeadlineExceeded') return true
  return (deadlineMs(deployment, condition) ?? Number.POSITIVE_INFINITY) < nowMs
}

function deadlineMs(deployment: Deployment, condition: Condition): number | undefined {
  const fromMs = parseTime(condition.lastUpdateTime ?? '')
  return fromMs === undefined ? undefined : fromMs + (deployment.spec.progressDeadlineSeconds ?? 600) * 1000
}

/** How long until a rollout that stands still is past its deadline; undefined: it has none, is complete or is past it already. */
export function deadlineAfterMs(deployment: Deployment, status: DeploymentStatus, nowMs: number): number | undefined {
  const condition = findCondition(deployment.status?.conditions, 'Progressing')
  if (!hasProgressDeadline(deployment) || condition === undefined) return undefined
  if (isComplete(deployment, status) || condition.reason === 'ProgressDeadlineExceeded') return undefined
  const atMs = deadlineMs(deployment, condition)
  // Times have whole seconds: one more, so that it is over then.
  return atMs === undefined ? undefined : Math.max(0, atMs - nowMs) + 1000
}

function replicaFailure(all: readonly ReplicaSet[], newest: ReplicaSet | undefined): Condition | undefined {
  for (const replicaSet of newest === undefined ? all : [newest, ...all]) {
    const found = findCondition(replicaSet.status?.conditions, 'ReplicaFailure')
    if (found !== undefined)
      return { ...found, ...(found.lastTransitionTime === undefined ? {} : { lastUpdateTime: found.lastTransitionTime }) }
  }
  return undefined
}

/** The condition that a pause or its end puts in; undefined: none, or the deadline was exceeded before. */
export function pausedCondition(deployment: Deployment, nowMs: number): Condition | undefined {
  if (!hasProgressDeadline(deployment)) return undefined
  const current = findCondition(deployment.status?.conditions, 'Progressing')
  if (current?.reason === 'ProgressDeadlineExceeded') return undefined
  const saysPaused = current?.reason === 'DeploymentPaused'
  if (deployment.spec.paused === true && !saysPaused) return progressing('Unknown', 'DeploymentPaused', 'Deployment is paused', nowMs)
  if (deployment.spec.paused !== true && saysPaused) return progressing('Unknown', 'DeploymentResumed', 'Deployment is resumed', nowMs)
  return undefined
}
