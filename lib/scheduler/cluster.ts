// Cluster: the scheduler's picture of nodes and of the pods on them, kept by what informers tell and by its own assumptions.
//
// Guarantee: a pod that was assumed to be on a node counts there until it is confirmed, forgotten or deleted; what informers tell
// of it goes before what was assumed. A pod counts once, wherever it was last said to be.
// Upstream's cache and snapshot in one: scheduling is synchronous, so there is nothing to take a snapshot of.

import type { Node } from '../kinds/index.js'
import { factsOf, type NodeFacts, NodeInfo, unknownFacts } from './node-info.js'
import { PodGroups } from './pod-groups.js'
import type { Labels, PodInfo } from './pod-info.js'
import { Workloads } from './workloads.js'

export interface Placement {
  pod: PodInfo
  readonly node: NodeInfo
  readonly assumed: boolean
}

const zoneLabels = ['topology.kubernetes.io/zone', 'failure-domain.beta.kubernetes.io/zone']
const regionLabels = ['topology.kubernetes.io/region', 'failure-domain.beta.kubernetes.io/region']

export class Cluster {
  readonly groups = new PodGroups()
  readonly workloads = new Workloads()
  readonly namespaces = new Map<string, Labels>()
  /** Nodes with pods that have (anti-)affinity: the others need not be asked. */
  readonly nodesWithAffinity = new Set<NodeInfo>()
  readonly #nodes = new Map<string, NodeInfo>()
  readonly #placements = new Map<string, Placement>()
  readonly #imageNodes = new Map<string, number>()
  readonly #nominated = new Map<string, Map<string, PodInfo>>()
  #nominations = new Map<string, string>()
  #ordered: NodeInfo[] = []
  #orderStale = false

  // Nodes ------------------------------------------------------------------------------------------

  /** Nodes that may be offered to pods, zone by turns (upstream's nodeTree). `index` is their place. Do not keep it. */
  get nodes(): readonly NodeInfo[] {
    if (this.#orderStale) this.#order()
    return this.#ordered
  }

  node(name: string): NodeInfo | undefined {
    const node = this.#nodes.get(name)
    return node?.node === undefined ? undefined : node
  }

  /** Returns what was known of the node before, which is what is known now if nothing of it changed; undefined: it is new. */
  setNode(object: Node): NodeFacts | undefined {
    const node = this.#at(object.metadata.name ?? '')
    const before = node.node === undefined ? undefined : node.facts
    const labels = node.facts.labels
    this.#countImages(node.facts, -1)
    node.node = object
    node.facts = factsOf(object, before)
    this.#countImages(node.facts, 1)
    if (node.pods.size > 0 && node.facts.labels !== labels) this.groups.nodeLabelsChanged()
    if (before === undefined || zoneOf(before.labels) !== zoneOf(node.facts.labels)) this.#orderStale = true
    return before
  }

  deleteNode(name: string): void {
    const node = this.#nodes.get(name)
    if (node?.node === undefined) return
    this.#countImages(node.facts, -1)
    node.node = undefined
    node.facts = unknownFacts(name)
    node.index = -1
    if (node.pods.size > 0) this.groups.nodeLabelsChanged()
    this.#orderStale = true
    this.#drop(node)
  }

  imageNodes(image: string): number {
    return this.#imageNodes.get(image) ?? 0
  }

  // Pods -------------------------------------------------------------------------------------------

  placement(uid: string): Placement | undefined {
    return this.#placements.get(uid)
  }

  get podCount(): number {
    return this.#placements.size
  }

  /** The pod is being bound to that node. */
  assume(pod: PodInfo, nodeName: string): void {
    this.#put(pod, nodeName, true)
  }

  /** It was not bound after all. */
  forget(uid: string): void {
    if (this.#placements.get(uid)?.assumed === true) this.deletePod(uid)
  }

  /** An informer says that the pod is on that node. */
  setPod(pod: PodInfo, nodeName: string): void {
    this.#put(pod, nodeName, false)
  }

  deletePod(uid: string): Placement | undefined {
    const placement = this.#placements.get(uid)
    if (placement === undefined) return undefined
    this.#placements.delete(uid)
    this.removeFrom(placement.node, placement.pod)
    this.#drop(placement.node)
    return placement
  }

  /** Puts a pod on a node to see what would be; to be undone by `removeFrom`. */
  addTo(node: NodeInfo, pod: PodInfo): void {
    node.add(pod)
    this.groups.add(pod, node)
    if (pod.affinity !== undefined) this.nodesWithAffinity.add(node)
  }

  removeFrom(node: NodeInfo, pod: PodInfo): void {
    node.remove(pod)
    this.groups.remove(pod, node)
    if (node.podsWithAffinity.size === 0) this.nodesWithAffinity.delete(node)
  }

  #put(pod: PodInfo, nodeName: string, assumed: boolean): void {
    this.deletePod(pod.uid)
    const node = this.#at(nodeName)
    this.addTo(node, pod)
    this.#placements.set(pod.uid, { pod, node, assumed })
  }

  // Nominations ------------------------------------------------------------------------------------

  /** Others were preempted on that node to make room for the pod: room that pods of less priority may not take. */
  nominate(pod: PodInfo, nodeName: string): void {
    this.clearNomination(pod.uid)
    const pods = this.#nominated.get(nodeName) ?? new Map<string, PodInfo>()
    pods.set(pod.uid, pod)
    this.#nominated.set(nodeName, pods)
    this.#nominations.set(pod.uid, nodeName)
  }

  clearNomination(uid: string): void {
    const nodeName = this.#nominations.get(uid)
    if (nodeName === undefined) return
    this.#nominations.delete(uid)
    const pods = this.#nominated.get(nodeName)
    pods?.delete(uid)
    if (pods?.size === 0) this.#nominated.delete(nodeName)
  }

  nominationOf(uid: string): string | undefined {
    return this.#nominations.get(uid)
  }

  nominatedTo(nodeName: string): Iterable<PodInfo> {
    return this.#nominated.size === 0 ? noPods : (this.#nominated.get(nodeName)?.values() ?? noPods)
  }

  // Bookkeeping ------------------------------------------------------------------------------------

  #at(name: string): NodeInfo {
    let node = this.#nodes.get(name)
    if (node === undefined) {
      node = new NodeInfo(name)
      this.#nodes.set(name, node)
    }
    return node
  }

  #drop(node: NodeInfo): void {
    if (node.node === undefined && node.pods.size === 0) this.#nodes.delete(node.name)
  }

  #countImages(facts: NodeFacts, sign: 1 | -1): void {
    for (const image of facts.images.keys()) {
      const count = this.imageNodes(image) + sign
      if (count > 0) this.#imageNodes.set(image, count)
      else this.#imageNodes.delete(image)
    }
  }

  #order(): void {
    this.#orderStale = false
    const zones = new Map<string, NodeInfo[]>()
    for (const node of this.#nodes.values()) {
      if (node.node === undefined) continue
      const zone = zoneOf(node.facts.labels)
      const members = zones.get(zone)
      if (members === undefined) zones.set(zone, [node])
      else members.push(node)
    }
    this.#ordered = []
    const longest = Math.max(0, ...[...zones.values()].map(members => members.length))
    for (let turn = 0; turn < longest; turn++) {
      for (const members of zones.values()) {
        const node = members[turn]
        if (node === undefined) continue
        node.index = this.#ordered.length
        this.#ordered.push(node)
      }
    }
  }
}

const noPods: readonly PodInfo[] = []

function zoneOf(labels: Labels): string {
  const find = (names: readonly string[]): string => labels[names.find(name => labels[name] !== undefined) ?? ''] ?? ''
  return `${find(regionLabels)}\u0000${find(zoneLabels)}`
}
