// Processing: what a member does with what Raft has ready: tell, save, tell, apply, answer; in this order, in one turn.

import { type Context, doubt, type Refusal, refuse } from '../actor/index.js'
import type { Entry, Message, Ready, Snapshot } from '../raft/index.js'
import { ownAlarms } from './alarming.js'
import { noteAuth } from './auth-answers.js'
import { demoteLeasing, noteLease, promoteLeasing } from './leasing.js'
import { changeApplied, promoteReturning, settleChanges, watchPeers } from './membership.js'
import { holdNews, takeNews } from './news.js'
import type { StoreMemberProtocol } from './protocol.js'
import { answerReads, confirmReads, readsConfirmed, readsLost } from './reading.js'
import { type Replica, saveBatch } from './replica.js'
import { batchSaved, hasRoomFor, noSpaceLeft } from './room.js'
import { snapshotFileName } from './snapshotting.js'
import { standingChanged } from './status.js'
import { pushEvents } from './watching.js'

type MemberContext = Context<StoreMemberProtocol, any>

/** Once a batch of messages: proposes what was asked, goes through everything ready. True: another turn should follow. */
export function process(ctx: MemberContext, replica: Replica): boolean {
  propose(ctx, replica)
  promoteReturning(ctx.self, replica)
  confirmReads(ctx, replica)
  const { raft } = replica
  while (raft.hasReady()) {
    const ready = raft.ready()
    send(ctx, replica, ready.messagesBeforeSave)
    save(ctx, replica, ready)
    send(ctx, replica, ready.messagesAfterSave)
    if (ready.snapshot !== null) install(ctx, replica, ready.snapshot)
    for (const entry of ready.committed) apply(ctx, replica, entry)
    for (const { index, contexts } of ready.readStates) readsConfirmed(replica, index, contexts)
    if (ready.readsLost.length > 0) readsLost(ctx, replica, ready.readsLost)
    raft.saved()
  }
  batchSaved(replica)
  replica.received = undefined // Installed, or not wanted any more.
  answerReads(ctx, replica)
  loseLeadership(ctx, replica)
  demoteLeasing(replica)
  settleChanges(ctx, replica)
  show(ctx, replica)
  return pushEvents(ctx, replica) || (replica.commands.count > 0 && !replica.room.isAsking) // What answers of reads proposed.
}

/** All commands of this batch are one entry. They wait if there is no room for it yet. */
function propose(ctx: MemberContext, replica: Replica): void {
  const { commands, raft, pending, room } = replica
  const count = commands.count
  if (count === 0) return
  const fits = hasRoomFor(room, commands.bytes)
  if (!fits && !room.isFull) return
  const bytes = commands.take()
  const proposed = fits ? raft.propose(bytes) : undefined
  if (proposed?.accepted === true) {
    room.takenBytes += bytes.length
    return
  }
  for (let number = replica.numberLast - count + 1; number <= replica.numberLast; number++) {
    const waiting = pending.get(number)
    pending.delete(number)
    if (waiting?.later !== undefined) ctx.answer(waiting.later, proposed === undefined ? noSpaceLeft() : refusalOf(proposed.reason))
  }
}

const refusalOf = (reason: string): Refusal => refuse(reason === 'too much uncommitted' ? 'overloaded' : 'no leader', reason)

/** What waited for an append that did not come. */
export function sendNews(ctx: MemberContext, replica: Replica): void {
  for (const message of takeNews(ctx, replica)) ctx.tell(message.to as typeof ctx.self, 'raft', { messages: [message] })
}

function send(ctx: MemberContext, replica: Replica, messages: readonly Message[]): void {
  if (messages.length === 0) return
  const batches: [Message, ...Message[]][] = [] // One for each peer: a few.
  for (const message of messages) {
    if (holdNews(ctx, replica, message)) continue
    const batch = batches.find(batch => batch[0].to === message.to)
    if (batch === undefined) batches.push([message])
    else batch.push(message)
  }
  for (const batch of batches) ctx.tell(batch[0].to as typeof ctx.self, 'raft', { messages: batch })
}

function save(ctx: MemberContext, replica: Replica, { mustSync, snapshot, entries, hardState }: Ready): void {
  if (!mustSync) return // Only a commit index, which the next save brings along.
  const marker = snapshot === null ? undefined : { ...snapshot.meta, fileName: snapshotFileName(snapshot.meta.index) }
  saveBatch(ctx, replica, { entries, hardState: hardState ?? undefined, snapshot: marker })
}

/** A leader's snapshot replaces the state. Its file is durable already: see snapshot-receiving.ts. */
function install(ctx: MemberContext, replica: Replica, { meta }: Snapshot): void {
  const { received } = replica
  if (received?.header.index !== meta.index) throw new Error('a snapshot is installed that was not received')
  replica.mvcc = received.mvcc
  replica.tokens.clear() // Whose password is another now, and whose not, cannot be told.
  replica.watching.hub.restored(replica.mvcc)
  replica.applied = { index: meta.index, bytesSinceSnapshot: 0, snapshotIndex: meta.index }
  watchPeers(ctx, replica)
  ctx.log('snapshot installed', { index: meta.index, term: meta.term, revision: replica.mvcc.revision })
}

function apply(ctx: MemberContext, replica: Replica, entry: Entry): void {
  const { mvcc, pending, life } = replica
  promoteLeasing(ctx, replica, entry.term)
  replica.applied.index = entry.index
  if (entry.kind === 'config') changeApplied(ctx, replica, entry, replica.raft.applyChange(entry))
  else if (entry.data.length > 0) {
    mvcc.applyEntry(entry.data, (proposer, number, result) => {
      noteLease(ctx, replica, result)
      if (result.type === 'alarm') replica.quota.raisingTerm = 0
      else if (result.type === 'auth') noteAuth(ctx, replica, result)
      if (proposer !== life) return
      const waiting = pending.get(number)
      if (waiting === undefined) return
      pending.delete(number)
      if (waiting.later !== undefined) ctx.answer(waiting.later, waiting.answer(result, mvcc.revision))
    })
  }
  replica.applied.bytesSinceSnapshot += entry.data.length
}

/** What was proposed in a term that is over may still commit, or not: its callers must not wait to find out. */
function loseLeadership(ctx: MemberContext, { raft, pending }: Replica): void {
  if (pending.size === 0) return
  const { term, isLeader } = raft
  for (const [number, waiting] of pending) {
    if (isLeader && waiting.term === term) return // Numbers ascend with terms.
    pending.delete(number)
    if (waiting.later !== undefined) ctx.answer(waiting.later, doubt('leader lost', 'the leader changed before the write was decided'))
  }
}

function show(ctx: MemberContext, replica: Replica): void {
  const { raft, shown } = replica
  const { term, leader } = raft
  const alarms = ownAlarms(ctx.self, replica)
  const isLearner = !raft.isVoter
  const isSame = term === shown.term && leader === shown.leader && isLearner === shown.isLearner
  if (isSame && alarms === shown.alarms) return
  replica.shown = { term, leader, isLearner, alarms }
  const role = raft.isLeader ? 'leader' : isLearner ? 'learner' : 'follower'
  ctx.show({ role, term, leader: leader ?? '', ...(alarms === '' ? {} : { alarms }) })
  if (isSame) return
  standingChanged(replica)
  if (raft.isLeader) ctx.log('became leader', { term })
}
