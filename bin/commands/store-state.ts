// Store state: what a restore has to know of the objects in a state.

import type { SnapshotContent } from '../../lib/store/index.js'

type Mvcc = SnapshotContent['mvcc']

const everything = { key: '\0', end: '\0' } as const

export function keysOf(mvcc: Mvcc): number {
  const found = mvcc.range({ ...everything, countOnly: true })
  if ('type' in found) throw new Error(found.message)
  return found.count
}

/**
 * The addresses that the objects have: pods of 127.P.0.0/16, services of 127.S.0.0/16. The new cluster takes the same if they are
 * free: a Service keeps its address for life. Undefined: the state is not of a cluster, and any will do.
 */
export function addressesOf(mvcc: Mvcc): { readonly podOctet: number; readonly serviceOctet: number } | undefined {
  const podOctet = octetOf(mvcc, '/registry/minions/', /"podCIDR":"127\.(\d+)\./)
  const serviceOctet = octetOf(mvcc, '/registry/services/specs/default/kubernetes', /"clusterIP":"127\.(\d+)\./)
  return podOctet === undefined || serviceOctet === undefined ? undefined : { podOctet, serviceOctet }
}

function octetOf(mvcc: Mvcc, from: string, pattern: RegExp): number | undefined {
  const found = mvcc.range({ key: from, end: `${from}\xff`, limit: 1 })
  if ('type' in found || found.kvs[0] === undefined) return undefined
  const octet = pattern.exec(new TextDecoder().decode(found.kvs[0].value))?.[1]
  return octet === undefined ? undefined : Number(octet)
}
