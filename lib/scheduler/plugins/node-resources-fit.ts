// NodeResourcesFit: what a pod requests must be free on its node, and where more is free is better (LeastAllocated).

import type { NodeFacts, NodeInfo } from '../node-info.js'
import { type Plugin, type Rejection, scoreMax } from '../plugin.js'
import type { PodInfo } from '../pod-info.js'
import type { Resources } from '../resources.js'

export const nodeResourcesFit: Plugin = {
  name: 'NodeResourcesFit',
  weight: 1,
  filter: ({ requests }) => ({ filter: node => (fits(requests, node) ? undefined : insufficient(requests, node)) }),
  score: pod => ({ score: node => leastAllocated(pod, node) }),
  helpedBy: (event, { requests }) => {
    switch (event.type) {
      case 'podGone':
        return true // It gives back its place among the node's pods, if nothing else.
      case 'podUpdated':
        return isLess(event.pod.requests, event.before.requests)
      case 'nodeAdded':
        return fitsEmpty(requests, event.node.facts)
      case 'nodeUpdated': {
        const { allocatable } = event.node.facts
        return fitsEmpty(requests, event.node.facts) && isLess(event.before.allocatable, allocatable)
      }
      default:
        return false
    }
  }
}

/** What of a node is left is enough. Called for every node of every pod: it allocates nothing. */
function fits(wanted: Resources, { facts, requested, pods }: NodeInfo): boolean {
  const { allocatable } = facts
  if (pods.size + 1 > allocatable.pods) return false
  if (wanted.milliCpu > 0 && wanted.milliCpu > allocatable.milliCpu - requested.milliCpu) return false
  if (wanted.memory > 0 && wanted.memory > allocatable.memory - requested.memory) return false
  if (wanted.ephemeralStorage > 0 && wanted.ephemeralStorage > allocatable.ephemeralStorage - requested.ephemeralStorage) return false
  if (wanted.scalars.size > 0) {
    for (const [name, amount] of wanted.scalars) {
      if (amount > 0 && amount > (allocatable.scalars.get(name) ?? 0) - (requested.scalars.get(name) ?? 0)) return false
    }
  }
  return true
}

function insufficient(wanted: Resources, { facts, requested, pods }: NodeInfo): Rejection {
  const { allocatable } = facts
  const reasons: string[] = []
  let resolvable = true
  const check = (name: string, amount: number, total: number, used: number): void => {
    if (amount === 0 || amount <= total - used) return
    reasons.push(`Insufficient ${name}`)
    // More than the node has: no preemption makes room for it.
    if (amount > total) resolvable = false
  }
  if (pods.size + 1 > allocatable.pods) reasons.push('Too many pods')
  check('cpu', wanted.milliCpu, allocatable.milliCpu, requested.milliCpu)
  check('memory', wanted.memory, allocatable.memory, requested.memory)
  check('ephemeral-storage', wanted.ephemeralStorage, allocatable.ephemeralStorage, requested.ephemeralStorage)
  for (const [name, amount] of wanted.scalars) {
    check(name, amount, allocatable.scalars.get(name) ?? 0, requested.scalars.get(name) ?? 0)
  }
  return { reasons, resolvable }
}

function leastAllocated(pod: PodInfo, node: NodeInfo): number {
  const { allocatable } = node.facts
  let sum = 0
  let weights = 0
  if (allocatable.milliCpu > 0) {
    sum += freeShare(node.nonZeroMilliCpu + pod.nonZeroMilliCpu, allocatable.milliCpu)
    weights++
  }
  if (allocatable.memory > 0) {
    sum += freeShare(node.nonZeroMemory + pod.nonZeroMemory, allocatable.memory)
    weights++
  }
  return weights === 0 ? 0 : Math.floor(sum / weights)
}

const freeShare = (requested: number, capacity: number): number =>
  requested > capacity ? 0 : Math.floor(((capacity - requested) * scoreMax) / capacity)

function fitsEmpty(wanted: Resources, { allocatable }: NodeFacts): boolean {
  if (allocatable.pods < 1 || wanted.milliCpu > allocatable.milliCpu || wanted.memory > allocatable.memory) return false
  if (wanted.ephemeralStorage > allocatable.ephemeralStorage) return false
  for (const [name, amount] of wanted.scalars) if (amount > (allocatable.scalars.get(name) ?? 0)) return false
  return true
}

/** Whether any amount of `a` is below that of `b`. */
function isLess(a: Resources, b: Resources): boolean {
  if (a.milliCpu < b.milliCpu || a.memory < b.memory || a.ephemeralStorage < b.ephemeralStorage || a.pods < b.pods) return true
  for (const [name, amount] of b.scalars) if ((a.scalars.get(name) ?? 0) < amount) return true
  return false
}
