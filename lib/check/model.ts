// Model: the store as its documentation has it, one map and one number, so plain that it is right by inspection. Every
// change can be undone, for a search that tries one order after the other. Nothing is ever compacted.

import type {
  StoreCompare,
  StoreEvent,
  StoreKeyValue,
  StoreOp,
  StoreOpResult,
  StoreRange,
  StoreTxn,
  StoreTxnAnswer
} from '../storage/index.js'

import type { PlainOp } from './history.js'

type Range = { readonly key: string; readonly end?: string | undefined }

const noValue = new Uint8Array(0)
const unbounded = '\0' // As the `end` of a range, etcd's word for no end.

export const isIn = ({ key, end }: Range, of: string): boolean =>
  end === undefined || end === '' ? of === key : of >= key && (end === unbounded || of < end)

export class Model {
  revision = 1 // As etcd: the first write is of revision 2.
  readonly #versions = new Map<string, StoreKeyValue[]>()
  readonly #keys: string[] = [] // Ascending.
  readonly #events: StoreEvent[][] = [[], []] // By revision.
  #changing: StoreEvent[] = []

  /** What a revision changed. */
  events(revision: number): readonly StoreEvent[] {
    return this.#events[revision] ?? []
  }

  at(key: string, revision: number): StoreKeyValue | undefined {
    const versions = this.#versions.get(key)
    let kv = versions?.at(-1)
    if (kv !== undefined && kv.modRevision > revision)
      kv = versions?.[firstPlace(versions.length, place => (versions[place] as StoreKeyValue).modRevision > revision) - 1]
    return kv === undefined || kv.version === 0 ? undefined : kv
  }

  /** The keys of a range that there ever were, ascending. */
  keysIn(range: Range): readonly string[] {
    if (range.end === undefined || range.end === '') return this.#versions.has(range.key) ? [range.key] : []
    const first = firstPlace(this.#keys.length, at => (this.#keys[at] as string) >= range.key)
    let last = first
    while (last < this.#keys.length && isIn(range, this.#keys[last] as string)) last++
    return this.#keys.slice(first, last)
  }

  range(query: StoreRange, revision: number): { kvs: StoreKeyValue[]; count: number; more: boolean } {
    const all: StoreKeyValue[] = []
    for (const key of this.keysIn(query)) {
      const kv = this.at(key, revision)
      if (kv !== undefined) all.push(kv)
    }
    const count = all.length
    if (query.countOnly === true) return { kvs: [], count, more: false }
    const limit = query.limit || Number.POSITIVE_INFINITY
    // As etcd: a target without an order sorts only what the limit leaves, and one more.
    const wanted = isChosen(query) ? all.filter(kv => isBetween(query, kv)) : all.slice(0, limit + 1)
    if ((query.sortTarget ?? 'key') !== 'key' || query.sortOrder === 'descend') wanted.sort((a, b) => orderOf(query, a, b))
    const kept = wanted.slice(0, limit)
    const kvs = query.keysOnly === true ? kept.map(kv => ({ ...kv, value: noValue })) : kept
    return { kvs, count, more: wanted.length > kept.length }
  }

  /** Gives the answer, and takes a revision if anything changed. */
  apply(txn: StoreTxn): StoreTxnAnswer {
    this.#changing = []
    const { succeeded, results } = this.#doAll(txn)
    if (this.#changing.length > 0) this.#events[++this.revision] = this.#changing
    return { succeeded, revision: this.revision, results }
  }

  /** Takes back the changes of every revision after that one. */
  undoTo(revision: number): void {
    for (; this.revision > revision; this.revision--) {
      for (const { kv } of this.#events.pop() ?? []) this.#versions.get(kv.key)?.pop()
    }
  }

  /** What a transaction would do now, those of nested ones in their place. */
  chosen(txn: StoreTxn): readonly PlainOp[] {
    const ops = txn.compares.every(compare => this.#holds(compare)) ? txn.success : txn.failure
    return ops.flatMap(op => (op.type === 'txn' ? this.chosen(op) : [op]))
  }

  /** A nested transaction compares with what was before the outermost: the revision is not yet another. */
  #doAll(txn: StoreTxn): { readonly succeeded: boolean; readonly results: StoreOpResult[] } {
    const succeeded = txn.compares.every(compare => this.#holds(compare))
    return { succeeded, results: (succeeded ? txn.success : txn.failure).map(op => this.#do(op)) }
  }

  /** Over a range: of every key there; a range without keys is as a key that is not there. */
  #holds(compare: StoreCompare): boolean {
    const there = this.keysIn(compare)
      .map(key => this.at(key, this.revision))
      .filter(kv => kv !== undefined)
    return there.length === 0 ? this.#holdsOf(compare, undefined) : there.every(kv => this.#holdsOf(compare, kv))
  }

  #holdsOf(compare: StoreCompare, kv: StoreKeyValue | undefined): boolean {
    let order: number
    if (compare.target === 'value') {
      if (kv === undefined) return false // As etcd: a key that is not there has no value.
      order = compareBytes(kv.value, compare.operand)
    } else {
      const of = { version: kv?.version, create: kv?.createRevision, mod: kv?.modRevision, lease: kv?.lease }[compare.target] ?? 0
      order = of - compare.operand
    }
    return { equal: order === 0, notEqual: order !== 0, greater: order > 0, less: order < 0 }[compare.result]
  }

  #do(op: StoreOp): StoreOpResult {
    const next = this.revision + 1
    // What this transaction did so far is seen by what follows in it.
    if (op.type === 'range') return { type: 'range', ...this.range(op, op.revision || next) }
    if (op.type === 'txn') return { type: 'txn', ...this.#doAll(op) }
    if (op.type === 'put') {
      const before = this.at(op.key, next)
      const { key } = op
      const value = op.ignoreValue === true ? (before?.value ?? noValue) : op.value
      const lease = op.ignoreLease === true ? (before?.lease ?? 0) : (op.lease ?? 0)
      this.#add({
        key,
        value,
        createRevision: before?.createRevision ?? next,
        modRevision: next,
        version: (before?.version ?? 0) + 1,
        lease
      })
      return op.prevKv === true && before !== undefined ? { type: 'put', prev: before } : { type: 'put' }
    }
    const { kvs } = this.range({ key: op.key, end: op.end }, next)
    for (const { key } of kvs) this.#add({ key, value: noValue, createRevision: 0, modRevision: next, version: 0, lease: 0 })
    return { type: 'delete', deleted: kvs.length, prevs: op.prevKv === true ? kvs : [] }
  }

  #add(kv: StoreKeyValue): void {
    const { key } = kv
    let versions = this.#versions.get(key)
    if (versions === undefined) {
      versions = []
      this.#versions.set(key, versions)
      this.#keys.splice(
        firstPlace(this.#keys.length, place => (this.#keys[place] as string) > key),
        0,
        key
      )
    }
    const prev = this.at(key, this.revision)
    versions.push(kv)
    const type = kv.version === 0 ? 'delete' : 'put'
    this.#changing.push(prev === undefined ? { type, kv } : { type, kv, prev })
  }
}

/** Whether all of the range are looked at before the limit. */
const isChosen = ({ sortOrder = 'none', minModRevision, maxModRevision, minCreateRevision, maxCreateRevision }: StoreRange): boolean =>
  sortOrder !== 'none' || [minModRevision, maxModRevision, minCreateRevision, maxCreateRevision].some(bound => (bound ?? 0) > 0)

function isBetween(query: StoreRange, { modRevision, createRevision }: StoreKeyValue): boolean {
  if (modRevision < (query.minModRevision ?? 0) || createRevision < (query.minCreateRevision ?? 0)) return false
  return modRevision <= (query.maxModRevision || Infinity) && createRevision <= (query.maxCreateRevision || Infinity)
}

/** Equals stay in the order of their keys. */
function orderOf({ sortTarget = 'key', sortOrder }: StoreRange, a: StoreKeyValue, b: StoreKeyValue): number {
  const order = {
    key: () => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0),
    version: () => a.version - b.version,
    create: () => a.createRevision - b.createRevision,
    mod: () => a.modRevision - b.modRevision,
    value: () => compareBytes(a.value, b.value)
  }[sortTarget]()
  return sortOrder === 'descend' ? -order : order
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length)
  for (let at = 0; at < shared; at++) if (a[at] !== b[at]) return (a[at] as number) - (b[at] as number)
  return a.length - b.length
}

/** The first place of `length` from which on it holds. */
export function firstPlace(length: number, holds: (place: number) => boolean): number {
  let low = 0
  let high = length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (holds(middle)) high = middle
    else low = middle + 1
  }
  return low
}
