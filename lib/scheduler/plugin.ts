// Plugin: one reason why a pod does not go to a node, or rather goes to another: a filter, a score, or both.
//
// A plugin is a value in plugins/. For each pod it is started once and answers a function for nodes, or undefined if it has
// nothing to say of this pod (upstream's PreFilter and PreScore with Skip). It keeps no state from pod to pod.

import type { Cluster } from './cluster.js'
import type { NodeFacts, NodeInfo } from './node-info.js'
import type { PodInfo } from './pod-info.js'

export const scoreMax = 100

export interface Rejection {
  readonly reasons: readonly string[]
  /** Removing pods may change it; otherwise preemption does not help (UnschedulableAndUnresolvable). */
  readonly resolvable: boolean
}

export type NodeFilter = (node: NodeInfo) => Rejection | undefined

export interface FilterStart {
  readonly filter?: NodeFilter
  /** Only these nodes can be the one, by name. */
  readonly only?: ReadonlySet<string>
  /** No node can. */
  readonly rejected?: Rejection
}

export interface NodeScorer {
  score(node: NodeInfo): number
  /** Brings the scores of all nodes to 0 ... `scoreMax`; absent: they are. */
  normalize?(scores: number[], nodes: readonly NodeInfo[]): void
}

export interface Plugin {
  readonly name: string
  readonly filter?: (pod: PodInfo, cluster: Cluster) => FilterStart | undefined
  readonly score?: (pod: PodInfo, cluster: Cluster, nodes: readonly NodeInfo[]) => NodeScorer | undefined
  readonly weight?: number // Of its score.
  /** Whether a pod that this plugin turned away may get through now (upstream's queueing hints). */
  readonly helpedBy?: (event: ClusterEvent, pod: PodInfo, cluster: Cluster) => boolean
}

/** What may make a pod schedulable that was not. */
export type ClusterEvent =
  | { readonly type: 'nodeAdded'; readonly node: NodeInfo }
  | { readonly type: 'nodeUpdated'; readonly node: NodeInfo; readonly before: NodeFacts }
  | { readonly type: 'nodeDeleted'; readonly before: NodeFacts }
  | { readonly type: 'podAssigned'; readonly pod: PodInfo }
  | { readonly type: 'podUpdated'; readonly pod: PodInfo; readonly before: PodInfo } // One that is on a node.
  | { readonly type: 'podGone'; readonly pod: PodInfo }
  | { readonly type: 'namespaceUpdated'; readonly name: string }

export const rejection = (reason: string, resolvable: boolean): Rejection => ({ reasons: [reason], resolvable })

/** Scores become shares of the greatest one; `reverse`: the least is the best (upstream's DefaultNormalizeScore). */
export function normalizeByMax(scores: number[], reverse: boolean): void {
  let max = 0
  for (const score of scores) if (score > max) max = score
  for (let i = 0; i < scores.length; i++) {
    const share = max === 0 ? 0 : Math.floor((scoreMax * (scores[i] as number)) / max)
    scores[i] = reverse ? scoreMax - share : share
  }
}

/** Whether the node has become one that the predicate holds for. */
export function becameFit(event: ClusterEvent, holds: (facts: NodeFacts) => boolean): boolean {
  switch (event.type) {
    case 'nodeAdded':
      return holds(event.node.facts)
    case 'nodeUpdated':
      return holds(event.node.facts) && !holds(event.before)
    default:
      return false
  }
}
