// NodeUnschedulable: a cordoned node takes no pods, except those that tolerate the taint that goes with it.

import { becameFit, type Plugin, rejection } from '../plugin.js'
import type { PodInfo } from '../pod-info.js'
import { toleratesTaint } from '../tolerations.js'

const unschedulableTaint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }
const unschedulable = rejection('node(s) were unschedulable', false)
const tolerated = (pod: PodInfo): boolean => toleratesTaint(pod.tolerations, unschedulableTaint)

export const nodeUnschedulable: Plugin = {
  name: 'NodeUnschedulable',
  filter: pod => (tolerated(pod) ? undefined : { filter: node => (node.facts.unschedulable ? unschedulable : undefined) }),
  helpedBy: event => becameFit(event, facts => !facts.unschedulable)
}
