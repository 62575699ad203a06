// NodeStatus: what a kubelet says of its node: the Node it registers, its status, its Lease. Pure.

import type { Lease, Node, NodeStatus, ResourceList } from '../kinds/index.js'
import { type Condition, findCondition, formatMicroTime, formatTime } from '../object/index.js'

export interface NodeFacts {
  readonly name: string
  readonly hostIp: string // 127.P.N.1
  readonly podCidr: string // 127.P.N.0/24
  readonly version: string // v1.34.0-kabuki
  readonly capacity: ResourceList
  readonly labels: Readonly<Record<string, string>>
  readonly taints: readonly { readonly key: string; readonly value?: string; readonly effect: string }[]
  readonly runtime: string // kabuki-stand-in://0.1.0
  readonly ids: { readonly machine: string; readonly system: string; readonly boot: string }
}

/** What a worker machine claims to have, unless told otherwise. */
export const capacityDefault: ResourceList = {
  cpu: '8',
  memory: '16Gi',
  'ephemeral-storage': '100Gi',
  'hugepages-1Gi': '0',
  'hugepages-2Mi': '0',
  pods: '110'
}

export const leaseDurationSeconds = 40
export const leaseNamespace = 'kube-node-lease'

export function newNode(facts: NodeFacts, nowMs: number): Omit<Node, 'apiVersion' | 'kind'> {
  const { name, podCidr, taints } = facts
  return {
    metadata: { name, labels: nodeLabels(facts), annotations: { 'volumes.kubernetes.io/controller-managed-attach-detach': 'true' } },
    spec: { podCIDR: podCidr, podCIDRs: [podCidr], ...(taints.length === 0 ? {} : { taints: taints.map(taint => ({ ...taint })) }) },
    status: nodeStatus(facts, undefined, nowMs)
  }
}

export function nodeLabels({ name, labels }: NodeFacts): Record<string, string> {
  return {
    'beta.kubernetes.io/arch': 'amd64',
    'beta.kubernetes.io/os': 'linux',
    'kubernetes.io/arch': 'amd64',
    'kubernetes.io/hostname': name,
    'kubernetes.io/os': 'linux',
    ...labels
  }
}

export function nodeStatus(facts: NodeFacts, old: NodeStatus | undefined, nowMs: number): NodeStatus {
  return {
    addresses: [
      { address: facts.hostIp, type: 'InternalIP' },
      { address: facts.name, type: 'Hostname' }
    ],
    allocatable: { ...facts.capacity },
    capacity: { ...facts.capacity },
    conditions: nodeConditions(old?.conditions ?? [], nowMs),
    daemonEndpoints: { kubeletEndpoint: { Port: 10250 } },
    nodeInfo: {
      architecture: 'amd64',
      bootID: facts.ids.boot,
      containerRuntimeVersion: facts.runtime,
      kernelVersion: 'kabuki',
      kubeProxyVersion: '',
      kubeletVersion: facts.version,
      machineID: facts.ids.machine,
      operatingSystem: 'linux',
      osImage: 'kabuki',
      systemUUID: facts.ids.system
    }
  }
}

const conditionFacts: readonly (readonly [type: string, status: string, reason: string, message: string])[] = [
  ['MemoryPressure', 'False', 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'],
  ['DiskPressure', 'False', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'],
  ['PIDPressure', 'False', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'],
  ['Ready', 'True', 'KubeletReady', 'kubelet is posting ready status']
]

function nodeConditions(old: readonly Condition[], nowMs: number): Condition[] {
  const now = formatTime(nowMs)
  return conditionFacts.map(([type, status, reason, message]) => {
    const before = findCondition(old, type)
    const lastTransitionTime = before?.status === status ? (before.lastTransitionTime ?? now) : now
    return { type, status, lastHeartbeatTime: now, lastTransitionTime, reason, message }
  })
}

/** Whether the status says something new, heartbeats apart. */
export function nodeStatusChanged(old: NodeStatus | undefined, next: NodeStatus): boolean {
  const bare = (status: NodeStatus | undefined): string => {
    const conditions = (status?.conditions ?? []).map(({ type, status: value, reason, message }) => [type, value, reason, message])
    const { addresses, allocatable, capacity, daemonEndpoints, nodeInfo } = status ?? {}
    const sorted = (list: ResourceList | undefined): [string, string][] => Object.entries(list ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))
    const info = Object.entries(nodeInfo ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))
    return JSON.stringify([conditions.sort(), addresses, sorted(allocatable), sorted(capacity), daemonEndpoints, info])
  }
  return bare(old) !== bare(next)
}

/** A Lease that says the node lived at that time; `uid` is the Node's, its owner. */
export function nodeLease(node: string, uid: string, nowMs: number): Omit<Lease, 'apiVersion' | 'kind'> {
  return {
    metadata: { name: node, namespace: leaseNamespace, ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: node, uid }] },
    spec: { holderIdentity: node, leaseDurationSeconds, renewTime: formatMicroTime(nowMs) }
  }
}
