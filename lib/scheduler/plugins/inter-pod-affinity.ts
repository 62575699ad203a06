// InterPodAffinity: pods that want to be near others or far from them, and others' wish to be far from this one.

import { matchesLabels } from '../../object/index.js'
import type { Cluster } from '../cluster.js'
import type { NodeInfo } from '../node-info.js'
import { type FilterStart, type NodeScorer, type Plugin, rejection, scoreMax } from '../plugin.js'
import { type AffinityTerm, type PodInfo, selectsPod } from '../pod-info.js'

const affinityMismatch = rejection("node(s) didn't match pod affinity rules", false)
const antiAffinityMismatch = rejection("node(s) didn't match pod anti-affinity rules", true)
const othersMismatch = rejection("node(s) didn't satisfy existing pods anti-affinity rules", true)
const requiredTermWeight = 1 // Upstream's HardPodAffinityWeight: what others require counts a little as their preference.

/** A number for each pair of a topology key and a value. */
class Topology {
  readonly #values = new Map<string, Map<string, number>>()

  get isEmpty(): boolean {
    return this.#values.size === 0
  }

  add(key: string, node: NodeInfo, amount: number): void {
    const value = node.facts.labels[key]
    if (value === undefined) return
    const values = this.#values.get(key) ?? new Map<string, number>()
    values.set(value, (values.get(value) ?? 0) + amount)
    this.#values.set(key, values)
  }

  get(key: string, node: NodeInfo): number {
    const value = node.facts.labels[key]
    return value === undefined ? 0 : (this.#values.get(key)?.get(value) ?? 0)
  }

  sum(node: NodeInfo): number {
    let sum = 0
    for (const key of this.#values.keys()) sum += this.get(key, node)
    return sum
  }

  hasAny(node: NodeInfo): boolean {
    for (const key of this.#values.keys()) if (this.get(key, node) > 0) return true
    return false
  }
}

export const interPodAffinity: Plugin = {
  name: 'InterPodAffinity',
  weight: 2,
  filter: affinityFilter,
  score: affinityScorer,
  helpedBy: (event, pod, cluster) => {
    const { affinity = [], antiAffinity = [] } = pod.affinity ?? {}
    const selects = (terms: readonly AffinityTerm[], other: PodInfo): boolean =>
      terms.some(term => selectsPod(term, other, cluster.namespaces.get(other.namespace)))
    const repels = (other: PodInfo): boolean => selects(other.affinity?.antiAffinity ?? [], pod)
    switch (event.type) {
      case 'podAssigned':
        return selects(affinity, event.pod)
      case 'podGone':
        return selects(antiAffinity, event.pod) || repels(event.pod)
      case 'podUpdated':
        return (
          selects(affinity, event.pod) !== selects(affinity, event.before) ||
          (selects(antiAffinity, event.before) && !selects(antiAffinity, event.pod))
        )
      case 'nodeAdded':
        return affinity.length === 0 || affinity.every(({ topologyKey }) => event.node.facts.labels[topologyKey] !== undefined)
      case 'nodeUpdated':
        return event.node.facts.labels !== event.before.labels
      case 'namespaceUpdated':
        return [...affinity, ...antiAffinity].some(({ namespaceSelector }) => namespaceSelector !== undefined)
      default:
        return false
    }
  }
}

function affinityFilter(pod: PodInfo, cluster: Cluster): FilterStart | undefined {
  const { affinity = [], antiAffinity = [] } = pod.affinity ?? {}
  const repelled = othersAntiAffinity(pod, cluster)
  if (affinity.length === 0 && antiAffinity.length === 0 && repelled.isEmpty) return undefined
  const wanted = new Topology()
  const shunned = new Topology()
  if (affinity.length > 0 || antiAffinity.length > 0) countMatches(affinity, antiAffinity, cluster, wanted, shunned)
  // The first of a group that wants to be together may go anywhere, if it is one of the group itself.
  const labels = cluster.namespaces.get(pod.namespace)
  const isFirst = wanted.isEmpty && affinity.length > 0 && affinity.every(term => selectsPod(term, pod, labels))
  return {
    filter: node => {
      for (const { topologyKey } of affinity) {
        if (node.facts.labels[topologyKey] === undefined) return affinityMismatch
        if (!isFirst && wanted.get(topologyKey, node) <= 0) return affinityMismatch
      }
      for (const { topologyKey } of antiAffinity) if (shunned.get(topologyKey, node) > 0) return antiAffinityMismatch
      return repelled.hasAny(node) ? othersMismatch : undefined
    }
  }
}

/** Where pods are that do not want this one near. */
function othersAntiAffinity(pod: PodInfo, cluster: Cluster): Topology {
  const repelled = new Topology()
  const labels = cluster.namespaces.get(pod.namespace)
  for (const node of cluster.nodesWithAffinity) {
    for (const { affinity } of node.podsWithAffinity) {
      for (const term of affinity?.antiAffinity ?? []) if (selectsPod(term, pod, labels)) repelled.add(term.topologyKey, node, 1)
    }
  }
  return repelled
}

function countMatches(
  affinity: readonly AffinityTerm[],
  antiAffinity: readonly AffinityTerm[],
  cluster: Cluster,
  wanted: Topology,
  shunned: Topology
): void {
  for (const group of cluster.groups.all()) {
    const labels = cluster.namespaces.get(group.namespace)
    // Affinity is to pods that match every term, anti-affinity to those that match any.
    const all = affinity.length > 0 && affinity.every(term => selectsPod(term, group, labels))
    const some = antiAffinity.filter(term => selectsPod(term, group, labels))
    if (!all && some.length === 0) continue
    for (const [node, count] of group.nodes) {
      if (node.index < 0) continue
      if (all) for (const { topologyKey } of affinity) wanted.add(topologyKey, node, count)
      for (const { topologyKey } of some) shunned.add(topologyKey, node, count)
    }
  }
}

function affinityScorer(pod: PodInfo, cluster: Cluster): NodeScorer | undefined {
  const topology = new Topology()
  for (const term of pod.affinity?.preferred ?? []) addPreference(term, cluster, topology)
  const labels = cluster.namespaces.get(pod.namespace)
  for (const node of cluster.nodesWithAffinity) {
    for (const { affinity } of node.podsWithAffinity) {
      if (affinity === undefined) continue
      for (const term of affinity.affinity) if (selectsPod(term, pod, labels)) topology.add(term.topologyKey, node, requiredTermWeight)
      for (const term of affinity.preferred) if (selectsPod(term, pod, labels)) topology.add(term.topologyKey, node, term.weight)
    }
  }
  if (topology.isEmpty) return undefined
  return { score: node => topology.sum(node), normalize: normalizeRange }
}

function addPreference(term: AffinityTerm, cluster: Cluster, topology: Topology): void {
  for (const group of cluster.groups.all()) {
    // Labels first: they rule out most.
    if (!matchesLabels(term.selector, group.labels) || !selectsPod(term, group, cluster.namespaces.get(group.namespace))) continue
    for (const [node, count] of group.nodes) if (node.index >= 0) topology.add(term.topologyKey, node, count * term.weight)
  }
}

function normalizeRange(scores: number[]): void {
  let min = scores[0] ?? 0
  let max = min
  for (const score of scores) {
    if (score < min) min = score
    if (score > max) max = score
  }
  const range = max - min
  for (let i = 0; i < scores.length; i++) scores[i] = range > 0 ? Math.floor(scoreMax * (((scores[i] as number) - min) / range)) : 0
}
