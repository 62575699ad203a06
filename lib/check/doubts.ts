// Doubts: the writes whose answer was lost, and which of them may have taken a revision that no answer claims.
//
// Guarantee: nothing that may be right is left out, but for what would do exactly the same as another that is offered. What is
// most likely comes first: the write that some answer needs soonest, then the one asked for last.

import type { StoreEvent, StoreKeyValue, StoreOp, StoreRange, StoreTxn } from '../storage/index.js'
import { bytesText, type Operation, opsOf, performed, type TxnOperation } from './history.js'
import { firstPlace, isIn, type Model } from './model.js'
import type { Floors } from './order.js'

export interface Doubt {
  readonly at: number
  readonly operation: TxnOperation
  /** The first revision it may have taken: not one that was known when it was asked for, by somebody else's doing. */
  readonly from: number
}

/** What is known of a revision that nobody claims. */
export interface Evidence {
  readonly seen: readonly StoreEvent[] | undefined
  readonly glimpsed: readonly StoreKeyValue[] | undefined
}

export interface DoubtsQuestion {
  readonly lost: readonly TxnOperation[]
  readonly floors: Floors
  /** Key-values in answers and events. */
  readonly told: Iterable<StoreKeyValue>
  readonly claims: Iterable<TxnOperation>
  readonly reads: Iterable<Operation>
}

/** At that revision a key was what `modRevision` had put; 0: it was not there. */
interface Read {
  readonly revision: number
  readonly modRevision: number
}

/** Of a key, by revision: what acknowledged writes did to it, the key-values told of it, and what was read. */
interface Pins {
  readonly puts: number[]
  readonly deletes: number[]
  readonly told: StoreKeyValue[]
  readonly reads: Read[]
  /** Whether a write in doubt may have deleted it. */
  isDeletable: boolean
}

const noPins: Pins = { puts: [], deletes: [], told: [], reads: [], isDeletable: true }

export class Doubts {
  readonly #byName = new Map<string, Doubt[]>() // Those that would do the same, by the time they were asked for.
  readonly #byPut = new Map<string, Doubt[]>()
  readonly #deleters: Doubt[] = []
  readonly #places = new Map<TxnOperation, number>()
  readonly #pins = new Map<string, Pins>()
  readonly #keys: readonly string[] = [] // That pins are kept of: those of writes in doubt, ascending.

  constructor({ lost, floors, told, claims, reads }: DoubtsQuestion) {
    if (lost.length === 0) return
    const sorted = [...lost].sort((a, b) => a.invokedUs - b.invokedUs)
    for (const { txn } of sorted) {
      for (const op of opsOf(txn))
        if (op.type !== 'range') this.#pins.set(op.key, { puts: [], deletes: [], told: [], reads: [], isDeletable: false })
    }
    this.#keys = [...this.#pins.keys()].sort()
    for (const { txn } of sorted) {
      for (const op of opsOf(txn)) if (op.type === 'delete') for (const key of this.#keysIn(op)) this.#of(key).isDeletable = true
    }
    const seenValues = new Set<string>()
    for (const kv of told) this.#pin(kv, seenValues)
    for (const operation of claims) this.#claim(operation)
    for (const operation of reads) this.#read(operation)
    for (const pins of this.#pins.values()) {
      pins.puts.sort((a, b) => a - b)
      pins.deletes.sort((a, b) => a - b)
      pins.told.sort((a, b) => a.modRevision - b.modRevision)
      pins.reads.sort((a, b) => a.revision - b.revision)
    }
    const compared = new Set<string>()
    for (const operation of [...claims, ...lost])
      for (const { target, key } of comparesOf(operation.txn)) if (target === 'value') compared.add(key)
    for (const [at, operation] of sorted.entries()) {
      const doubt = { at, operation, from: floors.knownBy(operation.invokedUs) + 1 }
      this.#add(doubt, op => compared.has(op.key) || seenValues.has(putName(op.key, op.value)))
    }
  }

  #pin(kv: StoreKeyValue, seenValues: Set<string>): void {
    const pins = this.#pins.get(kv.key)
    if (pins === undefined || kv.version === 0) return
    pins.told.push(kv)
    seenValues.add(putName(kv.key, kv.value))
  }

  #claim({ txn, outcome }: TxnOperation): void {
    if (outcome?.ok !== true) return
    const { revision } = outcome.value
    const keys = new Set<string>()
    for (const [op] of performed(txn, outcome.value)) {
      if (op.type === 'put') keys.add(op.key)
      else if (op.type === 'delete') for (const key of this.#keysIn(op)) this.#of(key).deletes.push(revision)
    }
    for (const key of keys) this.#pins.get(key)?.puts.push(revision)
  }

  #of(key: string): Pins {
    return this.#pins.get(key) ?? noPins
  }

  #keysIn({ key, end }: { readonly key: string; readonly end?: string | undefined }): readonly string[] {
    if (end === undefined || end === '') return this.#pins.has(key) ? [key] : []
    const start = firstPlace(this.#keys.length, at => (this.#keys[at] as string) >= key)
    return this.#keys.slice(
      start,
      start + firstPlace(this.#keys.length - start, at => !isIn({ key, end }, this.#keys[start + at] as string))
    )
  }

  #read(operation: Operation): void {
    if (operation.outcome?.ok !== true) return
    if (operation.kind === 'range') {
      const { kvs, revision, more } = operation.outcome.value
      this.#readRange(operation.query, kvs, more, Math.min(operation.query.revision || revision, revision))
    } else if (operation.kind === 'txn') {
      const { revision } = operation.outcome.value
      for (const [op, result] of performed(operation.txn, operation.outcome.value)) {
        if (op.type === 'range' && result?.type === 'range') this.#readRange(op, result.kvs, result.more, op.revision || revision)
      }
    }
  }

  #readRange(query: StoreRange, kvs: readonly StoreKeyValue[], more: boolean, revision: number): void {
    for (const { key, modRevision } of kvs) this.#pins.get(key)?.reads.push({ revision, modRevision })
    if (query.countOnly === true) return
    const last = more ? (kvs.at(-1)?.key ?? '') : undefined
    const present = new Set(kvs.map(({ key }) => key))
    for (const key of this.#keysIn(query))
      if (!present.has(key) && (last === undefined || key < last)) this.#of(key).reads.push({ revision, modRevision: 0 })
  }

  #add(doubt: Doubt, matters: (op: StoreOp & { readonly type: 'put' }) => boolean): void {
    this.#places.set(doubt.operation, doubt.at)
    const { txn } = doubt.operation
    const puts = new Set<string>()
    let deletes = false
    for (const op of opsOf(txn)) {
      if (op.type === 'put') puts.add(putName(op.key, op.value))
      else if (op.type === 'delete') deletes = true
    }
    for (const name of puts) append(this.#byPut, name, doubt)
    if (deletes) this.#deleters.push(doubt)
    const plain = (op: StoreOp): unknown => {
      if (op.type === 'txn') return plainTxn(op)
      return op.type === 'put' ? { ...op, value: matters(op) ? bytesText(op.value) : undefined } : op
    }
    const plainTxn = ({ compares, success, failure }: StoreTxn): unknown => [
      compares.map(compare => (compare.target === 'value' ? { ...compare, operand: bytesText(compare.operand) } : compare)),
      success.map(plain),
      failure.map(plain)
    ]
    append(this.#byName, JSON.stringify(plainTxn(txn)), doubt)
  }

  /** What it costs to ask who may have taken a revision, in steps. */
  get steps(): number {
    return 1 + Math.ceil(this.#byName.size / 10)
  }

  /** A number for each. */
  at(operation: TxnOperation): number {
    return this.#places.get(operation) as number
  }

  /** Who may have taken that revision, the likeliest first. */
  of(revision: number, { seen, glimpsed }: Evidence, used: ReadonlySet<TxnOperation>, model: Model): TxnOperation[] {
    const event = seen?.[0]
    const put = glimpsed?.[0] ?? (event?.type === 'put' ? event.kv : undefined)
    const isFree = ({ from, operation }: Doubt): boolean => from <= revision && !used.has(operation)
    if (put !== undefined) return latestFirst((this.#byPut.get(putName(put.key, put.value)) ?? []).filter(isFree))
    if (event !== undefined) return latestFirst(this.#deleters.filter(isFree))
    const offers: { readonly doubt: Doubt; readonly deadline: number }[] = []
    for (const alike of this.#byName.values()) {
      const doubt = lastFree(alike, revision, used)
      const deadline = doubt === undefined ? undefined : this.#deadline(doubt, revision, model)
      if (doubt !== undefined && deadline !== undefined) offers.push({ doubt, deadline })
    }
    return offers.sort((a, b) => a.deadline - b.deadline || b.doubt.at - a.doubt.at).map(({ doubt }) => doubt.operation)
  }

  /**
   * By which revision something that was told needs this write; Infinity: nothing does. Undefined: what was told
   * of its key leaves no room for it. Only plain puts and deletes of one key are looked at.
   */
  #deadline({ operation: { txn } }: Doubt, revision: number, model: Model): number | undefined {
    const op = txn.compares.length === 0 && txn.success.length === 1 ? txn.success[0] : undefined
    if (op === undefined || op.type === 'range' || op.type === 'txn') return Number.POSITIVE_INFINITY
    if (op.type === 'delete') return this.#deadlineOfDelete(op, revision, model)
    const { puts, told, deletes, isDeletable } = this.#of(op.key)
    const read = this.#readAfter(op.key, revision)
    if (read !== undefined && isOlder(read, revision)) return undefined
    if (read?.modRevision === 0 && !isDeletable && countBetween(deletes, revision, read.revision) === 0) return undefined
    const next = told[firstPlace(told.length, at => (told[at] as StoreKeyValue).modRevision > revision)]
    const now = model.at(op.key, revision)
    if (next === undefined || now === undefined || next.createRevision !== now.createRevision) return Number.POSITIVE_INFINITY
    const claimed = countBetween(puts, revision, next.modRevision)
    const isClaimed = countBetween(puts, next.modRevision - 1, next.modRevision) > 0
    const room = next.version - now.version - claimed - (isClaimed ? 0 : 1)
    return room > 0 ? next.modRevision : undefined
  }

  #deadlineOfDelete(op: StoreOp & { readonly type: 'delete' }, revision: number, model: Model): number | undefined {
    let deadline = Number.POSITIVE_INFINITY
    let deletes = 0
    for (const key of model.keysIn(op)) {
      if (model.at(key, revision) === undefined) continue
      deletes++
      if (this.#isAliveUntil(key, revision, model)) return undefined
      const read = this.#readAfter(key, revision)
      if (read?.modRevision === 0 && countBetween(this.#of(key).deletes, revision, read.revision) === 0)
        deadline = Math.min(deadline, read.revision)
    }
    return deletes === 0 ? undefined : deadline
  }

  #readAfter(key: string, revision: number): Read | undefined {
    const { reads } = this.#of(key)
    return reads[firstPlace(reads.length, at => (reads[at] as Read).revision >= revision)]
  }

  /** Whether the same life of a key is told of later. */
  #isAliveUntil(key: string, revision: number, model: Model): boolean {
    const read = this.#readAfter(key, revision)
    if (read !== undefined && isOlder(read, revision)) return true
    const { told } = this.#of(key)
    const next = told[firstPlace(told.length, at => (told[at] as StoreKeyValue).modRevision >= revision)]
    const now = model.at(key, revision)
    return next !== undefined && now !== undefined && next.createRevision === now.createRevision
  }
}

/** It was there, and what had put it was before that revision: then nothing changed it since. */
const isOlder = ({ modRevision }: Read, revision: number): boolean => modRevision > 0 && modRevision < revision

/** Of ascending revisions, those after the one and up to the other. */
function countBetween(revisions: readonly number[], after: number, upTo: number): number {
  const place = (bound: number): number => firstPlace(revisions.length, at => (revisions[at] as number) > bound)
  return place(upTo) - place(after)
}

/** Those of the transactions in it, too. */
function comparesOf({ compares, success, failure }: StoreTxn): StoreTxn['compares'] {
  return [...compares, ...[...success, ...failure].flatMap(op => (op.type === 'txn' ? comparesOf(op) : []))]
}

const putName = (key: string, value: Uint8Array): string => `${key}\0${bytesText(value)}`

function append(map: Map<string, Doubt[]>, name: string, doubt: Doubt): void {
  const there = map.get(name)
  if (there === undefined) map.set(name, [doubt])
  else there.push(doubt)
}

const latestFirst = (doubts: readonly Doubt[]): TxnOperation[] => doubts.map(({ operation }) => operation).reverse()

function lastFree(alike: readonly Doubt[], revision: number, used: ReadonlySet<TxnOperation>): Doubt | undefined {
  for (let at = firstPlace(alike.length, place => (alike[place] as Doubt).from > revision) - 1; at >= 0; at--) {
    const doubt = alike[at] as Doubt
    if (!used.has(doubt.operation)) return doubt
  }
  return undefined
}
