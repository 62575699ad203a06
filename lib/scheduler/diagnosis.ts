// Diagnosis: why no node takes a pod, and upstream's words for it (framework.FitError).

import type { Rejection } from './plugin.js'

export interface Diagnosis {
  readonly nodesTotal: number
  readonly rejections: ReadonlyMap<string, Rejection> // By node.
  /** Of nodes that were not looked at. */
  readonly absent?: Rejection
  /** Said before any node was looked at. */
  readonly refusal?: Rejection
  /** The plugins that turned it away: events that help them are worth another try. None: any event is. */
  readonly plugins: ReadonlySet<string>
}

export const noNodes = 'no nodes available to schedule pods'

/** `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable. <afterwards>` */
export function fitError(diagnosis: Diagnosis, afterwards: string): string {
  const { nodesTotal, rejections, absent, refusal } = diagnosis
  let text = `0/${nodesTotal} nodes are available:`
  if (refusal !== undefined) text += ` ${refusal.reasons.join(', ')}.`
  else {
    const counts = new Map<string, number>()
    const count = (reasons: readonly string[], nodes: number): void => {
      for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + nodes)
    }
    for (const { reasons } of rejections.values()) count(reasons, 1)
    if (absent !== undefined && rejections.size < nodesTotal) count(absent.reasons, nodesTotal - rejections.size)
    // Sorted as text, numbers and all, as upstream does.
    const histogram = [...counts].map(([reason, nodes]) => `${nodes} ${reason}`).sort()
    if (histogram.length > 0) text += ` ${histogram.join(', ')}.`
  }
  return afterwards === '' ? text : `${text} ${afterwards}`
}
