// Reading: linearizable reads, batched. All that were asked in one turn of the event loop share one round of
// heartbeats (Raft §8, ReadIndex), and are answered together once this member has applied that index.

import type { Context, Later, Turn } from '../actor/index.js'
import { refuse } from '../actor/index.js'
import type { StoreAsked, StoreRange } from '../storage/index.js'
import { misfitOfRead } from './access.js'
import { rangeAnswer } from './answers.js'
import type { Replica } from './replica.js'

export type Read =
  | { readonly kind: 'range'; readonly query: StoreRange & StoreAsked; readonly later: Later<any> }
  | { readonly kind: 'revision'; readonly later: Later<any> }
  | { readonly kind: 'state'; readonly run: () => void; readonly lost: () => void }

export interface Reads {
  queued: Read[]
  readonly confirming: Map<number, Read[]> // By Raft's read context.
  confirmed: { readonly index: number; readonly reads: readonly Read[] }[]
  contextLast: number
  /**
   * Whether this life has answered a confirmed read: from then on it has all that its lives before had applied. A serializable
   * read waits for that like any other; then it is answered at once. Else it would go back when a member starts again,
   * as etcd's did (etcd #3879): a log does not say how much of it had been applied.
   */
  isCurrent: boolean
}

const readsMax = 100_000

/** False: too many wait already. */
export function addRead(replica: Replica, read: Read): boolean {
  if (replica.reads.queued.length >= readsMax) return false
  replica.reads.queued.push(read)
  return true
}

/** A handler's read like any other: `run` once this member has all that was acknowledged before it was asked. */
export function confirmed(ctx: Turn<any, any, any>, replica: Replica, run: (later: Later<any>) => void): Later<any> {
  const later = ctx.defer()
  const lost = (): void => ctx.answer(later, refuse('no leader', 'it leads no more'))
  if (!addRead(replica, { kind: 'state', run: () => run(later), lost })) ctx.answer(later, refuse('overloaded', 'too many reads wait'))
  return later
}

/** Asks Raft for the index that the reads queued so far must see. */
export function confirmReads(ctx: Context<any, any>, replica: Replica): void {
  const { reads, raft } = replica
  if (reads.queued.length === 0) return
  const batch = reads.queued
  reads.queued = []
  const context = ++reads.contextLast
  const accepted = raft.readIndex(context)
  if (accepted.accepted) reads.confirming.set(context, batch)
  else loseReads(ctx, batch, accepted.reason)
}

export function readsConfirmed(replica: Replica, index: number, contexts: readonly number[]): void {
  const { reads } = replica
  for (const context of contexts) {
    const batch = reads.confirming.get(context)
    reads.confirming.delete(context)
    if (batch !== undefined) reads.confirmed.push({ index, reads: batch })
  }
}

export function readsLost(ctx: Context<any, any>, replica: Replica, contexts: readonly number[]): void {
  for (const context of contexts) {
    const batch = replica.reads.confirming.get(context)
    replica.reads.confirming.delete(context)
    if (batch !== undefined) loseReads(ctx, batch, 'no leader')
  }
}

/** Answers the reads whose index is applied. */
export function answerReads(ctx: Context<any, any>, replica: Replica): void {
  const { reads, applied } = replica
  if (reads.confirmed.length === 0) return
  const waiting: Reads['confirmed'] = []
  for (const batch of reads.confirmed) {
    if (batch.index > applied.index) waiting.push(batch)
    else {
      reads.isCurrent = true
      for (const read of batch.reads) answerRead(ctx, replica, read)
    }
  }
  reads.confirmed = waiting
}

function answerRead(ctx: Context<any, any>, replica: Replica, read: Read): void {
  const { mvcc } = replica
  if (read.kind === 'state') read.run()
  else if (read.kind === 'revision') ctx.answer(read.later, { revision: mvcc.revision })
  else ctx.answer(read.later, misfitOfRead(ctx, replica, read.query) ?? rangeAnswer(mvcc, read.query))
}

function loseReads(ctx: Context<any, any>, batch: readonly Read[], why: string): void {
  for (const read of batch) {
    if (read.kind === 'state') read.lost()
    else ctx.answer(read.later, refuse('no leader', why))
  }
}
