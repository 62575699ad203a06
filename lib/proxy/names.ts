// Names: the cluster's names and the addresses they stand for, as the cluster DNS of upstream answers them. Pure.
//
// As the Kubernetes DNS specification 1.1.0, A records: `service.namespace.svc.cluster.local` is the cluster IP; of a
// headless service the addresses of its ready endpoints, and `hostname.` before it that of one endpoint. Names of pods by
// address, SRV records, external names and names outside the cluster are not answered.

import { clusterDomain, type EndpointSlice, type Service } from '../kinds/index.js'

export interface NameSource {
  service(key: string): Service | undefined // By namespace/name.
  slices(key: string): readonly EndpointSlice[]
}

/** `name` is fully qualified, without a final dot. None: no such name. */
export function addressesOfName(name: string, source: NameSource): readonly string[] {
  const suffix = `.svc.${clusterDomain}`
  if (!name.toLowerCase().endsWith(suffix)) return []
  const [namespace, serviceName, hostname, ...more] = name.toLowerCase().slice(0, -suffix.length).split('.').reverse()
  if (serviceName === undefined || more.length > 0) return []
  const key = `${namespace}/${serviceName}`
  const service = source.service(key)
  if (service === undefined || service.spec.type === 'ExternalName') return []
  if (service.spec.clusterIP === 'None') return endpointAddresses(source.slices(key), hostname)
  return hostname === undefined ? (service.spec.clusterIPs ?? []).filter(address => address !== '') : []
}

function endpointAddresses(slices: readonly EndpointSlice[], hostname: string | undefined): readonly string[] {
  const endpoints = slices.filter(({ addressType }) => addressType === 'IPv4').flatMap(slice => slice.endpoints ?? [])
  const wanted = endpoints.filter(
    endpoint => endpoint.conditions?.ready !== false && (hostname === undefined || endpoint.hostname === hostname)
  )
  return [...new Set(wanted.flatMap(({ addresses }) => addresses))].sort()
}
