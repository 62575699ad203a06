// The whole protocol of a member: what clients ask, and what members ask of each other.

import type { Stream } from '../actor/index.js'
import type { Message } from '../raft/index.js'
import type { StoreProtocol, StoreTxn, StoreTxnAnswer } from '../storage/index.js'
import type { StoreStanding, StoreStatus } from './status.js'

export interface StoreMemberProtocol extends StoreProtocol {
  raft(batch: { readonly messages: readonly Message[] }): void
  /** The snapshot that this member sent could not be kept: it may be sent again. */
  snapshotFailed(): void
  /** A write passed on by a member that does not lead; never passed on again. */
  propose(txn: StoreTxn): StoreTxnAnswer
  proposeCompact(request: { readonly revision: number }): { readonly revision: number }
  /** This member's term, for one that lost its past; null of a member that lost its own as well. */
  currentTerm(): { readonly term: number | null }
  /**
   * The leader's state, confirmed by a majority after this was asked. Whoever is asked leaves all terms up to
   * `aboveTerm`. `term` is that of the last entry in the state.
   */
  currentState(request: { readonly aboveTerm: number }): {
    readonly index: number
    readonly term: number
    readonly leaderTerm: number
    readonly data: Uint8Array
  }
  /** A part of this member's log from that index on, for who compares logs: no entry itself, only the hash of its kind and bytes. */
  log(from: { readonly index: number }): {
    readonly term: number
    readonly isLeader: boolean
    readonly commit: number
    readonly lastIndex: number
    readonly entries: readonly { readonly index: number; readonly term: number; readonly hash: number }[]
  }
  /** This member's view, at once; refused while it recovers. */
  status(): StoreStatus
  /** As it is, and again whenever the term or the leader is another. */
  standing(): Stream<StoreStanding>
  /** The hash of the state at that revision (0: the newest): members that caught up agree on it. */
  hash(at: { readonly revision: number }): { readonly hash: number; readonly revision: number; readonly compactRevision: number }
}
