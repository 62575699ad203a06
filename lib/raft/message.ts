// Message: everything members say to each other, and the records a member keeps on disk. Plain data: it crosses threads.
// An entry's bytes are shared, never copied: whoever steps a message in gives its bytes away.

import type { Membership } from './membership.js'

/** `config` entries are membership changes (membership.ts). */
export type EntryKind = 'normal' | 'config'

export interface Entry {
  readonly index: number // From 1.
  readonly term: number
  readonly kind: EntryKind
  readonly data: Uint8Array // Empty in the entry a leader opens its term with.
}

/** What must survive a crash (Raft figure 2). `commit` is a convenience: a member may lose it without harm. */
export interface HardState {
  readonly term: number
  readonly vote: string | null
  readonly commit: number
}

/** The last entry a snapshot covers, and who the members were once it was applied. */
export interface SnapshotMeta {
  readonly index: number
  readonly term: number
  readonly membership: Membership
}

/** `data` is the owner's: the core never looks at it. Small states ride along; large ones are streamed by the owner. */
export interface Snapshot {
  readonly meta: SnapshotMeta
  readonly data?: Uint8Array
}

interface Envelope {
  readonly from: string
  readonly to: string
  readonly term: number
}

/**
 * `preVote` asks "would you vote for me in `term`?" and changes nothing (Raft thesis §9.6); `vote` asks for the vote.
 * `campaign` is drawn at random and comes back in the response: a grant to a former life, whose log may have been longer
 * before it was lost, is not counted by this one.
 */
export interface VoteRequest extends Envelope {
  readonly type: 'preVote' | 'vote'
  readonly force?: true // Its leader wants it: who stands by that leader need not refuse (Raft thesis §4.2.3).
  readonly campaign: number
  readonly lastIndex: number
  readonly lastTerm: number
}

export interface VoteResponse extends Envelope {
  readonly type: 'preVoteResponse' | 'voteResponse'
  readonly campaign: number
  readonly granted: boolean
  /**
   * The last entry known to be committed, if members were removed: whoever campaigns may not know yet, and count on votes of some that are
   * gone by now.
   */
  readonly decided?: Decided
}

/** An entry of which somebody knows that it is committed. */
export interface Decided {
  readonly index: number
  readonly term: number
}

export interface Append extends Envelope {
  readonly type: 'append'
  readonly prevIndex: number
  readonly prevTerm: number
  readonly entries: readonly Entry[]
  readonly commit: number
}

/** Accepted: the log agrees with the leader's up to `index`, on disk. Rejected: `index` is the append's prevIndex, and the hint says where to try next. */
export interface AppendResponse extends Envelope {
  readonly type: 'appendResponse'
  readonly index: number
  readonly rejected: boolean
  readonly hintIndex: number
  readonly hintTerm: number
}

/** `commit` never exceeds what the follower has acknowledged. Round 0 is commit news and wants no answer. */
export interface Heartbeat extends Envelope {
  readonly type: 'heartbeat'
  readonly commit: number
  readonly round: number
}

export interface HeartbeatResponse extends Envelope {
  readonly type: 'heartbeatResponse'
  readonly round: number
}

export interface InstallSnapshot extends Envelope {
  readonly type: 'snapshot'
  readonly snapshot: Snapshot
}

/** A follower's reads since its last ready, as one: `batch` names them between the two members. */
export interface ReadIndexRequest extends Envelope {
  readonly type: 'readIndex'
  readonly batch: number
}

export interface ReadIndexResponse extends Envelope {
  readonly type: 'readIndexResponse'
  readonly batch: number
  readonly index: number
}

/** A leader hands over: its follower has the whole log, and is to start an election at once (Raft thesis §3.10). */
export interface TimeoutNow extends Envelope {
  readonly type: 'timeoutNow'
}

export type Message =
  | VoteRequest
  | VoteResponse
  | Append
  | AppendResponse
  | Heartbeat
  | HeartbeatResponse
  | InstallSnapshot
  | ReadIndexRequest
  | ReadIndexResponse
  | TimeoutNow
