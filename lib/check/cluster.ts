// Cluster: what must hold between members, whatever clients saw: one leader a term, equal states, and of their logs what Raft
// promises (figure 3): log matching, leader completeness, state machine safety.
//
// A log is told in parts, as members were looked at: some entries, without a gap, and how far it was committed. More looks find
// more; a log that nobody looked at proves nothing.

import { guarantees, type Violation, violation, violationsMax } from './guarantee.js'

export interface LeaderFact {
  readonly term: number
  readonly member: string
  readonly atUs: number
}

/** Of a member that has caught up. The hash is that of its state as it is serialised (mvcc's `hashOf`): every version of every key. */
export interface MemberState {
  readonly member: string
  readonly hash: number
  readonly revision: number
  readonly compactRevision: number
}

export interface LogEntryFact {
  readonly index: number
  readonly term: number
  /** Of the entry's kind and bytes. */
  readonly hash: number
}

/** A part of a member's log, as it was at an instant. */
export interface LogFact {
  readonly member: string
  readonly atUs: number
  /** Of the member then. */
  readonly term: number
  readonly isLeader: boolean
  readonly commit: number
  readonly lastIndex: number
  /** Without a gap. Those before the first, and those after the last, were not told. */
  readonly entries: readonly LogEntryFact[]
}

export interface ClusterFacts {
  readonly leaders: readonly LeaderFact[]
  readonly states: readonly MemberState[]
  readonly logs?: readonly LogFact[]
}

export function checkCluster({ leaders, states, logs = [] }: ClusterFacts): Violation[] {
  return [...checkLeaders(leaders), ...checkStates(states), ...new Logs(logs).check()].slice(0, violationsMax)
}

function checkLeaders(leaders: readonly LeaderFact[]): Violation[] {
  const wrong: Violation[] = []
  const ofTerm = new Map<number, LeaderFact>()
  for (const fact of leaders) {
    const other = ofTerm.get(fact.term)
    if (other === undefined) ofTerm.set(fact.term, fact)
    else
      wrong.push(
        violation(guarantees.oneLeader, `term ${fact.term}: ${other.member} at ${other.atUs} us, ${fact.member} at ${fact.atUs} us`)
      )
  }
  return wrong
}

function checkStates([first, ...rest]: readonly MemberState[]): Violation[] {
  if (first === undefined) return []
  return rest
    .filter(({ hash, revision, compactRevision }) => {
      return hash !== first.hash || revision !== first.revision || compactRevision !== first.compactRevision
    })
    .map(state => violation(guarantees.equalStates, `${JSON.stringify(first)}\n${JSON.stringify(state)}`))
}

interface Told {
  readonly entry: LogEntryFact
  readonly by: LogFact
}

class Logs {
  readonly #facts: readonly LogFact[]
  /** By index and term, what was told of it, and of the entry before it. */
  readonly #told = new Map<string, Told & { before: LogEntryFact | undefined }>()
  readonly #committed = new Map<number, Told>()
  readonly #lastOfTerm = new Map<number, Told>() // The last entry that somebody in that term knew to be committed.

  constructor(facts: readonly LogFact[]) {
    this.#facts = [...facts].sort((a, b) => a.atUs - b.atUs)
  }

  check(): Violation[] {
    const wrong: Violation[] = []
    for (const fact of this.#facts) {
      const found = this.#matching(fact) ?? this.#complete(fact) ?? this.#safe(fact)
      if (found !== undefined) wrong.push(found)
      if (wrong.length >= violationsMax) break
    }
    return wrong
  }

  /** Raft §5.3: entries of one index and term are the same, and so is everything before them. */
  #matching(fact: LogFact): Violation | undefined {
    for (const [at, entry] of fact.entries.entries()) {
      const before = at === 0 ? undefined : fact.entries[at - 1]
      const name = `${entry.index} ${entry.term}`
      const other = this.#told.get(name)
      if (other === undefined) {
        this.#told.set(name, { entry, before, by: fact })
        continue
      }
      const isSame = other.entry.hash === entry.hash
      const isBeforeSame = other.before === undefined || before === undefined || equalEntries(other.before, before)
      if (!isSame || !isBeforeSame)
        return violation(guarantees.logMatching, `${describe(other.by, other.entry, other.before)}\n${describe(fact, entry, before)}`)
      other.before ??= before
    }
    return undefined
  }

  /** Raft §5.4: what was committed in a term is in the log of the leader of every later term. */
  #complete(fact: LogFact): Violation | undefined {
    if (!fact.isLeader) return undefined
    const missing = (told: Told, mine: LogEntryFact | undefined): Violation =>
      violation(guarantees.leaderCompleteness, `committed: ${describe(told.by, told.entry)}\nleads without it: ${describe(fact, mine)}`)
    for (const told of this.#lastOfTerm.values())
      if (told.by.term < fact.term && told.entry.index > fact.lastIndex) return missing(told, undefined)
    for (const mine of fact.entries) {
      const told = this.#committed.get(mine.index)
      // Known to be committed in a term before this one: not later than the term of who knew it.
      if (told !== undefined && told.by.term < fact.term && !equalEntries(told.entry, mine)) return missing(told, mine)
    }
    return undefined
  }

  /** Raft §5.4.3: what is committed at an index is the same everywhere. */
  #safe(fact: LogFact): Violation | undefined {
    for (const entry of fact.entries) {
      if (entry.index > fact.commit) break
      const other = this.#committed.get(entry.index)
      const last = this.#lastOfTerm.get(fact.term)
      if (last === undefined || last.entry.index < entry.index) this.#lastOfTerm.set(fact.term, { entry, by: fact })
      if (other === undefined) this.#committed.set(entry.index, { entry, by: fact })
      else if (!equalEntries(other.entry, entry))
        return violation(guarantees.committedSame, `${describe(other.by, other.entry)}\n${describe(fact, entry)}`)
    }
    return undefined
  }
}

const equalEntries = (a: LogEntryFact, b: LogEntryFact): boolean => a.index === b.index && a.term === b.term && a.hash === b.hash

function describe({ member, atUs, term, commit, lastIndex }: LogFact, entry?: LogEntryFact, before?: LogEntryFact): string {
  const show = (one: LogEntryFact): string => `${one.index} of term ${one.term}, hash ${one.hash}`
  const has = entry === undefined ? 'nothing there' : `entry ${show(entry)}${before === undefined ? '' : `, after ${show(before)}`}`
  return `${member} at ${atUs} us, in term ${term}, committed to ${commit}, last ${lastIndex}: ${has}`
}
