// Follower: what a member does with its leader's messages (Raft §5.3, §7).
//
// Guarantee: an acknowledgement covers only what agrees with the leader's log and is on disk when it leaves; what is
// committed is never undone.

import { assert } from '../std/index.js'
import type { Core } from './core.js'
import type { Append, Heartbeat, InstallSnapshot, ReadIndexResponse } from './message.js'

/** A message of the leader of this very term: it ends any campaign and any doubt. */
export function hearLeader(core: Core, leader: string): void {
  assert(core.role !== 'leader', 'a term has one leader', { term: core.term, leader })
  if (core.role !== 'follower' || core.leader !== leader) core.becomeFollower(core.term, leader)
  core.electionElapsed = 0
  core.heardTicks = core.ticks
}

export function acceptAppend(core: Core, append: Append): void {
  const { log } = core
  if (append.prevIndex < log.commit) {
    acknowledge(core, append.from, log.commit)
    return
  }
  const last = log.merge({ index: append.prevIndex, term: append.prevTerm }, append.entries)
  if (last === undefined) {
    // The leader skips a whole term of ours at a time (Raft §5.3, the optimisation at its end).
    const hint = log.agreementBefore(append.prevIndex, append.prevTerm)
    core.send({
      type: 'appendResponse',
      from: core.id,
      to: append.from,
      term: core.term,
      index: append.prevIndex,
      rejected: true,
      hintIndex: hint.index,
      hintTerm: hint.term
    })
    return
  }
  log.commitTo(Math.min(append.commit, last))
  acknowledge(core, append.from, last)
}

export function acceptHeartbeat(core: Core, heartbeat: Heartbeat): void {
  core.log.commitTo(heartbeat.commit)
  if (heartbeat.round > 0)
    core.send({ type: 'heartbeatResponse', from: core.id, to: heartbeat.from, term: core.term, round: heartbeat.round })
}

export function acceptSnapshot(core: Core, { from, snapshot }: InstallSnapshot): void {
  const { log } = core
  const { meta } = snapshot
  if (meta.index > log.commit) {
    // What we hold already need not be thrown away (Raft §7).
    if (log.termAt(meta.index) === meta.term) log.commitTo(meta.index)
    else {
      log.restore(meta)
      core.snapshotMeta = meta // Its membership holds once it is handed out, behind changes that are still being applied.
      core.installing = snapshot
    }
  }
  acknowledge(core, from, log.commit)
}

export function acceptReadIndex(core: Core, { batch, index }: ReadIndexResponse): void {
  const contexts = core.forwards.answer(batch)
  if (contexts.length > 0) core.readStates.push({ index, contexts })
}

export const hasToForward = (core: Core): boolean => core.forwards.hasWaiting && core.leader !== null && core.role === 'follower'

/** All reads since the last ready travel as one. */
export function forwardReads(core: Core): void {
  if (!hasToForward(core) || core.leader === null) return
  const batch = core.forwards.send(core.ticks + core.settings.electionTicks)
  core.send({ type: 'readIndex', from: core.id, to: core.leader, term: core.term, batch })
}

export function acknowledge(core: Core, to: string, index: number): void {
  core.send({ type: 'appendResponse', from: core.id, to, term: core.term, index, rejected: false, hintIndex: 0, hintTerm: 0 })
}
