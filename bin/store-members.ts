// Store members: what `kabuki store` asks of the members of a running cluster's store.

import type { Ref } from '../lib/actor/index.js'
import type { StoreMemberProtocol, StoreMembers } from '../lib/store/index.js'
import type { Cluster } from './cluster.js'

export interface MembersParams {
  readonly action: 'list' | 'add' | 'promote' | 'remove' | 'move-leader'
  readonly address?: string
  readonly isLearner?: boolean
}

const timeoutMs = 5_000
const machinesMax = 100

export async function changeMembers(cluster: Cluster, { action, address, isLearner = false }: MembersParams): Promise<StoreMembers> {
  const { runtime } = cluster
  const stores = storesOf(cluster)
  const leader = stores.find(store => runtime.facts.of(store)?.role === 'leader') ?? stores[0]
  if (leader === undefined) throw new Error('this cluster has no store of its own')
  const to = leader as string as Ref<StoreMemberProtocol>
  const named = address ?? (action === 'add' ? nextAddress(stores) : undefined)
  if (named === undefined && action !== 'list') throw new Error(`${action} which member? \`kabuki store members\` lists them`)
  const member = { address: named as string }
  switch (action) {
    case 'list':
      return answer(await runtime.call(to, timeoutMs, 'members'))
    case 'add':
      return answer(await runtime.call(to, timeoutMs, 'addMember', { ...member, isLearner }))
    case 'promote':
      return answer(await runtime.call(to, timeoutMs, 'promoteMember', member))
    case 'remove':
      return answer(await runtime.call(to, timeoutMs, 'removeMember', member))
    case 'move-leader':
      answer(await runtime.call(to, timeoutMs, 'transferLeadership', { to: member.address }))
      return answer(await runtime.call(member.address as string as Ref<StoreMemberProtocol>, timeoutMs, 'members'))
  }
}

/** Of the plan, and those that came since; but for those that are gone. */
function storesOf({ plan, runtime }: Cluster): string[] {
  const planned = plan.machines.flatMap(({ children }) => children.filter(({ actor }) => actor === 'store').map(({ address }) => address))
  const later = Array.from({ length: machinesMax }, (_, at) => `control-${at}/store`)
  return [...new Set([...planned, ...later])].filter(address => runtime.threadOf(address) !== undefined)
}

/** An address is used once: that of a member that is gone may still be refused. */
function nextAddress(stores: readonly string[]): string {
  const numbers = stores.map(store => Number(/^control-(\d+)\//.exec(store)?.[1] ?? 0))
  return `control-${Math.max(...numbers) + 1}/store`
}

function answer<V>(
  outcome:
    | { readonly ok: true; readonly value: V }
    | { readonly ok: false; readonly error: { readonly code: string; readonly detail: string } }
): V {
  if (outcome.ok) return outcome.value
  throw new Error(`${outcome.error.code}: ${outcome.error.detail}`)
}
