// Snapshot handlers: what a member answers to who wants its state.

import { type Context, type Flow, type Later, type Refusal, refuse, type Turn } from '../actor/index.js'
import type { StoreMemberProtocol } from './protocol.js'
import { addRead } from './reading.js'
import type { Replica } from './replica.js'
import { type SnapshotPart, sendPart } from './snapshot-sending.js'
import { freshSnapshot, takeSnapshot } from './snapshotting.js'

interface Owner {
  readonly replica: Replica | undefined // Undefined while it recovers.
}

type MemberContext = Context<StoreMemberProtocol, any>
const starting = (): Refusal => refuse('no leader', 'this member is recovering')

export const snapshotHandlers = {
  snapshotFailed: (ctx: Turn<StoreMemberProtocol, any, void>, { replica }: Owner): void => replica?.raft.snapshotFailed(ctx.from),
  snapshotDamaged(ctx: Turn<StoreMemberProtocol, any, void>, { replica }: Owner, { index }: { readonly index: number }): void {
    if (replica === undefined || replica.snapshotting || index < replica.applied.snapshotIndex) return
    ctx.log('snapshot damaged', { index, next: 'writes another' })
    ctx.run(takeSnapshot(ctx, replica))
  },
  snapshotPart(
    ctx: Turn<StoreMemberProtocol, any, SnapshotPart>,
    { replica }: Owner,
    request: { readonly index: number; readonly offset: number }
  ): Flow<SnapshotPart | Refusal> | Refusal {
    if (replica === undefined) return starting()
    const { index, snapshotIndex } = replica.applied
    // Who was promised it may have been so by a former life, or the disk was full then: it is written for who still waits.
    const isOwed = request.offset === 0 && request.index > snapshotIndex && request.index <= index
    if (isOwed && !replica.snapshotting) ctx.run(takeSnapshot(ctx, replica))
    return sendPart(ctx, replica, request)
  },
  freshSnapshot(ctx: Turn<StoreMemberProtocol, any, { readonly index: number }>, { replica }: Owner) {
    if (replica === undefined) return starting()
    const later = ctx.defer()
    onceConfirmed(ctx, replica, later, fresh => fresh)
    return later
  }
}

/** Answers when a read asked for now is confirmed, and a snapshot has all that it saw. */
function onceConfirmed<V>(ctx: MemberContext, replica: Replica, later: Later<V>, answerOf: (fresh: { readonly index: number }) => V): void {
  function* answer(): Flow<void> {
    const fresh = yield* freshSnapshot(ctx, replica)
    ctx.answer(later, 'index' in fresh ? answerOf(fresh) : fresh)
  }
  const lost = (): void => ctx.answer(later, refuse('no leader', 'no leader is known, or it leads no more'))
  if (!addRead(replica, { kind: 'state', run: () => void ctx.run(answer()), lost })) {
    ctx.answer(later, refuse('overloaded', 'too many reads wait'))
  }
}
