// Node: a machine that runs pods, as its kubelet and the node lifecycle describe it.

import {
  type ApiObject,
  age,
  ageColumn,
  type Condition,
  column,
  type FieldError,
  field,
  findCondition,
  labelValueFaults,
  nameColumn,
  qualifiedNameFaults,
  wideColumn
} from '../../object/index.js'
import { defineKind, statusSubresource } from '../definition.js'
import type { Kind } from '../kind.js'
import { cidrFaults, matches, oneOf, requiredMatch } from '../validation.js'
import { roundResources } from './pod-defaults.js'
import type { ResourceList } from './pod-spec.js'

export interface Node extends ApiObject {
  spec?: NodeSpec
  status?: NodeStatus
}

export interface NodeSpec {
  externalID?: string
  podCIDR?: string
  podCIDRs?: string[]
  providerID?: string
  taints?: Taint[]
  unschedulable?: boolean
}

export interface Taint {
  effect: string // NoSchedule, PreferNoSchedule, NoExecute
  key: string
  timeAdded?: string
  value?: string
}

export interface NodeStatus {
  addresses?: { address: string; type: string }[]
  allocatable?: ResourceList
  capacity?: ResourceList
  conditions?: Condition[]
  daemonEndpoints?: { kubeletEndpoint?: { Port: number } }
  features?: { supplementalGroupsPolicy?: boolean }
  images?: { names?: string[]; sizeBytes?: number }[]
  nodeInfo?: NodeSystemInfo
  phase?: string
  runtimeHandlers?: { name?: string; features?: { recursiveReadOnlyMounts?: boolean; userNamespaces?: boolean } }[]
  volumesAttached?: { devicePath: string; name: string }[]
  volumesInUse?: string[]
}

export interface NodeSystemInfo {
  architecture: string
  bootID: string
  containerRuntimeVersion: string
  kernelVersion: string
  kubeProxyVersion: string
  kubeletVersion: string
  machineID: string
  operatingSystem: string
  osImage: string
  swap?: { capacity?: number }
  systemUUID: string
}

const { at, child } = field

export const nodeKind: Kind<Node> = defineKind<Node>({
  group: '',
  version: 'v1',
  kind: 'Node',
  plural: 'nodes',
  shortNames: ['no'],
  namespaced: false,
  schemaName: 'io.k8s.api.core.v1.Node',
  subresources: [
    { name: 'proxy', kind: 'NodeProxyOptions', verbs: ['create', 'delete', 'get', 'patch', 'update'] },
    statusSubresource('Node')
  ],
  defaults: node => {
    node.spec ??= {}
    node.status ??= {}
    node.status.daemonEndpoints ??= { kubeletEndpoint: { Port: 0 } }
    if (node.status.capacity !== undefined) {
      roundResources(node.status.capacity)
      node.status.allocatable ??= { ...node.status.capacity }
    }
    if (node.status.allocatable !== undefined) roundResources(node.status.allocatable)
  },
  // A kubelet registers with its status: it is not reset.
  prepareForCreate: () => {},
  prepareForUpdate: (node, old) => {
    node.status = old.status ?? {}
  },
  validate: validateNode,
  validateUpdate: (node, old) => {
    const errors = validateNode(node)
    const oldCidrs = old.spec?.podCIDRs ?? []
    if (oldCidrs.length > 0 && oldCidrs.join() !== (node.spec?.podCIDRs ?? []).join()) {
      errors.push(field.forbidden('spec.podCIDRs', 'node updates may not change podCIDR except from "" to valid'))
    }
    if (old.spec?.providerID && old.spec.providerID !== node.spec?.providerID) {
      errors.push(field.forbidden('spec.providerID', 'node updates may not change providerID except from "" to valid'))
    }
    return errors
  },
  selectableFields: ['spec.unschedulable'],
  fields: node => ({ 'spec.unschedulable': String(node.spec?.unschedulable ?? false) }),
  columns: [
    nameColumn,
    column('Status', 'The status of the node'),
    column('Roles', 'The roles of the node'),
    ageColumn,
    column('Version', 'The version the kubelet reports.'),
    wideColumn('Internal-IP', 'The address of the node within the cluster.'),
    wideColumn('External-IP', 'The address of the node from outside.'),
    wideColumn('OS-Image', 'The operating system the node reports.'),
    wideColumn('Kernel-Version', 'The kernel version the node reports.'),
    wideColumn('Container-Runtime', 'The container runtime and version the node reports.')
  ],
  cells: (node, nowMs) => {
    const info = node.status?.nodeInfo
    const address = (type: string): string => node.status?.addresses?.find(one => one.type === type)?.address ?? '<none>'
    return [
      node.metadata.name ?? '',
      nodeStatus(node),
      nodeRoles(node),
      age(node.metadata.creationTimestamp, nowMs),
      info?.kubeletVersion ?? '',
      address('InternalIP'),
      address('ExternalIP'),
      info?.osImage || '<unknown>',
      info?.kernelVersion || '<unknown>',
      info?.containerRuntimeVersion || '<unknown>'
    ]
  }
})

function nodeStatus(node: Node): string {
  const ready = findCondition(node.status?.conditions, 'Ready')
  const text = ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady'
  return node.spec?.unschedulable === true ? `${text},SchedulingDisabled` : text
}

function nodeRoles(node: Node): string {
  const prefix = 'node-role.kubernetes.io/'
  const roles = Object.entries(node.metadata.labels ?? {}).flatMap(([key, value]) => {
    if (key.startsWith(prefix) && key.length > prefix.length) return [key.slice(prefix.length)]
    return key === 'kubernetes.io/role' && value !== '' ? [value] : []
  })
  return [...new Set(roles)].sort().join(',') || '<none>'
}

function validateNode(node: Node): FieldError[] {
  const cidrs = node.spec?.podCIDRs ?? []
  const errors = cidrs.flatMap((cidr, index) => matches(cidr, cidrFaults, at('spec.podCIDRs', index)))
  const seen = new Set<string>()
  for (const [index, taint] of (node.spec?.taints ?? []).entries()) {
    const path = at('spec.taints', index)
    errors.push(...requiredMatch(taint.key, qualifiedNameFaults, child(path, 'key')))
    if (taint.value) errors.push(...matches(taint.value, labelValueFaults, child(path, 'value')))
    errors.push(...oneOf(taint.effect, ['NoSchedule', 'PreferNoSchedule', 'NoExecute'], child(path, 'effect')))
    const pair = `${taint.key}:${taint.effect}`
    if (seen.has(pair)) {
      const error = field.duplicate(path, taint)
      errors.push({ ...error, message: `${error.message}: taints must be unique by key and effect pair` })
    }
    seen.add(pair)
  }
  const addresses = new Set<string>()
  for (const [index, address] of (node.status?.addresses ?? []).entries()) {
    const key = `${address.type} ${address.address}`
    if (addresses.has(key)) errors.push(field.duplicate(at('status.addresses', index), address))
    addresses.add(key)
  }
  return errors
}
