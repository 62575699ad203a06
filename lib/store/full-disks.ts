// Full disks: which members have no room for writes, as far as a leader has heard: the alarm NOSPACE of a disk. A fact of now, beside the
// log: where the disks of a majority are full nothing enters that, and it ends by itself, as the cause does (ADR 0015).
//
// A member over a full disk says so to whoever leads, every second, and says once that it has space again. What is not repeated is
// forgotten, so that nothing rests on a message that arrives.
// Guarantee: a leader refuses writes for the disks of others only if so many voters have said lately that theirs are full that those
// left are no majority. Not promised: that it knows at once; until then a write waits in vain.

import { type Context, type Refusal, refuse, type Turn } from '../actor/index.js'
import { isMember, majority, membersOf } from '../raft/index.js'
import type { StoreMemberProtocol } from './protocol.js'
import type { Replica } from './replica.js'

/** By member: until when its word holds. */
export type FullDisks = Map<string, number>

/** It is repeated every second, or as often as the disk answers: some may be lost. */
const wordHoldsMs = 5_000

export const roomHandlers = {
  hasRoom: (_ctx: unknown, { replica }: { readonly replica: Replica | undefined }): boolean | Refusal =>
    replica === undefined ? refuse('no leader', 'this member is recovering') : !replica.room.isFull,
  roomFound(
    ctx: Turn<StoreMemberProtocol, any, any>,
    { replica }: { readonly replica: Replica | undefined },
    { isFull }: { readonly isFull: boolean }
  ): void {
    if (replica === undefined || !isMember(replica.raft.membership, ctx.from)) return
    if (isFull) replica.fullDisks.set(ctx.from, ctx.nowMs + wordHoldsMs)
    else replica.fullDisks.delete(ctx.from)
  }
}

/** To be called whenever the disk was asked while it was full, or is. */
export function tellRoom(ctx: Context<StoreMemberProtocol, any>, { raft, room }: Replica): void {
  const { leader } = raft
  if (leader !== null && leader !== ctx.self) ctx.tell(leader as typeof ctx.self, 'roomFound', { isFull: room.isFull })
}

/** With this member itself. Of a follower it is all that it knows. */
export function membersWithoutRoom({ self, nowMs }: { readonly self: string; readonly nowMs: number }, replica: Replica): string[] {
  const { fullDisks, room, raft } = replica
  if (fullDisks.size === 0) return room.isFull ? [self] : []
  for (const [member, untilMs] of fullDisks) if (untilMs <= nowMs || !isMember(raft.membership, member)) fullDisks.delete(member)
  return membersOf(raft.membership).filter(member => (member === self ? room.isFull : fullDisks.has(member)))
}

/** Whether what is proposed now could not be committed, for want of space. */
export function isMajorityFull(ctx: { readonly self: string; readonly nowMs: number }, replica: Replica): boolean {
  if (replica.fullDisks.size === 0) return false
  const full = new Set(membersWithoutRoom(ctx, replica))
  const { voters, outgoing = voters } = replica.raft.membership
  return [voters, outgoing].some(list => list.filter(voter => !full.has(voter)).length < majority(list.length))
}
