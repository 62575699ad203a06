// Endpoint plan: which pods are behind a service, under which ports, and how they are laid into slices. Pure.
//
// Upstream's endpointslice reconciler: endpoints are grouped by the ports they resolve to; existing slices keep what they have,
// are corrected in place, filled up before new ones are made, and dropped when empty; a service without any keeps one empty slice.

import type { Endpoint, EndpointPort, EndpointSlice, Node, Pod, Service } from '../kinds/index.js'
import { isBeingDeleted, semanticEqual } from '../object/index.js'
import { compareText, isPodReady, isPodTerminal } from './pod-state.js'

export const serviceNameLabel = 'kubernetes.io/service-name'
export const managedByLabel = 'endpointslice.kubernetes.io/managed-by'
export const sliceManager = 'endpointslice-controller.k8s.io'
export const headlessLabel = 'service.kubernetes.io/headless'

export type AddressType = 'IPv4' | 'IPv6'

export interface DesiredGroup {
  readonly ports: readonly EndpointPort[]
  readonly endpoints: readonly Endpoint[]
}

export interface SlicePlan {
  readonly create: readonly { readonly ports: readonly EndpointPort[]; readonly endpoints: readonly Endpoint[] }[]
  readonly update: readonly EndpointSlice[]
  readonly remove: readonly EndpointSlice[]
}

export function addressTypesOf(service: Service): AddressType[] {
  const families = service.spec.ipFamilies ?? ['IPv4']
  return families.filter(family => family === 'IPv4' || family === 'IPv6')
}

export const isHeadless = (service: Service): boolean => service.spec.clusterIP === 'None'

/** Whether a pod can have endpoints at all: it has an address and is not over. */
export function isReachable(pod: Pod, terminatingToo: boolean): boolean {
  if (isPodTerminal(pod)) return false
  if ((pod.status?.podIP ?? '') === '' && (pod.status?.podIPs ?? []).length === 0) return false
  return terminatingToo || !isBeingDeleted(pod)
}

export function addressesOf(pod: Pod, type: AddressType): string[] {
  const all = pod.status?.podIPs?.map(({ ip }) => ip) ?? [pod.status?.podIP ?? '']
  return all.filter(ip => ip !== '' && ip.includes(':') === (type === 'IPv6')).slice(0, 1)
}

/** The number a service's port has in that pod; undefined: it names a port that the pod has not. */
export function targetPortOf(pod: Pod, port: NonNullable<Service['spec']['ports']>[number]): number | undefined {
  const target = port.targetPort ?? port.port
  if (typeof target === 'number') return target === 0 ? port.port : target
  if (target === '') return port.port
  const protocol = port.protocol ?? 'TCP'
  // Sidecars are init containers that keep running.
  const sidecars = (pod.spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always')
  for (const container of [...pod.spec.containers, ...sidecars]) {
    for (const candidate of container.ports ?? []) {
      if (candidate.name === target && (candidate.protocol ?? 'TCP') === protocol) return candidate.containerPort
    }
  }
  return undefined
}

export function portsOf(service: Service, pod: Pod): EndpointPort[] {
  const ports: EndpointPort[] = []
  for (const port of service.spec.ports ?? []) {
    const number = targetPortOf(pod, port)
    if (number === undefined) continue
    const { appProtocol } = port
    ports.push({
      name: port.name ?? '',
      port: number,
      protocol: port.protocol ?? 'TCP',
      ...(appProtocol === undefined ? {} : { appProtocol })
    })
  }
  return ports
}

export function endpointOf(service: Service, pod: Pod, node: Node | undefined, type: AddressType): Endpoint {
  const serving = isPodReady(pod)
  const terminating = isBeingDeleted(pod)
  // A service that publishes unready addresses calls all of them ready, terminating ones too.
  const ready = service.spec.publishNotReadyAddresses === true || (serving && !terminating)
  const { namespace, name, uid } = pod.metadata
  const zone = node?.metadata.labels?.['topology.kubernetes.io/zone']
  const { hostname, subdomain, nodeName } = pod.spec
  const named = (hostname ?? '') !== '' && subdomain === service.metadata.name
  return {
    addresses: addressesOf(pod, type),
    conditions: { ready, serving, terminating },
    ...(named ? { hostname: hostname as string } : {}),
    ...(nodeName === undefined ? {} : { nodeName }),
    targetRef: { kind: 'Pod', namespace: namespace ?? '', name: name ?? '', uid: uid ?? '' },
    ...(zone === undefined ? {} : { zone })
  }
}

/** `pods`: those the selector selects. */
export function desiredEndpoints(
  service: Service,
  pods: readonly Pod[],
  nodeOf: (name: string) => Node | undefined,
  type: AddressType
): DesiredGroup[] {
  const groups = new Map<string, { ports: readonly EndpointPort[]; endpoints: Endpoint[] }>()
  for (const pod of [...pods].sort((a, b) => compareText(a.metadata.name, b.metadata.name))) {
    if (!isReachable(pod, true) || addressesOf(pod, type).length === 0) continue
    const ports = portsOf(service, pod)
    // Without ports only a headless service has endpoints: its name resolves to them.
    if (ports.length === 0 && (service.spec.ports ?? []).length > 0) continue
    const key = portKey(ports)
    const group = groups.get(key) ?? { ports, endpoints: [] }
    groups.set(key, group)
    group.endpoints.push(endpointOf(service, pod, nodeOf(pod.spec.nodeName ?? ''), type))
  }
  return [...groups.values()]
}

/** `existing`: this service's slices of one address type. */
export function planSlices(groups: readonly DesiredGroup[], existing: readonly EndpointSlice[], perSliceMax: number): SlicePlan {
  const plan = { create: [] as DesiredGroup[], update: [] as EndpointSlice[], remove: [] as EndpointSlice[] }
  const wanted = groups.length === 0 ? [{ ports: [], endpoints: [] }] : groups
  const byPorts = new Map<string, EndpointSlice[]>()
  for (const slice of existing) {
    const key = portKey(slice.ports ?? [])
    const same = byPorts.get(key)
    if (same === undefined) byPorts.set(key, [slice])
    else same.push(slice)
  }
  for (const group of wanted) {
    const key = portKey(group.ports)
    planGroup(plan, group, byPorts.get(key) ?? [], perSliceMax)
    byPorts.delete(key)
  }
  for (const slices of byPorts.values()) plan.remove.push(...slices)
  return plan
}

function planGroup(
  plan: { create: DesiredGroup[]; update: EndpointSlice[]; remove: EndpointSlice[] },
  group: DesiredGroup,
  slices: readonly EndpointSlice[],
  perSliceMax: number
): void {
  const left = new Map(group.endpoints.map(endpoint => [endpointKey(endpoint), endpoint]))
  const kept = slices.map(slice => {
    const endpoints: Endpoint[] = []
    for (const endpoint of slice.endpoints ?? []) {
      const desired = left.get(endpointKey(endpoint))
      if (desired === undefined) continue
      left.delete(endpointKey(endpoint))
      endpoints.push(desired)
    }
    return { slice, endpoints, changed: !semanticEqual(endpoints, slice.endpoints ?? []) }
  })
  const rest = [...left.values()]
  // Slices that are written anyway are filled first, then the fullest of the others: fewest writes.
  const order = [...kept].sort((a, b) => Number(b.changed) - Number(a.changed) || b.endpoints.length - a.endpoints.length)
  for (const one of order) {
    const room = perSliceMax - one.endpoints.length
    if (rest.length === 0 || room <= 0) continue
    if (!one.changed && room < rest.length) continue
    one.endpoints.push(...rest.splice(0, room))
    one.changed = true
  }
  const isPlaceholder = group.endpoints.length === 0
  const placeholder = isPlaceholder ? kept.find(({ endpoints }) => endpoints.length === 0) : undefined
  for (const one of kept) {
    if (one.endpoints.length === 0 && one !== placeholder) plan.remove.push(one.slice)
    else if (one.changed) plan.update.push({ ...one.slice, endpoints: one.endpoints })
  }
  while (rest.length > 0) plan.create.push({ ports: group.ports, endpoints: rest.splice(0, perSliceMax) })
  if (isPlaceholder && placeholder === undefined) plan.create.push(group)
}

/** An endpoint is the same while its pod and addresses are. */
const endpointKey = ({ addresses, targetRef }: Endpoint): string => `${targetRef?.uid ?? ''}/${[...addresses].sort().join(',')}`

const portKey = (ports: readonly EndpointPort[]): string =>
  [...ports]
    .map(({ name, port, protocol, appProtocol }) => `${name ?? ''}/${port ?? ''}/${protocol ?? 'TCP'}/${appProtocol ?? ''}`)
    .sort()
    .join(' ')
