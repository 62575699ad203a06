// Rollout bounds: how many pods more, and how many fewer, than asked for a rolling update may have.

import type { Deployment } from '../kinds/index.js'
import type { IntOrString } from '../object/index.js'

/**
 * Percentages of the desired size: surge rounds up, unavailable down. Both zero would never move, so then one pod may be missing
 * (upstream's ResolveFenceposts). Not more may be missing than there are.
 */
export function resolveBounds(deployment: Deployment): { readonly maxSurge: number; readonly maxUnavailable: number } {
  const { strategy, replicas = 1 } = deployment.spec
  if (strategy?.type === 'Recreate') return { maxSurge: 0, maxUnavailable: 0 }
  const maxSurge = scaled(strategy?.rollingUpdate?.maxSurge ?? '25%', replicas, Math.ceil)
  const unavailable = scaled(strategy?.rollingUpdate?.maxUnavailable ?? '25%', replicas, Math.floor)
  const maxUnavailable = maxSurge === 0 && unavailable === 0 ? 1 : unavailable
  return { maxSurge, maxUnavailable: Math.min(maxUnavailable, replicas) }
}

export function scaled(value: IntOrString, total: number, round: (value: number) => number): number {
  if (typeof value === 'number') return value
  const percent = /^(\d+)%$/.exec(value)?.[1]
  return percent === undefined ? 0 : round((Number(percent) * total) / 100)
}
