// EndpointSlice: up to 1000 of the addresses behind a Service.

import {
  type ApiObject,
  age,
  ageColumn,
  column,
  dns1123SubdomainFaults,
  type FieldError,
  field,
  nameColumn,
  type ObjectReference,
  portNameFaults,
  semanticEqual
} from '../../object/index.js'
import { defineKind } from '../definition.js'
import type { Kind } from '../kind.js'
import { duplicates, immutable, ipFaults, isIPv4, isIPv6, matches, oneOf, protocols, validPort } from '../validation.js'

export interface EndpointSlice extends ApiObject {
  addressType: string // IPv4, IPv6, FQDN
  endpoints: Endpoint[]
  ports?: EndpointPort[]
}

export interface Endpoint {
  addresses: string[]
  conditions?: { ready?: boolean; serving?: boolean; terminating?: boolean }
  deprecatedTopology?: Record<string, string>
  hints?: { forNodes?: { name: string }[]; forZones?: { name: string }[] }
  hostname?: string
  nodeName?: string
  targetRef?: ObjectReference
  zone?: string
}

export interface EndpointPort {
  appProtocol?: string
  name?: string
  port?: number
  protocol?: string
}

export const endpointsMax = 1000
const addressesMax = 100
const portsMax = 20_000
const shownMax = 3

export const endpointSliceKind: Kind<EndpointSlice> = defineKind<EndpointSlice>({
  group: 'discovery.k8s.io',
  version: 'v1',
  kind: 'EndpointSlice',
  plural: 'endpointslices',
  namespaced: true,
  schemaName: 'io.k8s.api.discovery.v1.EndpointSlice',
  defaults: slice => {
    slice.endpoints ??= []
    for (const port of slice.ports ?? []) {
      port.name ??= ''
      port.protocol ??= 'TCP'
    }
  },
  // Upstream counts changes of labels too: consumers select slices by them.
  generationChanged: (slice, old) =>
    !(
      semanticEqual(slice.endpoints, old.endpoints) &&
      semanticEqual(slice.ports, old.ports) &&
      slice.addressType === old.addressType &&
      semanticEqual(slice.metadata.labels, old.metadata.labels)
    ),
  validate: validateSlice,
  validateUpdate: (slice, old) => [...validateSlice(slice), ...immutable(slice.addressType, old.addressType, 'addressType')],
  columns: [
    nameColumn,
    column('AddressType', 'The kind of the addresses: IPv4, IPv6 or FQDN.'),
    column('Ports', 'The ports of every endpoint.'),
    column('Endpoints', 'The addresses of the endpoints.'),
    ageColumn
  ],
  cells: (slice, nowMs) => [
    slice.metadata.name ?? '',
    slice.addressType,
    shorten(
      (slice.ports ?? []).map(port => (port.port === undefined ? '*' : String(port.port))),
      '<unset>'
    ),
    shorten(
      slice.endpoints.flatMap(endpoint => endpoint.addresses ?? []),
      '<unset>'
    ),
    age(slice.metadata.creationTimestamp, nowMs)
  ]
})

function shorten(texts: readonly string[], none: string): string {
  if (texts.length === 0) return none
  const shown = texts.slice(0, shownMax).join(',')
  return texts.length > shownMax ? `${shown} + ${texts.length - shownMax} more...` : shown
}

// Upstream also refuses loopback addresses; a cluster whose pods live on 127/8 cannot.
function validateSlice(slice: EndpointSlice): FieldError[] {
  const { at, child } = field
  const errors = oneOf(slice.addressType, ['FQDN', 'IPv4', 'IPv6'], 'addressType')
  if (slice.endpoints.length > endpointsMax) return [...errors, field.tooMany('endpoints', slice.endpoints.length, endpointsMax)]
  for (const [index, endpoint] of slice.endpoints.entries()) {
    const path = child(at('endpoints', index), 'addresses')
    const addresses = endpoint.addresses ?? []
    if (addresses.length === 0) errors.push(field.required(path, 'must contain at least 1 address'))
    else if (addresses.length > addressesMax) errors.push(field.tooMany(path, addresses.length, addressesMax))
    addresses.forEach((address, place) => {
      errors.push(...validateAddress(address, slice.addressType, at(path, place)))
    })
    if (endpoint.nodeName) errors.push(...matches(endpoint.nodeName, dns1123SubdomainFaults, child(at('endpoints', index), 'nodeName')))
  }
  return [...errors, ...validatePorts(slice.ports ?? [])]
}

function validateAddress(address: string, type: string, path: string): FieldError[] {
  if (type === 'FQDN') return matches(address, dns1123SubdomainFaults, path)
  const faults = ipFaults(address)
  if (faults.length > 0) return [field.invalid(path, address, faults.join('; '))]
  if (type === 'IPv4' && !isIPv4(address)) return [field.invalid(path, address, 'must be an IPv4 address')]
  if (type === 'IPv6' && !isIPv6(address)) return [field.invalid(path, address, 'must be an IPv6 address')]
  return []
}

function validatePorts(ports: readonly EndpointPort[]): FieldError[] {
  const { at, child } = field
  if (ports.length > portsMax) return [field.tooMany('ports', ports.length, portsMax)]
  const errors = ports.flatMap((port, index) => {
    const path = at('ports', index)
    return [
      ...(port.name ? matches(port.name, portNameFaults, child(path, 'name')) : []),
      ...(port.port === undefined ? [] : validPort(port.port, child(path, 'port'))),
      ...oneOf(port.protocol, protocols, child(path, 'protocol'))
    ]
  })
  // The empty name counts here: several ports must all be told apart.
  const names = ports.map(port => port.name || (ports.length > 1 ? ' ' : undefined))
  const same = duplicates(names, index => child(at('ports', index), 'name')).map(error => ({
    ...error,
    message: error.message.replace('" "', '""')
  }))
  return [...errors, ...same]
}
