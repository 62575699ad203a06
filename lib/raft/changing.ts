// Changing: one membership change at a time (Raft thesis §4.1), as etcd-io/raft has it: a change is decided by the members before it, and
// takes effect at each member when that member applies it.
//
// Why that is safe: a leader proposes a change only once it has applied all before it and an entry of its own term is committed. So
// whoever holds a change knows that those before it are committed, campaigns only once it has applied them (election.ts),
// and learns as much from its log when it starts (core.ts). Members that lead or campaign are therefore never more than one
// change apart from whatever is decided later, and majorities one change apart share a member.

import { assert } from '../std/index.js'
import type { Core } from './core.js'
import { commitByCounting, confirmReads, handOver, tellCommit } from './leader.js'
import {
  type ChangeMisfit,
  changedBy,
  decodeChange,
  encodeChange,
  type Membership,
  type MembershipChange,
  misfitOfChange
} from './membership.js'
import type { Entry } from './message.js'
import { Progress } from './progress.js'

export interface AppliedChange {
  readonly change: MembershipChange
  readonly context: string // The proposer's.
  readonly membership: Membership
}

/** Why none can be proposed; undefined if it can. Of a leader. */
export function misfitOfProposal(core: Core, change: MembershipChange): ChangeMisfit | 'a change is pending' | undefined {
  if (core.changeIndex > core.appliedIndex || !core.hasCommittedInTerm) return 'a change is pending'
  return misfitOfChange(core.membership, change)
}

export function proposeChange(core: Core, change: MembershipChange, context: string): number {
  core.changeIndex = core.appendOwn('config', encodeChange(change, context))
  return core.changeIndex
}

export function applyChange(core: Core, entry: Entry): AppliedChange {
  assert(entry.kind === 'config', 'a change is a config entry', { index: entry.index })
  const { change, context } = decodeChange(entry.data)
  core.become(changedBy(core.membership, change))
  if (core.role === 'leader') follow(core, change)
  else if (core.role !== 'follower' && !core.isVoter) core.becomeFollower(core.term, null)
  return { change, context, membership: core.membership }
}

function follow(core: Core, { kind, member }: MembershipChange): void {
  if (!core.isVoter) {
    // Raft thesis §4.2.2: a leader that was removed leads until that is committed. The others must not need its vote to find out.
    tellCommit(core)
    core.becomeFollower(core.term, null)
    return
  }
  if (kind === 'remove') core.progress.delete(member)
  else if (kind !== 'promote') {
    const progress = new Progress(member, core.log.lastIndex + 1)
    progress.active = true // It has had no chance to be heard.
    core.progress.set(member, progress)
  }
  core.leaseUntilMs = 0
  if (core.transfer !== null && !core.membership.voters.includes(core.transfer.to)) core.transfer = null
  // With a voter less there may be a majority already.
  commitByCounting(core)
  confirmReads(core)
}

export type Transferred =
  | { readonly accepted: true }
  | { readonly accepted: false; readonly reason: 'not leader' | 'is no voter' | 'leads already' | 'a transfer is under way' }

/** Given up after an election timeout. */
export function transfer(core: Core, to: string): Transferred {
  if (core.role !== 'leader') return { accepted: false, reason: 'not leader' }
  if (to === core.id) return { accepted: false, reason: 'leads already' }
  if (!core.membership.voters.includes(to)) return { accepted: false, reason: 'is no voter' }
  if (core.transfer !== null) return { accepted: false, reason: 'a transfer is under way' }
  core.transfer = { to, ticks: core.settings.electionTicks }
  handOver(core)
  return { accepted: true }
}
