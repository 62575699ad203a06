// Placement: who starts the store of a member that was added, and ends that of one that was removed: the supervisor of the whole
// cluster, asked by whoever leads the store. Who votes only until a joint membership is left runs until then. By level: each leader tells once what there should be, and what there is already stays.

import { type Context, machineOf, type Ref } from '../actor/index.js'
import { type Membership, membersOf } from '../raft/index.js'

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

const nextTo = (address: string, actor: string): string => `${machineOf(address)}/${actor}`
const removedToldMax = 100 // The last ones; those before were told by leaders before.

export function placeMembers(
  ctx: Context<any, any>,
  supervisor: Ref<StorePlace>,
  membership: Membership,
  args: unknown,
  beside: readonly Beside[]
): void {
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
