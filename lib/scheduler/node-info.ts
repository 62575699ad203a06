// NodeInfo: a node, the pods on it, and what they take of it, kept up to date as pods come and go.
//
// Pods may be known before their node is: such a NodeInfo has no `node`, counts, and is offered to no pod.

import type { Node, Taint } from '../kinds/index.js'
import { deepEqual } from '../object/index.js'
import type { HostPort, Labels, PodInfo } from './pod-info.js'
import { addResources, noResources, type Resources, resourcesOf } from './resources.js'

/** What a Node object says of itself. */
export interface NodeFacts {
  readonly labels: Labels
  readonly fields: Labels // metadata.name, which matchFields looks at.
  readonly taints: readonly Taint[]
  readonly unschedulable: boolean
  readonly allocatable: Resources
  readonly images: ReadonlyMap<string, number> // Bytes by name.
}

export class NodeInfo {
  readonly name: string
  node: Node | undefined
  facts: NodeFacts
  index = -1 // In the cluster's order; -1 while it has no Node.
  readonly pods = new Map<string, PodInfo>() // By uid.
  readonly podsWithAffinity = new Set<PodInfo>()
  readonly requested = noResources()
  nonZeroMilliCpu = 0
  nonZeroMemory = 0
  readonly ports: HostPort[] = []

  constructor(name: string) {
    this.name = name
    this.facts = unknownFacts(name)
  }

  add(pod: PodInfo): void {
    this.pods.set(pod.uid, pod)
    this.#count(pod, 1)
    if (pod.affinity !== undefined) this.podsWithAffinity.add(pod)
    if (pod.ports.length > 0) this.ports.push(...pod.ports)
  }

  remove(pod: PodInfo): void {
    if (!this.pods.delete(pod.uid)) return
    this.#count(pod, -1)
    this.podsWithAffinity.delete(pod)
    for (const port of pod.ports) this.ports.splice(this.ports.indexOf(port), 1)
  }

  #count(pod: PodInfo, sign: 1 | -1): void {
    addResources(this.requested, pod.requests, sign)
    this.nonZeroMilliCpu += sign * pod.nonZeroMilliCpu
    this.nonZeroMemory += sign * pod.nonZeroMemory
  }
}

export function unknownFacts(name: string): NodeFacts {
  return {
    labels: {},
    fields: { 'metadata.name': name },
    taints: [],
    unschedulable: false,
    allocatable: noResources(),
    images: new Map()
  }
}

/** Parts that are equal to those of `before` are those: heartbeats change nothing that a pod could wait for. */
export function factsOf({ metadata, spec, status }: Node, before?: NodeFacts): NodeFacts {
  const images = new Map<string, number>()
  for (const { names = [], sizeBytes = 0 } of status?.images ?? []) for (const name of names) images.set(name, sizeBytes)
  const facts: NodeFacts = {
    labels: metadata.labels ?? {},
    fields: { 'metadata.name': metadata.name ?? '' },
    taints: spec?.taints ?? [],
    unschedulable: spec?.unschedulable === true,
    allocatable: resourcesOf(status?.allocatable ?? status?.capacity),
    images
  }
  if (before === undefined) return facts
  const labels = deepEqual(facts.labels, before.labels) ? before.labels : facts.labels
  const taints = deepEqual(facts.taints, before.taints) ? before.taints : facts.taints
  const allocatable = sameResources(facts.allocatable, before.allocatable) ? before.allocatable : facts.allocatable
  const same = labels === before.labels && taints === before.taints && allocatable === before.allocatable
  if (same && facts.unschedulable === before.unschedulable && sameMap(images, before.images)) return before
  return { ...facts, labels, taints, allocatable }
}

function sameResources(a: Resources, b: Resources): boolean {
  if (a.milliCpu !== b.milliCpu || a.memory !== b.memory || a.ephemeralStorage !== b.ephemeralStorage || a.pods !== b.pods) return false
  return sameMap(a.scalars, b.scalars)
}

function sameMap(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): boolean {
  if (a.size !== b.size) return false
  for (const [name, amount] of a) if (b.get(name) !== amount) return false
  return true
}

/** Whether two pods of one node would listen at the same place. */
export function portsConflict(a: HostPort, b: HostPort): boolean {
  if (a.port !== b.port || a.protocol !== b.protocol) return false
  return a.ip === b.ip || a.ip === '0.0.0.0' || b.ip === '0.0.0.0'
}
