// Readiness: what a cluster lacks before it serves, from what its components show of themselves.

import type { ClusterPlan } from '../actors/plan.js'
import { type Facts, machineOf } from '../lib/actor/index.js'

export interface Readiness {
  readonly name: string
  readonly ready: boolean
}

/** One entry for each thing to be waited for, in the order it usually comes. */
export function readinessOf(
  plan: ClusterPlan,
  factsOf: (address: string) => Facts | undefined,
  /** Those of now: the plan has the founders only. */
  stores: readonly string[]
): Readiness[] {
  const children = plan.machines.flatMap(machine => machine.children)
  const some = (actor: string, fact: string, value: unknown): boolean =>
    children.some(child => child.actor === actor && factsOf(child.address)?.[fact] === value)
  const isReady = (address: string): Readiness => ({ name: `${address} is ready`, ready: factsOf(address)?.ready === true })
  const each = (actor: string): Readiness[] => children.filter(child => child.actor === actor).map(({ address }) => isReady(address))
  const gateways = children.some(({ actor }) => actor === 'etcd') ? stores.map(store => isReady(`${machineOf(store)}/etcd`)) : []
  return [
    ...(children.some(child => child.actor === 'store')
      ? [{ name: 'the store has a leader', ready: stores.some(store => factsOf(store)?.role === 'leader') }]
      : each('etcd-storage')),
    ...gateways,
    ...each('apiserver'),
    { name: 'the controller-manager leads', ready: some('controller-manager', 'leader', true) },
    { name: 'the scheduler leads', ready: some('scheduler', 'leader', true) },
    ...each('kubelet')
  ]
}

/** What no waiting helps against, in the words of who found it. */
export function fatalOf(plan: ClusterPlan, factsOf: (address: string) => Facts | undefined): string | undefined {
  const all = plan.machines.flatMap(machine => machine.children.map(child => factsOf(child.address)))
  const problem = all.find(facts => facts?.fatal === true)?.problem
  return problem === undefined ? undefined : String(problem)
}

export const missingOf = (readiness: readonly Readiness[]): string =>
  readiness
    .filter(({ ready }) => !ready)
    .map(({ name }) => `not yet: ${name}`)
    .join(', ')
