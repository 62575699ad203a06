// Doubts: the writes whose answer was lost, and which of them may have taken a revision that no answer claims.
//
// Guarantee: nothing that may be right is left out, but for what would do exactly the same as another that is offered. What is
// most likely comes first: the write that some answer needs soonest, then the one that rules out least of what may come, then the
// one asked for last.

import type { StoreCompare, StoreEvent, StoreKeyValue, StoreOp, StorePut, StoreTxn } from '../storage/index.js'
import { bytesText, comparesOf, type Operation, opsOf, type TxnOperation } from './history.js'
import { countBetween, isOfOne, type KeyFacts, KeyFactsTable } from './key-facts.js'
import { firstPlace, isIn, type Model } from './model.js'
import type { Floors } from './order.js'

/** A write in doubt. */
export interface Doubt {
  readonly at: number
  readonly operation: TxnOperation
  /** The first revision it may have taken: not one that was known when it was asked for, by somebody else's doing. */
  readonly from: number
  /** That it may change. */
  readonly keys: readonly string[]
  /** It puts, whatever there is. */
  readonly isPlain: boolean
}

/** Writes that do the same, in the order in which they were asked for. */
export interface Offer {
  readonly doubts: readonly Doubt[]
}

/** What is known of a revision that nobody claims. */
export interface Evidence {
  readonly seen: readonly StoreEvent[] | undefined
  readonly glimpsed: readonly StoreKeyValue[] | undefined
}

export interface DoubtsQuestion {
  readonly lost: readonly TxnOperation[]
  readonly floors: Floors
  /** Key-values in answers and events; of deletions, too. */
  readonly told: Iterable<StoreKeyValue>
  readonly claims: Iterable<TxnOperation>
  readonly reads: Iterable<Operation>
}

/** How a write would fit into what is known of its keys later. */
interface Fit {
  /** By which revision something that was told needs it; Infinity: nothing does. */
  readonly deadline: number
  /** What it asks of the future: 0 nothing, 1 an acknowledged deletion that there is, 2 another write in doubt. */
  readonly debt: number
  /** How many more keys there are after it. */
  readonly adds: number
}

type KeyFit = Omit<Fit, 'adds'>

const free: KeyFit = { deadline: Number.POSITIVE_INFINITY, debt: 0 }
const stepOffers = 50 // Looked at in one step.

export class Doubts {
  readonly all: readonly Doubt[]
  readonly keys: KeyFactsTable
  readonly #byName = new Map<string, Doubt[]>() // Those that would do the same, by the time they were asked for.
  readonly #byPut = new Map<string, Doubt[]>()
  readonly #byKey = new Map<string, Doubt[]>()

  constructor({ lost, floors, told, claims, reads }: DoubtsQuestion) {
    this.keys = new KeyFactsTable(lost, claims)
    const sorted = [...lost].sort((a, b) => a.invokedUs - b.invokedUs)
    this.all = sorted.map((operation, at) => {
      const from = floors.knownBy(operation.invokedUs) + 1
      return { at, operation, from, keys: this.#keysOf(operation, from), isPlain: isPlain(operation) }
    })
    if (lost.length === 0) return
    const seenValues = new Set<string>()
    for (const kv of told) {
      this.keys.addKeyValue(kv)
      if (kv.version > 0 && this.keys.get(kv.key) !== undefined) seenValues.add(putName(kv.key, kv.value))
    }
    for (const operation of claims) this.keys.addOperation(operation)
    for (const operation of reads) this.keys.addOperation(operation)
    this.keys.sort()
    const compared = new Set<string>()
    const wide: StoreCompare[] = []
    for (const { txn } of [...claims, ...lost]) {
      for (const compare of comparesOf(txn)) {
        if (compare.target !== 'value') continue
        if (isOfOne(compare)) compared.add(compare.key)
        else wide.push(compare)
      }
    }
    const isCompared = (key: string): boolean => compared.has(key) || wide.some(range => isIn(range, key))
    for (const doubt of this.all) this.#add(doubt, ({ key, value }) => isCompared(key) || seenValues.has(putName(key, value)))
  }

  #keysOf({ txn }: TxnOperation, from: number): readonly string[] {
    const keys = new Set<string>()
    for (const op of opsOf(txn)) {
      if (op.type === 'range') continue
      for (const key of this.keys.keysIn(op.type === 'put' ? { key: op.key } : op)) {
        keys.add(key)
        const facts = this.keys.get(key) as KeyFacts
        facts.from = Math.min(facts.from, from)
        facts.isDeletable ||= op.type === 'delete'
      }
    }
    return [...keys]
  }

  #add(doubt: Doubt, matters: (put: StorePut) => boolean): void {
    const { txn } = doubt.operation
    const puts = new Set<string>()
    for (const op of opsOf(txn)) if (op.type === 'put') puts.add(op.ignoreValue === true ? anyValue(op.key) : putName(op.key, op.value))
    for (const name of puts) append(this.#byPut, name, doubt)
    for (const key of doubt.keys) append(this.#byKey, key, doubt)
    append(this.#byName, JSON.stringify(effectOf(txn, matters)), doubt)
  }

  /** What it costs to ask who may have taken a revision, in steps. */
  get steps(): number {
    return 1 + Math.ceil(this.#byName.size / stepOffers)
  }

  /** Those that may change that key. */
  changing(key: string): readonly Doubt[] {
    return this.#byKey.get(key) ?? []
  }

  /** Who may have taken that revision by what is known of it alone. Undefined: nothing is known of it. */
  suspects(revision: number, { seen, glimpsed }: Evidence): readonly Doubt[] | undefined {
    const puts = glimpsed?.[0] ?? seen?.find(({ type }) => type === 'put')?.kv
    const key = this.keys.putAt.get(revision)?.values().next().value
    const deletion = seen?.find(({ type }) => type === 'delete')?.kv.key
    let suspects: readonly Doubt[]
    if (puts !== undefined) suspects = this.#putting(puts)
    else if (deletion !== undefined) suspects = this.keys.get(deletion) === undefined ? [] : this.changing(deletion)
    else if (key !== undefined) suspects = this.changing(key)
    else return undefined
    return suspects.filter(({ from, operation }) => from <= revision && (seen ?? []).every(event => isPossible(operation, event)))
  }

  #putting({ key, value }: StoreKeyValue): readonly Doubt[] {
    const suspects = this.#byPut.get(putName(key, value)) ?? []
    const keeping = this.#byPut.get(anyValue(key)) // What the value is, another write decided.
    return keeping === undefined ? suspects : [...new Set([...suspects, ...keeping])]
  }

  /** Who may have taken that revision, the likeliest first; each offer by what it would do to the state that the model has. */
  of(revision: number, suspects: readonly Doubt[] | undefined, model: Model): readonly Offer[] {
    return suspects === undefined ? this.#unknown(revision, model) : byEffect(revision, suspects, model)
  }

  #unknown(revision: number, model: Model): readonly Offer[] {
    const offers: (Offer & Fit & { readonly latest: number })[] = []
    for (const alike of this.#byName.values()) {
      const count = firstPlace(alike.length, at => (alike[at] as Doubt).from > revision)
      const latest = alike[count - 1]
      const fit = latest === undefined ? undefined : this.#fit(latest, revision, model)
      if (latest === undefined || fit === undefined) continue
      offers.push({ doubts: count === alike.length ? alike : alike.slice(0, count), ...fit, latest: latest.at })
    }
    offers.sort((a, b) => a.deadline - b.deadline || a.debt - b.debt || b.latest - a.latest)
    // Of what nothing asks for it mostly matters only by how much there is after it: one that adds, one that replaces, one that takes away.
    const places = new Map<number, number>()
    const ranked = offers.map(offer => {
      const place = places.get(offer.adds) ?? 0
      places.set(offer.adds, place + 1)
      return { offer, place: offer.deadline < Number.POSITIVE_INFINITY ? 0 : place }
    })
    ranked.sort((a, b) => a.offer.deadline - b.offer.deadline || a.offer.debt - b.offer.debt || a.place - b.place)
    return ranked.map(({ offer }) => offer)
  }

  /** Undefined: what is known of its keys leaves no room for it, or it would change nothing. */
  #fit({ operation: { txn } }: Doubt, revision: number, model: Model): Fit | undefined {
    let { deadline, debt } = free
    let adds = 0
    let changes = false
    for (const op of model.chosen(txn)) {
      if (op.type === 'range') continue
      for (const key of op.type === 'put' ? [op.key] : model.keysIn(op)) {
        const isThere = model.at(key, revision) !== undefined
        if (op.type === 'delete' && !isThere) continue
        changes = true
        if (op.type === 'delete') adds--
        else if (!isThere) adds++
        const facts = this.keys.get(key)
        if (facts === undefined || facts.isReplaceable) continue
        const one = op.type === 'put' ? fitOfPut(key, facts, revision, model) : fitOfDelete(key, facts, revision, model)
        if (one === undefined) return undefined
        deadline = Math.min(deadline, one.deadline)
        debt = Math.max(debt, one.debt)
      }
    }
    return changes ? { deadline, debt, adds } : undefined
  }
}

function fitOfPut(key: string, facts: KeyFacts, revision: number, model: Model): KeyFit | undefined {
  if (isUntouched(facts, revision)) return undefined
  const now = model.at(key, revision)
  const next = facts.next(revision, ({ create }) => create !== undefined)
  if (next?.create === undefined) return free
  if (next.create === 0 || next.create > revision) {
    // What it puts has to go again.
    const until = next.create === 0 ? next.revision : next.create - 1
    if (until <= revision) return undefined
    if (countBetween(facts.deletes, revision, until) > 0) return { deadline: Number.POSITIVE_INFINITY, debt: 1 }
    return facts.isDeletable ? { deadline: Number.POSITIVE_INFINITY, debt: 2 } : undefined
  }
  if (next.create !== (now?.createRevision ?? revision)) return undefined
  if (next.mod === undefined || next.version === undefined) return next.create === revision ? { deadline: revision, debt: 0 } : free
  const others = countBetween(facts.puts, revision, next.mod)
  const isLastInDoubt = next.mod > revision && countBetween(facts.puts, next.mod - 1, next.mod) === 0
  const room = next.version - (now?.version ?? 0) - others - (isLastInDoubt ? 1 : 0)
  return room > 0 ? { deadline: next.mod, debt: 0 } : undefined
}

function fitOfDelete(key: string, facts: KeyFacts, revision: number, model: Model): KeyFit | undefined {
  if (isUntouched(facts, revision)) return undefined
  const next = facts.next(revision, ({ create }) => create !== undefined)
  if (next?.create === undefined || model.at(key, revision) === undefined) return free
  if (next.create > 0 && next.create <= revision) return undefined
  const until = next.create === 0 ? next.revision : next.create - 1
  const others = countBetween(facts.deletes, revision - 1, until) + countBetween(facts.puts, revision, until)
  return others === 0 ? { deadline: until, debt: 0 } : free
}

/** Whether something that is known says that the key was as before at that revision. */
function isUntouched(facts: KeyFacts, revision: number): boolean {
  const next = facts.next(revision, ({ mod }) => mod !== undefined)
  return next?.mod !== undefined && next.mod > 0 && next.mod < revision
}

const anyValue = (key: string): string => key // No name of a put has no NUL in it.
const putName = (key: string, value: Uint8Array): string => `${key}\0${bytesText(value)}`

function append(map: Map<string, Doubt[]>, name: string, doubt: Doubt): void {
  const there = map.get(name)
  if (there === undefined) map.set(name, [doubt])
  else there.push(doubt)
}

const isPlain = ({ txn: { compares, success } }: TxnOperation): boolean =>
  compares.length === 0 && success.every(op => op.type === 'range' || (op.type === 'put' && !op.ignoreValue && !op.ignoreLease))

/** What a transaction would do, as a plain value: what it reads changes nothing, nor what puts are answered. */
function effectOf(txn: StoreTxn, matters: (put: StorePut) => boolean): unknown {
  const effects = (ops: readonly StoreOp[]): unknown[] =>
    ops
      .filter(({ type }) => type !== 'range')
      .map(op => {
        if (op.type === 'txn') return effectOf(op, matters)
        return op.type === 'put' ? { ...op, prevKv: false, value: matters(op) ? bytesText(op.value) : undefined } : { ...op, prevKv: false }
      })
  const compares = txn.compares.map(compare => (compare.target === 'value' ? { ...compare, operand: bytesText(compare.operand) } : compare))
  return [compares, effects(txn.success), effects(txn.failure)]
}

const isPossible = ({ txn }: TxnOperation, { type, kv }: StoreEvent): boolean =>
  opsOf(txn).some(op => op.type === type && (op.type === 'put' ? op.key === kv.key : isIn(op, kv.key)))

function byEffect(revision: number, suspects: readonly Doubt[], model: Model): Offer[] {
  const offers = new Map<string, Doubt[]>()
  for (const doubt of suspects) {
    model.apply(doubt.operation.txn)
    const effect = model.events(revision).map(({ type, kv }) => [type, kv.key, kv.lease, bytesText(kv.value)])
    model.undoTo(revision - 1)
    if (effect.length > 0) append(offers, JSON.stringify(effect), doubt)
  }
  return [...offers.values()].map(doubts => ({ doubts })).reverse()
}
