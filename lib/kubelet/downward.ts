// Downward: what a pod may read of itself: fieldRef and resourceFieldRef. Pure.

import type { Container, Pod, ResourceList } from '../kinds/index.js'
import { parseQuantity, quantity } from '../object/index.js'

export interface DownwardFacts {
  readonly nodeName: string
  readonly hostIp: string
  readonly podIp: string
  readonly allocatable: ResourceList
}

/** The value of a field; undefined: no such field is to be had. */
export function fieldValue(pod: Pod, path: string, facts: DownwardFacts): string | undefined {
  const { metadata, spec } = pod
  const keyed = /^metadata\.(labels|annotations)\['(.*)'\]$/.exec(path)
  if (keyed !== null) return metadata[keyed[1] as 'labels' | 'annotations']?.[keyed[2] as string] ?? ''
  switch (path) {
    case 'metadata.name':
      return metadata.name ?? ''
    case 'metadata.namespace':
      return metadata.namespace ?? ''
    case 'metadata.uid':
      return metadata.uid ?? ''
    case 'metadata.labels':
      return mapText(metadata.labels)
    case 'metadata.annotations':
      return mapText(metadata.annotations)
    case 'spec.nodeName':
      return facts.nodeName
    case 'spec.serviceAccountName':
      return spec.serviceAccountName ?? ''
    case 'status.hostIP':
    case 'status.hostIPs':
      return facts.hostIp
    case 'status.podIP':
    case 'status.podIPs':
      return facts.podIp
    default:
      return undefined
  }
}

/** As files of the downward API show maps: sorted, one `key="value"` a line. */
function mapText(map: Readonly<Record<string, string>> | undefined): string {
  return Object.keys(map ?? {})
    .sort()
    .map(key => `${key}=${JSON.stringify(map?.[key])}`)
    .join('\n')
}

/** Of `limits.cpu`, `requests.memory`, ...; a limit that is not set is the node's. Rounded up to whole divisors, as upstream. */
export function resourceValue(
  container: Container,
  resource: string,
  divisor: string | undefined,
  allocatable: ResourceList
): string | undefined {
  const [kind, ...rest] = resource.split('.')
  const name = rest.join('.')
  if ((kind !== 'limits' && kind !== 'requests') || name === '') return undefined
  const set = container.resources?.[kind]?.[name] ?? (kind === 'limits' ? allocatable[name] : '0')
  if (set === undefined) return undefined
  const parsed = parseQuantity(divisor === undefined || divisor === '0' ? '1' : divisor)
  if (!parsed.ok || parsed.quantity.nano <= 0n) return undefined
  const { nano } = quantity(set)
  const by = parsed.quantity.nano
  return String((nano + by - 1n) / by)
}
