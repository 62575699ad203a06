// Config: who the members are, and every limit of a member, each with its unit.
//
// A tick is whatever the owner makes it; the defaults are chosen for 10 ms. So heartbeats go out every 50 ms, an idle follower
// starts an election 400 to 600 ms after it last heard its leader, and a failed one is retried after 100 to 300 ms. The owner must
// call tick() once per timer firing and never catch up on missed ones: a stalled thread would then depose a leader
// whose heartbeats are waiting in its own mailbox.

import { assert } from '../std/index.js'

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

export interface RaftConfig extends Partial<RaftLimits> {
  readonly id: string
  readonly members: readonly string[] // Voters, this one among them. Fixed for now.
  readonly random: () => number // Uniform in [0, 1).
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
  const settings = { ...defaultLimits, ...config }
  assert(new Set(config.members).size === config.members.length, 'a member is listed once', { members: config.members })
  assert(config.members.includes(config.id), 'a member is one of its members', { id: config.id, members: config.members })
  assert(settings.heartbeatTicks > 0 && settings.electionTicks > settings.heartbeatTicks, 'an election timeout spans heartbeats')
  assert(settings.electionJitterTicks > 0 && settings.retryTicks > 0, 'timeouts are random')
  return settings
}
