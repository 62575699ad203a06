// schedule: one pod, the cluster as it is, and the node it goes to, or why there is none. Pure but for the draw among equals.

import type { Random } from '../std/index.js'
import type { Cluster } from './cluster.js'
import type { Diagnosis } from './diagnosis.js'
import type { NodeInfo } from './node-info.js'
import { type FilterStart, type Plugin, type Rejection, rejection } from './plugin.js'
import { defaultPlugins } from './plugins/index.js'
import type { PodInfo } from './pod-info.js'

export interface ScheduleOptions {
  readonly random: Random
  /** Where in the order of nodes to begin: go on where the last pod's search ended, so that all nodes have the same chance. */
  readonly start: number
  readonly plugins?: readonly Plugin[]
  /** How many nodes are enough to choose from; 0: upstream's rule, 50 % less one for each 125 nodes. */
  readonly percentageOfNodesToScore?: number
}

export type Schedule = { readonly visited: number } & (
  | { readonly node: NodeInfo; readonly diagnosis?: undefined }
  | { readonly node?: undefined; readonly diagnosis: Diagnosis }
)

const feasibleNodesMin = 100 // In smaller clusters all nodes are looked at.
const percentageMin = 5

export function schedule(pod: PodInfo, cluster: Cluster, options: ScheduleOptions): Schedule {
  const plugins = options.plugins ?? defaultPlugins
  const started = startFilters(pod, cluster, plugins)
  const nodesTotal = cluster.nodes.length
  if (started.refused !== undefined) {
    const { plugin, rejection: refusal } = started.refused
    return { visited: 0, diagnosis: { nodesTotal, rejections: new Map(), refusal, plugins: new Set([plugin]) } }
  }
  const search = new Search(pod, cluster, plugins, started)
  const nominee = cluster.node(cluster.nominationOf(pod.uid) ?? '')
  // Room was made for it there: likely the only node that has any.
  if (nominee !== undefined && search.accepts(nominee)) return { visited: 1, node: nominee }
  search.reset()
  const visited = search.run(options.start, feasibleNodesToFind(search.candidates.length, options.percentageOfNodesToScore ?? 0))
  const { feasible } = search
  if (feasible.length > 0)
    return { visited, node: feasible.length === 1 ? (feasible[0] as NodeInfo) : best(pod, cluster, feasible, plugins, options.random) }
  return { visited, diagnosis: search.diagnosis(nodesTotal) }
}

/** Whether that node would take the pod now, all filters asked anew. */
export function nodeRejects(
  pod: PodInfo,
  node: NodeInfo,
  cluster: Cluster,
  plugins: readonly Plugin[] = defaultPlugins
): Rejection | undefined {
  const started = startFilters(pod, cluster, plugins)
  if (started.refused !== undefined) return started.refused.rejection
  return new Search(pod, cluster, plugins, started).rejects(node)
}

export function feasibleNodesToFind(nodes: number, percentage: number): number {
  if (nodes < feasibleNodesMin) return nodes
  const share = percentage === 0 ? Math.max(percentageMin, 50 - Math.floor(nodes / 125)) : percentage
  return Math.max(feasibleNodesMin, Math.floor((nodes * share) / 100))
}

// Filtering ----------------------------------------------------------------------------------------

interface Started {
  readonly names: readonly string[]
  readonly filters: readonly NonNullable<FilterStart['filter']>[]
  readonly only: ReadonlySet<string> | undefined
  readonly onlyBy: readonly string[]
  readonly refused?: { readonly plugin: string; readonly rejection: Rejection }
}

function startFilters(pod: PodInfo, cluster: Cluster, plugins: readonly Plugin[]): Started {
  const names: string[] = []
  const filters: NonNullable<FilterStart['filter']>[] = []
  const onlyBy: string[] = []
  let only: ReadonlySet<string> | undefined
  for (const { name, filter } of plugins) {
    const started = filter?.(pod, cluster)
    if (started === undefined) continue
    if (started.rejected !== undefined) return { names, filters, only, onlyBy, refused: { plugin: name, rejection: started.rejected } }
    if (started.only !== undefined) {
      const given: ReadonlySet<string> = started.only
      only = only === undefined ? given : new Set([...only].filter(node => given.has(node)))
      onlyBy.push(name)
    }
    if (started.filter === undefined) continue
    names.push(name)
    filters.push(started.filter)
  }
  return { names, filters, only, onlyBy }
}

class Search {
  readonly candidates: readonly NodeInfo[]
  feasible: NodeInfo[] = []
  #rejections = new Map<string, Rejection>()
  #plugins = new Set<string>()
  readonly #pod: PodInfo
  readonly #cluster: Cluster
  readonly #all: readonly Plugin[]
  readonly #started: Started

  constructor(pod: PodInfo, cluster: Cluster, plugins: readonly Plugin[], started: Started) {
    this.#pod = pod
    this.#cluster = cluster
    this.#all = plugins
    this.#started = started
    const { only } = started
    this.candidates = only === undefined ? cluster.nodes : [...only].map(name => cluster.node(name)).filter(node => node !== undefined)
  }

  reset(): void {
    this.#rejections.clear()
    this.#plugins.clear()
  }

  accepts(node: NodeInfo): boolean {
    return (this.#started.only?.has(node.name) ?? true) && this.rejects(node) === undefined
  }

  /** Looks at nodes until enough are found. Returns how many it looked at. */
  run(start: number, enough: number): number {
    const { candidates } = this
    const { length } = candidates
    let visited = 0
    while (visited < length && this.feasible.length < enough) {
      const node = candidates[(start + visited++) % length] as NodeInfo
      const rejected = this.rejects(node)
      if (rejected === undefined) this.feasible.push(node)
      else this.#rejections.set(node.name, rejected)
    }
    return visited
  }

  rejects(node: NodeInfo): Rejection | undefined {
    for (const nominated of this.#cluster.nominatedTo(node.name)) {
      if (nominated.priority >= this.#pod.priority && nominated.uid !== this.#pod.uid) return this.#rejectsBesideNominated(node)
    }
    return this.#ask(this.#started, node)
  }

  // As upstream: with those that room was made for and without, for they may go elsewhere, and the pod may want to be near them.
  #rejectsBesideNominated(node: NodeInfo): Rejection | undefined {
    const pod = this.#pod
    const cluster = this.#cluster
    const others = [...cluster.nominatedTo(node.name)].filter(
      ({ priority, uid }) => priority >= pod.priority && uid !== pod.uid && cluster.placement(uid) === undefined
    )
    for (const other of others) cluster.addTo(node, other)
    const started = startFilters(pod, cluster, this.#all)
    const rejected = started.refused === undefined ? this.#ask(started, node) : started.refused.rejection
    for (const other of others) cluster.removeFrom(node, other)
    return rejected ?? this.#ask(this.#started, node)
  }

  #ask({ filters, names }: Started, node: NodeInfo): Rejection | undefined {
    for (let i = 0; i < filters.length; i++) {
      const rejected = (filters[i] as NonNullable<FilterStart['filter']>)(node)
      if (rejected === undefined) continue
      this.#plugins.add(names[i] as string)
      return rejected
    }
    return undefined
  }

  diagnosis(nodesTotal: number): Diagnosis {
    const { only, onlyBy } = this.#started
    const found = { nodesTotal, rejections: this.#rejections, plugins: new Set([...this.#plugins, ...onlyBy]) }
    return only === undefined
      ? found
      : { ...found, absent: rejection(`node(s) didn't satisfy plugin(s) [${[...onlyBy].sort().join(' ')}]`, false) }
  }
}

// Scoring ------------------------------------------------------------------------------------------

/** The node of the highest sum of weighted scores; chance decides among equals. */
function best(pod: PodInfo, cluster: Cluster, nodes: readonly NodeInfo[], plugins: readonly Plugin[], random: Random): NodeInfo {
  const totals = scoreNodes(pod, cluster, nodes, plugins)
  let chosen = 0
  let equals = 1
  for (let i = 1; i < nodes.length; i++) {
    const difference = (totals[i] as number) - (totals[chosen] as number)
    if (difference > 0) {
      chosen = i
      equals = 1
    } else if (difference === 0 && random() * ++equals < 1) chosen = i
  }
  return nodes[chosen] as NodeInfo
}

export function scoreNodes(
  pod: PodInfo,
  cluster: Cluster,
  nodes: readonly NodeInfo[],
  plugins: readonly Plugin[] = defaultPlugins
): number[] {
  const totals: number[] = new Array(nodes.length).fill(0)
  const scores: number[] = new Array(nodes.length).fill(0)
  for (const { score, weight = 1 } of plugins) {
    const scorer = score?.(pod, cluster, nodes)
    if (scorer === undefined) continue
    for (let i = 0; i < nodes.length; i++) scores[i] = scorer.score(nodes[i] as NodeInfo)
    scorer.normalize?.(scores, nodes)
    for (let i = 0; i < nodes.length; i++) totals[i] = (totals[i] as number) + (scores[i] as number) * weight
  }
  return totals
}
