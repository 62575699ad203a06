// Needs: how many more writes in doubt what is known of the keys asks for, and by when; and whether there are as many revisions left
// that they can have taken. A choice that leaves too few is wrong, long before the answer comes that says so.
//
// Only keys are counted that no write in doubt changes together with another: then each need is a revision of its own.

import type { StoreKeyValue } from '../storage/index.js'
import type { Doubts } from './doubts.js'
import { countBetween, type KeyFact, type KeyFacts, placeOf } from './key-facts.js'
import { firstPlace, type Model } from './model.js'

interface Step {
  readonly revision: number
  readonly before: readonly (readonly [key: string, needs: readonly number[]])[]
}

export class Needs {
  readonly #unclaimed: readonly number[]
  /** Of the unclaimed revisions up to each, those that are left beyond what is needed by then. */
  readonly #spare: Int32Array
  readonly #of = new Map<string, readonly number[]>()
  readonly #steps: Step[] = []
  readonly #doubts: Doubts
  readonly #isCounting: boolean

  constructor(doubts: Doubts, unclaimed: readonly number[]) {
    this.#doubts = doubts
    this.#unclaimed = unclaimed
    this.#spare = Int32Array.from(unclaimed, (_, at) => at + 1)
    const shared = new Set(doubts.all.flatMap(({ keys }) => (keys.length > 1 ? keys : [])))
    for (const [key, facts] of doubts.keys.all()) {
      if (shared.has(key) || facts.isReplaceable) continue
      this.#of.set(key, [])
      this.#set(key, needsOf(facts, 1, undefined))
    }
    // There are too few from the beginning: the replay will say what is wrong.
    this.#isCounting = this.#short(0) === undefined
  }

  /** What looking at all of it costs, in steps. */
  get steps(): number {
    return this.#unclaimed.length / 1000
  }

  /** A write took that revision, and changed these keys. If that leaves too few, it is as if it had not, and these need too many. */
  take(revision: number, keys: readonly string[], model: Model): readonly string[] | undefined {
    if (!this.#isCounting) return undefined
    const place = this.#place(revision)
    const before: [string, readonly number[]][] = []
    for (let at = place; at < this.#spare.length; at++) this.#spare[at] = (this.#spare[at] as number) - 1
    for (const key of keys) {
      const needs = this.#of.get(key)
      if (needs === undefined) continue
      before.push([key, needs])
      this.#set(key, needsOf(this.#doubts.keys.get(key) as KeyFacts, revision, model.at(key, revision)))
    }
    this.#steps.push({ revision, before })
    const short = this.#short(place)
    if (short === undefined) return undefined
    const until = this.#unclaimed[short + 1] ?? Number.POSITIVE_INFINITY
    const needing = [...this.#of].filter(([, needs]) => needs.some(deadline => deadline < until))
    this.undo(revision)
    return needing.map(([key]) => key)
  }

  undo(revision: number): void {
    const last = this.#steps.at(-1)
    if (last?.revision !== revision) return
    this.#steps.pop()
    for (let at = this.#place(revision); at < this.#spare.length; at++) this.#spare[at] = (this.#spare[at] as number) + 1
    for (const [key, needs] of last.before) this.#set(key, needs)
  }

  /** The first place from that one on up to which there are too few. */
  #short(from: number): number | undefined {
    for (let at = from; at < this.#spare.length; at++) if ((this.#spare[at] as number) < 0) return at
    return undefined
  }

  #set(key: string, needs: readonly number[]): void {
    for (const deadline of this.#of.get(key) ?? []) this.#add(deadline, 1)
    for (const deadline of needs) this.#add(deadline, -1)
    this.#of.set(key, needs)
  }

  #add(deadline: number, by: number): void {
    const from = Math.max(0, this.#place(deadline + 1) - 1)
    for (let at = from; at < this.#spare.length; at++) this.#spare[at] = (this.#spare[at] as number) + by
  }

  /** Of the first unclaimed revision from that one on. */
  #place(revision: number): number {
    return firstPlace(this.#unclaimed.length, at => (this.#unclaimed[at] as number) >= revision)
  }
}

/** By when writes in doubt have to have changed a key that is as it is after that revision, each once; not before. */
function needsOf(facts: KeyFacts, revision: number, now: StoreKeyValue | undefined): number[] {
  const needs: number[] = []
  const { puts, deletes } = facts
  let life = now?.createRevision ?? 0
  let version = now?.version ?? 0
  let counted = revision // Up to which puts are in `version`.
  let since = revision // From when on nothing was deleted for all that is known.
  const ended = (until: number): void => {
    const lastPut = puts[firstPlace(puts.length, at => (puts[at] as number) > until) - 1] ?? 0
    const alive = lastPut > since ? lastPut : life > 0 ? since : undefined
    if (alive !== undefined && countBetween(deletes, alive, until) === 0) needs.push(until)
  }
  for (const fact of factsAfter(facts, revision)) {
    const { create, mod } = fact
    if (create === undefined) continue
    if (create === 0) {
      ended(fact.revision)
      life = 0
      since = fact.revision
      continue
    }
    if (life !== create) {
      if (create <= since) break // They contradict each other.
      ended(create - 1)
      life = create
      version = 0
      counted = create - 1
    }
    since = fact.revision
    if (mod === undefined || fact.version === undefined) continue
    for (let need = fact.version - version - countBetween(puts, counted, mod); need > 0; need--) needs.push(mod)
    version = fact.version
    counted = Math.max(counted, mod)
  }
  return needs
}

function* factsAfter({ facts }: KeyFacts, revision: number): Generator<KeyFact> {
  for (let at = placeOf(facts, revision + 1); at < facts.length; at++) yield facts[at] as KeyFact
}
