// NodePorts: two pods of one node cannot have the same host port.

import { portsConflict } from '../node-info.js'
import { type Plugin, rejection } from '../plugin.js'
import type { PodInfo } from '../pod-info.js'

const taken = rejection("node(s) didn't have free ports for the requested pod ports", true)

const conflicts = (a: Pick<PodInfo, 'ports'>, b: Pick<PodInfo, 'ports'>): boolean =>
  a.ports.some(port => b.ports.some(other => portsConflict(port, other)))

export const nodePorts: Plugin = {
  name: 'NodePorts',
  filter: pod => (pod.ports.length === 0 ? undefined : { filter: node => (conflicts(pod, node) ? taken : undefined) }),
  helpedBy: (event, pod) => event.type === 'nodeAdded' || (event.type === 'podGone' && conflicts(pod, event.pod))
}
