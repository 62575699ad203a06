// Resources: what a pod asks for and what a node has, as plain numbers, so that the hot loops never parse a quantity.
//
// CPU is in thousandths, everything else in whole units (bytes, items), as upstream's framework.Resource. Above 2^53 amounts
// are approximate.

import type { Container, PodSpec, ResourceList, ResourceRequirements } from '../kinds/index.js'
import { milliValue, parseQuantity, unitValue } from '../object/index.js'

export interface Resources {
  milliCpu: number
  memory: number
  ephemeralStorage: number
  pods: number
  /** Extended resources and huge pages, by name. */
  readonly scalars: Map<string, number>
}

/** What scoring takes a container to use that says nothing, so that such pods do not all go to one node (upstream's non-zero requests). */
const unspecifiedMilliCpu = 100
const unspecifiedMemory = 200 * 1024 * 1024

export const noResources = (): Resources => ({ milliCpu: 0, memory: 0, ephemeralStorage: 0, pods: 0, scalars: new Map() })

/** The amount of one resource in the scheduler's unit; what does not parse counts as nothing. */
function amountOf(name: string, text: string): number {
  const parsed = parseQuantity(text)
  if (!parsed.ok) return 0
  return name === 'cpu' ? milliValue(parsed.quantity) : unitValue(parsed.quantity)
}

export function resourcesOf(list: ResourceList | undefined): Resources {
  const resources = noResources()
  if (list === undefined) return resources
  for (const name of Object.keys(list)) setResource(resources, name, amountOf(name, list[name] as string))
  return resources
}

export function addResources(to: Resources, other: Resources, sign: 1 | -1): void {
  to.milliCpu += sign * other.milliCpu
  to.memory += sign * other.memory
  to.ephemeralStorage += sign * other.ephemeralStorage
  if (other.scalars.size === 0) return
  for (const [name, amount] of other.scalars) to.scalars.set(name, (to.scalars.get(name) ?? 0) + sign * amount)
}

export interface PodRequests {
  readonly requests: Resources
  /** The same with what scoring assumes of containers that request neither CPU nor memory. */
  readonly nonZeroMilliCpu: number
  readonly nonZeroMemory: number
}

/**
 * What a pod occupies of a node (upstream's resource helper PodRequests): the sum of its containers and sidecars, or its most
 * demanding init container if that is more; pod-level requests, where given, instead; and its overhead.
 */
export function podRequests(spec: PodSpec): PodRequests {
  const requests = aggregate(spec, requestOf)
  const nonZero = aggregate(spec, nonZeroRequestOf)
  override(requests, spec.resources)
  override(nonZero, spec.resources)
  const overhead = resourcesOf(spec.overhead)
  addResources(requests, overhead, 1)
  addResources(nonZero, overhead, 1)
  return { requests, nonZeroMilliCpu: nonZero.milliCpu, nonZeroMemory: nonZero.memory }
}

function aggregate(spec: PodSpec, request: (container: Container) => Resources): Resources {
  const total = noResources()
  for (const container of spec.containers) addResources(total, request(container), 1)
  if (spec.initContainers === undefined) return total
  // A sidecar keeps what it has for the pod's life; an init container has it beside the sidecars started before it.
  const sidecars = noResources()
  const peak = noResources()
  for (const container of spec.initContainers) {
    const own = request(container)
    if (container.restartPolicy === 'Always') {
      addResources(total, own, 1)
      addResources(sidecars, own, 1)
      raise(peak, sidecars)
    } else {
      const during = noResources()
      addResources(during, sidecars, 1)
      addResources(during, own, 1)
      raise(peak, during)
    }
  }
  raise(total, peak)
  return total
}

const requestOf = (container: Container): Resources => resourcesOf(container.resources?.requests)

function nonZeroRequestOf(container: Container): Resources {
  const requests = container.resources?.requests
  const resources = resourcesOf(requests)
  // Only what is absent: an explicit zero is a wish.
  if (requests?.cpu === undefined) resources.milliCpu = unspecifiedMilliCpu
  if (requests?.memory === undefined) resources.memory = unspecifiedMemory
  return resources
}

/** Pod-level resources (cpu, memory and huge pages) stand for what the containers ask together. */
function override(total: Resources, own: ResourceRequirements | undefined): void {
  const requests = own?.requests
  if (requests === undefined) return
  for (const name of Object.keys(requests)) {
    if (name === 'cpu' || name === 'memory' || name.startsWith('hugepages-')) {
      setResource(total, name, amountOf(name, requests[name] as string))
    }
  }
}

function setResource(resources: Resources, name: string, amount: number): void {
  switch (name) {
    case 'cpu':
      resources.milliCpu = amount
      break
    case 'memory':
      resources.memory = amount
      break
    case 'ephemeral-storage':
      resources.ephemeralStorage = amount
      break
    case 'pods':
      resources.pods = amount
      break
    default:
      resources.scalars.set(name, amount)
  }
}

function raise(to: Resources, other: Resources): void {
  to.milliCpu = Math.max(to.milliCpu, other.milliCpu)
  to.memory = Math.max(to.memory, other.memory)
  to.ephemeralStorage = Math.max(to.ephemeralStorage, other.ephemeralStorage)
  for (const [name, amount] of other.scalars) to.scalars.set(name, Math.max(to.scalars.get(name) ?? 0, amount))
}
