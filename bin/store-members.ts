// Store members: what `kabuki store` asks of the members of a running cluster's store.

import type { Failure, Outcome, Ref } from '../lib/actor/index.js'
import type { Replacement, StoreMemberProtocol, StoreMembers, StoreReplacement } from '../lib/store/index.js'
import type { Cluster } from './cluster.js'

export interface MembersParams {
  readonly action: 'list' | 'add' | 'promote' | 'remove' | 'move-leader'
  readonly address?: string
  readonly isLearner?: boolean
}

/** Those to come by name, or how many: learners that there are, then new ones. Absent: as many as there are voters to go. */
export interface ReplaceParams {
  readonly add?: readonly string[] | number
  readonly remove: readonly string[]
}

/** One step of a replacement, or why it was not taken. */
export interface Replaced {
  readonly wish: Replacement
  readonly outcome: StoreReplacement | Failure
}

type MemberRef = Ref<StoreMemberProtocol>

const timeoutMs = 5_000
const retryMs = 50
const machinesMax = 100
const hints: Readonly<Record<string, string>> = {
  'member not found': '; `kabuki store members` lists them',
  'too many learners': '; promote or remove the one there is'
}

export async function changeMembers(cluster: Cluster, { action, address, isLearner = false }: MembersParams): Promise<StoreMembers> {
  const { runtime } = cluster
  const stores = storesOf(cluster)
  if (stores.length === 0) throw new Error('this cluster has no store of its own')
  const named = address ?? (action === 'add' ? nextAddress(usedIn(cluster, await changeMembers(cluster, { action: 'list' }))) : undefined)
  if (named === undefined && action !== 'list') throw new Error(`${action} which member? \`kabuki store members\` lists them`)
  const member = { address: named as string }
  switch (action) {
    case 'list':
      return askLeader(cluster, (to, leftMs) => runtime.call(to, leftMs, 'members'))
    case 'add':
      return askLeader(cluster, (to, leftMs) => runtime.call(to, leftMs, 'addMember', { ...member, isLearner }))
    case 'promote':
      return askLeader(cluster, (to, leftMs) => runtime.call(to, leftMs, 'promoteMember', member))
    case 'remove':
      return askLeader(cluster, (to, leftMs) => runtime.call(to, leftMs, 'removeMember', member))
    case 'move-leader':
      await askLeader(cluster, (to, leftMs) => runtime.call(to, leftMs, 'transferLeadership', { to: member.address }))
      return askLeader(cluster, (_, leftMs) => runtime.call(member.address as string as MemberRef, leftMs, 'members'))
  }
}

/** Asked again and again: it says what it waits for. */
export async function replaceMembers(cluster: Cluster, { add, remove }: ReplaceParams): Promise<Replaced> {
  const stores = storesOf(cluster)
  if (stores.length === 0) throw new Error('this cluster has no store of its own')
  const wish = { add: typeof add === 'object' ? add : await comingOf(cluster, add, remove), remove }
  const outcome = await cluster.runtime.call(leaderOf(cluster, stores), timeoutMs, 'replaceMembers', wish)
  return { wish, outcome: outcome.ok ? outcome.value : outcome.error }
}

async function comingOf(cluster: Cluster, asked: number | undefined, remove: readonly string[]): Promise<string[]> {
  const listed = await changeMembers(cluster, { action: 'list' })
  const { members } = listed
  const learners = members.filter(({ isLearner }) => isLearner).map(({ address }) => address)
  const count = asked ?? members.filter(({ address, isLearner }) => !isLearner && remove.includes(address)).length
  const coming = learners.slice(0, count)
  while (coming.length < count) coming.push(nextAddress([...usedIn(cluster, listed), ...coming]))
  return coming
}

function leaderOf({ runtime }: Cluster, stores: readonly string[]): MemberRef {
  const leader = stores.find(store => runtime.facts.of(store)?.role === 'leader') ?? stores[0]
  return leader as string as MemberRef
}

/** A moment without a leader, as after the removal of one, is waited out; what is sent again has had no effect. */
async function askLeader<V>(cluster: Cluster, ask: (to: MemberRef, leftMs: number) => Promise<Outcome<V>>): Promise<V> {
  const deadlineMs = performance.now() + timeoutMs
  for (;;) {
    const outcome = await ask(leaderOf(cluster, storesOf(cluster)), Math.max(1, deadlineMs - performance.now()))
    if (outcome.ok) return outcome.value
    const { code, detail, definite } = outcome.error
    const passes = definite && (code === 'no leader' || code === 'unreachable')
    if (!passes || performance.now() + retryMs >= deadlineMs) throw new Error(`${code}: ${detail}${hints[code] ?? ''}`)
    await new Promise(resolve => setTimeout(resolve, retryMs))
  }
}

/** Of the plan, and those that came since; but for those that are gone. */
export function storesOf({ plan, runtime }: Cluster): string[] {
  const planned = plan.machines.flatMap(({ children }) => children.filter(({ actor }) => actor === 'store').map(({ address }) => address))
  const later = Array.from({ length: machinesMax }, (_, at) => `control-${at}/store`)
  return [...new Set([...planned, ...later])].filter(address => runtime.threadOf(address) !== undefined)
}

/** An address is used once: that of a member that is gone is refused. */
const usedIn = (cluster: Cluster, { members, removed }: StoreMembers): string[] => [
  ...storesOf(cluster),
  ...members.map(({ address }) => address),
  ...removed
]

function nextAddress(used: readonly string[]): string {
  const numbers = used.map(store => Number(/^control-(\d+)\//.exec(store)?.[1] ?? 0))
  return `control-${Math.max(...numbers) + 1}/store`
}
