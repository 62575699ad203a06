// Raft: one member of a replicated log, as a pure state machine. No clock, no chance, no I/O: the owner brings ticks, a
// random source, messages and a disk.
//
// The contract, per batch of inputs:
//
//   step(message)* tick() propose(data)* readIndex(context)* peerDown(id)      in any order and number
//   while (raft.hasReady()) {        (more than once: on a single member a save commits at once, and committed entries come in pages)
//     const ready = raft.ready()
//     1. send ready.messagesBeforeSave
//     2. save, in this order and as one: ready.snapshot, ready.entries, ready.hardState; synced if ready.mustSync
//     3. send ready.messagesAfterSave
//     4. apply: ready.snapshot replaces the state machine, then ready.committed in order; of each config entry call applyChange(entry)
//     5. answer ready.readStates whose index is applied; fail ready.readsLost (they did not happen)
//     raft.saved()
//   }
//
// - 1 may happen before, during or after 2; 3, 4 and 5 only after it. If saving fails the member must stop: nothing of 3 to 5
//   may leave. Where effects are performed in recorded order, 2 to 5 may be recorded in one turn and saved() called in it.
// - An entry to be saved replaces the saved one of that index and all after it. A snapshot replaces the whole saved log.
// - Inputs may come between ready() and saved(); another ready() may not. What came is in the next ready().
// - A crash before 2 is done may keep any beginning of (snapshot, entries one by one, hardState), as a torn log file does.
//
// Guarantees, whatever the network does (Raft figure 3): election safety, leader append-only, log matching, leader completeness,
// state machine safety. ready.committed has every committed index once per life, in order, without gap. A read whose state is
// returned sees every write acknowledged before readIndex() was called.
// Does not guarantee: delivery of proposals (a new leader may drop what was not committed: compare term and index), duplicate
// suppression, recovery from a disk that forgot what was synced. With `leaseReads` a read is only as good as clocks are.

import { assert } from '../std/index.js'
import {
  type AppliedChange,
  applyChange,
  leaveIfJoint,
  misfitOfProposal,
  proposeChange,
  simplest,
  type Transferred,
  transfer
} from './changing.js'
import type { RaftConfig } from './config.js'
import { Core, type ReadState, type Recovered, type Role } from './core.js'
import { campaign, hintElection, mayCampaign, ownVoteSaved, tickElection } from './election.js'
import { forwardReads, hasToForward } from './follower.js'
import { addRead, flush, hasToFlush, ownLogSaved, tickLeader } from './leader.js'
import type { ChangeMisfit, Membership, ProposedChange } from './membership.js'
import type { Decided, Entry, HardState, Message, Snapshot, SnapshotMeta } from './message.js'
import type { ProgressState } from './progress.js'
import { step } from './step.js'

export interface Ready {
  readonly messagesBeforeSave: readonly Message[]
  readonly hardState: HardState | null // Null if unchanged.
  readonly entries: readonly Entry[]
  readonly snapshot: Snapshot | null
  readonly mustSync: boolean // False: nothing to save, or only a commit index, which may wait for the next sync or be left out.
  readonly messagesAfterSave: readonly Message[]
  readonly committed: readonly Entry[]
  readonly readStates: readonly ReadState[]
  readonly readsLost: readonly number[]
}

export type Proposed =
  | { readonly accepted: true; readonly index: number; readonly term: number }
  | {
      readonly accepted: false
      readonly reason: 'not leader' | 'too much uncommitted' | 'leadership moves' | 'a change is pending' | ChangeMisfit
      readonly leader: string | null
    }

export type ReadAccepted = { readonly accepted: true } | { readonly accepted: false; readonly reason: 'no leader' | 'too many reads' }

export interface PeerStatus {
  readonly id: string
  readonly isLearner: boolean
  readonly state: ProgressState
  readonly match: number
  readonly next: number
  readonly inflight: number
  readonly active: boolean
  readonly silentTicks: number | null // Since it was heard last; null: not in this term.
}

export interface RaftStatus {
  readonly id: string
  readonly role: Role
  readonly term: number
  readonly vote: string | null
  readonly leader: string | null
  readonly membership: Membership // As of what is applied.
  readonly transferringTo: string | null
  readonly silentTicksMax: number // A member that is silent for longer may be dead.
  readonly commit: number
  readonly applied: number
  readonly saved: number
  readonly firstIndex: number
  readonly lastIndex: number
  readonly logBytes: number
  readonly uncommittedBytes: number
  readonly peers: readonly PeerStatus[] // Empty unless leader.
}

const none: readonly never[] = []
/** Most lists are empty most of the time: those stay with the core, which adds to them. */
const handed = <V>(list: readonly V[]): readonly V[] => (list.length === 0 ? none : list)

export class Raft {
  readonly #core: Core
  #saving: { hardState: HardState; applied: number; changes: number } | null = null
  #commitGiven: number // With what is synced; a commit index alone may have been left out.

  /** `recovered` is null for a member that never ran. `applied`: what the owner's state machine already contains. */
  constructor(config: RaftConfig, recovered: Recovered | null = null, applied = 0) {
    this.#core = new Core(config, recovered, applied)
    this.#commitGiven = recovered?.hardState.commit ?? 0
  }

  /** One message from another member. Strays are dropped: see step.ts. */
  step(message: Message): void {
    step(this.#core, message)
  }

  /** Once per timer firing; see config.ts. */
  tick(): void {
    this.#core.ticks++
    if (this.#core.role === 'leader') tickLeader(this.#core)
    else tickElection(this.#core)
    leaveIfJoint(this.#core) // A transfer may have been given up.
  }

  /** Accepted is not committed: the entry is safe when it comes back in `committed` with this index and term. Keeps `data`. */
  propose(data: Uint8Array): Proposed {
    const core = this.#core
    if (core.role !== 'leader') return { accepted: false, reason: 'not leader', leader: core.leader }
    if (core.transfer !== null) return { accepted: false, reason: 'leadership moves', leader: core.leader }
    if (core.uncommittedBytes > 0 && core.uncommittedBytes + data.length > core.settings.uncommittedBytesMax) {
      return { accepted: false, reason: 'too much uncommitted', leader: core.leader }
    }
    return { accepted: true, index: core.appendOwn('normal', data), term: core.term }
  }

  /**
   * One at a time: the next once this is applied, and if it was a joint one once that is left, which a leader sees to by itself, as another
   * change without a context. `context` comes back from applyChange, wherever that is.
   */
  proposeChange(wanted: ProposedChange, context = ''): Proposed {
    const core = this.#core
    const change = simplest(wanted)
    if (core.role !== 'leader') return { accepted: false, reason: 'not leader', leader: core.leader }
    if (core.transfer !== null) return { accepted: false, reason: 'leadership moves', leader: core.leader }
    const misfit = misfitOfProposal(core, change)
    if (misfit !== undefined) return { accepted: false, reason: misfit, leader: core.leader }
    return { accepted: true, index: proposeChange(core, change, context), term: core.term }
  }

  /** Of each config entry that was committed, in its place among the others and before saved(): from here on the members are these. */
  applyChange(entry: Entry): AppliedChange {
    assert(this.#saving !== null && this.#saving.changes > 0, 'a change is applied once, when it is committed', { index: entry.index })
    this.#saving.changes--
    return applyChange(this.#core, entry)
  }

  /** Has that voter lead: proposals stop until it does, or an election timeout has passed. */
  transferLeadership(to: string): Transferred {
    return transfer(this.#core, to)
  }

  /** Asks for a linearizable read; `context` comes back in `readStates` or `readsLost`. A follower asks its leader. */
  readIndex(context: number): ReadAccepted {
    const core = this.#core
    if (core.leader === null || (core.role === 'follower' && !core.isMember)) return { accepted: false, reason: 'no leader' }
    if (core.reads.count + core.forwards.count >= core.settings.readsMax) return { accepted: false, reason: 'too many reads' }
    if (core.role === 'leader') addRead(core, core.id, context)
    else core.forwards.add(context)
    return { accepted: true }
  }

  /** The transport lost its link to `id`. A hint: safety does not depend on its truth. */
  peerDown(id: string): void {
    const core = this.#core
    if (core.role === 'leader') {
      const progress = core.progress.get(id)
      if (progress === undefined || id === core.id) return
      progress.becomeProbe()
      progress.probeSent = true // Until it answers a heartbeat.
    } else if (id === core.leader) hintElection(core)
  }

  /** A snapshot asked for in a message could not be delivered: try again with the next heartbeat that is answered. */
  snapshotFailed(id: string): void {
    const progress = this.#core.progress.get(id)
    if (progress?.state !== 'snapshot') return
    progress.becomeProbe()
    progress.probeSent = true
  }

  /** Starts an election now, if this is a voter. For tests and operators; the clocks do it otherwise. */
  campaign(): void {
    if (mayCampaign(this.#core)) campaign(this.#core)
  }

  hasReady(): boolean {
    const core = this.#core
    return (
      core.before.length > 0 ||
      core.after.length > 0 ||
      core.log.hasUnsaved ||
      core.log.applied < core.log.commit ||
      core.installing !== null ||
      core.term !== core.savedTerm ||
      core.vote !== core.savedVote ||
      core.readStates.length > 0 ||
      core.readsLost.length > 0 ||
      hasToForward(core) ||
      hasToFlush(core)
    )
  }

  ready(): Ready {
    const core = this.#core
    assert(this.#saving === null, 'the last ready was saved before the next')
    flush(core)
    forwardReads(core)
    if (core.installing !== null) core.become(core.installing.meta.membership)
    const entries = core.log.takeUnsaved()
    const hardState = { term: core.term, vote: core.vote, commit: core.log.commit }
    const voteChanged = core.term !== core.savedTerm || core.vote !== core.savedVote
    // A change that is known to be committed is on disk as such before anybody is told or acts on it: who is removed by it leaves for
    // good, and a member that forgot would need its vote.
    const decided = core.log.hasChange(this.#commitGiven, core.log.commit)
    const mustSync = voteChanged || entries.length > 0 || core.installing !== null || decided
    const ready: Ready = {
      messagesBeforeSave: decided ? none : handed(core.before),
      hardState: voteChanged || hardState.commit !== this.#commitGiven ? hardState : null,
      entries,
      snapshot: core.installing,
      mustSync,
      messagesAfterSave: decided ? [...core.before, ...core.after] : handed(core.after),
      committed: core.log.takeCommitted(core.settings.committedBytesMax),
      readStates: handed(core.readStates),
      readsLost: handed(core.readsLost)
    }
    let changes = 0
    for (const entry of ready.committed) if (entry.kind === 'config') changes++
    this.#saving = { hardState, applied: core.log.applied, changes }
    if (mustSync) this.#commitGiven = hardState.commit
    if (core.before.length > 0) core.before = []
    if (core.after.length > 0) core.after = []
    if (core.readStates.length > 0) core.readStates = []
    if (core.readsLost.length > 0) core.readsLost = []
    core.installing = null
    return ready
  }

  /** The last ready() is saved, and its committed entries are applied or will be before anything else is. */
  saved(): void {
    const core = this.#core
    assert(this.#saving !== null, 'a ready is saved once')
    assert(this.#saving.changes === 0, 'committed changes are applied before the ready is done with', { left: this.#saving.changes })
    core.appliedIndex = this.#saving.applied
    core.savedTerm = this.#saving.hardState.term
    core.savedVote = this.#saving.hardState.vote
    this.#saving = null
    core.log.markSaved()
    ownVoteSaved(core)
    ownLogSaved(core)
    leaveIfJoint(core)
  }

  /** The owner has a durable snapshot of its state, of which it asked for this meta then: forget the log below, but for the tail. */
  compact(meta: SnapshotMeta): void {
    const { log, settings, snapshotMeta } = this.#core
    if (snapshotMeta !== null && meta.index <= snapshotMeta.index) return
    assert(log.termAt(meta.index) === meta.term && meta.index <= log.applied, 'a snapshot is of what was applied', { index: meta.index })
    this.#core.snapshotMeta = meta
    log.compact(meta.index, settings.tailEntriesMax, settings.tailBytesMax)
  }

  /**
   * What to call a snapshot of the owner's state as it is at this moment; `index` is that of the last entry it applied.
   * A newer one may stand in for the one a message names.
   */
  snapshotMeta(index = this.#core.log.applied): SnapshotMeta {
    const { log, membership } = this.#core
    const term = log.termAt(index)
    assert(term !== undefined && index <= log.applied, 'a snapshot is of what was applied', { index, applied: log.applied })
    return { index, term, membership }
  }

  /** The last entry that is known to be committed. */
  get decided(): Decided {
    return this.#core.decided
  }

  /** Somebody, whoever it is, knows that entry to be committed. */
  learn(decided: Decided): void {
    this.#core.learn(decided)
  }

  /** As of what the owner has applied. */
  get membership(): Membership {
    return this.#core.membership
  }

  get isVoter(): boolean {
    return this.#core.isVoter
  }

  get isLeader(): boolean {
    return this.#core.role === 'leader'
  }

  get leader(): string | null {
    return this.#core.leader
  }

  get term(): number {
    return this.#core.term
  }

  /** The log from that index on, as far as it is in memory: at most `bytesMax` of it, but at least one entry. */
  entries(from: number, bytesMax: number): readonly Entry[] {
    const { log } = this.#core
    return log.page(Math.max(from, log.base.index + 1), bytesMax)
  }

  status(): RaftStatus {
    const { id, role, term, vote, leader, log, uncommittedBytes, progress, peers, membership, ticks, settings } = this.#core
    return {
      id,
      role,
      term,
      vote,
      leader,
      membership,
      transferringTo: this.#core.transfer?.to ?? null,
      silentTicksMax: settings.electionTicks,
      commit: log.commit,
      applied: log.applied,
      saved: log.saved,
      firstIndex: log.base.index + 1,
      lastIndex: log.lastIndex,
      logBytes: log.bytes,
      uncommittedBytes: role === 'leader' ? uncommittedBytes : 0,
      peers: peers.flatMap(peer => {
        const one = progress.get(peer)
        return one === undefined
          ? []
          : [
              {
                id: peer,
                isLearner: membership.learners.includes(peer),
                state: one.state,
                match: one.match,
                next: one.next,
                inflight: one.inflight,
                active: one.active,
                silentTicks: one.heardTicks === null ? null : ticks - one.heardTicks
              }
            ]
      })
    }
  }
}
