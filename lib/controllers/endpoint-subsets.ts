// Endpoint subsets: the older Endpoints object of a service: ready and unready addresses by their ports. Pure.

import type { EndpointAddress, EndpointSubset, Pod, Service } from '../kinds/index.js'
import { addressesOf, addressTypesOf, isReachable, portsOf } from './endpoint-plan.js'
import { compareText, isPodReady } from './pod-state.js'

export const overCapacityAnnotation = 'endpoints.kubernetes.io/over-capacity'
export const endpointsManagedByLabel = 'endpoints.kubernetes.io/managed-by'
export const endpointsManager = 'endpoint-controller'
const addressesMax = 1000 // As upstream: what does not fit is cut, and an annotation says so.

/** Addresses with the same ports share a subset (upstream's RepackSubsets); `truncated`: some did not fit. */
export function endpointSubsets(
  service: Service,
  pods: readonly Pod[]
): { readonly subsets: EndpointSubset[]; readonly truncated: boolean } {
  const unready = service.spec.publishNotReadyAddresses === true
  const family = addressTypesOf(service)[0] ?? 'IPv4'
  const groups = new Map<string, { ports: NonNullable<EndpointSubset['ports']>; ready: EndpointAddress[]; notReady: EndpointAddress[] }>()
  let left = addressesMax
  let truncated = false
  for (const pod of [...pods].sort((a, b) => compareText(addressesOf(a, family)[0], addressesOf(b, family)[0]))) {
    const ip = addressesOf(pod, family)[0]
    if (!isReachable(pod, unready) || ip === undefined) continue
    const ports = portsOf(service, pod).map(({ name, ...rest }) => ({ ...((name ?? '') === '' ? {} : { name: name as string }), ...rest }))
    if (ports.length === 0 && (service.spec.ports ?? []).length > 0) continue
    if (left-- <= 0) {
      truncated = true
      break
    }
    const key = JSON.stringify(ports)
    const group = groups.get(key) ?? { ports: ports as NonNullable<EndpointSubset['ports']>, ready: [], notReady: [] }
    groups.set(key, group)
    const target = unready || isPodReady(pod) ? group.ready : group.notReady
    target.push(addressOf(service, pod, ip))
  }
  const subsets = [...groups.entries()]
    .sort(([a], [b]) => compareText(a, b))
    .map(([, { ports, ready, notReady }]) => ({
      ...(ready.length === 0 ? {} : { addresses: ready }),
      ...(notReady.length === 0 ? {} : { notReadyAddresses: notReady }),
      ...(ports.length === 0 ? {} : { ports })
    }))
  return { subsets, truncated }
}

function addressOf(service: Service, pod: Pod, ip: string): EndpointAddress {
  const { namespace, name, uid } = pod.metadata
  const { hostname, subdomain, nodeName } = pod.spec
  const named = (hostname ?? '') !== '' && subdomain === service.metadata.name
  return {
    ip,
    ...(named ? { hostname: hostname as string } : {}),
    ...(nodeName === undefined ? {} : { nodeName }),
    targetRef: { kind: 'Pod', namespace: namespace ?? '', name: name ?? '', uid: uid ?? '' }
  }
}
