// Feed: keeps the watch cache in step with the store, and tells who waits for a revision when the cache has it.
//
// Guarantee: a watch stream's end, its member's death or a cut costs no event and repeats none: the stream is opened again, at another
// member, after the last revision applied. If the store has compacted that away, the cache is loaded anew and its watchers are told.
//
// At the start the cache is loaded as of some revisions ago and brought up to date by the watch, so that watches of clients that come
// from another apiserver, or from this one's previous life, find the history they need.

import { type Flow, type Later, open, refuse, sleep } from '../actor/index.js'
import type { StoreKeyValue } from '../storage/index.js'
import { registryRoot } from './resource.js'
import type { StoreClient } from './store-client.js'
import { type CacheEvent, prefixEnd, type Shelf, type WatchCache } from './watch-cache.js'

const historyRevisions = 1024 // Loaded at the start; 4096 cost 200 ms more.
const pageKeys = 2000 // Of a range, so that no one message is too large.
const openTimeoutMs = 2_000
const idleMs = 500
/** Not only our own keys: so every revision of the store shows itself here, and a read knows when the cache has reached it. */
const everyKey = { key: '\0', end: '\0' }
const reopenDelayMs = 10
const loadDeadlineMs = 10_000
const watchWindow = 1024
/** How long a read waits for the cache to reach the store's revision. */
export const freshTimeoutMs = 3_000

export interface Reached {
  readonly revision: number
}

export interface FeedEvents {
  readonly nowMs: number
  run(flow: Flow<void>): unknown
  answer(later: Later<Reached>, outcome: Reached | ReturnType<typeof refuse>): void
  log(event: string, fields?: Readonly<Record<string, unknown>>): void
  /** Once for all that one turn brought, in order. */
  changed(changes: ReadonlyMap<Shelf, readonly CacheEvent[]>): void
  /** The history is lost: watches end. */
  reset(): void
}

export class Feed {
  readonly #cache: WatchCache
  readonly #store: StoreClient
  readonly #events: FeedEvents
  #fresh: Later<Reached>[] = []
  #asking = false
  #waiting: { readonly revision: number; readonly later: Later<Reached>; readonly untilMs: number }[] = []
  #knownRevision = 0 // Of the store, as far as it told.
  /** As of which revision the cache must be before anybody is answered. */
  #readyRevision = Number.POSITIVE_INFINITY

  constructor(cache: WatchCache, store: StoreClient, events: FeedEvents) {
    this.#cache = cache
    this.#store = store
    this.#events = events
  }

  get ready(): boolean {
    return this.#cache.revision >= this.#readyRevision
  }

  start(): void {
    this.#events.run(this.#follow())
  }

  /** Answered when the cache holds everything that was acknowledged before now; all who ask meanwhile share the next question. */
  awaitFresh(later: Later<Reached>): void {
    this.#fresh.push(later)
    if (this.#asking) return
    this.#asking = true
    this.#events.run(this.#ask())
  }

  awaitRevision(revision: number, later: Later<Reached>): void {
    if (this.ready && this.#cache.revision >= revision) return this.#events.answer(later, { revision: this.#cache.revision })
    this.#waiting.push({ revision, later, untilMs: this.#events.nowMs + freshTimeoutMs })
  }

  *#ask(): Flow<void> {
    while (this.#fresh.length > 0) {
      const asking = this.#fresh
      this.#fresh = []
      const outcome = yield* this.#store.revision(this.#events.nowMs + freshTimeoutMs)
      for (const later of asking) {
        if (outcome.ok) {
          this.#knownRevision = Math.max(this.#knownRevision, outcome.value.revision)
          this.awaitRevision(outcome.value.revision, later)
        } else this.#events.answer(later, refuse('store', outcome.error.detail))
      }
    }
    this.#asking = false
  }

  *#follow(): Flow<void> {
    for (;;) {
      const history = this.#cache.revision === 0 ? historyRevisions : 0
      while (!(yield* this.#load(history))) yield* sleep('real', reopenDelayMs)
      yield* this.#watch()
      this.#events.log('watch cache is loaded anew: the store compacted what it had not seen')
    }
  }

  /** True: the cache is as of the revision it says. */
  *#load(history: number): Flow<boolean> {
    const deadlineMs = this.#events.nowMs + loadDeadlineMs
    const current = yield* this.#store.revision(deadlineMs)
    if (!current.ok) return false
    let at = Math.max(1, current.value.revision - history)
    let kvs = yield* this.#range(at, deadlineMs)
    if (kvs === 'compacted') {
      at = current.value.revision
      kvs = yield* this.#range(at, deadlineMs)
    }
    if (typeof kvs === 'string') return false
    const first = this.#cache.revision === 0
    this.#cache.reset(kvs, at)
    this.#readyRevision = current.value.revision
    if (!first) this.#events.reset()
    this.#answerReached()
    return true
  }

  *#range(revision: number, deadlineMs: number): Flow<StoreKeyValue[] | 'compacted' | 'failed'> {
    const kvs: StoreKeyValue[] = []
    const end = prefixEnd(registryRoot)
    for (let key = registryRoot; ; ) {
      const page = yield* this.#store.range({ key, end, revision, limit: pageKeys }, deadlineMs)
      if (!page.ok) return page.error.code === 'compacted' ? 'compacted' : 'failed'
      for (const kv of page.value.kvs) kvs.push(kv)
      const last = page.value.kvs.at(-1)
      if (!page.value.more || last === undefined) return kvs
      key = `${last.key}\0`
    }
  }

  /** Until the history it would need is gone. */
  *#watch(): Flow<void> {
    for (;;) {
      const store = this.#store.current
      const startRevision = this.#cache.revision + 1
      const opened = yield* open(store, openTimeoutMs, 'watch', { ...everyKey, startRevision }, watchWindow)
      if (!opened.ok) {
        if (opened.error.code === 'compacted') return
        this.#store.leave(store)
        yield* sleep('real', reopenDelayMs)
        continue
      }
      const source = opened.value
      for (;;) {
        const batch = yield* source.next(idleMs)
        if (batch.kind === 'items') this.#apply(batch.items)
        else if (batch.kind === 'idle') {
          this.#answerReached()
          // A member that is cut off goes on saying nothing: what others know of shows that it does.
          const behind = this.#knownRevision > this.#cache.revision
          if (!behind && this.#store.current === store) continue
          if (behind) this.#store.leave(store)
          source.close()
          break
        } else {
          if (batch.kind === 'failed' && batch.error.code === 'compacted') return
          this.#store.leave(store)
          break
        }
      }
    }
  }

  #apply(batches: readonly Parameters<WatchCache['apply']>[0][]): void {
    const changes = new Map<Shelf, CacheEvent[]>()
    for (const batch of batches) {
      this.#cache.apply(batch, (shelf, event) => {
        const events = changes.get(shelf)
        if (events === undefined) changes.set(shelf, [event])
        else events.push(event)
      })
    }
    if (changes.size > 0) this.#events.changed(changes)
    this.#answerReached()
  }

  #answerReached(): void {
    if (!this.ready || this.#waiting.length === 0) return
    const { revision } = this.#cache
    const { nowMs } = this.#events
    const waiting = this.#waiting
    this.#waiting = waiting.filter(one => one.revision > revision && one.untilMs > nowMs)
    for (const one of waiting) if (one.revision <= revision) this.#events.answer(one.later, { revision })
  }
}
