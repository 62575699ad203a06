// Changing: one membership change at a time, as etcd-io/raft has it: a change is decided by the members before it, and takes effect at each
// member when that member applies it. A change is of one member (Raft thesis §4.1), or of several by way of a joint membership (Raft §6):
// then there are two, one that leads into it, and one that leaves it, which whoever leads proposes by itself.
//
// Why that is safe. Let C0, C1, C2, ... be the memberships, and e1, e2, ... the changes between them.
// 1. A leader proposes a change only once it has applied all before it and an entry of its own term is committed. So e(k+1) is in a log
//    only if e(k) is committed; and whoever holds e(k+1) knows that: the append that brings it says so, and a log says so when a member
//    starts (core.ts). It campaigns only once it has applied what it knows to be committed (election.ts). So whoever holds e(k+1) and
//    counts votes or copies counts by C(k) or a later one.
// 2. What decides in C(k) shares a member with what decides in C(k+1). One member more or less: two majorities do. From C to the joint
//    membership of C and C': a joint decision has a majority of C. From there to C': it has a majority of C'. Nothing else is a step: while
//    members are joint no other change is taken, so none leads from a joint membership to another one.
// 3. Once e(k+1) is committed in a term, nobody who counts by C(k-1) or an earlier one wins a later term, or commits anything in an earlier one.
//    Say it counts by C(k-1): it does not hold e(k+1), by 1. What committed e(k+1) decided in C(k), and shares a member with what would
//    decide for this one, by 2. That member acknowledges nothing of an earlier term any more, and refuses its vote to whose log lacks what
//    it holds (Raft §5.4.1); had it voted in a later term before, it would not have acknowledged e(k+1). For those further behind the
//    same follows from e(k), which was committed before.
// 4. So members that lead or campaign are never more than one change apart from whatever is decided later, and those decisions share a
//    member: that is all that the proof of leader completeness asks of majorities (Raft §5.4.3).
// The paper has a member use a membership as soon as it is in its log: there both majorities decide the entry that begins the joint
// membership, and the new one alone the entry that ends it. Here it is the old one, and both; at any time the other decides the same.
// What 1 asks for holds for leaving, too: a leader proposes it once it has applied the joint membership, and a new leader, which takes for
// granted that its log holds a change, once it has applied all that it began with.
// Not promised: that a joint membership is left while one of the two majorities is away. Until then no other change is possible.

import { assert } from '../std/index.js'
import type { Core } from './core.js'
import { commitByCounting, confirmReads, handOver, tellCommit } from './leader.js'
import {
  type ChangeMisfit,
  changedBy,
  type DecidedChange,
  decodeChange,
  encodeChange,
  isMember,
  type Membership,
  membersOf,
  misfitOfChange,
  type ProposedChange
} from './membership.js'
import type { Entry } from './message.js'
import { Progress } from './progress.js'

/** In election timeouts. An attempt in vain lasts one, in which nothing is taken; in the next one it is. */
const handOverEvery = 2

export interface AppliedChange {
  readonly change: DecidedChange
  readonly context: string // The proposer's.
  readonly membership: Membership
  /** Those that were members until now. */
  readonly gone: readonly string[]
}

const isPending = (core: Core): boolean => core.changeIndex > core.appliedIndex || !core.hasCommittedInTerm

/** Why none can be proposed; undefined if it can. Of a leader. A joint membership is left before anything else changes. */
export function misfitOfProposal(core: Core, change: ProposedChange): ChangeMisfit | 'a change is pending' | undefined {
  if (isPending(core) || core.membership.outgoing !== undefined) return 'a change is pending'
  return misfitOfChange(core.membership, change)
}

export function proposeChange(core: Core, change: DecidedChange, context: string): number {
  core.changeIndex = core.appendOwn('config', encodeChange(change, context))
  return core.changeIndex
}

/** One that needs no joint membership is made without (etcd's ConfChangeTransitionAuto). A demotion by itself would mean something else. */
export function simplest(change: ProposedChange): ProposedChange {
  if (change.kind !== 'joint') return change
  const [first, ...others] = change.changes
  return first === undefined || others.length > 0 || first.kind === 'demote' ? change : first
}

/**
 * Of a leader, once it has applied a joint membership. Not while it hands over: whoever is to lead would need that entry, too.
 *
 * One that does not stay hands over first (Raft thesis §3.10): those to come need votes of those before until they know that it is left, and
 * who would decide that, and be gone, could be the only one that knows.
 */
export function leaveIfJoint(core: Core): void {
  const { voters, outgoing } = core.membership
  if (outgoing === undefined || core.role !== 'leader' || core.transfer !== null || isPending(core)) return
  if (voters.includes(core.id)) {
    proposeChange(core, { kind: 'leave' }, '')
    return
  }
  if (core.ticks < core.handOverTick) return
  core.handOverTick = core.ticks + handOverEvery * core.settings.electionTicks
  const awake = voters.filter(voter => core.progress.get(voter)?.state === 'replicate')
  const may = awake.length > 0 ? awake : voters
  transfer(core, may[Math.floor(core.settings.random() * may.length)] as string)
}

export function applyChange(core: Core, entry: Entry): AppliedChange {
  assert(entry.kind === 'config', 'a change is a config entry', { index: entry.index })
  const { change, context } = decodeChange(entry.data)
  const before = membersOf(core.membership)
  core.become(changedBy(core.membership, change))
  if (core.role === 'leader') follow(core, change)
  else if (core.role !== 'follower' && !core.isVoter) core.becomeFollower(core.term, null)
  return { change, context, membership: core.membership, gone: before.filter(member => !isMember(core.membership, member)) }
}

function follow(core: Core, change: DecidedChange): void {
  if (!core.isVoter) {
    // Raft thesis §4.2.2: a leader that was removed leads until that is committed. The others must not need its vote to find out.
    tellCommit(core)
    core.becomeFollower(core.term, null)
    return
  }
  if (change.kind === 'demote') core.progress.delete(change.member) // It lost its past.
  for (const member of core.progress.keys()) if (!isMember(core.membership, member)) core.progress.delete(member)
  for (const member of core.peers) {
    if (core.progress.has(member)) continue
    const progress = new Progress(member, core.log.lastIndex + 1)
    progress.active = true // It has had no chance to be heard.
    core.progress.set(member, progress)
  }
  // Those to come must have heard that they may campaign: a heartbeat says so.
  if (change.kind === 'joint') core.handOverTick = core.ticks + core.settings.heartbeatTicks + 1
  core.leaseUntilMs = 0
  if (core.transfer !== null && !core.membership.voters.includes(core.transfer.to)) core.transfer = null
  // With a voter less there may be a majority already.
  commitByCounting(core)
  confirmReads(core)
}

export type Transferred =
  | { readonly accepted: true }
  | { readonly accepted: false; readonly reason: 'not leader' | 'is no voter' | 'leads already' | 'a transfer is under way' }

/** Given up after an election timeout. Who votes only until a joint membership is left would have to step down at once. */
export function transfer(core: Core, to: string): Transferred {
  if (core.role !== 'leader') return { accepted: false, reason: 'not leader' }
  if (to === core.id) return { accepted: false, reason: 'leads already' }
  if (!core.membership.voters.includes(to)) return { accepted: false, reason: 'is no voter' }
  if (core.transfer !== null) return { accepted: false, reason: 'a transfer is under way' }
  core.transfer = { to, ticks: core.settings.electionTicks }
  handOver(core)
  return { accepted: true }
}
