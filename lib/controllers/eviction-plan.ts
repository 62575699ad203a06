// Eviction plan: when a pod has to leave a node because of its NoExecute taints. Pure.

import type { Pod, Taint, Toleration } from '../kinds/index.js'

export function tolerates({ key = '', operator = 'Equal', value = '', effect = '' }: Toleration, taint: Taint): boolean {
  if (effect !== '' && effect !== taint.effect) return false
  if (key !== '' && key !== taint.key) return false
  if (key === '' && operator !== 'Exists') return false
  return operator === 'Exists' || value === (taint.value ?? '')
}

/**
 * How long the pod may stay, in milliseconds of the cluster's clock: 0 if a taint is not tolerated, Infinity if all are for ever.
 * Of the tolerations that are used, the shortest counts.
 */
export function stayMs(pod: Pod, taints: readonly Taint[]): number {
  const execute = taints.filter(({ effect }) => effect === 'NoExecute')
  let shortest = Number.POSITIVE_INFINITY
  for (const taint of execute) {
    const matching = (pod.spec.tolerations ?? []).filter(toleration => tolerates(toleration, taint))
    if (matching.length === 0) return 0
    for (const { tolerationSeconds } of matching) {
      if (tolerationSeconds !== undefined) shortest = Math.min(shortest, Math.max(0, tolerationSeconds) * 1000)
    }
  }
  return shortest
}

export interface Scheduled {
  readonly sinceMs: number
  readonly atMs: number
}

/**
 * When the pod is deleted; undefined: it may stay. A pod that waits already keeps the time it began to wait: a taint that changes
 * does not give it more.
 */
export function planEviction(pod: Pod, taints: readonly Taint[], known: Scheduled | undefined, nowMs: number): Scheduled | undefined {
  const stay = stayMs(pod, taints)
  if (stay === Number.POSITIVE_INFINITY) return undefined
  if (stay === 0) return { sinceMs: known?.sinceMs ?? nowMs, atMs: nowMs }
  const sinceMs = known?.sinceMs ?? nowMs
  return { sinceMs, atMs: sinceMs + stay }
}
