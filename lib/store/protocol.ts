// The whole protocol of a member: what clients ask, and what members ask of each other.

import type { Message } from '../raft/index.js'
import type { StoreProtocol, StoreTxn, StoreTxnAnswer } from '../storage/index.js'

export interface StoreMemberProtocol extends StoreProtocol {
  raft(batch: { readonly messages: readonly Message[] }): void
  /** A write passed on by a member that does not lead; never passed on again. */
  propose(txn: StoreTxn): StoreTxnAnswer
  proposeCompact(request: { readonly revision: number }): { readonly revision: number }
  /** This member's term, for one that lost its past and must not vote in any term it may have voted in. */
  currentTerm(): { readonly term: number }
  /** The leader's state, confirmed by a majority after this was asked. */
  currentState(): { readonly index: number; readonly term: number; readonly data: Uint8Array }
  /** The hash of the state at that revision (0: the newest): members that caught up agree on it. */
  hash(at: { readonly revision: number }): { readonly hash: number; readonly revision: number; readonly compactRevision: number }
}
