// Endpoints: the addresses behind a Service, all in one object; EndpointSlices have replaced it.

import { type ApiObject, age, ageColumn, column, type FieldError, field, nameColumn, type ObjectReference } from '../../object/index.js'
import { defineKind } from '../definition.js'
import type { Kind } from '../kind.js'
import { ipFaults, matches, oneOf, protocols, validPort } from '../validation.js'

export interface Endpoints extends ApiObject {
  subsets?: EndpointSubset[]
}

export interface EndpointSubset {
  addresses?: EndpointAddress[]
  notReadyAddresses?: EndpointAddress[]
  ports?: { appProtocol?: string; name?: string; port: number; protocol?: string }[]
}

export interface EndpointAddress {
  hostname?: string
  ip: string
  nodeName?: string
  targetRef?: ObjectReference
}

export const endpointsKind: Kind<Endpoints> = defineKind<Endpoints>({
  group: '',
  version: 'v1',
  kind: 'Endpoints',
  plural: 'endpoints',
  shortNames: ['ep'],
  namespaced: true,
  schemaName: 'io.k8s.api.core.v1.Endpoints',
  defaults: endpoints => {
    for (const port of endpoints.subsets?.flatMap(subset => subset.ports ?? []) ?? []) port.protocol ||= 'TCP'
  },
  validate: validateEndpoints,
  columns: [nameColumn, column('Endpoints', 'The addresses that are ready, with their ports.'), ageColumn],
  cells: (endpoints, nowMs) => [endpoints.metadata.name ?? '', formatEndpoints(endpoints), age(endpoints.metadata.creationTimestamp, nowMs)]
})

const shownMax = 3

/** `10.0.0.1:80,10.0.0.2:80 + 3 more...` */
export function formatEndpoints(endpoints: Endpoints): string {
  const pairs = (endpoints.subsets ?? []).flatMap(subset => {
    const addresses = subset.addresses ?? []
    if ((subset.ports ?? []).length === 0) return addresses.map(address => address.ip)
    return (subset.ports ?? []).flatMap(port => addresses.map(address => hostPort(address.ip, port.port)))
  })
  if (pairs.length === 0) return '<none>'
  const shown = pairs.slice(0, shownMax).join(',')
  return pairs.length > shownMax ? `${shown} + ${pairs.length - shownMax} more...` : shown
}

export const hostPort = (host: string, port: number): string => (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`)

// Upstream also refuses loopback addresses; a cluster whose pods live on 127/8 cannot.
function validateEndpoints(endpoints: Endpoints): FieldError[] {
  const { at, child } = field
  return (endpoints.subsets ?? []).flatMap((subset, index) => {
    const path = at('subsets', index)
    const errors: FieldError[] = []
    if ((subset.addresses ?? []).length === 0 && (subset.notReadyAddresses ?? []).length === 0) {
      errors.push(field.required(path, 'must specify `addresses` or `notReadyAddresses`'))
    }
    for (const list of ['addresses', 'notReadyAddresses'] as const) {
      subset[list]?.forEach((address, place) => {
        errors.push(...matches(address.ip, ipFaults, child(at(child(path, list), place), 'ip')))
      })
    }
    subset.ports?.forEach((port, place) => {
      const here = at(child(path, 'ports'), place)
      if ((subset.ports ?? []).length > 1 && !port.name) errors.push(field.required(child(here, 'name')))
      errors.push(...validPort(port.port, child(here, 'port')), ...oneOf(port.protocol, protocols, child(here, 'protocol')))
    })
    return errors
  })
}
