// Cluster: members over a network and disks made of arrays, moved one event at a time by a test, with Raft's promises checked
// after every event. What a member sends before its save leaves at once; the rest only when the test lets the save finish.
// A crash keeps a beginning of an unfinished save, of the test's choosing.

import {
  type Decided,
  type Entry,
  foundedBy,
  type HardState,
  isVoterOf,
  type LeaseReads,
  type Membership,
  type Message,
  membersOf,
  type ProposedChange,
  Raft,
  type RaftLimits,
  type Ready,
  type SnapshotMeta
} from '../../lib/raft/index.js'
import { assert } from '../../lib/std/index.js'

export interface Disk {
  hardState: HardState
  entries: Entry[] // From just above the snapshot, unless a tail was kept.
  snapshot: SnapshotMeta | null
}

export interface Member {
  readonly id: string
  disk: Disk
  raft: Raft | null // Null while crashed.
  saving: Ready | null
  applied: number
  membership: Membership // As its raft said last.
  gone: boolean // It was removed, and knows or was told: it stopped for good.
  lost: boolean // Its disk forgot what it had synced: it takes no part before it has rejoined.
  ghost: Disk | null // What that was.
  commit: number
  reads: Map<number, number> // Context → what was acknowledged when it was asked.
  ledTerm: number
  ledLast: number
}

export interface Options {
  readonly size: number
  readonly spares?: number // That run, and are no members until they are added.
  readonly leaseReads?: (id: string) => LeaseReads
  readonly limits?: Partial<RaftLimits>
  readonly random: (id: string) => () => number
  readonly asyncSave?: boolean // The test finishes saves itself.
  readonly leaves?: boolean // Whoever knows of its removal stops for good, as a store does, and so does whoever speaks to one that knows.
}

const decoder = new TextDecoder()

export class Cluster {
  readonly members: Member[]
  readonly ids: string[]
  readonly network: Message[] = []
  readonly cut = new Set<string>() // 'a>b'
  readonly answers = new Map<number, number>() // Read context → index.
  readonly lost = new Set<number>()
  /** The oracle: every entry anybody applied, by index. */
  readonly committed: Entry[] = []
  readonly #options: Options
  readonly #founded: Membership
  readonly #leaders = new Map<number, string>()
  readonly #votes = new Map<string, string>()
  readonly #known = new Map<string, { data: string; prevTerm: number | undefined }>()
  /** Memberships by what was committed, oldest first, each with the index of its change. */
  readonly memberships: { readonly index: number; readonly membership: Membership }[]
  #decided: Membership // By which something was decided last.
  readonly #sharing = new Map<string, boolean>()
  readonly #lastWords = new Map<string, { readonly members: readonly string[]; readonly decided: Decided }>()
  rejoined = 0
  #rejoining = new Map<string, { readonly leader: string; readonly term: number; readonly index: number }>()

  constructor(options: Options) {
    this.#options = options
    const { size, spares = 0 } = options
    this.ids = Array.from({ length: size + spares }, (_, i) => String.fromCharCode(97 + i))
    this.#founded = foundedBy(this.ids.slice(0, size))
    this.memberships = [{ index: 0, membership: this.#founded }]
    this.#decided = this.#founded
    this.members = this.ids.map(id => ({
      id,
      disk: { hardState: { term: 0, vote: null, commit: 0 }, entries: [], snapshot: null },
      raft: null,
      saving: null,
      applied: 0,
      membership: this.#founded,
      gone: false,
      lost: false,
      ghost: null,
      commit: 0,
      reads: new Map(),
      ledTerm: 0,
      ledLast: 0
    }))
    for (const { id } of this.members) this.restart(id)
  }

  member(id: string): Member {
    const found = this.members.find(member => member.id === id)
    assert(found !== undefined, 'a member of the test', { id })
    return found
  }

  raft(id: string): Raft {
    const { raft } = this.member(id)
    assert(raft !== null, 'the member is up', { id })
    return raft
  }

  get leaders(): string[] {
    return this.members.filter(member => member.raft?.isLeader).map(member => member.id)
  }

  get acknowledged(): number {
    return this.committed.length
  }

  get membership(): Membership {
    return (this.memberships.at(-1) as { membership: Membership }).membership
  }

  /** The index of the last change. */
  get changedAt(): number {
    return (this.memberships.at(-1) as { index: number }).index
  }

  restart(id: string): void {
    const member = this.member(id)
    if (member.lost || member.gone) return
    const { disk } = member
    const recovered = { hardState: disk.hardState, entries: [...disk.entries], snapshot: disk.snapshot }
    member.applied = disk.snapshot?.index ?? 0
    const { limits, leaseReads, random } = this.#options
    const config = { ...limits, id, membership: this.#founded, leaseReads: leaseReads?.(id), random: random(id) }
    const isNew = disk.hardState.term === 0 && disk.entries.length === 0 && disk.snapshot === null
    member.raft = new Raft(config, isNew ? null : recovered, member.applied)
    member.membership = member.raft.membership
    member.commit = 0
  }

  /** The disk of `id` forgets everything. What it had promised is promised still. */
  lose(id: string): void {
    this.crash(id)
    const member = this.member(id)
    member.ghost = member.disk
    member.disk = { hardState: { term: 0, vote: null, commit: 0 }, entries: [], snapshot: null }
    member.lost = true
  }

  /** As a store does (docs/adr): asks to be demoted, and once it is, begins anew with its leader's state. To be called again until it has. */
  rejoin(id: string, leader: string): void {
    const member = this.member(id)
    const { raft, applied } = this.member(leader)
    if (!member.lost || raft === null || !raft.isLeader) return
    const asked = this.#rejoining.get(id)
    if (asked === undefined || asked.leader !== leader || asked.term !== raft.term) {
      this.act(leader, raft => {
        const proposed = raft.proposeChange({ kind: 'demote', member: id })
        if (proposed.accepted) this.#rejoining.set(id, { leader, term: proposed.term, index: proposed.index })
      })
    } else if (applied >= asked.index && this.member(leader).saving === null) {
      this.#rejoining.delete(id)
      const snapshot = raft.snapshotMeta(applied)
      member.disk = { hardState: { term: raft.term, vote: leader, commit: snapshot.index }, entries: [], snapshot }
      member.lost = false
      this.rejoined++
      this.restart(id)
    }
  }

  /** Whether a change may be under way. */
  get isChanging(): boolean {
    if (this.membership.outgoing !== undefined) return true
    const open = ({ index, kind }: Entry): boolean => kind === 'config' && index > this.committed.length
    return (
      this.members.some(({ disk, raft }) => disk.entries.some(open) || (raft?.entries(this.committed.length + 1, 1e9) ?? []).some(open)) ||
      this.network.some(message => message.type === 'append' && message.entries.some(open))
    )
  }

  /** False if refused. */
  change(id: string, change: ProposedChange): boolean {
    let accepted = false
    this.act(id, raft => {
      accepted = raft.proposeChange(change).accepted
    })
    return accepted
  }

  /** `kept`: how many records of the unfinished save reached the disk. */
  crash(id: string, kept = 0): void {
    const member = this.member(id)
    if (member.saving !== null) this.#write(member, member.saving, kept)
    member.raft = null
    member.saving = null
    member.reads.clear()
  }

  /** Something happened to `id`; let it act on it. */
  act(id: string, input: (raft: Raft) => void): void {
    const member = this.member(id)
    if (member.raft === null) return
    input(member.raft)
    this.pump(id)
  }

  pump(id: string): void {
    const member = this.member(id)
    while (member.raft !== null && member.saving === null && member.raft.hasReady()) {
      const ready = member.raft.ready()
      this.#checkLeader(member)
      member.saving = ready
      for (const message of ready.messagesBeforeSave) this.#send(message)
      if (this.#options.asyncSave) return
      this.#finish(member)
    }
    this.#checkLeader(member)
  }

  finishSave(id: string): void {
    const member = this.member(id)
    if (member.saving === null) return
    this.#finish(member)
    this.pump(id)
  }

  /** Until there is nothing left to save. */
  finishSaves(id: string): void {
    this.pump(id)
    while (this.member(id).saving !== null) this.finishSave(id)
  }

  tick(id: string, times = 1): void {
    for (let i = 0; i < times; i++) this.act(id, raft => raft.tick())
  }

  propose(id: string, text: string): boolean {
    let accepted = false
    this.act(id, raft => {
      accepted = raft.propose(new TextEncoder().encode(text)).accepted
    })
    return accepted
  }

  /** All in one batch. False if any is refused. */
  read(id: string, ...contexts: number[]): boolean {
    const member = this.member(id)
    let accepted = member.raft !== null
    this.act(id, raft => {
      for (const context of contexts) {
        member.reads.set(context, this.acknowledged)
        accepted = raft.readIndex(context).accepted && accepted
      }
    })
    return accepted
  }

  /** Takes message `at` off the network, to its receiver unless the link is cut. */
  deliver(at: number, again = false): void {
    const message = this.network[at]
    if (message === undefined) return
    if (!again) this.network.splice(at, 1)
    if (this.cut.has(`${message.from}>${message.to}`)) return
    const { raft, membership } = this.member(message.to)
    if (this.#options.leaves === true && raft !== null && membership.removed.includes(message.from)) this.#leave(this.member(message.from))
    else this.act(message.to, raft => raft.step(message))
  }

  /** Everything in order until nobody has anything to say. */
  settle(): void {
    for (let i = 0; this.network.length > 0; i++) {
      assert(i < 100_000, 'the network falls silent')
      this.deliver(0)
      if (this.#options.asyncSave) for (const id of this.ids) this.finishSaves(id)
    }
  }

  /** Time passes for all that are up. */
  pass(ticks: number): void {
    for (let i = 0; i < ticks; i++) {
      for (const id of this.ids) this.tick(id)
      this.settle()
    }
  }

  isolate(id: string): void {
    for (const other of this.ids) this.disconnect(id, other)
  }

  disconnect(a: string, b: string): void {
    this.cut.add(`${a}>${b}`)
    this.cut.add(`${b}>${a}`)
  }

  heal(): void {
    this.cut.clear()
  }

  /** A snapshot of what `id` has applied. */
  compact(id: string): void {
    const member = this.member(id)
    if (member.raft === null || member.applied === 0 || member.saving !== null) return
    if (member.applied <= (member.disk.snapshot?.index ?? 0)) return
    const meta = member.raft.snapshotMeta(member.applied)
    member.disk.snapshot = meta
    member.disk.entries = member.disk.entries.filter(entry => entry.index > meta.index)
    member.raft.compact(meta)
  }

  #finish(member: Member): void {
    const ready = member.saving
    assert(ready !== null && member.raft !== null, 'a save is under way')
    this.#write(member, ready, Number.POSITIVE_INFINITY)
    member.saving = null
    for (const message of ready.messagesAfterSave) this.#send(message)
    if (ready.snapshot !== null) {
      const { index, term } = ready.snapshot.meta
      assert(index > member.applied, 'a snapshot moves the state machine forward', { id: member.id, index })
      assert(this.committed[index - 1]?.term === term, 'State machine safety: a snapshot is of what was applied', { index })
      const { membership } = ready.snapshot.meta
      const right = this.memberships.findLast(one => one.index <= index)?.membership
      assert(same(membership, right), 'A snapshot has the membership of its index', { index })
      member.applied = index
      member.membership = membership
    }
    for (const entry of ready.committed) this.#apply(member, entry)
    for (const { index, contexts } of ready.readStates) for (const context of contexts) this.#answer(member, context, index)
    for (const context of ready.readsLost) {
      this.lost.add(context)
      member.reads.delete(context)
    }
    member.raft.saved()
    if (this.#options.leaves === true && member.membership.removed.includes(member.id)) this.#leave(member)
  }

  #leave(member: Member): void {
    this.#farewell(member)
    this.crash(member.id)
    member.gone = true
  }

  /** In each of its lives it tells those it knows what is decided. */
  #farewell({ raft, membership, id }: Member): void {
    if (raft === null) return
    this.#lastWords.set(id, { members: membersOf(membership), decided: raft.decided })
  }

  tellLastWords(): void {
    for (const { members, decided } of this.#lastWords.values()) for (const id of members) this.act(id, raft => raft.learn(decided))
  }

  #write(member: Member, ready: Ready, records: number): void {
    const { disk } = member
    let left = records
    if (ready.snapshot !== null && left-- > 0) {
      disk.snapshot = ready.snapshot.meta
      disk.entries = []
    }
    for (const entry of ready.entries) {
      if (left-- <= 0) break
      const first = disk.entries[0]?.index ?? (disk.snapshot?.index ?? 0) + 1
      assert(entry.index - first <= disk.entries.length, 'the saved log has no gap', { id: member.id, index: entry.index })
      this.#checkMatching(disk, entry, first)
      disk.entries.length = entry.index - first
      disk.entries.push(entry)
    }
    if (ready.hardState !== null && left-- > 0) disk.hardState = ready.hardState
  }

  #send(message: Message): void {
    assert(message.to !== message.from, 'nobody talks to itself')
    if (message.type === 'vote' || (message.type === 'voteResponse' && message.granted)) {
      const key = `${message.term} ${message.from}`
      const vote = message.type === 'vote' ? message.from : message.to
      const before = this.#votes.get(key)
      assert(before === undefined || before === vote, 'A member votes once a term', { key, before, vote })
      this.#votes.set(key, vote)
    }
    this.network.push(message)
  }

  #apply(member: Member, entry: Entry): void {
    assert(entry.index === member.applied + 1, 'State machine safety: applied in order, without gap', { id: member.id, index: entry.index })
    member.applied = entry.index
    if (entry.kind === 'config') member.membership = (member.raft as Raft).applyChange(entry).membership
    const before = this.committed[entry.index - 1]
    if (before !== undefined) {
      const same = before.term === entry.term && decoder.decode(before.data) === decoder.decode(entry.data)
      assert(same, 'State machine safety: one entry an index', { id: member.id, index: entry.index, term: entry.term, before: before.term })
      return
    }
    this.committed[entry.index - 1] = entry
    // Decided by the members as of what its leader had applied: that may not have been the last change before it.
    const holders = this.members.filter(({ disk, ghost }) => holds(disk, entry) || holds(ghost, entry)).map(({ id }) => id)
    const held = this.memberships.slice(-2).some(({ membership }) => decides(membership, holders))
    assert(held, 'Durability: what is applied is on the disks of a majority', { index: entry.index })
    if (entry.kind === 'config') this.memberships.push({ index: entry.index, membership: member.membership })
  }

  #answer(member: Member, context: number, index: number): void {
    const floor = member.reads.get(context)
    if (floor === undefined) return // Of a former life.
    assert(index >= floor, 'Linearizable reads: a read sees what was acknowledged before it', { id: member.id, index, floor })
    member.reads.delete(context)
    this.answers.set(context, index)
  }

  /** Log matching by induction: an index and a term mean one entry, after one predecessor. */
  #checkMatching(disk: Disk, entry: Entry, first: number): void {
    const before = entry.index - 1
    const prevTerm = before >= first ? disk.entries[before - first]?.term : before === disk.snapshot?.index ? disk.snapshot.term : undefined
    const data = decoder.decode(entry.data)
    const key = `${entry.index} ${entry.term}`
    const known = this.#known.get(key)
    if (known === undefined) this.#known.set(key, { data, prevTerm })
    else {
      const same = known.data === data && (known.prevTerm === prevTerm || known.prevTerm === undefined || prevTerm === undefined)
      assert(same, 'Log matching: one entry per index and term, one history before it', { key })
    }
  }

  /** Who leads, and what is committed, is decided by majorities of which two in a row share a member. */
  #checkDecision({ id, raft }: Member): void {
    const { membership } = raft as Raft
    assert(isVoterOf(membership, id), 'Only a voter decides', { id })
    const [now, before] = [votersText(membership), votersText(this.#decided)]
    const key = `${now} after ${before}`
    const shared = this.#sharing.get(key) ?? shareMember(membership, this.#decided)
    this.#sharing.set(key, shared)
    assert(shared, 'Two disjoint majorities never decide', { id, voters: now, before })
    this.#decided = membership
  }

  #checkLeader(member: Member): void {
    const { raft } = member
    if (raft === null) return
    const { term, lastIndex, saved, commit } = raft.status()
    const before = member.commit
    member.commit = commit
    assert(saved <= lastIndex, 'What is saved is in the log', { id: member.id, saved, lastIndex })
    if (!raft.isLeader) return
    if (member.ledTerm !== term) {
      const other = this.#leaders.get(term)
      assert(other === undefined || other === member.id, 'Election safety: one leader a term', { term, other, id: member.id })
      this.#leaders.set(term, member.id)
      this.#checkCompleteness(member)
      this.#checkDecision(member)
      member.ledTerm = term
      member.ledLast = lastIndex
    } else if (commit > before) this.#checkDecision(member)
    assert(lastIndex >= member.ledLast, 'Leader append-only: its log does not shrink', { id: member.id })
    member.ledLast = lastIndex
  }

  /** A leader of a new term has every entry that was committed. Its log but for the opening entry is on its disk. */
  #checkCompleteness({ id, disk }: Member): void {
    for (const entry of this.committed.slice(disk.snapshot?.index ?? 0)) {
      assert(holds(disk, entry), 'Leader completeness: a new leader has all that was committed', { id, index: entry.index })
    }
  }
}

const votersText = ({ voters, outgoing }: Membership): string =>
  outgoing === undefined ? voters.join(' ') : `${voters.join(' ')} and ${outgoing.join(' ')}`

/** The definition (Raft §6): more than half of the voters; while they are joint, of those before and of those to come. */
export const decides = ({ voters, outgoing = voters }: Membership, agreeing: readonly string[]): boolean =>
  [voters, outgoing].every(list => list.filter(voter => agreeing.includes(voter)).length * 2 > list.length)

/** Whether there are no two groups without a common member of which each could decide. Tries all. */
export function shareMember(a: Membership, b: Membership): boolean {
  const all = [...new Set([a, b].flatMap(({ voters, outgoing = [] }) => [...voters, ...outgoing]))]
  for (let code = 0; code < 2 ** all.length; code++) {
    const inside = all.filter((_, at) => (code >> at) & 1)
    if (
      decides(a, inside) &&
      decides(
        b,
        all.filter(member => !inside.includes(member))
      )
    )
      return false
  }
  return true
}

const same = (a: Membership, b: Membership | undefined): boolean => JSON.stringify(a) === JSON.stringify(b)

function holds(disk: Disk | null, entry: Entry): boolean {
  if (disk === null) return false
  if (disk.snapshot !== null && entry.index <= disk.snapshot.index) return true
  const first = disk.entries[0]?.index
  return first !== undefined && disk.entries[entry.index - first]?.term === entry.term
}
