// PodTopologySpread: keeps copies of a pod evenly over zones, nodes or whatever a label names. Pods without constraints of their
// own are spread by the system's defaults: over nodes (maxSkew 3) and zones (maxSkew 5), if they are somebody's copies.

import { matchesLabels } from '../../object/index.js'
import type { Cluster } from '../cluster.js'
import type { NodeFacts, NodeInfo } from '../node-info.js'
import { matchesRequired } from '../node-selector.js'
import { type FilterStart, type NodeScorer, type Plugin, rejection, scoreMax } from '../plugin.js'
import type { Labels, PodInfo, SpreadConstraint } from '../pod-info.js'
import { untoleratedTaint } from '../tolerations.js'

const hostnameLabel = 'kubernetes.io/hostname'
const zoneLabel = 'topology.kubernetes.io/zone'
const missingLabel = rejection("node(s) didn't match pod topology spread constraints (missing required label)", false)
const skewed = rejection("node(s) didn't match pod topology spread constraints", true)
const defaults = [
  { topologyKey: hostnameLabel, maxSkew: 3 },
  { topologyKey: zoneLabel, maxSkew: 5 }
]

export const podTopologySpread: Plugin = {
  name: 'PodTopologySpread',
  weight: 2,
  filter: (pod, cluster) => (pod.spreadRequired.length === 0 ? undefined : spreadFilter(pod, cluster)),
  score: (pod, cluster, nodes) => {
    const constraints = pod.spreads ? pod.spreadPreferred : defaultConstraints(pod, cluster)
    return constraints.length === 0 ? undefined : spreadScorer(pod, cluster, nodes, constraints)
  },
  helpedBy: (event, pod) => {
    switch (event.type) {
      case 'nodeAdded':
        return hasKeys(event.node.facts.labels, pod.spreadRequired)
      case 'nodeDeleted':
        return hasKeys(event.before.labels, pod.spreadRequired)
      case 'nodeUpdated': {
        const { facts } = event.node
        if (!hasKeys(facts.labels, pod.spreadRequired) && !hasKeys(event.before.labels, pod.spreadRequired)) return false
        return pod.spreadRequired.some(
          constraint =>
            facts.labels[constraint.topologyKey] !== event.before.labels[constraint.topologyKey] ||
            counts(constraint, pod, facts) !== counts(constraint, pod, event.before)
        )
      }
      case 'podAssigned':
      case 'podGone':
        return isCounted(event.pod, pod)
      case 'podUpdated':
        return isCounted(event.pod, pod) !== isCounted(event.before, pod)
      default:
        return false
    }
  }
}

/** Domains by the value of the label, with how many of the pod's like are in each. */
type Domains = Map<string, number>

function spreadFilter(pod: PodInfo, cluster: Cluster): FilterStart {
  const constraints = pod.spreadRequired
  const rules = constraints.map(constraint => {
    const found: Domains = new Map()
    const eligible = ({ facts }: NodeInfo): boolean => hasKeys(facts.labels, constraints) && counts(constraint, pod, facts)
    for (const node of cluster.nodes) if (eligible(node)) found.set(node.facts.labels[constraint.topologyKey] as string, 0)
    addMatches(found, constraint, pod.namespace, cluster, eligible)
    // Too few domains: the emptiest is one that does not exist yet.
    const least = found.size < constraint.minDomains ? 0 : Math.min(...found.values())
    const self = matchesLabels(constraint.selector, pod.labels) ? 1 : 0
    return { key: constraint.topologyKey, found, countMax: constraint.maxSkew + least - self }
  })
  return {
    filter: ({ facts }) => {
      for (const { key, found, countMax } of rules) {
        const value = facts.labels[key]
        if (value === undefined) return missingLabel
        if ((found.get(value) ?? 0) > countMax) return skewed
      }
      return undefined
    }
  }
}

function spreadScorer(pod: PodInfo, cluster: Cluster, nodes: readonly NodeInfo[], constraints: readonly SpreadConstraint[]): NodeScorer {
  // With the defaults, a node without a zone is still spread by its name.
  const strict = pod.spreads
  const isIgnored = ({ facts }: NodeInfo): boolean => strict && !hasKeys(facts.labels, constraints)
  const scored = nodes.filter(node => !isIgnored(node))
  const rules = constraints.map(constraint => {
    const found: Domains = new Map()
    const key = constraint.topologyKey
    for (const { facts, name } of scored) found.set(key === hostnameLabel ? name : (facts.labels[key] ?? ''), 0)
    const eligible = (node: NodeInfo): boolean => !isIgnored(node) && counts(constraint, pod, node.facts)
    // Per-node counts are of all pods of the node, whatever the policies say, as upstream counts them.
    if (key === hostnameLabel) addMatches(found, constraint, pod.namespace, cluster, undefined)
    else addMatches(found, constraint, pod.namespace, cluster, eligible)
    // Small topologies are not to be drowned by large ones.
    return { key, found, weight: Math.log((key === hostnameLabel ? scored.length : found.size) + 2), base: constraint.maxSkew - 1 }
  })
  return {
    score: node => {
      if (isIgnored(node)) return -1
      let score = 0
      for (const { key, found, weight, base } of rules) {
        const value = node.facts.labels[key]
        if (value !== undefined) score += (found.get(key === hostnameLabel ? node.name : value) ?? 0) * weight + base
      }
      return Math.round(score)
    },
    normalize: normalizeSpread
  }
}

/** The fewer of its like, the better; -1 marks a node that lacks a label. */
function normalizeSpread(scores: number[]): void {
  let min = Number.POSITIVE_INFINITY
  let max = 0
  for (const score of scores) {
    if (score === -1) continue
    if (score < min) min = score
    if (score > max) max = score
  }
  for (let i = 0; i < scores.length; i++) {
    const score = scores[i] as number
    if (score === -1) scores[i] = 0
    else scores[i] = max === 0 ? scoreMax : Math.floor((scoreMax * (max + min - score)) / max)
  }
}

/** Adds the matching pods of eligible nodes to the domains that are there. Without `eligible`, domains are nodes. */
function addMatches(
  domains: Domains,
  { selector, topologyKey }: SpreadConstraint,
  namespace: string,
  cluster: Cluster,
  eligible: ((node: NodeInfo) => boolean) | undefined
): void {
  for (const group of cluster.groups.of(namespace)) {
    if (group.terminating || !matchesLabels(selector, group.labels)) continue
    for (const [node, count] of group.nodes) {
      if (node.index < 0 || (eligible !== undefined && !eligible(node))) continue
      const value = eligible === undefined ? node.name : (node.facts.labels[topologyKey] ?? '')
      const known = domains.get(value)
      if (known !== undefined) domains.set(value, known + count)
    }
  }
}

function defaultConstraints(pod: PodInfo, cluster: Cluster): readonly SpreadConstraint[] {
  const selector = cluster.workloads.selectorFor(pod)
  if (selector === undefined) return []
  return defaults.map(constraint => ({ ...constraint, selector, minDomains: 1, honorAffinity: true, honorTaints: false }))
}

/** Whether pods of that node count (nodeAffinityPolicy, nodeTaintsPolicy). */
function counts({ honorAffinity, honorTaints }: SpreadConstraint, pod: PodInfo, facts: NodeFacts): boolean {
  if (honorAffinity && pod.nodeAffinity !== undefined && !matchesRequired(pod.nodeAffinity, facts)) return false
  return !honorTaints || untoleratedTaint(facts.taints, pod.tolerations) === undefined
}

function hasKeys(labels: Labels, constraints: readonly SpreadConstraint[]): boolean {
  for (const { topologyKey } of constraints) if (labels[topologyKey] === undefined) return false
  return true
}

const isCounted = (other: PodInfo, pod: PodInfo): boolean =>
  other.namespace === pod.namespace && pod.spreadRequired.some(({ selector }) => matchesLabels(selector, other.labels))
