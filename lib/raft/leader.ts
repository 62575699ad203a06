// Leader: replication, commitment, check-quorum and reads (Raft §5.3, §5.4.2, thesis §6.4, §10.2.1).
//
// Nothing is sent when something happens; it is sent by `flush`, once per ready, so that a batch of proposals and
// acknowledgements costs each follower one append and at most one heartbeat.
// Guarantee: an index is committed only when a majority of the voters, this member included only once saved, holds it on disk and its
// term is the current one. While members are joint: a majority of the voters before, and one of those to come (Raft §6).

import { assert } from '../std/index.js'
import type { Core } from './core.js'
import { entryBytes } from './log.js'
import type { AppendResponse, HeartbeatResponse, ReadIndexRequest } from './message.js'
import type { Progress } from './progress.js'
import { majority, reachedByMajority, verdict } from './quorum.js'
import type { ReadRequest } from './read-index.js'

export function tickLeader(core: Core): void {
  const { electionTicks, heartbeatTicks } = core.settings
  for (const progress of core.progress.values()) {
    if (progress.state === 'snapshot' && --progress.snapshotTicks <= 0) progress.becomeProbe()
  }
  if (core.transfer !== null && --core.transfer.ticks <= 0) core.transfer = null
  if (++core.electionElapsed >= electionTicks) {
    core.electionElapsed = 0
    if (!checkQuorum(core)) {
      core.becomeFollower(core.term, null)
      return
    }
  }
  if (++core.heartbeatElapsed < heartbeatTicks) return
  core.heartbeatElapsed = 0
  if (core.settings.leaseReads !== undefined && (core.hasCommittedInTerm || !core.reads.hasWaiting)) {
    startRound(core) // A lease counts from when its round was asked for first.
    confirmReads(core)
  }
  // Repeating the last round retries reads whose heartbeat was lost.
  heartbeat(core, core.reads.round)
}

/** A leader that hears no majority for an election timeout steps down: it may be deposed and not know (Raft §6.2 of the thesis). */
function checkQuorum(core: Core): boolean {
  const { voters, outgoing } = core.membership
  const isQuorate = hearsMajority(core, voters) && (outgoing === undefined || hearsMajority(core, outgoing))
  for (const progress of core.progress.values()) progress.active = false
  return isQuorate
}

function hearsMajority(core: Core, voters: readonly string[]): boolean {
  let active = 0
  for (const voter of voters) if (voter === core.id || core.progress.get(voter)?.active === true) active++
  return active >= majority(voters.length)
}

export function hearAppendResponse(core: Core, response: AppendResponse): void {
  const progress = core.progress.get(response.from)
  if (core.role !== 'leader' || progress === undefined) return
  progress.active = true
  progress.heardTicks = core.ticks
  if (response.rejected) {
    const { index } = core.log.agreementBefore(response.hintIndex, response.hintTerm)
    progress.reject(response.index, index)
    return
  }
  assert(response.index <= core.log.lastIndex, 'a follower acknowledges what its leader has', { index: response.index })
  const news = progress.acknowledge(response.index)
  // The probe was answered, or the snapshot arrived: the logs agree up to match. What was old news in probe still says so.
  if (progress.state === 'probe' && (news || progress.match === response.index)) progress.becomeReplicate()
  if (progress.state === 'snapshot') {
    if (progress.match >= core.log.base.index) progress.becomeReplicate()
    else if (progress.match >= progress.snapshotIndex) progress.becomeProbe() // The log was compacted past it meanwhile.
  }
  if (news) commitByCounting(core)
  handOver(core)
}

export function hearHeartbeatResponse(core: Core, response: HeartbeatResponse): void {
  const progress = core.progress.get(response.from)
  if (core.role !== 'leader' || progress === undefined) return
  progress.active = true
  progress.heardTicks = core.ticks
  progress.probeSent = false
  // Something sent may be lost, or its acknowledgement.
  progress.recheck = progress.state === 'replicate' && progress.match < core.log.lastIndex
  if (response.round <= progress.round) return
  progress.round = response.round
  confirmReads(core)
}

/** Raft §5.4.2: replicas are counted only for an entry of the current term; what precedes it is committed with it. */
export function commitByCounting(core: Core): void {
  const index = reachedByQuorum(core, matchOf)
  const { commit } = core.log
  if (index <= commit || core.log.termAt(index) !== core.term) return
  core.commitTo(index)
}

/** The greatest value that a majority of the voters has reached; while members are joint, one of those before, too. */
function reachedByQuorum(core: Core, reachedBy: (core: Core, voter: string) => number): number {
  const { voters, outgoing } = core.membership
  const reached = reachedByMajority(voters.map(voter => reachedBy(core, voter)))
  return outgoing === undefined ? reached : Math.min(reached, reachedByMajority(outgoing.map(voter => reachedBy(core, voter))))
}

const matchOf = (core: Core, voter: string): number => (core.progress.get(voter) as Progress).match
const roundOf = (core: Core, voter: string): number => (core.progress.get(voter) as Progress).round

/** To be called when a save is done. */
export function ownLogSaved(core: Core): void {
  if (core.role === 'leader' && core.own.acknowledge(core.log.saved)) commitByCounting(core)
}

export function addRead(core: Core, from: string, token: number): void {
  core.reads.add({ from, token })
}

export function hearReadIndex(core: Core, { from, batch }: ReadIndexRequest): void {
  if (core.role !== 'leader') return
  if (core.hasCommittedInTerm && areMajority(core, from)) answerReads(core, core.log.commit, [{ from, token: batch }])
  else if (core.reads.count < core.settings.readsMax) addRead(core, from, batch)
}

/**
 * Who asks is heard as if it had answered a heartbeat: after its reads began it was in this term, and had voted in no later one. If it
 * and this member are a majority, nobody can have been elected before that whose writes these reads must see.
 */
function areMajority(core: Core, other: string): boolean {
  const { voters, outgoing } = core.membership
  return verdict(new Map([core.id, other].map(id => [id, true])), voters, outgoing) === 'won'
}

/** Is there anything `flush` would send? */
export function hasToFlush(core: Core): boolean {
  if (core.role !== 'leader') return false
  if (core.reads.hasWaiting && core.hasCommittedInTerm) return true
  for (const id of core.peers) {
    const progress = core.progress.get(id) as Progress
    if (canSend(core, progress) || hasNews(core, progress)) return true
  }
  return false
}

export function flush(core: Core): void {
  if (core.role !== 'leader') return
  const reads = core.reads.hasWaiting && core.hasCommittedInTerm
  const leased = reads && hasLease(core)
  if (leased) answerReads(core, core.log.commit, core.reads.take())
  const round = reads && !leased
  if (round) startRound(core)
  for (const id of core.peers) {
    const progress = core.progress.get(id) as Progress
    while (canSend(core, progress)) append(core, progress)
    if (round || hasNews(core, progress)) beat(core, progress, round ? core.reads.round : 0)
  }
  if (round) confirmReads(core)
}

function canSend(core: Core, progress: Progress): boolean {
  const { inflightMessagesMax, inflightBytesMax } = core.settings
  switch (progress.state) {
    case 'snapshot':
      return false
    case 'probe':
      return !progress.probeSent
    case 'replicate':
      return progress.recheck || (progress.next <= core.log.lastIndex && !progress.isFull(inflightMessagesMax, inflightBytesMax))
  }
}

/** A follower has acknowledged entries it does not know to be committed. */
const hasNews = (core: Core, progress: Progress): boolean => Math.min(progress.match, core.log.commit) > progress.commitSent

function append(core: Core, progress: Progress): void {
  const { log, settings } = core
  const prevIndex = progress.next - 1
  const prevTerm = log.termAt(prevIndex)
  if (prevTerm === undefined) {
    sendSnapshot(core, progress)
    return
  }
  const full = progress.isFull(settings.inflightMessagesMax, settings.inflightBytesMax)
  const entries = full ? [] : log.page(progress.next, settings.appendBytesMax)
  core.send({ type: 'append', from: core.id, to: progress.id, term: core.term, prevIndex, prevTerm, entries, commit: log.commit })
  progress.recheck = false
  if (progress.state === 'probe') {
    progress.probeSent = true
    return
  }
  const last = prevIndex + entries.length
  progress.commitSent = Math.max(progress.commitSent, Math.min(log.commit, last))
  if (entries.length > 0) {
    let bytes = 0
    for (const entry of entries) bytes += entryBytes(entry)
    progress.sent(last, bytes)
  }
}

function sendSnapshot(core: Core, progress: Progress): void {
  if (!progress.active) {
    // Not for one that may be dead; it is probed again once it answers a heartbeat.
    progress.becomeProbe()
    progress.probeSent = true
    return
  }
  const meta = core.snapshotMeta
  assert(meta !== null && meta.index >= core.log.base.index, 'what the log forgot is in the snapshot', { base: core.log.base.index })
  progress.becomeSnapshot(meta.index, core.settings.snapshotTicksMax)
  core.send({ type: 'snapshot', from: core.id, to: progress.id, term: core.term, snapshot: { meta } })
}

/** To all that can use it. */
export function tellCommit(core: Core): void {
  heartbeat(core, 0)
}

function heartbeat(core: Core, round: number): void {
  for (const id of core.peers) {
    const progress = core.progress.get(id)
    if (progress !== undefined) beat(core, progress, round)
  }
}

function beat(core: Core, progress: Progress, round: number): void {
  const commit = Math.min(progress.match, core.log.commit)
  progress.commitSent = Math.max(progress.commitSent, commit)
  core.send({ type: 'heartbeat', from: core.id, to: progress.id, term: core.term, commit, round })
}

const startRound = (core: Core): void => core.reads.start(core.log.commit, core.settings.leaseReads?.nowMs() ?? 0)

/** Raft thesis §6.4.1; see LeaseReads. */
function hasLease(core: Core): boolean {
  const { leaseReads } = core.settings
  return leaseReads !== undefined && !core.leaseBroken && leaseReads.nowMs() < core.leaseUntilMs
}

export function confirmReads(core: Core): void {
  core.own.round = core.reads.round
  const confirmed = reachedByQuorum(core, roundOf)
  for (const { index, sentMs, requests } of core.reads.confirm(confirmed)) {
    answerReads(core, index, requests)
    core.leaseUntilMs = sentMs + (core.settings.leaseReads?.leaseMs ?? 0)
  }
}

function answerReads(core: Core, index: number, requests: readonly ReadRequest[]): void {
  const contexts: number[] = []
  for (const { from, token } of requests) {
    if (from === core.id) contexts.push(token)
    else core.send({ type: 'readIndexResponse', from: core.id, to: from, term: core.term, batch: token, index })
  }
  if (contexts.length > 0) core.readStates.push({ index, contexts })
}

/** Raft thesis §3.10: once who is to lead has the whole log, it need not wait for an election timeout. */
export function handOver(core: Core): void {
  const { transfer } = core
  if (transfer === null || matchOf(core, transfer.to) < core.log.lastIndex) return
  core.leaseBroken = true
  core.send({ type: 'timeoutNow', from: core.id, to: transfer.to, term: core.term })
}
