// Config: who the members are, and every limit of a member, each with its unit.
//
// A tick is whatever the owner makes it; the defaults are chosen for 10 ms. So heartbeats go out every 50 ms, an idle follower
// starts an election 400 to 600 ms after it last heard its leader, and a failed one is retried after 100 to 300 ms. The owner must
// call tick() once per timer firing and never catch up on missed ones: a stalled thread would then depose a leader
// whose heartbeats are waiting in its own mailbox.

import { assert } from '../std/index.js'
import { type Membership, membersOf } from './membership.js'

export interface RaftLimits {
  readonly heartbeatTicks: number
  readonly electionTicks: number // Also how long a follower stands by a leader it heard (the lease), and how long a leader lasts without a quorum.
  readonly electionJitterTicks: number // A follower waits electionTicks plus less than this many.
  readonly retryTicks: number // A candidate waits one to three times this before it tries again.
  readonly hintJitterTicksMax: number // After peerDown(leader), a follower waits 0 to this many ticks.
  readonly snapshotTicksMax: number // A snapshot not acknowledged within this time is taken for lost.
  readonly appendBytesMax: number // Of one append; a single larger entry still goes alone.
  readonly inflightMessagesMax: number // Appends not yet acknowledged, per follower.
  readonly inflightBytesMax: number
  readonly uncommittedBytesMax: number // Proposals beyond this are refused; a proposal on an empty tail never is.
  readonly committedBytesMax: number // Handed out by one ready(); at least one entry.
  readonly readsMax: number // Reads waiting for their index.
  readonly tailEntriesMax: number // Kept in memory below a snapshot for slow followers.
  readonly tailBytesMax: number
}

/**
 * Reads by lease (Raft thesis §6.4.1): a leader that a majority answered does not ask it again for `leaseMs` from when it asked, since
 * whoever answered supports nobody else for an election timeout. Off unless given: unlike all else here it is safe only while clocks
 * are. `leaseMs` must be less than what electionTicks - 1 ticks take by any member's clock, and `nowMs` must go on while this
 * member is paused, at a speed that differs from theirs by less than that margin. All members must agree on the option. It costs: a dead
 * link to the leader is no longer a reason to vote, and one that starts votes for nobody for an election timeout.
 */
export interface LeaseReads {
  readonly nowMs: () => number // Monotonic.
  readonly leaseMs: number
}

export interface RaftConfig extends Partial<RaftLimits> {
  readonly id: string
  /** Of the group as it was founded, the same for all its members ever; what a snapshot or the log says since comes on top. */
  readonly membership: Membership
  readonly random: () => number // Uniform in [0, 1).
  readonly leaseReads?: LeaseReads | undefined
}

export const defaultLimits: RaftLimits = {
  heartbeatTicks: 5,
  electionTicks: 40,
  electionJitterTicks: 20,
  retryTicks: 10,
  hintJitterTicksMax: 5,
  snapshotTicksMax: 1000,
  appendBytesMax: 1 << 20,
  inflightMessagesMax: 256,
  inflightBytesMax: 8 << 20,
  uncommittedBytesMax: 64 << 20,
  committedBytesMax: 8 << 20,
  readsMax: 65536,
  tailEntriesMax: 5000, // As etcd keeps for followers that are slow.
  tailBytesMax: 64 << 20
}

export type RaftSettings = RaftConfig & RaftLimits

export function settle(config: RaftConfig): RaftSettings {
  // Not by two spreads: then no two members' settings would have the same shape for V8, and the code that reads them is slow for all.
  const settings: RaftSettings = Object.assign({}, defaultLimits, config)
  const members = membersOf(config.membership)
  assert(new Set(members).size === members.length, 'a member is listed once', { members })
  assert(config.membership.voters.length > 0, 'a group has a voter')
  assert(settings.heartbeatTicks > 0 && settings.electionTicks > settings.heartbeatTicks, 'an election timeout spans heartbeats')
  assert(settings.electionJitterTicks > 0 && settings.retryTicks > 0, 'timeouts are random')
  return settings
}
