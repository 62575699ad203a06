// Keyspace: every key's versions, and the log of all changes in their order. What etcd keeps in its tree index and backend.
//
// Guarantee: a revision that was not compacted reads the same for ever. A change never touches a version, it adds one.
// Within one revision a key changes at most once (transactions with duplicate keys are refused), so the order of the changes of
// one revision, etcd's sub-revision, is their order in the log and needs no number.
// After compaction at c: of each key the latest version at or below c, unless it is a delete below c; and all changes from c on.
// etcd keeps a delete at c too, since a watch from c must still see it.

import sortedBtree from 'sorted-btree'
import { unbounded } from './key.js'
import { isTombstone, type KeyValue, tombstone } from './key-value.js'
import { answerOf, countNeeded, type RangeQuery, type RangeResult } from './range-query.js'

/** What a version costs beside its key and value: about what it takes in memory, and in a database of etcd. */
const versionBytes = 128
const bytesOf = ({ key, value }: KeyValue): number => versionBytes + key.length + value.length

export class KeyHistory {
  readonly key: string
  /** Ascending by revision, deletes included. */
  readonly versions: KeyValue[] = []

  constructor(key: string) {
    this.key = key
  }

  /** The version to be seen at `revision`. */
  at(revision: number): KeyValue | undefined {
    const versions = this.versions
    let place = versions.length - 1
    if (place >= 0 && (versions[place] as KeyValue).modRevision > revision) place = lowerBound(versions, revision + 1) - 1
    const kv = place < 0 ? undefined : versions[place]
    return kv === undefined || isTombstone(kv) ? undefined : kv
  }
}

type Order = InstanceType<typeof sortedBtree.default<string, KeyHistory>>

const compareKeys = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

export class Keyspace {
  readonly #points = new Map<string, KeyHistory>()
  readonly #order: Order = new sortedBtree.default<string, KeyHistory>(undefined, compareKeys)
  /** Changes from the compacted revision on; `#logStart` counts those before, so that a position stays what it is. */
  readonly #log: KeyValue[] = []
  #logStart = 0
  #logBytes = 0
  #bytes = 0

  get keys(): number {
    return this.#points.size
  }
  /** Of the values of all changes since the compaction. */
  get logBytes(): number {
    return this.#logBytes
  }
  /** Of all versions that can be read: what a quota bounds. */
  get bytes(): number {
    return this.#bytes
  }
  get logStart(): number {
    return this.#logStart
  }
  get logEnd(): number {
    return this.#logStart + this.#log.length
  }

  change(position: number): KeyValue {
    return this.#log[position - this.#logStart] as KeyValue
  }

  /** The first revision from which on all changes together have at most that many bytes of values. */
  revisionWithin(bytes: number): number {
    let left = bytes
    let at = this.#log.length
    while (at > 0 && left >= 0) left -= (this.#log[--at] as KeyValue).value.length
    const last = this.#log[left < 0 ? at : at - 1]
    return last === undefined ? 0 : last.modRevision + 1
  }

  /** All changes of the log up to `revision`. */
  changes(revision: number): KeyValue[] {
    return this.#log.slice(0, lowerBound(this.#log, revision + 1))
  }

  /** The position of the first change at or after `revision`. */
  positionOf(revision: number): number {
    return this.#logStart + lowerBound(this.#log, revision)
  }

  history(key: string): KeyHistory | undefined {
    return this.#points.get(key)
  }

  current(key: string): KeyValue | undefined {
    const versions = this.#points.get(key)?.versions
    const kv = versions?.at(-1)
    return kv === undefined || kv.version === 0 ? undefined : kv
  }

  put(key: string, value: Uint8Array, lease: number, modRevision: number): KeyValue {
    const history = this.#points.get(key) ?? this.#add(key)
    const versions = history.versions
    const before = versions.at(-1)
    const version = before === undefined ? 1 : before.version + 1 // A delete has version 0.
    const createRevision = before === undefined || version === 1 ? modRevision : before.createRevision
    const kv = { key: history.key, value, createRevision, modRevision, version, lease }
    versions.push(kv)
    this.#log.push(kv)
    this.#logBytes += value.length
    this.#bytes += bytesOf(kv)
    return kv
  }

  /** The key must exist. */
  delete(key: string, modRevision: number): void {
    const history = this.#points.get(key) as KeyHistory
    const kv = tombstone(history.key, modRevision)
    history.versions.push(kv)
    this.#log.push(kv)
    this.#bytes += bytesOf(kv)
  }

  /** Adds a version as it was, after all others of its key. `inLog` says whether it belongs to the changes. */
  restore(kv: KeyValue, inLog: boolean): void {
    const history = this.#points.get(kv.key) ?? this.#add(kv.key)
    history.versions.push(kv)
    this.#bytes += bytesOf(kv)
    if (!inLog) return
    this.#log.push(kv)
    this.#logBytes += kv.value.length
  }

  /** Every key in order, those deleted but not yet compacted included. */
  visit(range: { readonly key: string; readonly end?: string | undefined }, visitor: (history: KeyHistory) => void): void {
    const { key, end } = range
    if (end === undefined || end === '') {
      const history = this.#points.get(key)
      if (history !== undefined) visitor(history)
      return
    }
    const open = end === unbounded
    const high = open ? this.#order.maxKey() : end
    if (high === undefined || high < key) return
    this.#order.forRange(key, high, open, (_key, history) => visitor(history))
  }

  range(query: RangeQuery, revision: number): RangeResult {
    const kvs: KeyValue[] = []
    const needed = countNeeded(query)
    let count = 0
    this.visit(query, history => {
      const kv = history.at(revision)
      if (kv === undefined) return
      if (count < needed) kvs.push(kv)
      count++
    })
    return answerOf(query, kvs, count)
  }

  /** Costs what was changed since the compaction before, not what there is. */
  compact(revision: number): void {
    const end = lowerBound(this.#log, revision + 1)
    for (let at = 0; at < end; at++) this.#trim((this.#log[at] as KeyValue).key, revision)
    const kept = lowerBound(this.#log, revision)
    for (const kv of this.#log.splice(0, kept)) this.#logBytes -= kv.value.length
    this.#logStart += kept
  }

  #trim(key: string, revision: number): void {
    const history = this.#points.get(key)
    if (history === undefined) return
    const { versions } = history
    const place = lowerBound(versions, revision + 1) - 1
    const latest = place < 0 ? undefined : versions[place]
    if (latest === undefined) return
    const needless = isTombstone(latest) && latest.modRevision < revision ? place + 1 : place
    for (let at = 0; at < needless; at++) this.#bytes -= bytesOf(versions[at] as KeyValue)
    if (needless === versions.length) {
      this.#points.delete(key)
      this.#order.delete(key)
    } else if (needless > 0) {
      versions.splice(0, needless)
    }
  }

  #add(key: string): KeyHistory {
    const history = new KeyHistory(key)
    this.#points.set(key, history)
    this.#order.set(key, history)
    return history
  }
}

/** The place of the first whose revision is at least `revision`, among those ascending by revision. */
export function lowerBound(kvs: readonly KeyValue[], revision: number): number {
  let low = 0
  let high = kvs.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((kvs[middle] as KeyValue).modRevision < revision) low = middle + 1
    else high = middle
  }
  return low
}
