// Store control: what a running cluster answers to `kabuki store save`: a snapshot of its store, part by part.

import type { Ref } from '../lib/actor/index.js'
import type { StoreMemberProtocol } from '../lib/store/index.js'
import type { Cluster } from './cluster.js'
import { storesOf } from './store-members.js'

export interface FreshSnapshot {
  readonly clusterId: string
  readonly member: string
  readonly index: number
}
export interface SnapshotPartParams {
  readonly member: string
  readonly index: number
  readonly offset: number
}
export interface SnapshotPartReply {
  readonly index: number // At offset 0 that of the newest.
  readonly fileBytes: number
  readonly base64: string
}

const freshTimeoutMs = 60_000 // The whole state is written first.
const partTimeoutMs = 15_000

/** Of the first member that can: it has everything that was answered before this was asked. */
export async function freshSnapshot(cluster: Cluster): Promise<FreshSnapshot> {
  const members = storesOf(cluster)
  if (members.length === 0) throw new Error('this cluster has no store of its own: save its etcd with etcdctl')
  let last = ''
  for (const member of members) {
    const answer = await cluster.runtime.call(member as Ref<StoreMemberProtocol>, freshTimeoutMs, 'freshSnapshot')
    if (answer.ok) return { clusterId: cluster.id, member, index: answer.value.index }
    last = `${member}: ${answer.error.code}, ${answer.error.detail}`
  }
  throw new Error(`no member of the store can give a snapshot (${last})`)
}

export async function snapshotPart(cluster: Cluster, { member, index, offset }: SnapshotPartParams): Promise<SnapshotPartReply> {
  const answer = await cluster.runtime.call(member as Ref<StoreMemberProtocol>, partTimeoutMs, 'snapshotPart', { index, offset })
  if (!answer.ok) throw new Error(`${member}: ${answer.error.code}, ${answer.error.detail}`)
  const { bytes, ...part } = answer.value
  return { ...part, base64: Buffer.from(bytes).toString('base64') }
}
