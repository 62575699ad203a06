// PodGroups: the pods on nodes, grouped by namespace and labels, and how many of each group are on which node.
//
// Selectors look at nothing but that. Pods of one ReplicaSet are one group, so what upstream counts pod by pod costs one match
// a group. Terminating pods are groups of their own: spreading leaves them out, affinity does not.

import type { NodeInfo } from './node-info.js'
import type { Labels, PodInfo } from './pod-info.js'

export interface PodGroup {
  readonly namespace: string
  readonly labels: Labels
  readonly terminating: boolean
  readonly nodes: Map<NodeInfo, number>
  /** The same by the value of a node label, for those labels that were asked for. */
  readonly counts: Map<string, Map<string, number>>
}

const none: ReadonlyMap<string, PodGroup> = new Map()

export class PodGroups {
  readonly #namespaces = new Map<string, Map<string, PodGroup>>()

  add(pod: PodInfo, node: NodeInfo): void {
    let groups = this.#namespaces.get(pod.namespace)
    if (groups === undefined) {
      groups = new Map()
      this.#namespaces.set(pod.namespace, groups)
    }
    const name = groupName(pod)
    let group = groups.get(name)
    if (group === undefined) {
      group = { namespace: pod.namespace, labels: pod.labels, terminating: pod.terminating, nodes: new Map(), counts: new Map() }
      groups.set(name, group)
    }
    group.nodes.set(node, (group.nodes.get(node) ?? 0) + 1)
    count(group, node, 1)
  }

  remove(pod: PodInfo, node: NodeInfo): void {
    const groups = this.#namespaces.get(pod.namespace)
    const name = groupName(pod)
    const group = groups?.get(name)
    const pods = group?.nodes.get(node)
    if (groups === undefined || group === undefined || pods === undefined) return
    if (pods > 1) group.nodes.set(node, pods - 1)
    else group.nodes.delete(node)
    count(group, node, -1)
    if (group.nodes.size > 0) return
    groups.delete(name)
    if (groups.size === 0) this.#namespaces.delete(pod.namespace)
  }

  /** How many of the group are on nodes with each value of that label; '' stands for nodes without it. */
  countsBy(group: PodGroup, label: string): ReadonlyMap<string, number> {
    let counts = group.counts.get(label)
    if (counts === undefined) {
      counts = new Map()
      group.counts.set(label, counts)
      for (const [{ facts }, pods] of group.nodes) {
        const value = facts.labels[label] ?? ''
        counts.set(value, (counts.get(value) ?? 0) + pods)
      }
    }
    return counts
  }

  /** The labels of a node that may have pods are others now: what was counted by labels is counted again when it is asked for. */
  nodeLabelsChanged(): void {
    for (const group of this.all()) group.counts.clear()
  }

  of(namespace: string): Iterable<PodGroup> {
    return (this.#namespaces.get(namespace) ?? none).values()
  }

  *all(): Iterable<PodGroup> {
    for (const groups of this.#namespaces.values()) yield* groups.values()
  }
}

function count({ counts }: PodGroup, { facts }: NodeInfo, pods: number): void {
  for (const [label, byValue] of counts) {
    const value = facts.labels[label] ?? ''
    byValue.set(value, (byValue.get(value) ?? 0) + pods)
  }
}

function groupName({ labels, terminating }: PodInfo): string {
  let name = terminating ? '!' : ''
  for (const key of Object.keys(labels).sort()) name += `${key}=${labels[key]},`
  return name
}
