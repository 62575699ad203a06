// Placement: who starts the store of a member that was added, and ends that of one that was removed: the supervisor of the whole
// cluster, asked by whoever leads the store. Who votes only until a joint membership is left runs until then. By level: each leader tells once what there should be, and what there is already stays.

import { type Context, machineOf, type Ref } from '../actor/index.js'
import { type Membership, membersOf } from '../raft/index.js'
import type { Replica } from './replica.js'

/** What the supervisor of a cluster understands of this. */
export interface StorePlace {
  place(child: { readonly address: string; readonly actor: string; readonly args: unknown; readonly thread: string }): void
  displace(child: { readonly address: string }): void
}

/** An actor that runs in the thread of each member (ADR 0019). Its arguments are the same everywhere. */
export interface Beside {
  readonly actor: string
  readonly args: unknown
}

export interface Placer {
  readonly supervisor: Ref<StorePlace>
  /** Of the store of each member. */
  readonly args: unknown
  readonly beside: readonly Beside[]
}

/** What the supervisor was told last, and when that was looked at last. */
export interface Placing {
  placed: Membership | undefined
  placedMs: number
}

const nextTo = (address: string, actor: string): string => `${machineOf(address)}/${actor}`
const removedToldMax = 100 // The last ones; those before were told by leaders before.
const placeAgainMs = 2_000

/** Whoever leads has the members run that there are, and no others. */
export function place(ctx: Context<any, any>, { raft }: Replica, placing: Placing, placer: Placer | undefined): void {
  if (placer === undefined) return
  if (!raft.isLeader) placing.placed = undefined
  else if (placing.placed !== raft.membership) {
    placing.placed = raft.membership
    placeMembers(ctx, placer, raft.membership)
  }
}

/**
 * A member that is not heard at all may have been placed in vain: by level, its supervisor is told again. And where nobody leads, perhaps nobody
 * does because those it takes do not run: a cluster that is started again begins with its founders, who may know of others.
 */
export function placeAgain(ctx: Context<any, any>, { raft }: Replica, placing: Placing, placer: Placer | undefined): void {
  if (placer === undefined || ctx.nowMs - placing.placedMs < placeAgainMs) return
  placing.placedMs = ctx.nowMs
  if (raft.leader === null) placeMembers(ctx, placer, { ...raft.membership, removed: [] })
  else if (raft.isLeader && raft.status().peers.some(({ silentTicks }) => silentTicks === null)) placing.placed = undefined
}

export function placeMembers(ctx: Context<any, any>, { supervisor, args, beside }: Placer, membership: Membership): void {
  for (const address of membersOf(membership)) {
    ctx.tell(supervisor, 'place', { address, actor: 'store', args, thread: address })
    for (const { actor, args: its } of beside)
      ctx.tell(supervisor, 'place', { address: nextTo(address, actor), actor, args: its, thread: address })
  }
  for (const address of membership.removed.slice(-removedToldMax)) {
    ctx.tell(supervisor, 'displace', { address })
    for (const { actor } of beside) ctx.tell(supervisor, 'displace', { address: nextTo(address, actor) })
  }
}
