// ReplicaSet plan: how many pods to create, which to delete, and what the status says. Pure.

import type { Pod, ReplicaSet, ReplicaSetStatus } from '../kinds/index.js'
import {
  type Condition,
  controllerReference,
  matchesLabels,
  type ObjectMeta,
  removeCondition,
  selectorOf,
  selectorOfMap
} from '../object/index.js'
import { availableAtMs, deletionOrder, isPodActive, isPodReady } from './pod-state.js'

export interface ReplicaSetPlan {
  readonly create: number
  readonly remove: readonly Pod[]
}

const burstReplicas = 500 // As upstream: pods created or deleted in one go.

/** `related`: active pods of all replica sets of the same owner; pods that share a node with them are the first to go. */
export function planReplicas(replicaSet: ReplicaSet, active: readonly Pod[], related: readonly Pod[], nowMs: number): ReplicaSetPlan {
  const surplus = active.length - (replicaSet.spec.replicas ?? 1)
  if (surplus <= 0) return { create: Math.min(-surplus, burstReplicas), remove: [] }
  if (surplus >= active.length) return { create: 0, remove: active.slice(0, burstReplicas) }
  const onNode = new Map<string, number>()
  for (const pod of related) {
    if (!isPodActive(pod)) continue
    const node = pod.spec.nodeName ?? ''
    onNode.set(node, (onNode.get(node) ?? 0) + 1)
  }
  const ranked = [...active].sort(deletionOrder(pod => onNode.get(pod.spec.nodeName ?? '') ?? 0, nowMs))
  return { create: 0, remove: ranked.slice(0, Math.min(surplus, burstReplicas)) }
}

/** Sizes of the batches in which `count` creations are tried: the next one doubles only after a success. */
export function slowStart(count: number): number[] {
  const batches: number[] = []
  for (let left = count, size = 1; left > 0; left -= batches.at(-1) as number, size *= 2) batches.push(Math.min(size, left))
  return batches
}

export interface Failure {
  readonly reason: 'FailedCreate' | 'FailedDelete'
  readonly message: string
}

export function replicaSetStatus(
  replicaSet: ReplicaSet,
  pods: readonly Pod[],
  failure: Failure | undefined,
  nowMs: number,
  now: string
): ReplicaSetStatus {
  const templateLabels = selectorOfMap(replicaSet.spec.template.metadata?.labels)
  const minReadySeconds = replicaSet.spec.minReadySeconds ?? 0
  let fullyLabeledReplicas = 0
  let readyReplicas = 0
  let availableReplicas = 0
  for (const pod of pods) {
    if (matchesLabels(templateLabels, pod.metadata.labels)) fullyLabeledReplicas++
    if (!isPodReady(pod)) continue
    readyReplicas++
    if ((availableAtMs(pod, minReadySeconds) ?? Number.POSITIVE_INFINITY) <= nowMs) availableReplicas++
  }
  const conditions = failureConditions(replicaSet.status?.conditions ?? [], failure, now)
  return {
    replicas: pods.length,
    ...positive({ fullyLabeledReplicas, readyReplicas, availableReplicas }),
    observedGeneration: replicaSet.metadata.generation ?? 0,
    ...(conditions.length === 0 ? {} : { conditions: [...conditions] })
  }
}

/** When the next ready pod becomes available; undefined if none will. */
export function nextAvailableMs(replicaSet: ReplicaSet, pods: readonly Pod[], nowMs: number): number | undefined {
  const minReadySeconds = replicaSet.spec.minReadySeconds ?? 0
  const due = pods.map(pod => availableAtMs(pod, minReadySeconds) ?? 0).filter(atMs => atMs > nowMs)
  return due.length === 0 ? undefined : Math.min(...due)
}

/** A new pod as the template asks for. */
export function podOf(replicaSet: ReplicaSet, name: string): { metadata: ObjectMeta; spec: Pod['spec'] } {
  const { labels, annotations, finalizers } = replicaSet.spec.template.metadata ?? {}
  return {
    metadata: {
      name,
      generateName: `${replicaSet.metadata.name}-`,
      namespace: replicaSet.metadata.namespace ?? '',
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
      ...(finalizers === undefined ? {} : { finalizers }),
      ownerReferences: [{ ...controllerReference(replicaSet), apiVersion: 'apps/v1', kind: 'ReplicaSet' }]
    },
    spec: replicaSet.spec.template.spec
  }
}

export const selects = (replicaSet: ReplicaSet, pod: Pod): boolean =>
  matchesLabels(selectorOf(replicaSet.spec.selector), pod.metadata.labels)

// ReplicaFailure is there only while it is true.
function failureConditions(old: readonly Condition[], failure: Failure | undefined, now: string): readonly Condition[] {
  if (failure === undefined) return removeCondition(old, 'ReplicaFailure')
  if (old.some(({ type }) => type === 'ReplicaFailure')) return old
  return [...old, { type: 'ReplicaFailure', status: 'True', lastTransitionTime: now, ...failure }]
}

function positive<R extends Record<string, number>>(counts: R): Partial<R> {
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0)) as Partial<R>
}
