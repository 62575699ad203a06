// Stream: the two ends of a stream inside their cells. Pure bookkeeping; the cell sends what they record.
//
// Guarantee: the consumer sees the producer's items in order, each once, or sees the stream fail; a lost
// envelope is a gap and fails the stream. The producer is at most `window` items ahead of what was read.

import type { Failure, Refusal, Sink } from './contract.js'
import type { Effect } from './envelope.js'

/** What a sink needs of its cell. */
export interface SinkOwner {
  readonly address: string
  record(effect: Effect): void
  touched(sink: SinkState): void // It is to be kept, or discarded, when the turn ends.
  ended(sink: SinkState): void
}

export class SinkState implements Sink<unknown> {
  readonly id: number
  readonly to: string
  readonly life: number // The consumer's.
  open = true
  credit: number
  readonly #window: number
  readonly #owner: SinkOwner
  #sent = 0
  #pending: unknown[] = []
  #touched = false
  #creditBefore = 0 // What it was before the turn that touches it.
  #sentBefore = 0

  constructor(owner: SinkOwner, to: string, life: number, id: number, window: number) {
    this.#owner = owner
    this.to = to
    this.life = life
    this.id = id
    this.credit = window
    this.#window = window
  }

  push(item: unknown): boolean {
    if (!this.open || this.credit <= 0) return false
    if (!this.#touched) this.#touch()
    this.credit--
    if (this.#pending.length === 0)
      this.#pending = [item] // Mostly the only one.
    else this.#pending.push(item)
    return true
  }

  end(reason?: Refusal): void {
    if (!this.open) return
    if (!this.#touched) this.#touch()
    this.#flush()
    this.open = false
    const error: Failure | undefined = reason && { code: reason.code, definite: false, detail: reason.detail }
    this.#send(error === undefined ? 'end' : 'failure', error, this.#sent)
    this.#owner.ended(this)
  }

  /** The turn is over: what it pushed is sent, as one envelope. */
  keep(): void {
    this.#touched = false
    this.#flush()
  }

  /** The turn failed: it neither pushed nor ended. */
  discard(): void {
    this.#touched = false
    this.#pending = []
    this.credit = this.#creditBefore
    this.#sent = this.#sentBefore
    this.open = true
  }

  /** True if the consumer took more than was known. `taken` is cumulative, so a lost or repeated notice does no harm. */
  took(taken: number): boolean {
    const credit = taken + this.#window - this.#sent - this.#pending.length
    if (credit <= this.credit) return false
    this.credit = credit
    return true
  }

  #touch(): void {
    this.#touched = true
    this.#creditBefore = this.credit
    this.#sentBefore = this.#sent
    this.#owner.touched(this)
  }

  #flush(): void {
    if (this.#pending.length === 0) return
    const items = this.#pending
    this.#pending = []
    this.#send('items', items, this.#sent)
    this.#sent += items.length
  }

  #send(kind: 'items' | 'end' | 'failure', body: unknown, count: number): void {
    this.#owner.record({ kind, from: this.#owner.address, to: this.to, life: this.life, id: this.id, type: '', body, count })
  }
}

/** The consumer's end: what arrived and was not yet read. */
export class Arrivals {
  readonly producer: string
  readonly window: number
  ended: { readonly kind: 'end' } | { readonly kind: 'failed'; readonly error: Failure } | undefined
  taken = 0 // Items handed to the reader.
  #told = 0 // What the producer knows of it.
  #received = 0
  #buffer: unknown[] = []

  constructor(producer: string, window: number) {
    this.producer = producer
    this.window = window
  }

  get empty(): boolean {
    return this.#buffer.length === 0
  }

  /** False: items before these were lost, and the stream is no longer whole. */
  arrived(items: readonly unknown[], before: number): boolean {
    if (before > this.#received) return false
    const known = this.#received - before // A duplicate delivery repeats items already here.
    if (this.#buffer.length === 0) this.#buffer = items.slice(known)
    else for (let i = known; i < items.length; i++) this.#buffer.push(items[i])
    if (items.length > known) this.#received += items.length - known
    return true
  }

  /** Whether nothing is missing of what the producer sent. */
  whole(sent: number): boolean {
    return this.#received >= sent
  }

  take(): readonly unknown[] {
    const items = this.#buffer
    this.#buffer = []
    this.taken += items.length
    return items
  }

  /** Whether the producer should hear of the progress: at half a window, so that credit does not cost a message an item. */
  get creditDue(): boolean {
    return this.taken - this.#told >= Math.max(1, this.window >> 1)
  }

  told(): number {
    this.#told = this.taken
    return this.taken
  }
}
