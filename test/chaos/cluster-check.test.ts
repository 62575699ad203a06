// What is checked of a whole cluster, on small histories: each that breaks a promise is told from one that does not.

import t from 'tap'
import { checkReplicas, clusterGuarantees } from '../../lib/chaos/cluster-check.js'
import type { ClusterHistory } from '../../lib/chaos/cluster-history.js'

/** A replica set asks for so many pods; or a pod of the replica set of that uid comes to live, is over, or is gone. */
type Step = readonly [what: 'asks', uid: string, replicas: number] | readonly [what: 'lives' | 'ends' | 'gone', uid: string, pod: string]

function historyOf(steps: readonly Step[]): Pick<ClusterHistory, 'objects'> {
  const changes = steps.map((step, at) => {
    const [what, uid, of] = step
    const namespace = 'default'
    const revision = at + 1
    if (what === 'asks')
      return { key: 'replicasets/default/web', revision, state: { metadata: { name: 'web', namespace, uid }, spec: { replicas: of } } }
    const ownerReferences = [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid, controller: true }]
    const state = {
      metadata: { name: of, namespace, ownerReferences },
      spec: {},
      status: { phase: what === 'ends' ? 'Failed' : 'Running' }
    }
    return { key: `pods/default/${of}`, revision, state: what === 'gone' ? undefined : state }
  })
  const objects = (resource: string) => changes.filter(({ key }) => key.startsWith(`${resource}/`))
  return { objects } as unknown as Pick<ClusterHistory, 'objects'>
}

interface Case {
  readonly name: string
  readonly steps: readonly Step[]
  readonly until?: number
  readonly inDoubt?: number
  readonly broken: boolean
}

const two: readonly Step[] = [
  ['asks', 'r', 2],
  ['lives', 'r', 'a'],
  ['lives', 'r', 'b']
]
const three: readonly Step[] = [...two, ['lives', 'r', 'c']]

const cases: readonly Case[] = [
  { name: 'as many as asked for', steps: two, broken: false },
  { name: 'one more', steps: three, broken: true },
  { name: 'one more, and a creation in doubt', steps: three, inDoubt: 1, broken: false },
  { name: 'one more, in the second life of the controller', steps: three, until: 3, broken: false },
  { name: 'one in the place of one that is gone', steps: [...two, ['gone', 'r', 'a'], ['lives', 'r', 'c']], broken: false },
  { name: 'one in the place of one that is over', steps: [...two, ['ends', 'r', 'a'], ['lives', 'r', 'c']], broken: false },
  { name: 'what was asked for before is still on its way', steps: [['asks', 'r', 3], ...three], broken: false },
  { name: 'a pod of a namesake may be taken for an own one', steps: [['asks', 'old', 1], ['lives', 'old', 'z'], ...three], broken: false }
]

t.test('a replica set never has more pods than were asked for', async t => {
  for (const { name, steps, until = Number.POSITIVE_INFINITY, inDoubt, broken } of cases) {
    const violations = checkReplicas(historyOf(steps), { until, inDoubt: new Map(inDoubt === undefined ? [] : [['default/web', inDoubt]]) })
    t.same(
      violations.map(({ guarantee }) => guarantee),
      broken ? [clusterGuarantees.asMany] : [],
      name
    )
  }
})
