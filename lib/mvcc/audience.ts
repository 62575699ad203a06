// Audience: the watchers that must see the same events. They share one list of them, so that it is made and serialised once.

import { type Event, isTombstone, type KeyValue } from './key-value.js'
import type { KeyHistory } from './keyspace.js'
import { lowerBound } from './keyspace.js'

export interface WatchRequest {
  readonly id: string
  readonly key: string
  readonly end?: string | undefined
  /** The first revision to be seen; 0: what comes from now on. */
  readonly startRevision: number
  readonly prevKv?: boolean
  readonly noPut?: boolean
  readonly noDelete?: boolean
}

export interface Watcher {
  readonly id: string
  readonly audience: Audience
  /** Without credit: it is handed nothing. */
  paused: boolean
  /** Whether it has all events up to the hub's revision; then `nextRevision` is not kept up. */
  synced: boolean
  nextRevision: number
}

export class Audience {
  readonly name: string
  readonly key: string
  readonly end: string | undefined
  readonly prevKv: boolean
  readonly #noPut: boolean
  readonly #noDelete: boolean
  /** All of them, synced or not. */
  readonly watchers = new Set<Watcher>()
  /** The synced. */
  readonly open = new Set<Watcher>()
  readonly paused = new Set<Watcher>()
  #openIds: readonly string[] | undefined
  /** What the synced have not been handed yet. */
  events: Event[] = []

  static nameOf({ key, end, prevKv, noPut, noDelete }: WatchRequest): string {
    const flags = (prevKv === true ? 1 : 0) | (noPut === true ? 2 : 0) | (noDelete === true ? 4 : 0)
    return `${flags} ${key.length} ${key}${end ?? ''}`
  }

  constructor(request: WatchRequest) {
    this.name = Audience.nameOf(request)
    this.key = request.key
    this.end = request.end
    this.prevKv = request.prevKv === true
    this.#noPut = request.noPut === true
    this.#noDelete = request.noDelete === true
  }

  wants(kv: KeyValue): boolean {
    return isTombstone(kv) ? !this.#noDelete : !this.#noPut
  }

  add(event: Event): void {
    if (this.events.length === 0)
      this.events = [event] // Mostly the only one.
    else this.events.push(event)
  }

  get openIds(): readonly string[] {
    this.#openIds ??= Array.from(this.open, watcher => watcher.id)
    return this.#openIds
  }

  /** Puts a watcher where its `paused` and `synced` say. */
  place(watcher: Watcher): void {
    this.open.delete(watcher)
    this.paused.delete(watcher)
    this.#openIds = undefined
    if (!this.watchers.has(watcher) || !watcher.synced) return
    const there = watcher.paused ? this.paused : this.open
    there.add(watcher)
  }
}

/** `history` is needed for what was there before, and only where that is wanted. */
export function eventOf(kv: KeyValue, history: KeyHistory | undefined): Event {
  const type = isTombstone(kv) ? 'delete' : 'put'
  if (history === undefined) return { type, kv }
  const { versions } = history
  const last = versions.length - 1
  const place = versions[last] === kv ? last : lowerBound(versions, kv.modRevision)
  const prev = place === 0 ? undefined : versions[place - 1]
  return prev === undefined || isTombstone(prev) ? { type, kv } : { type, kv, prev }
}
