// PodGC plan: which pods nobody will ever clean up. Pure.

import type { Pod } from '../kinds/index.js'
import { isBeingDeleted } from '../object/index.js'
import { byCreation, isPodTerminal } from './pod-state.js'

export interface Doomed {
  readonly pod: Pod
  readonly why: 'terminated' | 'orphaned' | 'unscheduled'
}

/**
 * - over `terminatedMax`, terminated pods, the oldest first;
 * - pods whose node is gone: `isNodeGone` says for how long that was so, and that it was verified;
 * - pods that are being deleted and were never scheduled: no kubelet will end them.
 */
export function planPodGc(pods: readonly Pod[], terminatedMax: number, isNodeGone: (name: string) => boolean): Doomed[] {
  const doomed: Doomed[] = []
  const terminated = pods.filter(pod => isPodTerminal(pod) && !isBeingDeleted(pod))
  const surplus = terminatedMax > 0 ? terminated.length - terminatedMax : 0
  if (surplus > 0) for (const pod of terminated.sort(byCreation).slice(0, surplus)) doomed.push({ pod, why: 'terminated' })
  for (const pod of pods) {
    const node = pod.spec.nodeName ?? ''
    if (node === '') {
      if (isBeingDeleted(pod)) doomed.push({ pod, why: 'unscheduled' })
    } else if (isNodeGone(node)) doomed.push({ pod, why: 'orphaned' })
  }
  return doomed
}
