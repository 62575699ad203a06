// Deployment annotations: what a deployment writes on its replica sets, and reads back: revision, desired and greatest size.

import type { Deployment, ReplicaSet } from '../kinds/index.js'
import { resolveBounds } from './rollout-bounds.js'

export const revisionAnnotation = 'deployment.kubernetes.io/revision'
export const revisionHistoryAnnotation = 'deployment.kubernetes.io/revision-history'
export const desiredAnnotation = 'deployment.kubernetes.io/desired-replicas'
export const maxAnnotation = 'deployment.kubernetes.io/max-replicas'

const notCopied: ReadonlySet<string> = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  revisionAnnotation,
  revisionHistoryAnnotation,
  desiredAnnotation,
  maxAnnotation,
  'deprecated.deployment.rollback.to'
])
const historyCharactersMax = 2000

export const annotationsOf = (object: { readonly metadata: { readonly annotations?: Record<string, string> } }): Record<string, string> =>
  object.metadata.annotations ?? {}

export function revisionOf(replicaSet: ReplicaSet): number {
  const text = annotationsOf(replicaSet)[revisionAnnotation] ?? ''
  return /^\d+$/.test(text) ? Number(text) : 0
}

export const maxRevision = (replicaSets: readonly ReplicaSet[]): number => Math.max(0, ...replicaSets.map(revisionOf))

/** The sizes a replica set is to remember, so that a later change of the deployment's size can be told from a rollout. */
export function sizeAnnotations(deployment: Deployment): Record<string, string> {
  const replicas = deployment.spec.replicas ?? 1
  return { [desiredAnnotation]: String(replicas), [maxAnnotation]: String(replicas + resolveBounds(deployment).maxSurge) }
}

export function desiredReplicasOf(replicaSet: ReplicaSet): number | undefined {
  return numberAt(replicaSet, desiredAnnotation)
}

export function maxReplicasOf(replicaSet: ReplicaSet): number | undefined {
  return numberAt(replicaSet, maxAnnotation)
}

/**
 * Annotations of the replica set that has the deployment's template: the deployment's own, and the revision, which only rises.
 * A revision it had before goes into its history.
 */
export function newReplicaSetAnnotations(
  deployment: Deployment,
  old: Record<string, string>,
  revision: number,
  exists: boolean
): Record<string, string> {
  const next = { ...old }
  for (const [name, value] of Object.entries(annotationsOf(deployment))) if (!notCopied.has(name)) next[name] = value
  const before = old[revisionAnnotation]
  if (before === undefined || Number(before) < revision) {
    next[revisionAnnotation] = String(revision)
    if (exists && before !== undefined) next[revisionHistoryAnnotation] = history(old[revisionHistoryAnnotation], before)
  }
  if (!exists) Object.assign(next, sizeAnnotations(deployment))
  return next
}

function history(old: string | undefined, revision: string): string {
  const all = (old ?? '') === '' ? [revision] : [...(old as string).split(','), revision]
  while (all.length > 1 && all.join(',').length > historyCharactersMax) all.shift()
  return all.join(',')
}

function numberAt(replicaSet: ReplicaSet, name: string): number | undefined {
  const text = annotationsOf(replicaSet)[name]
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined
}
