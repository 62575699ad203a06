// PodTopologySpread: keeps copies of a pod evenly over zones, nodes or whatever a label names. Pods without constraints of their
// own are spread by the system's defaults: over nodes (maxSkew 3) and zones (maxSkew 5), if they are somebody's copies.

import { matchesLabels, type Selector } from '../../object/index.js'
import type { Cluster } from '../cluster.js'
import type { NodeFacts, NodeInfo } from '../node-info.js'
import { matchesRequired } from '../node-selector.js'
import { type FilterStart, type NodeScorer, type Plugin, rejection, scoreMax } from '../plugin.js'
import type { PodGroup } from '../pod-groups.js'
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
    const all = constraints.length === 1 && countsAll(constraint, pod)
    addMatches(found, constraint, pod, cluster, all ? undefined : eligible)
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
  const scored = strict ? nodes.filter(node => !isIgnored(node)) : nodes
  const rules = constraints.map(constraint => {
    const { topologyKey: key, maxSkew } = constraint
    // Per-node counts are of all pods of the node, whatever the policies say, as upstream counts them.
    if (key === hostnameLabel) return { key, count: nodeCounts(constraint, pod, cluster, scored), size: scored.length, base: maxSkew - 1 }
    const found: Domains = new Map()
    for (const { facts } of scored) found.set(facts.labels[key] ?? '', 0)
    const all = !strict && countsAll(constraint, pod)
    addMatches(found, constraint, pod, cluster, all ? undefined : node => !isIgnored(node) && counts(constraint, pod, node.facts))
    return { key, count: (node: NodeInfo) => found.get(node.facts.labels[key] as string) ?? 0, size: found.size, base: maxSkew - 1 }
  })
  // Small topologies are not to be drowned by large ones.
  const weights = rules.map(({ size }) => Math.log(size + 2))
  return {
    score: node => {
      if (isIgnored(node)) return -1
      let score = 0
      for (let i = 0; i < rules.length; i++) {
        const { key, count, base } = rules[i] as (typeof rules)[number]
        if (node.facts.labels[key] !== undefined) score += count(node) * (weights[i] as number) + base
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

/** Adds the matching pods of eligible nodes, of all nodes by default, to the domains that are there. */
function addMatches(
  domains: Domains,
  { selector, topologyKey }: SpreadConstraint,
  { namespace }: PodInfo,
  cluster: Cluster,
  eligible?: (node: NodeInfo) => boolean
): void {
  const add = (value: string, count: number): void => {
    const known = domains.get(value)
    if (known !== undefined) domains.set(value, known + count)
  }
  for (const group of matchingGroups(selector, namespace, cluster)) {
    if (eligible === undefined) for (const [value, count] of cluster.groups.countsBy(group, topologyKey)) add(value, count)
    else for (const [node, count] of group.nodes) if (node.index >= 0 && eligible(node)) add(node.facts.labels[topologyKey] ?? '', count)
  }
}

/** How many of the pod's like a node has, whichever way of finding out is shorter. */
function nodeCounts(
  { selector }: SpreadConstraint,
  { namespace }: PodInfo,
  cluster: Cluster,
  nodes: readonly NodeInfo[]
): (node: NodeInfo) => number {
  const groups = matchingGroups(selector, namespace, cluster)
  const pairs = groups.reduce((sum, group) => sum + group.nodes.size, 0)
  if (groups.length * nodes.length <= pairs) {
    return node => {
      let count = 0
      for (const group of groups) count += group.nodes.get(node) ?? 0
      return count
    }
  }
  const found = new Map<NodeInfo, number>()
  for (const group of groups) for (const [node, count] of group.nodes) found.set(node, (found.get(node) ?? 0) + count)
  return node => found.get(node) ?? 0
}

function matchingGroups(selector: Selector, namespace: string, cluster: Cluster): PodGroup[] {
  const found: PodGroup[] = []
  for (const group of cluster.groups.of(namespace)) if (!group.terminating && matchesLabels(selector, group.labels)) found.push(group)
  return found
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

/** Whether that is so of every node. */
const countsAll = ({ honorAffinity, honorTaints }: SpreadConstraint, { nodeAffinity }: PodInfo): boolean =>
  !honorTaints && !(honorAffinity && nodeAffinity !== undefined)

function hasKeys(labels: Labels, constraints: readonly SpreadConstraint[]): boolean {
  for (const { topologyKey } of constraints) if (labels[topologyKey] === undefined) return false
  return true
}

const isCounted = (other: PodInfo, pod: PodInfo): boolean =>
  other.namespace === pod.namespace && pod.spreadRequired.some(({ selector }) => matchesLabels(selector, other.labels))
