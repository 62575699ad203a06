// WorkQueue: names of what has to be looked at. Pure; the caller brings the time and wakes it.
//
// Guarantee (client-go's): fair: taken in the order added. Stingy: a key is not given to two takers at once, and a key added many
// times before it is taken is taken once. A key added while it is being worked on is queued again when that is done.
// Delays are by the clock each call names; back-off grows per key until `forget`.

import type { Clock } from '../actor/index.js'
import { Heap, type HeapMember } from '../std/index.js'

export interface QueueClocks {
  readonly nowMs: number // real
  readonly clusterMs: number
}

export interface QueueOptions {
  readonly backOffBaseMs?: number
  readonly backOffMaxMs?: number
}

interface Delayed<K> extends HeapMember {
  readonly key: K
  readonly order: number
  atMs: number
}

const backOffBaseMs = 5 // As client-go's item exponential limiter.
const backOffMaxMs = 1_000_000

export class WorkQueue<K extends string = string> {
  readonly #clocks: QueueClocks
  readonly #options: QueueOptions
  readonly #queued = new Set<K>() // In order; a key here is not in `#processing`.
  readonly #processing = new Set<K>()
  readonly #again = new Set<K>() // Added while they were being worked on.
  readonly #failures = new Map<K, number>()
  readonly #delayed = {
    real: { heap: new Heap<Delayed<K>>(earlier), byKey: new Map<K, Delayed<K>>() },
    cluster: { heap: new Heap<Delayed<K>>(earlier), byKey: new Map<K, Delayed<K>>() }
  }
  #orderLast = 0

  /** `clocks` is read at each call: an actor's context will do. */
  constructor(clocks: QueueClocks, options: QueueOptions = {}) {
    this.#clocks = clocks
    this.#options = options
  }

  /** How many keys can be taken now. */
  get size(): number {
    return this.#queued.size
  }

  get processing(): number {
    return this.#processing.size
  }

  add(key: K): void {
    if (this.#processing.has(key)) this.#again.add(key)
    else this.#queued.add(key)
  }

  /** Of two delays of a key on a clock the shorter counts. */
  addAfter(key: K, delayMs: number, clock: Clock): void {
    if (delayMs <= 0) return this.add(key)
    const atMs = this.#now(clock) + delayMs
    const { heap, byKey } = this.#delayed[clock]
    const known = byKey.get(key)
    if (known === undefined) {
      const delayed: Delayed<K> = { key, order: ++this.#orderLast, atMs, heapIndex: -1 }
      byKey.set(key, delayed)
      heap.push(delayed)
    } else if (atMs < known.atMs) {
      known.atMs = atMs
      heap.moved(known)
    }
  }

  /** After this key's back-off: it doubles each time until `forget`. */
  addRateLimited(key: K, clock: Clock = 'real'): void {
    const failures = this.#failures.get(key) ?? 0
    this.#failures.set(key, failures + 1)
    const baseMs = this.#options.backOffBaseMs ?? backOffBaseMs
    const maxMs = this.#options.backOffMaxMs ?? backOffMaxMs
    this.addAfter(key, Math.min(maxMs, baseMs * 2 ** Math.min(failures, 60)), clock)
  }

  forget(key: K): void {
    this.#failures.delete(key)
  }

  requeues(key: K): number {
    return this.#failures.get(key) ?? 0
  }

  /** When the next delayed key is due; Infinity without one. */
  dueMs(clock: Clock): number {
    return this.#delayed[clock].heap.peek()?.atMs ?? Number.POSITIVE_INFINITY
  }

  /** Queues the keys whose delay is over; `take` does so too. */
  wake(): void {
    this.#wake('real')
    this.#wake('cluster')
  }

  /** The oldest key that nobody works on, to be closed with `done`. */
  take(): K | undefined {
    this.wake()
    for (const key of this.#queued) {
      this.#queued.delete(key)
      this.#processing.add(key)
      return key
    }
    return undefined
  }

  done(key: K): void {
    this.#processing.delete(key)
    if (this.#again.delete(key)) this.#queued.add(key)
  }

  #wake(clock: Clock): void {
    const { heap, byKey } = this.#delayed[clock]
    const nowMs = this.#now(clock)
    for (let first = heap.peek(); first !== undefined && first.atMs <= nowMs; first = heap.peek()) {
      heap.remove(first)
      byKey.delete(first.key)
      this.add(first.key)
    }
  }

  #now(clock: Clock): number {
    return clock === 'real' ? this.#clocks.nowMs : this.#clocks.clusterMs
  }
}

function earlier<K>(a: Delayed<K>, b: Delayed<K>): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}
