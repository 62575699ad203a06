// Key facts: what answers and events say of the keys that writes in doubt may have changed, revision by revision. Every explanation
// of the history has to agree with them, for they are what its replay is compared with.

import type { StoreCompare, StoreKeyValue, StoreRange } from '../storage/index.js'
import { type Operation, opsOf, performed, type TxnOperation } from './history.js'
import { firstPlace, isIn } from './model.js'
import { isWrite } from './order.js'

/** What a key was at a revision, as far as that is known. */
export interface KeyFact {
  readonly revision: number
  /** 0: it was not there. */
  readonly create?: number | undefined
  readonly mod?: number | undefined
  readonly version?: number | undefined
  /**
   * Nothing of it is unknown, and a replay that came past that revision agrees: whatever was before it does not matter to what
   * comes after.
   */
  readonly isWhole: boolean
}

const nothing: ReadonlyMap<string, unknown> = new Map()

type Range = { readonly key: string; readonly end?: string | undefined }

export class KeyFacts {
  /** By acknowledged writes, ascending. */
  readonly puts: number[] = []
  readonly deletes: number[] = []
  readonly facts: KeyFact[] = [] // Ascending by revision.
  /** The first revision that a write in doubt may have changed it at, and whether one may have deleted it. */
  from = Number.POSITIVE_INFINITY
  isDeletable = false
  /** Some transaction may delete it and put it again, so that what is created at a revision may have been there before. */
  isReplaceable = false

  sort(): void {
    this.puts.sort((a, b) => a - b)
    this.deletes.sort((a, b) => a - b)
    this.facts.sort((a, b) => a.revision - b.revision)
  }

  /** The first that holds, at that revision or after it. */
  next(revision: number, holds: (fact: KeyFact) => boolean): KeyFact | undefined {
    const { facts } = this
    for (let at = placeOf(facts, revision); at < facts.length; at++) {
      const fact = facts[at] as KeyFact
      if (holds(fact)) return fact
    }
    return undefined
  }

  /** Whether it was there at that revision, if there is no doubt, whatever the writes in doubt did. */
  presence(revision: number): boolean | undefined {
    if (this.isReplaceable) return undefined
    const next = this.next(revision, ({ create }) => create !== undefined)
    if (next?.create === undefined) return undefined
    if (next.create > 0 && next.create <= revision) return true
    const last = this.facts[placeOf(this.facts, revision + 1) - 1]
    // What is put in between has to be deleted in between.
    const couldGo = this.isDeletable || countBetween(this.deletes, last?.revision ?? 0, next.revision) > 0
    return last?.create === 0 && !couldGo && countBetween(this.puts, last.revision, revision) === 0 ? false : undefined
  }

  /** The last revision before that one at which all of it is known. Before the first revision nothing is there. */
  lastWhole(revision: number): number {
    const { facts } = this
    for (let at = placeOf(facts, revision) - 1; at >= 0; at--) {
      const fact = facts[at] as KeyFact
      if (fact.isWhole) return fact.revision
    }
    return 1
  }
}

/** Of ascending revisions, those after the one and up to the other. */
export function countBetween(revisions: readonly number[], after: number, upTo: number): number {
  const place = (bound: number): number => firstPlace(revisions.length, at => (revisions[at] as number) > bound)
  return place(upTo) - place(after)
}

/** Of the first at that revision or after it. As firstPlace, which is too slow for what is asked most. */
export function placeOf(facts: readonly KeyFact[], revision: number): number {
  let low = 0
  let high = facts.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((facts[middle] as KeyFact).revision >= revision) high = middle
    else low = middle + 1
  }
  return low
}

export class KeyFactsTable {
  readonly #keys = new Map<string, KeyFacts>()
  readonly #names: readonly string[] // Ascending.
  /** Revisions that put these keys, whatever the values. */
  readonly putAt = new Map<number, Set<string>>()

  constructor(lost: readonly TxnOperation[], claims: Iterable<TxnOperation>) {
    const deletes = lost.flatMap(({ txn }) => opsOf(txn).filter(op => op.type === 'delete' && !isOfOne(op)))
    const writes = [...lost, ...(deletes.length === 0 ? [] : claims)].flatMap(({ txn }) =>
      opsOf(txn).filter(({ type }) => type !== 'range')
    )
    const lostKeys = new Set(lost.flatMap(({ txn }) => opsOf(txn).map(op => (op.type === 'range' ? '' : op.key))))
    for (const { key } of writes)
      if (!this.#keys.has(key) && (lostKeys.has(key) || deletes.some(op => isIn(op, key)))) this.#keys.set(key, new KeyFacts())
    this.#names = [...this.#keys.keys()].sort()
    for (const { txn } of [...lost, ...claims]) {
      const ops = opsOf(txn)
      if (ops.length < 2) continue
      // Of either branch: more than need be, and that does no harm.
      for (const op of ops)
        if (op.type === 'delete')
          for (const put of ops) if (put.type === 'put' && isIn(op, put.key)) this.#set(put.key, facts => (facts.isReplaceable = true))
    }
  }

  get(key: string): KeyFacts | undefined {
    return this.#keys.get(key)
  }

  all(): Iterable<[key: string, facts: KeyFacts]> {
    return this.#keys
  }

  /** The keys of a range that writes in doubt may change. */
  keysIn(range: Range): readonly string[] {
    if (isOfOne(range)) return this.#keys.has(range.key) ? [range.key] : []
    const start = firstPlace(this.#names.length, at => (this.#names[at] as string) >= range.key)
    const length = firstPlace(this.#names.length - start, at => !isIn(range, this.#names[start + at] as string))
    return this.#names.slice(start, start + length)
  }

  sort(): void {
    for (const facts of this.#keys.values()) facts.sort()
  }

  #set(key: string, change: (facts: KeyFacts) => void): void {
    const facts = this.#keys.get(key)
    if (facts !== undefined) change(facts)
  }

  #is(key: string, fact: KeyFact): void {
    this.#keys.get(key)?.facts.push(fact)
  }

  #absent(key: string, revision: number): void {
    this.#is(key, { revision, create: 0, mod: 0, version: 0, isWhole: true })
  }

  /** A key-value of an answer or event; of a deletion its version is 0. */
  addKeyValue(kv: StoreKeyValue): void {
    const { key, modRevision, createRevision } = kv
    const facts = this.#keys.get(key)
    if (facts === undefined) return
    if (kv.version === 0) {
      this.#absent(key, modRevision)
      return
    }
    this.#is(key, { ...partsOf(kv), revision: modRevision, isWhole: true })
    this.#puts(key, modRevision)
    if (createRevision < modRevision) {
      this.#is(key, { revision: createRevision, create: createRevision, mod: createRevision, version: 1, isWhole: false })
      this.#puts(key, createRevision)
    }
    // Of what created it this is known before it was replayed, so the replay has not come to it yet where it begins to matter.
    if (!facts.isReplaceable) this.#is(key, { revision: createRevision - 1, create: 0, mod: 0, version: 0, isWhole: false })
  }

  #puts(key: string, revision: number): void {
    const there = this.putAt.get(revision)
    if (there === undefined) this.putAt.set(revision, new Set([key]))
    else there.add(key)
  }

  addOperation(operation: Operation): void {
    if (operation.outcome?.ok !== true) return
    if (operation.kind === 'range') {
      const { kvs, revision, more } = operation.outcome.value
      this.#addRange(operation.query, kvs, more, Math.min(operation.query.revision || revision, revision))
    } else if (operation.kind === 'txn') this.#addTxn(operation)
  }

  #addTxn(operation: TxnOperation): void {
    if (operation.outcome?.ok !== true) return
    const { txn } = operation
    const { succeeded, revision } = operation.outcome.value
    const writes = isWrite(operation)
    const before = writes ? revision - 1 : revision
    if (succeeded) for (const compare of txn.compares) this.#addCompare(compare, 'equal', before)
    else if (txn.compares.length === 1) this.#addCompare(txn.compares[0] as StoreCompare, 'notEqual', before)
    const after = new Map<string, 'put' | 'delete' | 'absent'>()
    for (const [op, result] of performed(txn, operation.outcome.value)) {
      if (op.type === 'put') after.set(op.key, 'put')
      else if (op.type === 'range' && result?.type === 'range') {
        // In a transaction that writes, a key may be as what came before left it there.
        if (!op.revision) this.#addRange(op, result.kvs, result.more, before, after)
      } else if (op.type === 'delete' && result?.type === 'delete') {
        if (op.prevKv === true || result.deleted === 0) this.#addRange(op, result.prevs, false, before, after)
        for (const key of this.keysIn(op)) after.set(key, result.deleted > 0 ? 'delete' : 'absent')
      }
    }
    for (const [key, type] of after) {
      if (type === 'put') this.#set(key, ({ puts }) => puts.push(revision))
      else {
        if (type === 'delete') this.#set(key, ({ deletes }) => deletes.push(revision))
        this.#absent(key, revision)
      }
    }
  }

  /** What holds if it is compared as `equal`, and what holds if it is not and was compared as `notEqual`. */
  #addCompare(compare: StoreCompare, held: StoreCompare['result'], revision: number): void {
    const { key, target, result, operand } = compare
    if (target === 'value' || target === 'lease' || result !== held || !isOfOne(compare)) return
    if (operand === 0) this.#absent(key, revision)
    else this.#is(key, { revision, [target]: operand, isWhole: false })
  }

  #addRange(
    query: StoreRange,
    kvs: readonly StoreKeyValue[],
    more: boolean,
    revision: number,
    changed: ReadonlyMap<string, unknown> = nothing
  ): void {
    for (const kv of kvs)
      if (!changed.has(kv.key))
        this.#is(kv.key, { ...partsOf(kv), revision, isWhole: query.keysOnly !== true && kv.modRevision <= revision })
    if (query.countOnly === true || !isPlainRange(query)) return
    const last = more ? (kvs.at(-1)?.key ?? '') : undefined
    const present = isOfOne(query) ? undefined : new Set(kvs.map(({ key }) => key))
    for (const key of this.keysIn(query)) {
      const isThere = present === undefined ? kvs.length > 0 : present.has(key)
      if (!isThere && (last === undefined || key < last) && !changed.has(key)) this.#absent(key, revision)
    }
  }
}

export const isOfOne = ({ end }: Range): boolean => end === undefined || end === ''

/** Whether what is not in the answer is not there, or comes behind the limit. */
const isPlainRange = (query: StoreRange): boolean =>
  (query.sortTarget ?? 'key') === 'key' &&
  query.sortOrder !== 'descend' &&
  !(query.minModRevision || query.maxModRevision || query.minCreateRevision || query.maxCreateRevision)

const partsOf = ({ createRevision, modRevision, version }: StoreKeyValue): { create: number; mod: number; version: number } => ({
  create: createRevision,
  mod: modRevision,
  version
})
