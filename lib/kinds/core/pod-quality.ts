// A pod's quality of service: which pods give way first when a node runs short (pkg/apis/core/helper/qos).

import { compareQuantities, parseQuantity, type Quantity } from '../../object/index.js'
import type { PodSpec, ResourceList } from './pod-spec.js'

export type Quality = 'Guaranteed' | 'Burstable' | 'BestEffort'

/** Guaranteed: every container limits CPU and memory and requests as much. BestEffort: none says anything of either. */
export function podQuality(spec: PodSpec): Quality {
  const wholes =
    spec.resources === undefined ? [...spec.containers, ...(spec.initContainers ?? [])].map(one => one.resources) : [spec.resources]
  const asks = wholes.map(resources => ({ requests: amounts(resources?.requests), limits: amounts(resources?.limits) }))
  if (asks.every(({ requests, limits }) => requests.size === 0 && limits.size === 0)) return 'BestEffort'
  const guaranteed = asks.every(({ requests, limits }) =>
    ['cpu', 'memory'].every(name => {
      const limit = limits.get(name)
      const request = requests.get(name) ?? limit
      return limit !== undefined && request !== undefined && compareQuantities(request, limit) === 0
    })
  )
  return guaranteed ? 'Guaranteed' : 'Burstable'
}

function amounts(resources: ResourceList | undefined): Map<string, Quantity> {
  const found = new Map<string, Quantity>()
  for (const name of ['cpu', 'memory']) {
    const parsed = parseQuantity(resources?.[name] ?? '')
    if (parsed.ok && parsed.quantity.nano > 0n) found.set(name, parsed.quantity)
  }
  return found
}
