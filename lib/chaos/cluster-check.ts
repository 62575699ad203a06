// Cluster check: what must hold of a whole cluster beside what its API promises (lib/check). Pure: records in, violations out.

import type { Pod } from '../kinds/index.js'
import type { ClusterHistory } from './cluster-history.js'
import type { RunViolation } from './run.js'

export const clusterGuarantees = {
  boundOnce: 'a pod is bound to one node, once',
  majority: 'once a majority of the stores has healed, the cluster becomes what was asked for, whatever the others do',
  convergence: 'once all faults have ended, the cluster becomes what was asked for',
  noFailure: 'no actor fails by a fault of its own'
} as const

const violationsMax = 10

export interface PodFacts {
  readonly violations: readonly RunViolation[]
  readonly evictions: number
  readonly podsMax: number
}

/** What the history says of pods. */
export function checkPods(history: ClusterHistory): PodFacts {
  const violations: RunViolation[] = []
  const nodes = new Map<string, string>() // Of a pod, by uid.
  const evicted = new Set<string>()
  const alive = new Set<string>()
  let podsMax = 0
  for (const { key, state: pod } of history.objects<Pod>('pods')) {
    if (pod === undefined) alive.delete(key)
    else alive.add(key)
    podsMax = Math.max(podsMax, alive.size)
    if (pod === undefined) continue
    const uid = pod.metadata.uid ?? ''
    const node = pod.spec.nodeName ?? ''
    const bound = nodes.get(uid)
    if (bound !== undefined && bound !== node && violations.length < violationsMax)
      violations.push({ guarantee: clusterGuarantees.boundOnce, excerpt: `${key}: ${bound}, then ${node}` })
    if (node !== '') nodes.set(uid, node)
    if (pod.status?.conditions?.some(({ reason }) => reason === 'DeletionByTaintManager') === true) evicted.add(uid)
  }
  return { violations, evictions: evicted.size, podsMax }
}
