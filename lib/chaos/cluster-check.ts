// Cluster check: what must hold of a whole cluster beside what its API promises (lib/check). Pure: records in, violations out.

import type { Pod, ReplicaSet } from '../kinds/index.js'
import { controllerOf } from '../object/index.js'
import type { ClusterHistory } from './cluster-history.js'
import type { RunViolation } from './run.js'

export const clusterGuarantees = {
  boundOnce: 'a pod is bound to one node, once',
  asMany: 'a replica set never has more pods than were asked for, creations in doubt aside',
  held: 'once all faults have ended, what an informer holds and has told its handlers is what there is',
  told: 'an informer tells its handlers of the changes of an object in their order, each once',
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

/** As a controller counts them: neither over nor on its way out. */
const isPodActive = ({ metadata, status }: Pod): boolean =>
  metadata.deletionTimestamp === undefined && status?.phase !== 'Succeeded' && status?.phase !== 'Failed'

/** What is known of the controller of replica sets beside what the store tells. */
export interface CreationFacts {
  /** At this revision it still was in its first life: what the next one does not know of, it makes again. */
  readonly until: number
  /** Creations of pods of which it was not told whether they were made; by `namespace/name` of the replica set. */
  readonly inDoubt: ReadonlyMap<string, number>
}

/**
 * What upstream's expectations are for. A creation is made on a view in which every creation before it is seen, so pods that live are
 * never more than the most that was asked for, however old the view is. Not counted is what a view cannot show: a creation in doubt;
 * and a pod of a namesake that was before, which may be taken for one that was awaited.
 */
export function checkReplicas(history: Pick<ClusterHistory, 'objects'>, { until, inDoubt }: CreationFacts): readonly RunViolation[] {
  const violations: RunViolation[] = []
  const asked = new Map<string, number>() // By uid of the replica set, the most so far; revisions of both kinds are of one order.
  const replicaSets = history.objects<ReplicaSet>('replicasets')
  let at = 0
  const live = new Map<string, string>() // Of a pod's key, the uid of its replica set.
  const made = new Map<string, Map<string, number>>() // By name of the replica set and by uid: pods there ever were.
  const counts = new Map<string, number>() // Of the live, by uid.
  const count = (uid: string, by: number): void => void counts.set(uid, (counts.get(uid) ?? 0) + by)
  for (const { key, revision, state: pod } of history.objects<Pod>('pods')) {
    if (revision > until) break
    for (let next = replicaSets[at]; next !== undefined && next.revision <= revision; next = replicaSets[++at]) {
      const uid = next.state?.metadata.uid ?? ''
      asked.set(uid, Math.max(asked.get(uid) ?? 0, next.state?.spec.replicas ?? 0))
    }
    const before = live.get(key)
    const owner = pod === undefined || !isPodActive(pod) ? undefined : controllerOf(pod)
    if (before === owner?.uid) continue
    if (before !== undefined) count(before, -1)
    live.delete(key)
    if (owner?.kind !== 'ReplicaSet') continue
    live.set(key, owner.uid)
    count(owner.uid, 1)
    const name = `${pod?.metadata.namespace}/${owner.name}`
    const ofName = made.get(name) ?? new Map<string, number>()
    made.set(name, ofName.set(owner.uid, (ofName.get(owner.uid) ?? 0) + 1))
    const namesakes = [...ofName].reduce((sum, [uid, pods]) => (uid === owner.uid ? sum : sum + pods), 0)
    const most = (asked.get(owner.uid) ?? 0) + (inDoubt.get(name) ?? 0) + namesakes
    if ((counts.get(owner.uid) ?? 0) > most && violations.length < violationsMax)
      violations.push({
        guarantee: clusterGuarantees.asMany,
        excerpt: `${key} at ${revision}: ${counts.get(owner.uid)} pods of ${name}, asked for: ${most}`
      })
  }
  return violations
}
