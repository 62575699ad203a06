// Election: pre-vote, vote, and the clocks that start them (Raft §5.2, §5.4.1, thesis §9.6).
//
// Guarantee: at most one vote a term, on disk before it is told; a candidate counts its own only once saved. A member that hears
// its leader neither campaigns nor supports one that does, unless that leader wants it. Only voters campaign, and only their votes
// count (while members are joint, those before and those to come, each by themselves); but any member gives its vote if asked: it may have been promoted and not know yet.

import type { Core } from './core.js'
import { votersOf } from './membership.js'
import type { Decided, VoteRequest, VoteResponse } from './message.js'
import { verdict } from './quorum.js'

const campaignSpan = 2 ** 48

/** Of every role but leader. */
export function tickElection(core: Core): void {
  core.electionElapsed++
  core.readsLost.push(...core.forwards.expire(core.ticks))
  const hinted = core.hintTicks >= 0 && core.hintTicks-- === 0
  if (!hinted && core.electionElapsed < core.timeoutTicks) return
  if (mayCampaign(core)) campaign(core)
  else if (core.role === 'follower' && core.leader !== null && !core.isVoter) core.becomeFollower(core.term, null) // It only notes the silence.
}

/** The link to the leader is dead. Others may still hear it, so this is only a reason to ask, and to no longer stand by it. */
export function hintElection(core: Core): void {
  if (core.role !== 'follower' || core.settings.leaseReads !== undefined) return
  core.becomeFollower(core.term, null)
  core.hintTicks = Math.floor(core.settings.random() * (core.settings.hintJitterTicksMax + 1))
}

/** One that knows of a committed change and has not applied it would count by the wrong membership. */
export function mayCampaign(core: Core): boolean {
  if (core.role === 'leader' || !core.isVoter || core.installing !== null) return false
  if (core.settings.leaseReads !== undefined && core.isLeased) return false
  return !knowsOfChange(core)
}

const knowsOfChange = ({ log, appliedIndex }: Core): boolean => log.hasChange(appliedIndex, log.commit)

export function campaign(core: Core): void {
  core.becomePreCandidate()
  ask(core, 'preVote', core.term + 1)
  count(core, core.id, true)
}

/** Its leader hands over to this member: no pre-vote, and others need not stand by that leader. */
export function acceptTimeoutNow(core: Core): void {
  if (core.role === 'leader' || !core.isVoter || core.installing !== null) return
  if (knowsOfChange(core)) return
  core.becomeCandidate()
  ask(core, 'vote', core.term, true)
  count(core, core.id, true)
}

/** To be called when the save that holds this member's vote is done. */
export function ownVoteSaved(core: Core): void {
  if (core.role === 'candidate' && core.savedTerm === core.term && core.savedVote === core.id) count(core, core.id, true)
}

export function answerVote(core: Core, request: VoteRequest): void {
  if (core.settings.leaseReads !== undefined && core.isLeased && request.force !== true) return
  const pre = request.type === 'preVote'
  const free = core.vote === request.from || (core.vote === null && core.leader === null) || (pre && request.term > core.term)
  const granted = free && core.log.isBehindOrEqual({ index: request.lastIndex, term: request.lastTerm })
  const type = pre ? 'preVoteResponse' : 'voteResponse'
  // A granted pre-vote is about the term asked for; a refusal tells the term we are in.
  const term = granted ? request.term : core.term
  core.send({ type, from: core.id, to: request.from, term, campaign: request.campaign, granted, ...decidedOf(core) })
  if (granted && !pre) {
    core.vote = request.from
    core.electionElapsed = 0
  }
}

/** Where nobody was removed there is nobody whose vote is counted on in vain. */
export const decidedOf = (core: Core): { readonly decided?: Decided } =>
  core.membership.removed.length === 0 ? {} : { decided: core.decided }

export function countVote(core: Core, response: VoteResponse): void {
  if (response.decided !== undefined) core.learn(response.decided)
  if (knowsOfChange(core)) return // It asks again, once it has applied that: others may count by then.
  const pre = response.type === 'preVoteResponse'
  if (core.role !== (pre ? 'preCandidate' : 'candidate') || response.campaign !== core.campaign) return
  if (pre && response.granted && response.term !== core.term + 1) return
  count(core, response.from, response.granted)
}

function count(core: Core, from: string, granted: boolean): void {
  if (!core.votes.has(from)) core.votes.set(from, granted)
  const { voters, outgoing } = core.membership
  const result = verdict(core.votes, voters, outgoing)
  if (result === 'lost') core.becomeFollower(core.term, null)
  if (result !== 'won') return
  if (core.role === 'candidate') {
    // Others may have made the majority while our own vote is still being written. The win waits for it.
    if (core.savedTerm === core.term && core.savedVote === core.id) core.becomeLeader()
    return
  }
  core.becomeCandidate()
  ask(core, 'vote', core.term)
}

function ask(core: Core, type: VoteRequest['type'], term: number, force = false): void {
  core.campaign = Math.floor(core.settings.random() * campaignSpan)
  const { lastIndex, lastTerm } = core.log
  for (const to of votersOf(core.membership)) {
    if (to === core.id) continue
    core.send({ type, from: core.id, to, term, campaign: core.campaign, lastIndex, lastTerm, ...(force ? { force } : {}) })
  }
}
