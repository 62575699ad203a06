// Core: the state of one member and its transitions between roles. Election, follower and leader are functions on it; Raft (raft.ts)
// is its face to the owner. Figure 2 of the Raft paper, with pre-vote and check-quorum as etcd-io/raft has them.
//
// Where a message goes is decided here, once: `before` may leave while the disk still writes, `after` must not (Raft thesis §10.2.1).

import { assert, unreachable } from '../std/index.js'
import { type RaftConfig, type RaftSettings, settle } from './config.js'
import { RaftLog } from './log.js'
import { isMember, isVoterOf, type Membership, membersOf } from './membership.js'
import type { Decided, Entry, HardState, Message, Snapshot, SnapshotMeta } from './message.js'
import { Progress } from './progress.js'
import { ForwardedReads, LeaderReads } from './read-index.js'

export type Role = 'follower' | 'preCandidate' | 'candidate' | 'leader'

/** A leader that hands over to `to`, for so many more ticks. */
export interface Transfer {
  readonly to: string
  ticks: number
}

/** What a member finds on its disk when it starts. `entries` follow the snapshot without a gap; older ones are ignored. */
export interface Recovered {
  readonly hardState: HardState
  readonly entries: readonly Entry[]
  readonly snapshot: SnapshotMeta | null
}

export interface ReadState {
  readonly index: number // The reads may be answered once this is applied.
  readonly contexts: readonly number[]
}

const noData = new Uint8Array(0)
const noTicks = -1

export class Core {
  readonly id: string
  readonly settings: RaftSettings
  readonly log: RaftLog
  membership: Membership // As of what the owner has applied.
  peers: readonly string[] = [] // Members but this one.
  readonly progress = new Map<string, Progress>() // A leader's; its own included.
  readonly votes = new Map<string, boolean>()
  readonly reads = new LeaderReads()
  readonly forwards: ForwardedReads
  role: Role = 'follower'
  term: number
  vote: string | null
  leader: string | null = null
  savedTerm: number
  savedVote: string | null
  ticks = 0
  electionElapsed = 0
  heartbeatElapsed = 0
  timeoutTicks = 0
  hintTicks = noTicks // To a hinted election; noTicks if none.
  campaign = 0 // Names the votes asked for last.
  uncommittedBytes = 0
  appliedIndex: number // By the owner, for certain; log.applied is what it was handed.
  changeIndex = 0 // A leader proposes no change before this index is applied.
  transfer: Transfer | null = null
  handOverTick = 0 // When a leader that goes when a joint membership is left may hand over to one that stays.
  leaseUntilMs = 0
  leaseBroken = false // A leader told somebody to force an election: nobody may count on a lease in this term any more.
  heardTicks = 0 // When it last heard any leader, or started.
  snapshotMeta: SnapshotMeta | null
  installing: Snapshot | null = null
  before: Message[] = []
  after: Message[] = []
  readStates: ReadState[] = []
  readsLost: number[] = []

  constructor(config: RaftConfig, recovered: Recovered | null, applied: number) {
    this.settings = settle(config)
    this.id = config.id
    const { hardState, entries, snapshot } = recovered ?? { hardState: { term: 0, vote: null, commit: 0 }, entries: [], snapshot: null }
    this.snapshotMeta = snapshot
    this.membership = snapshot?.membership ?? config.membership
    this.peers = this.#others()
    const base = snapshot ?? { index: 0, term: 0 }
    this.appliedIndex = Math.max(applied, base.index)
    this.log = new RaftLog(base, entries, Math.max(hardState.commit, committedByChange(entries)), this.appliedIndex)
    // A torn save may hold entries and not the hard state that came with them. Nothing was promised in that term yet.
    const torn = this.log.lastTerm > hardState.term
    this.term = this.savedTerm = torn ? this.log.lastTerm : hardState.term
    this.vote = this.savedVote = torn ? null : hardState.vote
    this.forwards = new ForwardedReads(this.settings.random())
    if (recovered === null) this.heardTicks = -this.settings.electionTicks // It cannot have promised anything.
    this.#reset(this.term)
  }

  /** Of this member as it knows itself. Who is none campaigns for nothing. */
  get isVoter(): boolean {
    return isVoterOf(this.membership, this.id)
  }

  get isMember(): boolean {
    return isMember(this.membership, this.id)
  }

  isPeer(id: string): boolean {
    return id !== this.id && isMember(this.membership, id)
  }

  become(membership: Membership): void {
    this.membership = membership
    this.peers = this.#others()
  }

  #others(): string[] {
    return membersOf(this.membership).filter(member => member !== this.id)
  }

  /**
   * A member that lately heard from a leader stands by it, so that one that did not cannot disturb it (Raft §6, thesis §9.6). Where
   * reads rest on that it is a promise, which neither a lost link nor a higher term undoes, and not even a restart.
   */
  get isLeased(): boolean {
    const { electionTicks, leaseReads } = this.settings
    if (leaseReads !== undefined) return this.role === 'leader' || this.ticks - this.heardTicks < electionTicks
    return this.leader !== null && this.electionElapsed < electionTicks
  }

  send(message: Message): void {
    switch (message.type) {
      case 'append':
      case 'heartbeat':
      case 'snapshot':
      case 'readIndex':
      case 'timeoutNow':
      case 'readIndexResponse':
        this.before.push(message)
        return
      case 'heartbeatResponse':
        // Says only "still in this term"; it waits for the disk if the disk has not heard of the term.
        if (this.savedTerm === this.term) this.before.push(message)
        else this.after.push(message)
        return
      case 'preVote':
      case 'preVoteResponse':
      case 'vote':
      case 'voteResponse':
        this.after.push(message)
        return
      case 'appendResponse': {
        // Acknowledgements of one batch to one leader fold into the greatest: within a term they are cumulative.
        const last = this.after.at(-1)
        const folds =
          last?.type === 'appendResponse' && !last.rejected && !message.rejected && last.to === message.to && last.term === message.term
        if (!folds) this.after.push(message)
        else if (message.index > last.index) this.after[this.after.length - 1] = message
        return
      }
      default:
        unreachable(message)
    }
  }

  becomeFollower(term: number, leader: string | null): void {
    const reelected = leader !== null && leader === this.leader && term === this.term
    this.#reset(term)
    this.role = 'follower'
    this.leader = leader
    if (!reelected) this.#loseReads()
  }

  /** Changes neither term nor vote: a member that cannot win leaves no trace (Raft thesis §9.6). */
  becomePreCandidate(): void {
    assert(this.role !== 'leader', 'a leader does not campaign')
    this.role = 'preCandidate'
    this.leader = null
    this.votes.clear()
    this.#loseReads()
    this.#restartRetry()
  }

  becomeCandidate(): void {
    assert(this.role !== 'leader', 'a leader does not campaign')
    this.#reset(this.term + 1)
    this.#loseReads()
    this.role = 'candidate'
    this.leader = null
    this.vote = this.id
    this.#restartRetry()
  }

  becomeLeader(): void {
    assert(this.role === 'candidate', 'only a candidate wins')
    assert(this.savedTerm === this.term && this.savedVote === this.id, 'a leader voted for itself on disk')
    this.#reset(this.term)
    this.role = 'leader'
    this.leader = this.id
    // The log may hold a change that is not decided yet; as etcd-io/raft, it is taken for granted that it does.
    this.changeIndex = this.log.lastIndex
    for (const id of [this.id, ...this.peers]) this.progress.set(id, new Progress(id, this.log.lastIndex + 1))
    this.own.match = this.log.saved
    this.uncommittedBytes = 0
    for (let index = this.log.commit + 1; index <= this.log.lastIndex; ) {
      const page = this.log.page(index, this.settings.appendBytesMax)
      for (const entry of page) this.uncommittedBytes += entry.data.length
      index += page.length
    }
    // An entry of its own term lets a leader learn what is committed (Raft §8).
    this.appendOwn('normal', noData)
  }

  get own(): Progress {
    const own = this.progress.get(this.id)
    assert(own !== undefined, 'a leader has progress')
    return own
  }

  appendOwn(kind: Entry['kind'], data: Uint8Array): number {
    assert(this.role === 'leader', 'only a leader appends of its own')
    const index = this.log.lastIndex + 1
    this.log.append({ index, term: this.term, kind, data })
    this.uncommittedBytes += data.length
    return index
  }

  commitTo(index: number): void {
    const { log } = this
    if (this.role === 'leader' && index > log.commit)
      for (const entry of log.page(log.commit + 1, Number.POSITIVE_INFINITY, index)) this.uncommittedBytes -= entry.data.length
    log.commitTo(index)
  }

  /** The last entry that is known to be committed. */
  get decided(): Decided {
    const { log } = this
    const term = log.termAt(log.commit)
    assert(term !== undefined, 'what is committed is in the log or its base', { index: log.commit })
    return { index: log.commit, term }
  }

  /** Somebody, whoever it is, knows that entry to be committed, and so all before it: a log that has it has the same before it (Raft §5.3). */
  learn({ index, term }: Decided): void {
    if (this.log.termAt(index) === term) this.commitTo(index)
  }

  /** A leader may not read until it knows what former leaders committed (Raft §8). */
  get hasCommittedInTerm(): boolean {
    return this.log.termAt(this.log.commit) === this.term
  }

  #reset(term: number): void {
    if (term !== this.term) {
      assert(term > this.term, 'terms only grow', { from: this.term, to: term })
      this.term = term
      this.vote = null
    }
    this.leader = null
    this.electionElapsed = 0
    this.heartbeatElapsed = 0
    this.hintTicks = noTicks
    this.votes.clear()
    this.progress.clear()
    this.transfer = null
    this.handOverTick = 0
    this.leaseUntilMs = 0
    this.leaseBroken = false
    const { electionTicks, electionJitterTicks, random } = this.settings
    this.timeoutTicks = electionTicks + Math.floor(random() * electionJitterTicks)
  }

  /** A round of votes takes milliseconds, not an election timeout: a split one is retried soon. */
  #restartRetry(): void {
    const { retryTicks, random } = this.settings
    this.electionElapsed = 0
    this.hintTicks = noTicks
    this.timeoutTicks = retryTicks + Math.floor(random() * 2 * retryTicks)
  }

  #loseReads(): void {
    for (const { from, token } of this.reads.drop()) if (from === this.id) this.readsLost.push(token)
    this.readsLost.push(...this.forwards.drop())
  }
}

/**
 * A change is proposed only once the one before it is applied, so of those in a log all but the last are committed. A member that forgot
 * that, as a crash may have it, would count by a membership two changes old, and that need not share a member with the newest.
 */
function committedByChange(entries: readonly Entry[]): number {
  let last = 0
  let before = 0
  for (const { kind, index } of entries) {
    if (kind !== 'config') continue
    before = last
    last = index
  }
  return before
}
