// Allocation: the cluster IP and the node ports of a Service.
//
// Each address and port that is taken is a key of the store, written and deleted in the transaction that writes the Service: two
// apiservers cannot give one away twice, and a crash leaves none behind. What is free is guessed from the watch cache and decided by
// the transaction.

import type { Service, ServicePort } from '../kinds/index.js'
import { type ApiObject, errors, field } from '../object/index.js'
import { integerBelow } from '../std/index.js'
import type { StoreCompare, StoreKeyValue, StoreOp } from '../storage/index.js'
import { addressAt, type Cidr, parseCidr } from './cidr.js'
import type { Resource } from './resource.js'
import type { Serving } from './serving.js'

export const serviceIpPrefix = '/registry/ranges/serviceips/'
export const nodePortPrefix = '/registry/ranges/servicenodeports/'

export interface Allocation {
  readonly compares: readonly StoreCompare[]
  readonly ops: readonly StoreOp[]
  /** The keys taken, in the order in which a refused transaction tells of them. */
  readonly keys: readonly string[]
  /** Those the client asked for by name. */
  readonly demanded: ReadonlySet<string>
}

export const noAllocation: Allocation = { compares: [], ops: [], keys: [], demanded: new Set() }

export const isService = ({ kind }: Resource): boolean => kind.group === '' && kind.kind === 'Service'

const guesses = 64
// Upstream leaves the lower part of a range to addresses chosen by hand (KEP-3070, KEP-3668).
const staticAddressesMax = 256
const staticPortsMax = 128
const encoder = new TextEncoder()

/** Fills in what the service needs, and says what has to be taken and given back. Throws if something demanded cannot be had. */
export function allocate(serving: Serving, object: ApiObject, old: ApiObject | undefined): Allocation {
  const service = object as Service
  const before = old === undefined ? new Set<string>() : keysOf(old as Service)
  const demanded = keysOf(service)
  checkRanges(serving, service, before)
  assignAddress(serving, service)
  assignPorts(serving, service)
  return changes(service, before, demanded)
}

/** What goes back when a service is deleted. */
export function release(object: ApiObject): readonly StoreOp[] {
  return [...keysOf(object as Service)].map((key): StoreOp => ({ type: 'delete', key }))
}

/** The transaction was refused: throws if what was taken was demanded; returns if another guess may do. */
export function refusedAllocation(
  object: ApiObject,
  { keys, demanded }: Allocation,
  found: readonly (StoreKeyValue | undefined)[],
  last: boolean
): void {
  keys.forEach((key, index) => {
    if (found[index] === undefined || !(demanded.has(key) || last)) return
    throw invalid(object, takenFault(object as Service, key))
  })
}

function changes(service: Service, before: ReadonlySet<string>, demanded: ReadonlySet<string>): Allocation {
  const after = keysOf(service)
  const keys = [...after].filter(key => !before.has(key))
  const { namespace, name, uid } = service.metadata
  const value = encoder.encode(JSON.stringify({ namespace, name, uid }))
  return {
    keys,
    demanded,
    compares: keys.map(key => ({ key, target: 'create', result: 'equal', operand: 0 })),
    ops: [
      ...keys.map((key): StoreOp => ({ type: 'put', key, value })),
      ...[...before].filter(key => !after.has(key)).map((key): StoreOp => ({ type: 'delete', key }))
    ]
  }
}

const hasAddress = ({ spec }: Service): boolean => spec.type !== 'ExternalName' && spec.clusterIP !== 'None'

const hasNodePorts = ({ spec }: Service): boolean =>
  spec.type === 'NodePort' || (spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false)

function keysOf(service: Service): Set<string> {
  const { spec } = service
  const keys = new Set<string>()
  if (hasAddress(service)) for (const ip of spec.clusterIPs ?? (spec.clusterIP ? [spec.clusterIP] : [])) keys.add(serviceIpPrefix + ip)
  for (const port of spec.ports ?? []) if (port.nodePort) keys.add(nodePortPrefix + port.nodePort)
  if (spec.healthCheckNodePort) keys.add(nodePortPrefix + spec.healthCheckNodePort)
  return keys
}

function checkRanges(serving: Serving, service: Service, before: ReadonlySet<string>): void {
  const { nodePortFirst, nodePortLast } = serving.ranges
  const cidr = rangeOf(serving)
  const { spec } = service
  for (const ip of hasAddress(service) ? (spec.clusterIPs ?? []) : []) {
    if (before.has(serviceIpPrefix + ip) || cidr.contains(ip)) continue
    const why = `failed to allocate IP ${ip}: the provided IP (${ip}) is not in the valid range. The range of valid IPs is ${serving.ranges.serviceCidr}`
    throw invalid(service, field.invalid('spec.clusterIPs', [ip], why))
  }
  for (const [index, { nodePort }] of (spec.ports ?? []).entries()) {
    if (!nodePort || before.has(nodePortPrefix + nodePort) || (nodePort >= nodePortFirst && nodePort <= nodePortLast)) continue
    const why = `provided port is not in the valid range. The range of valid ports is ${nodePortFirst}-${nodePortLast}`
    throw invalid(service, field.invalid(`spec.ports[${index}].nodePort`, nodePort, why))
  }
}

function assignAddress(serving: Serving, service: Service): void {
  const { spec } = service
  if (spec.type === 'ExternalName') return
  spec.ipFamilies ??= ['IPv4']
  spec.ipFamilyPolicy ??= 'SingleStack'
  if (spec.clusterIP === 'None') {
    spec.clusterIPs = ['None']
    return
  }
  if (spec.clusterIP) {
    spec.clusterIPs ??= [spec.clusterIP]
    return
  }
  const cidr = rangeOf(serving)
  const reserved = Math.min(staticAddressesMax, Math.max(16, cidr.size >>> 4))
  const index = pick(serving, 1, Math.min(reserved, cidr.size - 2), cidr.size - 2, at => serviceIpPrefix + addressAt(cidr, at))
  if (index === undefined) throw errors.internalError('failed to allocate a serviceIP: range is full')
  spec.clusterIP = addressAt(cidr, index)
  spec.clusterIPs = [spec.clusterIP]
}

function assignPorts(serving: Serving, service: Service): void {
  const { spec } = service
  const { nodePortFirst, nodePortLast } = serving.ranges
  const mine = new Set((spec.ports ?? []).map(port => port.nodePort ?? 0))
  const next = (): number => {
    const reserved = Math.min(staticPortsMax, Math.max(16, (nodePortLast - nodePortFirst) >>> 5))
    const found = pick(serving, nodePortFirst, nodePortFirst + reserved, nodePortLast, port =>
      mine.has(port) ? undefined : nodePortPrefix + port
    )
    if (found === undefined) throw errors.internalError('failed to allocate a nodePort: range is full')
    mine.add(found)
    return found
  }
  if (hasNodePorts(service)) {
    const byPort = new Map<number, ServicePort[]>()
    for (const port of spec.ports ?? []) byPort.set(port.port, [...(byPort.get(port.port) ?? []), port])
    for (const same of byPort.values()) {
      // The same port over TCP and UDP gets the same node port, as upstream tries.
      const given = same.find(port => port.nodePort)?.nodePort
      for (const port of same) if (!port.nodePort) port.nodePort = given ?? same.find(other => other.nodePort)?.nodePort ?? next()
    }
  }
  if (spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local' && !spec.healthCheckNodePort) {
    spec.healthCheckNodePort = next()
  }
}

/** One that is free as far as we know: from the upper part by chance, else the first of all. */
function pick(
  serving: Serving,
  first: number,
  upper: number,
  last: number,
  keyAt: (index: number) => string | undefined
): number | undefined {
  const { taken } = serving.cache
  const isFree = (index: number): boolean => {
    const key = keyAt(index)
    return key !== undefined && !taken.has(key)
  }
  for (let guess = 0; guess < guesses; guess++) {
    const index = upper + integerBelow(() => serving.ctx.random(), last - upper + 1)
    if (isFree(index)) return index
  }
  for (let index = last; index >= first; index--) if (isFree(index)) return index
  return undefined
}

const rangeOf = (serving: Serving): Cidr => parseCidr(serving.ranges.serviceCidr)

function takenFault(service: Service, key: string) {
  if (key.startsWith(serviceIpPrefix)) {
    const ip = key.slice(serviceIpPrefix.length)
    return field.invalid(
      'spec.clusterIPs',
      service.spec.clusterIPs ?? [ip],
      `failed to allocate IP ${ip}: provided IP is already allocated`
    )
  }
  const nodePort = Number(key.slice(nodePortPrefix.length))
  const index = (service.spec.ports ?? []).findIndex(port => port.nodePort === nodePort)
  return field.invalid(`spec.ports[${Math.max(0, index)}].nodePort`, nodePort, 'provided port is already allocated')
}

const invalid = (object: ApiObject, fault: ReturnType<typeof field.invalid>) =>
  errors.invalid({ group: '', kind: 'Service' }, object.metadata.name ?? '', [fault])
