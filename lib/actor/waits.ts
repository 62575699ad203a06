// Waits: what a cell waits for, by when: named timers, sleeps, the deadlines of asks.
//
// Pure bookkeeping on either clock. The earliest is known at once, and giving one up costs O(log n).

import { Heap, type HeapMember } from '../std/index.js'
import { type Clock, type Flow, ofClock } from './contract.js'
import type { Envelope } from './envelope.js'

export interface Clocks {
  nowMs(): number
  clusterMs(): number
}

/** A flow in progress: the request it serves, if any, and what it waits for. */
export interface Run {
  readonly flow: Flow<unknown>
  readonly request: Envelope | undefined
  wait: Wait | undefined
  done: boolean
}

export type WaitKind = 'timer' | 'sleep' | 'ask' | 'open' | 'next' | 'credit' | 'serve'

export interface Wait extends HeapMember {
  readonly kind: WaitKind
  readonly order: number // Between waits due at the same instant: first armed, first fired.
  readonly atMs: number
  readonly clock: Clock
  readonly id: number // ask, open, next: the request or stream. Else 0.
  readonly to: string // ask, open: the callee.
  readonly name: string // timer: its name.
  readonly window: number // open: how far the producer may be ahead.
  readonly run: Run | undefined
  readonly request: Envelope | undefined // serve: what is no longer waited for when this is due.
}

export const never = Number.POSITIVE_INFINITY
const earlier = (a: Wait, b: Wait): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)

export class Waits {
  readonly #clocks: Clocks
  readonly #due = { real: new Heap<Wait>(earlier), cluster: new Heap<Wait>(earlier) }
  readonly #timers = new Map<string, Wait>()
  #orderLast = 0

  constructor(clocks: Clocks) {
    this.#clocks = clocks
  }

  /** When the first of that clock is due; Infinity without one. */
  dueMs(clock: Clock): number {
    return ofClock(this.#due, clock).peek()?.atMs ?? never
  }

  /** Waits `delayMs` from now; Infinity: for as long as it takes. */
  arm(kind: WaitKind, clock: Clock, delayMs: number, run: Run | undefined, id = 0, to = '', name = '', window = 0): Wait {
    const nowMs = clock === 'real' ? this.#clocks.nowMs() : this.#clocks.clusterMs()
    const atMs = nowMs + Math.max(0, delayMs)
    const wait = { kind, order: ++this.#orderLast, atMs, clock, id, to, name, window, run, request: undefined, heapIndex: -1 }
    if (atMs !== never) ofClock(this.#due, clock).push(wait)
    return wait
  }

  armServe(request: Envelope): Wait {
    const order = ++this.#orderLast
    const atMs = this.#clocks.nowMs() + request.count
    const wait: Wait = {
      kind: 'serve',
      order,
      atMs,
      clock: 'real',
      id: 0,
      to: '',
      name: '',
      window: 0,
      run: undefined,
      request,
      heapIndex: -1
    }
    this.#due.real.push(wait)
    return wait
  }

  disarm(wait: Wait): void {
    ofClock(this.#due, wait.clock).remove(wait)
  }

  /** Takes out the first wait due by then. */
  pop(clock: Clock, byMs: number): Wait | undefined {
    const wait = ofClock(this.#due, clock).peek()
    if (wait === undefined || wait.atMs > byMs) return undefined
    ofClock(this.#due, clock).remove(wait)
    if (wait.kind === 'timer') this.#timers.delete(wait.name)
    return wait
  }

  /** Takes back one that was disarmed. */
  rearm(wait: Wait): void {
    if (wait.heapIndex < 0 && wait.atMs !== never) ofClock(this.#due, wait.clock).push(wait)
  }

  /** Answers the timer of that name that it replaces. */
  setTimer(name: string, clock: Clock, delayMs: number): Wait | undefined {
    const before = this.cancelTimer(name)
    this.#timers.set(name, this.arm('timer', clock, delayMs, undefined, 0, '', name))
    return before
  }

  cancelTimer(name: string): Wait | undefined {
    const wait = this.#timers.get(name)
    if (wait === undefined) return undefined
    this.#timers.delete(name)
    this.disarm(wait)
    return wait
  }

  restoreTimer(name: string, before: Wait | undefined): void {
    this.cancelTimer(name)
    if (before === undefined) return
    this.#timers.set(name, before)
    this.rearm(before)
  }
}
