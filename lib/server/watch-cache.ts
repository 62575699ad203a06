// WatchCache: every object of the store, as of one revision, and the last events of each kind of object.
//
// Guarantee: the state and the histories are exactly those of the store at `revision`; events come in order, each once.
// How fresh that is, is asked for elsewhere (freshness.ts). Bounded: `historyEventsMax` events a shelf.

import sortedBtree from 'sorted-btree'
import type { Kind } from '../kinds/index.js'
import type { StoreEvent, StoreKeyValue, StoreWatchBatch } from '../storage/index.js'
import { type Entry, EntryFormat } from './entry.js'
import { prefixOf, registryRoot } from './resource.js'

const BTree = sortedBtree.default
type Tree = InstanceType<typeof BTree<string, Entry>>

export const historyEventsMax = 1024
const rangesPrefix = `${registryRoot}ranges/`

export interface CacheEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  /** The new state; of a deletion the last one, at the revision of the deletion. */
  readonly entry: Entry
  readonly prev: Entry | undefined
  readonly revision: number
}

/** The objects under one prefix of the store. */
export class Shelf {
  readonly prefix: string
  readonly format: EntryFormat
  /** Of the newest change here. */
  lastRevision = 0
  /** Every event after this revision is in the history. */
  since = 0
  #entries: Tree = emptyTree()
  #history: CacheEvent[] = []
  #first = 0

  constructor(kind: Kind) {
    this.prefix = prefixOf(kind)
    this.format = new EntryFormat(kind)
  }

  get(key: string): Entry | undefined {
    return this.#entries.get(key)
  }

  get size(): number {
    return this.#entries.size
  }

  /** In order of their keys, from `from` on, those that start with `prefix`; until `visit` returns false. */
  visit(prefix: string, from: string, visit: (entry: Entry) => boolean | undefined): void {
    this.#entries.forRange(from > prefix ? from : prefix, prefixEnd(prefix), false, (_key, entry) =>
      visit(entry) === false ? { break: true } : undefined
    )
  }

  count(prefix: string, from: string): number {
    return this.#entries.forRange(from > prefix ? from : prefix, prefixEnd(prefix), false)
  }

  /** Events after that revision; undefined if some of them are forgotten. */
  eventsSince(revision: number): readonly CacheEvent[] | undefined {
    if (revision < this.since) return undefined
    const history = this.#history
    let low = this.#first
    let high = history.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((history[middle] as CacheEvent).revision <= revision) low = middle + 1
      else high = middle
    }
    return history.slice(low)
  }

  load(kvs: readonly StoreKeyValue[]): void {
    for (const { key, value, modRevision } of kvs) {
      const entry = this.format.decode(key, value, modRevision)
      if (entry === undefined) continue
      this.#entries.set(key, entry)
      if (modRevision > this.lastRevision) this.lastRevision = modRevision
    }
  }

  /** Forgets everything: what follows is as of that revision. */
  reset(revision: number): void {
    this.#entries = emptyTree()
    this.#history = []
    this.#first = 0
    this.since = revision
    this.lastRevision = 0
  }

  apply({ type, kv }: StoreEvent): CacheEvent | undefined {
    const { key, modRevision: revision } = kv
    const prev = this.#entries.get(key)
    if (type === 'delete') {
      if (prev === undefined) return undefined
      this.#entries.delete(key)
      return this.#remember({ type: 'DELETED', entry: prev.at(revision), prev, revision })
    }
    const entry = this.format.decode(key, kv.value, revision)
    if (entry === undefined) return undefined
    this.#entries.set(key, entry)
    return this.#remember({ type: prev === undefined ? 'ADDED' : 'MODIFIED', entry, prev, revision })
  }

  #remember(event: CacheEvent): CacheEvent {
    this.lastRevision = event.revision
    this.#history.push(event)
    if (this.#history.length - this.#first > historyEventsMax) {
      this.since = (this.#history[this.#first] as CacheEvent).revision
      this.#first++
      if (this.#first > historyEventsMax) {
        this.#history = this.#history.slice(this.#first)
        this.#first = 0
      }
    }
    return event
  }
}

export class WatchCache {
  /** 0 until it was filled. */
  revision = 0
  readonly shelves: readonly Shelf[]
  /** Keys under `/registry/ranges/`: addresses and ports that are taken. */
  readonly taken = new Set<string>()
  readonly #byName = new Map<string, Shelf>()

  constructor(kinds: readonly Kind[]) {
    for (const kind of kinds) {
      const name = prefixOf(kind).slice(registryRoot.length, -1)
      if (!this.#byName.has(name)) this.#byName.set(name, new Shelf(kind))
    }
    this.shelves = [...this.#byName.values()]
  }

  shelfOf(kind: Kind): Shelf {
    return this.#byName.get(prefixOf(kind).slice(registryRoot.length, -1)) as Shelf
  }

  reset(kvs: readonly StoreKeyValue[], revision: number): void {
    for (const shelf of this.shelves) shelf.reset(revision)
    this.taken.clear()
    for (const kv of kvs) {
      if (kv.key.startsWith(rangesPrefix)) this.taken.add(kv.key)
      else this.#shelfOfKey(kv.key)?.load([kv])
    }
    this.revision = revision
  }

  /** Events this cache has already seen are passed over: a stream may be opened again from an earlier revision. */
  apply(batch: StoreWatchBatch, changed: (shelf: Shelf, event: CacheEvent) => void): void {
    const known = this.revision
    for (const stored of batch.events) {
      if (stored.kv.modRevision <= known) continue
      if (stored.kv.key.startsWith(rangesPrefix)) {
        if (stored.type === 'put') this.taken.add(stored.kv.key)
        else this.taken.delete(stored.kv.key)
        continue
      }
      const shelf = this.#shelfOfKey(stored.kv.key)
      const event = shelf?.apply(stored)
      if (event !== undefined) changed(shelf as Shelf, event)
    }
    if (batch.revision > known) this.revision = batch.revision
  }

  #shelfOfKey(key: string): Shelf | undefined {
    if (!key.startsWith(registryRoot)) return undefined
    const start = registryRoot.length
    const one = key.indexOf('/', start)
    if (one < 0) return undefined
    const shelf = this.#byName.get(key.slice(start, one))
    if (shelf !== undefined) return shelf
    const two = key.indexOf('/', one + 1)
    return two < 0 ? undefined : this.#byName.get(key.slice(start, two))
  }
}

/** The first key after all that start with `prefix`, which ends with '/'. */
export const prefixEnd = (prefix: string): string => `${prefix.slice(0, -1)}0`

const emptyTree = (): Tree => new BTree<string, Entry>(undefined, (a, b) => (a < b ? -1 : a > b ? 1 : 0))
