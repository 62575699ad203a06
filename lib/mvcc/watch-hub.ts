// WatchHub: hands every watcher each event of its range exactly once, in order, from its start revision on.
//
// Guarantee, with etcd's words: ordered (by revision, within one by the order of the changes), unique, reliable (no gap: after an
// event of revision r, every earlier event of the range was handed out), atomic (all events of one revision are in one delivery),
// resumable (from any revision not compacted), bookmarkable (`progress`). A watcher whose history was compacted is told and ends.
// A watcher without credit costs its own record and nothing per event: it becomes unsynced, a revision to go on from, and is
// caught up from the log when it has credit again.
// Not guaranteed: a `prev` that was compacted.
//
// Use: apply, then `take()`, push each delivery to the streams of its ids, `pause(id)` those without credit and `resume(id)` them
// later. While `behind`, call `take()` again in a turn of its own.

import { assert } from '../std/index.js'
import { Audience, eventOf, type Watcher, type WatchRequest } from './audience.js'
import { contains } from './key.js'
import type { Event, KeyValue } from './key-value.js'
import { lowerBound } from './keyspace.js'
import type { Mvcc } from './mvcc.js'
import { RangeIndex } from './range-index.js'

export interface WatchLimits {
  /** A delivery has fewer events, but for the last revision in it, which is never split. */
  readonly deliveryEventsMax: number
  /** Caught up in one take; as etcd's maxWatchersPerSync. */
  readonly catchUpWatchersMax: number
  /** Of history looked at in one take: about 2 ms. */
  readonly catchUpChangesMax: number
}
export const watchLimits: WatchLimits = { deliveryEventsMax: 1000, catchUpWatchersMax: 512, catchUpChangesMax: 20_000 }

export type WatchDelivery =
  | {
      readonly type: 'events'
      readonly ids: readonly string[]
      readonly events: readonly Event[]
      /** The watchers now have all their events up to this revision. */
      readonly revision: number
    }
  | { readonly type: 'compacted'; readonly ids: readonly string[]; readonly compactRevision: number }

interface Piece {
  readonly events: Event[]
  readonly nextRevision: number
  readonly ids: string[]
}

const nothing: readonly never[] = []

export class WatchHub {
  #store: Mvcc
  readonly #watchers = new Map<string, Watcher>()
  readonly #audiences = new Map<string, Audience>()
  readonly #index = new RangeIndex<Audience>()
  /** Unsynced, with credit, and with something to catch up. In the order of their turns. */
  readonly #behind = new Set<Watcher>()
  /** Unsynced because they start in the future. */
  readonly #future = new Set<Watcher>()
  #ready: WatchDelivery[] = []
  readonly #limits: WatchLimits
  #position = 0
  #revision = 0

  constructor(store: Mvcc, limits: WatchLimits = watchLimits) {
    this.#store = store
    this.#limits = limits
    this.#attach(store)
  }

  get size(): number {
    return this.#watchers.size
  }
  get behind(): boolean {
    return this.#behind.size > 0
  }

  add(request: WatchRequest): void {
    const { id, startRevision } = request
    assert(!this.#watchers.has(id), 'a watch id is used once at a time', { id })
    this.#collect()
    const audience = this.#audienceOf(request)
    const nextRevision = startRevision === 0 ? this.#revision + 1 : startRevision
    const watcher: Watcher = { id, audience, paused: false, synced: false, nextRevision }
    this.#watchers.set(id, watcher)
    audience.watchers.add(watcher)
    this.#place(watcher)
  }

  remove(id: string): boolean {
    const watcher = this.#watchers.get(id)
    if (watcher === undefined) return false
    const { audience } = watcher
    this.#withdraw(id)
    this.#watchers.delete(id)
    audience.watchers.delete(watcher)
    this.#behind.delete(watcher)
    this.#future.delete(watcher)
    audience.place(watcher)
    if (audience.watchers.size > 0) return true
    this.#index.remove(audience)
    this.#audiences.delete(audience.name)
    return true
  }

  /**
   * Hands the watcher nothing until `resume`. `resendFrom`: the first revision of a delivery that its stream refused; then the
   * later deliveries to it of the same take must not be pushed either (refusing them, too, is right).
   */
  pause(id: string, resendFrom?: number): void {
    const watcher = this.#watchers.get(id)
    if (watcher === undefined) return
    watcher.paused = true
    const again = Math.min(resendFrom ?? Number.POSITIVE_INFINITY, this.#withdraw(id))
    if (again < Number.POSITIVE_INFINITY) {
      watcher.nextRevision = watcher.synced ? again : Math.min(again, watcher.nextRevision)
      watcher.synced = false
    }
    this.#place(watcher)
  }

  resume(id: string): void {
    const watcher = this.#watchers.get(id)
    if (watcher?.paused !== true) return
    watcher.paused = false
    this.#place(watcher)
  }

  /** A revision up to which all of these watchers have been handed all events, or undefined while one of them is behind. */
  progress(ids: readonly string[]): number | undefined {
    for (const id of ids) {
      const watcher = this.#watchers.get(id)
      if (watcher === undefined) continue
      if (!watcher.synced && !(this.#future.has(watcher) && watcher.nextRevision > this.#revision)) return undefined
    }
    return this.#ready.length === 0 ? this.#revision : undefined
  }

  /** What is to be pushed now. A watcher's deliveries are in their order. */
  take(): readonly WatchDelivery[] {
    this.#collect()
    if (this.#ready.length === 0 && this.#behind.size === 0) return nothing
    const taken = this.#ready
    this.#ready = []
    this.#catchUp(taken)
    return taken
  }

  /** Goes on with a store restored from a snapshot that replaced the one so far. */
  restored(store: Mvcc): void {
    this.#collect()
    this.#store.beforeCompaction = undefined
    const next = this.#revision + 1
    assert(store.revision >= this.#revision, 'a restored store is not older', { revision: store.revision, before: this.#revision })
    this.#attach(store)
    for (const watcher of this.#watchers.values()) {
      if (watcher.synced) watcher.nextRevision = next
      watcher.synced = false
      this.#place(watcher)
    }
  }

  #attach(store: Mvcc): void {
    this.#store = store
    this.#revision = store.revision
    this.#position = store.keyspace.logEnd
    store.beforeCompaction = () => this.#collect()
  }

  /** Gives the changes since last time to the synced watchers; those without credit stop being synced at their first event. */
  #collect(): void {
    const { keyspace, revision } = this.#store
    if (revision === this.#revision) return
    const touched: Audience[] = []
    const end = keyspace.logEnd
    if (this.#audiences.size === 0) this.#position = end
    for (; this.#position < end; this.#position++) this.#publish(keyspace.change(this.#position), touched)
    this.#revision = revision
    for (const audience of touched) this.#flush(audience, revision)
    for (const watcher of this.#future) if (watcher.nextRevision <= revision + 1) this.#place(watcher)
  }

  #publish(kv: KeyValue, touched: Audience[]): void {
    let plain: Event | undefined
    let withPrev: Event | undefined
    for (const audience of this.#index.find(kv.key)) {
      if (audience.open.size + audience.paused.size === 0 || !audience.wants(kv)) continue
      const { events } = audience
      const last = events.at(-1)
      if (last !== undefined && events.length >= this.#limits.deliveryEventsMax && last.kv.modRevision < kv.modRevision)
        this.#flush(audience, last.kv.modRevision)
      if (audience.prevKv) {
        withPrev ??= eventOf(kv, this.#store.keyspace.history(kv.key))
        audience.add(withPrev)
      } else {
        plain ??= eventOf(kv, undefined)
        audience.add(plain)
      }
      if (audience.events.length === 1) touched.push(audience)
    }
  }

  #flush(audience: Audience, revision: number): void {
    const { events } = audience
    const first = events[0]
    if (first === undefined) return
    audience.events = []
    for (const watcher of [...audience.paused]) {
      watcher.synced = false
      watcher.nextRevision = first.kv.modRevision
      audience.place(watcher)
    }
    if (audience.open.size > 0) this.#ready.push({ type: 'events', ids: audience.openIds, events, revision })
  }

  #catchUp(taken: WatchDelivery[]): void {
    if (this.#behind.size === 0) return
    const pieces = new Map<string, Piece>()
    const compacted: string[] = []
    const served: Watcher[] = []
    const budget = { changes: this.#limits.catchUpChangesMax }
    for (const watcher of this.#behind) {
      if (served.length === this.#limits.catchUpWatchersMax || budget.changes <= 0) break
      served.push(watcher)
      if (watcher.nextRevision < this.#store.compactRevision) {
        compacted.push(watcher.id)
        continue
      }
      const name = `${watcher.nextRevision} ${watcher.audience.name}`
      let piece = pieces.get(name)
      if (piece === undefined) {
        piece = this.#piece(watcher.audience, watcher.nextRevision, budget)
        pieces.set(name, piece)
      }
      piece.ids.push(watcher.id)
      watcher.nextRevision = piece.nextRevision
    }
    // Only now, so that those still behind come after the others.
    for (const watcher of served) this.#place(watcher)
    for (const id of compacted) this.remove(id)
    for (const { ids, events, nextRevision } of pieces.values()) {
      if (events.length > 0) taken.push({ type: 'events', ids, events, revision: nextRevision - 1 })
    }
    if (compacted.length > 0) taken.push({ type: 'compacted', ids: compacted, compactRevision: this.#store.compactRevision })
  }

  /** The next events of history for an audience: up to the end, or to where enough was found or looked at. */
  #piece(audience: Audience, from: number, budget: { changes: number }): Piece {
    const { keyspace } = this.#store
    const events: Event[] = []
    const single = audience.end === undefined || audience.end === ''
    const versions = keyspace.history(audience.key)?.versions ?? []
    let at = single ? lowerBound(versions, from) : keyspace.positionOf(from)
    const end = single ? versions.length : keyspace.logEnd
    let before = 0
    for (; at < end; at++) {
      const kv = single ? (versions[at] as KeyValue) : keyspace.change(at)
      const enough = events.length >= this.#limits.deliveryEventsMax || budget.changes <= 0
      if (enough && kv.modRevision !== before && before !== 0) return { events, nextRevision: kv.modRevision, ids: [] }
      before = kv.modRevision
      budget.changes--
      if ((single || contains(audience, kv.key)) && audience.wants(kv)) {
        events.push(eventOf(kv, audience.prevKv ? keyspace.history(kv.key) : undefined))
      }
    }
    return { events, nextRevision: this.#revision + 1, ids: [] }
  }

  /** Takes back what was not taken yet. Gives the first revision of it, or infinity. */
  #withdraw(id: string): number {
    let first = Number.POSITIVE_INFINITY
    for (const [at, delivery] of this.#ready.entries()) {
      if (delivery.type !== 'events' || !delivery.ids.includes(id)) continue
      first = Math.min(first, delivery.events[0]?.kv.modRevision ?? first)
      this.#ready[at] = { ...delivery, ids: delivery.ids.filter(other => other !== id) }
    }
    return first
  }

  #audienceOf(request: WatchRequest): Audience {
    const found = this.#audiences.get(Audience.nameOf(request))
    if (found !== undefined) return found
    const audience = new Audience(request)
    this.#audiences.set(audience.name, audience)
    this.#index.add(audience)
    return audience
  }

  /** Puts a watcher where its state says: synced, behind, in the future, or waiting for credit. */
  #place(watcher: Watcher): void {
    this.#behind.delete(watcher)
    this.#future.delete(watcher)
    const next = this.#revision + 1
    if (!watcher.synced) {
      if (watcher.nextRevision === next) watcher.synced = true
      else if (watcher.nextRevision > next) this.#future.add(watcher)
      else if (!watcher.paused) this.#behind.add(watcher)
    }
    watcher.audience.place(watcher)
  }
}
