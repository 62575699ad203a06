// NodeResourcesBalancedAllocation: rather a node whose CPU and memory are then used to the same degree.

import type { NodeInfo } from '../node-info.js'
import { type Plugin, scoreMax } from '../plugin.js'
import type { PodInfo } from '../pod-info.js'

export const balancedAllocation: Plugin = {
  name: 'NodeResourcesBalancedAllocation',
  weight: 1,
  // Pods that request nothing would all go to one node (kubernetes/kubernetes#129138).
  score: pod => (pod.requests.milliCpu === 0 && pod.requests.memory === 0 ? undefined : { score: node => balance(pod, node) })
}

function balance({ requests }: PodInfo, { requested, facts }: NodeInfo): number {
  const { milliCpu, memory } = facts.allocatable
  // With one resource there is nothing to balance.
  if (milliCpu === 0 || memory === 0) return scoreMax
  const cpuShare = Math.min(1, (requested.milliCpu + requests.milliCpu) / milliCpu)
  const memoryShare = Math.min(1, (requested.memory + requests.memory) / memory)
  // The standard deviation of two is half their difference.
  return Math.floor((1 - Math.abs(cpuShare - memoryShare) / 2) * scoreMax)
}
