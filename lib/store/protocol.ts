// The whole protocol of a member: what clients ask, and what members ask of each other.

import type { Stream } from '../actor/index.js'
import type { AuthChange } from '../auth/index.js'
import type { Decided, Message } from '../raft/index.js'
import type { StoreAlarm, StoreAlarmRequest, StoreAsked, StoreAuthAnswer, StoreLease, StoreProtocol, StoreToken } from '../storage/index.js'
import type { Need } from './access.js'
import type { CommandAnswer } from './answers.js'
import type { MembersRequest, StoreMembers, StoreReplacement } from './membership.js'
import type { Proposal } from './proposing.js'
import type { Replacement } from './replacement.js'
import type { SnapshotPart } from './snapshot-sending.js'
import type { StoreStanding, StoreStatus } from './status.js'

export interface StoreMemberProtocol extends StoreProtocol {
  raft(batch: { readonly messages: readonly Message[] }): void
  /** The snapshot that this member was to give could not be kept, or not be had: it may be named again. */
  snapshotFailed(): void
  /** The snapshot file at that index has a bad checksum: this member is to write another. */
  snapshotDamaged(file: { readonly index: number }): void
  /**
   * The bytes of a snapshot file from `offset` on. At offset 0: of the newest, if that is not older than `index`; else of the one
   * at that index. Refused `no snapshot` if there is none.
   */
  snapshotPart(request: { readonly index: number; readonly offset: number } & StoreAsked): SnapshotPart
  /** Linearizable: a snapshot file is there with all that was answered before this was asked. */
  freshSnapshot(request?: StoreAsked): { readonly index: number }
  /** Whether its disk has room for writes. */
  hasRoom(): boolean
  /** A member's disk is full, said again and again while it is so; or is not any more, said once. */
  roomFound(room: { readonly isFull: boolean }): void
  /** A write passed on by a member that does not lead; never passed on again. */
  propose(proposal: Proposal): CommandAnswer
  /** keepAliveLease and lease, passed on to the leader. `user`: who asks; empty: somebody unknown; absent: none of outside. */
  renewLease(lease: { readonly id: number; readonly user?: string }): { readonly ttlSeconds: number; readonly revision: number }
  describeLease(query: { readonly id: number; readonly keys?: boolean; readonly user?: string }): StoreLease
  /** A change of users or roles in which there is no password any more, by the member that hashed it, of itself; or a login. */
  changeAuth(request: { readonly change: AuthChange } & StoreAsked): StoreAuthAnswer | StoreToken
  /** Whether that caller is what is needed: for who asks for others. The revision of this member. */
  admit(request: { readonly need: Need } & StoreAsked): { readonly revision: number }
  /** alarms, to get them, passed on to the leader. */
  listAlarms(of: Pick<StoreAlarmRequest, 'member' | 'alarm'>): { readonly alarms: readonly StoreAlarm[]; readonly revision: number }
  /** This member's term: whether it has company, asks who begins. Null of a member that lost its past. */
  currentTerm(): { readonly term: number | null }
  /** All members, as the leader sees them. Linearizable. */
  members(request?: StoreAsked): StoreMembers
  addMember(member: { readonly address: string; readonly isLearner: boolean } & StoreAsked): StoreMembers
  removeMember(member: { readonly address: string } & StoreAsked): StoreMembers
  promoteMember(member: { readonly address: string } & StoreAsked): StoreMembers
  /**
   * Some come and others go, at once. It takes the next step, or says what it waits for; to be asked again until it is `replaced`. Asking
   * again does no harm, whatever became of it before.
   */
  replaceMembers(wish: Replacement & StoreAsked): StoreReplacement
  /** One of the five above, passed on by a member that does not lead; never passed on again. */
  decideMembers(asked: { readonly request: MembersRequest; readonly body: unknown }): StoreMembers
  /** Of the leader only. Answered when the other leads. */
  transferLeadership(to: { readonly to: string } & StoreAsked): object
  /** That member was removed, with that entry or one before: it is to pass that on, and to stop. */
  removed(by: { readonly decided: Decided }): void
  /** By a member that leaves: that entry is committed, which may be that nobody else knows. */
  decided(entry: Decided): void
  /**
   * By a member that lost its past, of the leader, or of who may know it: it is a learner from then on, and begins with the leader's snapshot at that index or
   * later, which has that in it.
   */
  rejoin(): { readonly index: number; readonly leaderTerm: number } | { readonly askInstead: string }
  /** A part of this member's log from that index on, for who compares logs: no entry itself, only the hash of its kind and bytes. */
  log(from: { readonly index: number }): {
    readonly term: number
    readonly isLeader: boolean
    readonly commit: number
    readonly lastIndex: number
    readonly entries: readonly { readonly index: number; readonly term: number; readonly hash: number }[]
  }
  /** This member's view, at once; refused while it recovers. */
  status(request?: StoreAsked): StoreStatus
  /** As it is, and again whenever the term or the leader is another. */
  standing(): Stream<StoreStanding>
}
