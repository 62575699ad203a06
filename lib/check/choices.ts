// Choices: which write in doubt took each revision that no answer claims, as far as the search has come, and where it has to go
// back to when an answer contradicts that: to the latest choice that the contradiction depends on (conflict-directed backjumping,
// Prosser 1993). Choices in between are not at fault, so nothing else is tried for them.
//
// A choice is an offer: writes that do the same. Which one of them it was does not matter to what follows but for those that are left, so
// that is not searched but matched (matching.ts), together with the revisions to come that are known to need a write.

import type { Doubt, Doubts, Evidence, Offer } from './doubts.js'
import { comparesOf, type TxnOperation } from './history.js'
import { Matching } from './matching.js'
import { firstPlace, type Model } from './model.js'
import { Needs } from './needs.js'

/** What a contradiction depends on. */
export class Conflict {
  /** Every choice so far. */
  isOfAll = false
  /** Choices, by their revisions. */
  readonly choices = new Set<number>()
  /** Those of them that matter by the writes they use up, and not by what these do. */
  readonly uses = new Set<number>()
  /** What the others matter by: what they do to these keys. */
  readonly keys = new Set<string>()

  merge(other: Conflict, but: number): void {
    this.isOfAll ||= other.isOfAll
    for (const choice of other.choices) if (choice !== but) this.choices.add(choice)
    for (const choice of other.uses) if (choice !== but) this.uses.add(choice)
    for (const key of other.keys) this.keys.add(key)
  }
}

export interface Choice {
  readonly revision: number
  readonly suspects: readonly Doubt[] | undefined
  readonly offers: readonly Offer[]
  next: number
  /** Why the offers so far failed. */
  readonly conflict: Conflict
  /** If an offer failed that changes none of these keys: because of them. So will every other that changes none of them. */
  idle: ReadonlySet<string> | undefined
}

const suspectsMax = 20 // Of more it is not looked at what each may change.
const keySteps = 0.1 // To look at one key.
const skipSteps = 0.02 // To pass something over.

type Evidences = (revision: number) => Evidence

export class Choices {
  /** What was done, in steps. */
  steps = 0
  readonly #stack: Choice[] = []
  readonly #matching = new Matching()
  readonly #ahead = new Map<number, readonly TxnOperation[]>() // Revisions that need a write by what is known of them alone.
  readonly #needs: Needs
  readonly #doubts: Doubts
  readonly #model: Model
  readonly #evidenceOf: Evidences

  constructor(doubts: Doubts, model: Model, evidenceOf: Evidences, unclaimed: readonly number[]) {
    this.#doubts = doubts
    this.#model = model
    this.#evidenceOf = evidenceOf
    this.#needs = new Needs(doubts, unclaimed)
    for (const revision of unclaimed) {
      const domain = doubts.suspects(revision, evidenceOf(revision))?.map(({ operation }) => operation)
      // One that cannot be explained is for the replay to find, which says why.
      if (domain !== undefined && this.#matching.set(revision, domain) === undefined) this.#ahead.set(revision, domain)
    }
  }

  get count(): number {
    return this.#stack.length
  }

  /** The writes that took a revision. */
  get taken(): TxnOperation[] {
    return this.#stack.flatMap(({ revision }) => this.#matching.taken(revision) ?? [])
  }

  /** The keys of a range that any choice may change. */
  keysIn(range: { readonly key: string; readonly end?: string | undefined }): readonly string[] {
    return this.#doubts.keys.keysIn(range)
  }

  /** Those of a range that are there, or are not, and that no one knows to be so without the choices. */
  doubtfulIn(range: { readonly key: string; readonly end?: string | undefined }, isThere: boolean, revision: number): readonly string[] {
    return this.keysIn(range).filter(key => {
      if ((this.#model.at(key, revision) !== undefined) !== isThere) return false
      return this.#doubts.keys.get(key)?.presence(revision) !== isThere
    })
  }

  open(revision: number): Choice {
    const suspects = this.#doubts.suspects(revision, this.#evidenceOf(revision))
    this.steps += suspects === undefined ? this.#doubts.steps : 1 + suspects.length
    const offers = this.#doubts.of(revision, suspects, this.#model)
    const choice = { revision, suspects, offers, next: 0, conflict: new Conflict(), idle: undefined }
    this.#stack.push(choice)
    return choice
  }

  /** The next offer that may be of use, if its writes are not all used up. */
  take(choice: Choice): Offer | undefined {
    const { revision, offers, idle, conflict } = choice
    while (choice.next < offers.length) {
      const offer = offers[choice.next++] as Offer
      this.steps += skipSteps
      if (idle !== undefined && !changesOf(offer).some(key => idle.has(key))) continue
      const tried = this.#matching.set(
        revision,
        offer.doubts.map(({ operation }) => operation)
      )
      this.steps++
      if (tried === undefined) return offer
      this.#blameUses(tried, conflict, revision)
    }
    return undefined
  }

  /** After the model took that offer: keys that need more writes than there are revisions left. */
  needing({ revision }: Choice, offer: Offer): readonly string[] | undefined {
    this.steps += this.#needs.steps
    return this.#needs.take(revision, changesOf(offer), this.#model)
  }

  /** So many revisions have, whatever way they are shared out, fewer writes than they are. */
  #blameUses(revisions: ReadonlySet<number>, conflict: Conflict, but: number): void {
    for (const revision of revisions) {
      const choice = revision === but ? undefined : this.#at(revision)
      if (choice === undefined) continue
      conflict.choices.add(revision)
      conflict.uses.add(revision)
      // What else might have taken it would, in another state.
      const domain = new Set(this.#matching.domain(revision))
      for (const doubt of choice.suspects ?? [])
        if (!domain.has(doubt.operation)) this.blame(conflict, this.dependenciesOf(doubt), revision)
    }
    conflict.choices.delete(but)
  }

  #at(revision: number): Choice | undefined {
    const choice = this.#stack[this.#place(revision)]
    return choice?.revision === revision ? choice : undefined
  }

  #place(revision: number): number {
    return firstPlace(this.#stack.length, at => (this.#stack[at] as Choice).revision >= revision)
  }

  /** All choices that what these keys are at that revision may depend on. */
  blame(conflict: Conflict, keys: Iterable<string>, revision: number): void {
    const left: [key: string, revision: number][] = [...keys].map(key => [key, revision])
    const done = new Set<string>()
    for (let next = left.pop(); next !== undefined; next = left.pop()) {
      const [key, until] = next
      const facts = this.#doubts.keys.get(key)
      const name = `${until} ${key}`
      if (facts === undefined || done.has(name)) continue
      done.add(name)
      this.steps += keySteps
      conflict.keys.add(key)
      const from = Math.max(facts.lastWhole(until) + 1, facts.from)
      for (let at = this.#place(from); at < this.#stack.length; at++) {
        const choice = this.#stack[at] as Choice
        if (choice.revision > until) break
        this.steps += skipSteps
        if (this.#isCertain(choice, key)) continue
        conflict.choices.add(choice.revision)
        const taken = choice.offers[choice.next - 1]?.doubts[0]
        if (taken?.keys.includes(key)) for (const compared of this.#comparedBy(taken)) left.push([compared, choice.revision - 1])
      }
    }
  }

  /** Whether it is known without any search what a revision did to a key. */
  #isCertain({ revision, suspects }: Choice, key: string): boolean {
    if (this.#evidenceOf(revision).seen !== undefined) return true
    if (suspects === undefined) return false
    if (suspects.length === 1 && suspects[0]?.isPlain === true) return true
    return suspects.length <= suspectsMax && !suspects.some(({ keys }) => keys.includes(key))
  }

  /** What it would do depends on these keys. */
  dependenciesOf(doubt: Doubt): readonly string[] {
    return [...doubt.keys, ...this.#comparedBy(doubt)]
  }

  #comparedBy({ operation }: Doubt): readonly string[] {
    return comparesOf(operation.txn).flatMap(compare => this.#doubts.keys.keysIn(compare))
  }

  /** The latest choice that it depends on, all after it undone. Undefined: there is none. */
  back(conflict: Conflict): Choice | undefined {
    for (let choice = this.#stack.at(-1); choice !== undefined; choice = this.#stack.at(-1)) {
      if (conflict.isOfAll || conflict.choices.has(choice.revision)) {
        this.failed(choice, conflict)
        return choice
      }
      this.#drop()
    }
    return undefined
  }

  /** What that choice took led to that. */
  failed(choice: Choice, conflict: Conflict): void {
    this.#release(choice)
    const offer = choice.offers[choice.next - 1]
    const isByUse = conflict.isOfAll || conflict.uses.has(choice.revision)
    if (offer !== undefined && !isByUse && choice.idle === undefined && !changesOf(offer).some(key => conflict.keys.has(key)))
      choice.idle = new Set(conflict.keys)
    choice.conflict.merge(conflict, choice.revision)
  }

  /** Takes the last choice away, which has nothing left to try; what that depends on. */
  exhaust(): Conflict {
    const choice = this.#stack.at(-1) as Choice
    const { conflict, suspects, idle, revision } = choice
    // In another state they would do something else.
    const keys = new Set<string>()
    const blame = (doubts: readonly Doubt[]): void => {
      for (const doubt of doubts) if (doubt.from <= revision) for (const key of this.dependenciesOf(doubt)) keys.add(key)
    }
    if (suspects !== undefined) blame(suspects)
    else if (idle !== undefined) for (const key of idle) blame(this.#doubts.changing(key))
    else conflict.isOfAll = true
    this.blame(conflict, keys, revision)
    conflict.choices.delete(revision)
    this.#drop()
    return conflict
  }

  #release({ revision }: Choice): void {
    this.#needs.undo(revision)
    const ahead = this.#ahead.get(revision)
    // What it gives back is there again, so this cannot fail.
    if (ahead === undefined) this.#matching.remove(revision)
    else this.#matching.set(revision, ahead)
  }

  #drop(): void {
    this.#release(this.#stack.pop() as Choice)
  }
}

const changesOf = ({ doubts }: Offer): readonly string[] => doubts[0]?.keys ?? []
