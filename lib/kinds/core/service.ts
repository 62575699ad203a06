// Service: a name and an address for a set of pods.
//
// Cluster IPs, IP families and node ports are allocated by the server, between `prepareForCreate` and storing.

import {
  type ApiObject,
  age,
  ageColumn,
  type Condition,
  column,
  dns1035Name,
  type IntOrString,
  nameColumn,
  wideColumn
} from '../../object/index.js'
import { defineKind, statusSubresource } from '../definition.js'
import type { Kind } from '../kind.js'
import { validateService, validateServiceUpdate } from './service-validation.js'

/** The domain of the cluster's names: kubelets search it, and who answers names answers those in it. */
export const clusterDomain = 'cluster.local'

export interface Service extends ApiObject {
  spec: ServiceSpec
  status?: { conditions?: Condition[]; loadBalancer?: LoadBalancerStatus }
}

export interface ServiceSpec {
  allocateLoadBalancerNodePorts?: boolean
  clusterIP?: string
  clusterIPs?: string[]
  externalIPs?: string[]
  externalName?: string
  externalTrafficPolicy?: string
  healthCheckNodePort?: number
  internalTrafficPolicy?: string
  ipFamilies?: string[]
  ipFamilyPolicy?: string
  loadBalancerClass?: string
  loadBalancerIP?: string
  loadBalancerSourceRanges?: string[]
  ports?: ServicePort[]
  publishNotReadyAddresses?: boolean
  selector?: Record<string, string>
  sessionAffinity?: string
  sessionAffinityConfig?: { clientIP?: { timeoutSeconds?: number } }
  trafficDistribution?: string
  type?: string // ClusterIP, NodePort, LoadBalancer, ExternalName
}

export interface ServicePort {
  appProtocol?: string
  name?: string
  nodePort?: number
  port: number
  protocol?: string
  targetPort?: IntOrString
}

export interface LoadBalancerStatus {
  ingress?: { hostname?: string; ip?: string; ipMode?: string; ports?: { port: number; protocol: string; error?: string }[] }[]
}

export const serviceKind: Kind<Service> = defineKind<Service>({
  group: '',
  version: 'v1',
  kind: 'Service',
  plural: 'services',
  shortNames: ['svc'],
  categories: ['all'],
  namespaced: true,
  schemaName: 'io.k8s.api.core.v1.Service',
  nameFaults: dns1035Name,
  allowCreateOnUpdate: true,
  subresources: [
    { name: 'proxy', kind: 'ServiceProxyOptions', verbs: ['create', 'delete', 'get', 'patch', 'update'] },
    statusSubresource('Service')
  ],
  defaults: defaultService,
  prepareForCreate: service => {
    service.status = { loadBalancer: {} }
    normalizeClusterIPs(service.spec)
  },
  prepareForUpdate: (service, old) => {
    service.status = old.status ?? { loadBalancer: {} }
    keepAllocations(service.spec, old.spec)
    dropTypeDependentFields(service.spec, old.spec)
    normalizeClusterIPs(service.spec, old.spec)
  },
  validate: validateService,
  validateUpdate: validateServiceUpdate,
  selectableFields: ['spec.clusterIP', 'spec.type'],
  fields: service => ({ 'spec.clusterIP': service.spec.clusterIP ?? '', 'spec.type': service.spec.type ?? '' }),
  columns: [
    nameColumn,
    column('Type', 'How the service is exposed.'),
    column('Cluster-IP', 'The address of the service within the cluster.'),
    column('External-IP', 'Addresses from outside.'),
    column('Port(s)', 'The ports of the service, with their node ports.'),
    ageColumn,
    wideColumn('Selector', 'The labels of the pods behind the service.')
  ],
  cells: (service, nowMs) => [
    service.metadata.name ?? '',
    service.spec.type ?? '',
    service.spec.clusterIPs?.[0] || service.spec.clusterIP || '<none>',
    externalIPs(service),
    (service.spec.ports ?? []).map(formatPort).join(',') || '<none>',
    age(service.metadata.creationTimestamp, nowMs),
    formatSelectorMap(service.spec.selector)
  ]
})

const stickySeconds = 10_800 // DefaultClientIPServiceAffinitySeconds

function defaultService(service: Service): void {
  service.spec ??= {}
  service.status ??= { loadBalancer: {} }
  const { spec } = service
  spec.sessionAffinity ||= 'None'
  if (spec.sessionAffinity === 'None') delete spec.sessionAffinityConfig
  if (spec.sessionAffinity === 'ClientIP' && spec.sessionAffinityConfig?.clientIP?.timeoutSeconds === undefined) {
    spec.sessionAffinityConfig = { clientIP: { timeoutSeconds: stickySeconds } }
  }
  spec.type ||= 'ClusterIP'
  for (const port of spec.ports ?? []) {
    port.protocol ||= 'TCP'
    if (port.targetPort === undefined || port.targetPort === 0 || port.targetPort === '') port.targetPort = port.port
  }
  const isExternal =
    spec.type === 'NodePort' || spec.type === 'LoadBalancer' || (spec.type === 'ClusterIP' && (spec.externalIPs ?? []).length > 0)
  if (isExternal) spec.externalTrafficPolicy ||= 'Cluster'
  if (spec.type !== 'ExternalName') spec.internalTrafficPolicy ??= 'Cluster'
  if (spec.type === 'LoadBalancer') spec.allocateLoadBalancerNodePorts ??= true
}

/** clusterIP and clusterIPs say the same; a client that knows but one of them has the other follow (NormalizeClusterIPs). */
function normalizeClusterIPs(spec: ServiceSpec, old?: ServiceSpec): void {
  if (old === undefined) {
    if (spec.clusterIP && (spec.clusterIPs ?? []).length === 0) spec.clusterIPs = [spec.clusterIP]
    else if (!spec.clusterIP && spec.clusterIPs?.[0]) spec.clusterIP = spec.clusterIPs[0]
    return
  }
  const singleChanged = (spec.clusterIP ?? '') !== (old.clusterIP ?? '')
  const listUntouched = (spec.clusterIPs ?? []).length === 0 || spec.clusterIPs?.join() === old.clusterIPs?.join()
  if (!singleChanged || !listUntouched) return
  if (spec.clusterIP) spec.clusterIPs = [spec.clusterIP]
  else delete spec.clusterIPs
}

/** An update that leaves allocated values out keeps them (upstream's patchAllocatedValues). */
function keepAllocations(spec: ServiceSpec, old: ServiceSpec): void {
  const hasIP = (one: ServiceSpec): boolean => one.type !== 'ExternalName'
  if (hasIP(spec) && hasIP(old)) {
    if (!spec.clusterIP && old.clusterIP !== undefined) spec.clusterIP = old.clusterIP
    if ((spec.clusterIPs ?? []).length === 0 && old.clusterIPs !== undefined && spec.clusterIP === old.clusterIP) {
      spec.clusterIPs = [...old.clusterIPs]
    }
    if (old.ipFamilyPolicy !== undefined) spec.ipFamilyPolicy ??= old.ipFamilyPolicy
    if ((spec.ipFamilies ?? []).length === 0 && old.ipFamilies !== undefined) spec.ipFamilies = [...old.ipFamilies]
  }
  if (hasNodePorts(spec) && hasNodePorts(old)) {
    const known = new Map((old.ports ?? []).map(port => [`${port.protocol}/${port.port}`, port.nodePort]))
    const used = new Set((spec.ports ?? []).map(port => port.nodePort))
    for (const port of spec.ports ?? []) {
      const nodePort = known.get(`${port.protocol}/${port.port}`)
      if (!port.nodePort && nodePort && !used.has(nodePort)) port.nodePort = nodePort
    }
  }
  if (needsHealthPort(spec) && needsHealthPort(old) && !spec.healthCheckNodePort && old.healthCheckNodePort) {
    spec.healthCheckNodePort = old.healthCheckNodePort
  }
}

/** What the new type has no use for goes, unless the client changed it at the same time. */
function dropTypeDependentFields(spec: ServiceSpec, old: ServiceSpec): void {
  if (old.type !== 'ExternalName' && spec.type === 'ExternalName') {
    if (spec.clusterIP === old.clusterIP) delete spec.clusterIP
    if ((spec.clusterIPs ?? []).join() === (old.clusterIPs ?? []).join()) delete spec.clusterIPs
    delete spec.ipFamilies
    delete spec.ipFamilyPolicy
  }
  if (hasNodePorts(old) && !hasNodePorts(spec)) {
    const known = new Set((old.ports ?? []).map(port => port.nodePort))
    for (const port of spec.ports ?? []) if (known.has(port.nodePort)) delete port.nodePort
  }
  if (needsHealthPort(old) && !needsHealthPort(spec)) delete spec.healthCheckNodePort
  if (old.type === 'LoadBalancer' && spec.type !== 'LoadBalancer') {
    delete spec.allocateLoadBalancerNodePorts
    delete spec.loadBalancerClass
  }
  const external = (one: ServiceSpec): boolean => hasNodePorts(one) || (one.externalIPs ?? []).length > 0
  if (external(old) && !external(spec) && spec.externalTrafficPolicy === old.externalTrafficPolicy) delete spec.externalTrafficPolicy
}

const hasNodePorts = (spec: ServiceSpec): boolean =>
  spec.type === 'NodePort' || (spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false)

const needsHealthPort = (spec: ServiceSpec): boolean => spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local'

const formatPort = (port: ServicePort): string =>
  port.nodePort ? `${port.port}:${port.nodePort}/${port.protocol}` : `${port.port}/${port.protocol}`

function externalIPs(service: Service): string {
  const { type, externalIPs: own = [], externalName } = service.spec
  switch (type) {
    case 'ClusterIP':
    case 'NodePort':
      return own.join(',') || '<none>'
    case 'LoadBalancer': {
      const given = (service.status?.loadBalancer?.ingress ?? []).map(one => one.ip || one.hostname || '').filter(text => text !== '')
      return [...[...new Set(given)].sort(), ...own].join(',') || '<pending>'
    }
    case 'ExternalName':
      return externalName ?? ''
    default:
      return '<unknown>'
  }
}

function formatSelectorMap(selector: Record<string, string> | undefined): string {
  const pairs = Object.entries(selector ?? {}).map(([key, value]) => `${key}=${value}`)
  return pairs.sort().join(',') || '<none>'
}
