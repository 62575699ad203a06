// Rules: which listeners a service has, and which endpoints stand behind each, as one node sees them. Pure.
//
// As kube-proxy: ready endpoints; if there are none, those that still serve while they terminate. With traffic policy
// Local only the node's own count, but for NodePorts only if the connection comes from outside: what starts inside the
// cluster never needs the detour that policy avoids.

import type { EndpointSlice, Service, ServicePort } from '../kinds/index.js'
import type { Listener, SocketAddress } from '../ports/index.js'

export interface Rule {
  readonly name: string // `TCP 127.9.0.10:80`
  readonly service: string // namespace/name
  readonly servicePort: string // namespace/name:port/protocol; round robin and affinity are per service port.
  readonly listener: Listener
  readonly endpoints: readonly SocketAddress[]
  readonly endpointsInside: readonly SocketAddress[] // For clients that are pods or nodes.
  readonly affinityMs: number // 0: none.
}

export interface NodeView {
  readonly node: string
  /** Where NodePorts are served: the node's own addresses, and 127.0.0.1. */
  readonly nodeAddresses: readonly string[]
}

export const serviceNameLabel = 'kubernetes.io/service-name'
const otherProxyLabel = 'service.kubernetes.io/service-proxy-name'
const headlessLabel = 'service.kubernetes.io/headless'
const affinitySecondsDefault = 10_800

export const ruleName = ({ transport, address, port }: Listener): string => `${transport} ${address}:${port}`

/** The rules of one service; none for what has no cluster IP, or is another proxy's. */
export function rulesOf(service: Service, slices: readonly EndpointSlice[], { node, nodeAddresses }: NodeView): Rule[] {
  const { spec, metadata } = service
  if (spec.type === 'ExternalName' || spec.clusterIP === undefined || spec.clusterIP === '' || spec.clusterIP === 'None') return []
  if (otherProxyLabel in (metadata.labels ?? {}) || headlessLabel in (metadata.labels ?? {})) return []
  const affinityMs =
    spec.sessionAffinity === 'ClientIP' ? (spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? affinitySecondsDefault) * 1000 : 0
  const rules: Rule[] = []
  for (const port of spec.ports ?? []) {
    if (port.protocol === 'SCTP') continue
    const candidates = candidatesOf(port, slices)
    const all = usable(candidates)
    const own = usable(candidates.filter(candidate => candidate.node === node))
    const servicePort = `${metadata.namespace}/${metadata.name}:${port.name ?? ''}/${port.protocol ?? 'TCP'}`
    const add = (addresses: readonly string[], number: number, endpoints: readonly SocketAddress[], endpointsInside = endpoints): void => {
      for (const address of addresses) {
        const listener = { address, port: number, transport: port.protocol === 'UDP' ? 'UDP' : 'TCP' } as const
        const service = `${metadata.namespace}/${metadata.name}`
        rules.push({ name: ruleName(listener), service, servicePort, listener, endpoints, endpointsInside, affinityMs })
      }
    }
    const outer = spec.externalTrafficPolicy === 'Local' ? own : all
    add(spec.clusterIPs ?? [spec.clusterIP], port.port, spec.internalTrafficPolicy === 'Local' ? own : all)
    add(spec.externalIPs ?? [], port.port, outer, all)
    if (port.nodePort !== undefined && port.nodePort > 0) add(nodeAddresses, port.nodePort, outer, all)
  }
  return rules
}

interface Candidate extends SocketAddress {
  readonly node: string | undefined
  readonly ready: boolean
  readonly servesWhileTerminating: boolean
}

function candidatesOf(port: ServicePort, slices: readonly EndpointSlice[]): Candidate[] {
  const candidates = new Map<string, Candidate>() // While an endpoint moves between slices it is in both.
  for (const slice of slices) {
    if (slice.addressType !== 'IPv4') continue
    const found = slice.ports?.find(
      ({ name, protocol }) => (name ?? '') === (port.name ?? '') && (protocol ?? 'TCP') === (port.protocol ?? 'TCP')
    )
    if (found?.port === undefined) continue
    for (const { addresses, conditions, nodeName } of slice.endpoints ?? []) {
      const address = addresses[0]
      if (address === undefined) continue
      const key = `${address}:${found.port}`
      const candidate = {
        address,
        port: found.port,
        node: nodeName,
        ready: conditions?.ready !== false, // Unknown counts as ready.
        servesWhileTerminating: conditions?.serving === true && conditions.terminating === true
      }
      if (candidates.get(key)?.ready !== true) candidates.set(key, candidate)
    }
  }
  return [...candidates.values()].sort((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : a.port - b.port))
}

function usable(candidates: readonly Candidate[]): SocketAddress[] {
  const ready = candidates.filter(candidate => candidate.ready)
  const chosen = ready.length > 0 ? ready : candidates.filter(candidate => candidate.servesWhileTerminating)
  return chosen.map(({ address, port }) => ({ address, port }))
}
