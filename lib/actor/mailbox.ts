// Mailbox: what waits for one actor, bounded. A ring of envelopes with the time each arrived.
//
// Guarantee: first in, first out, except that supervision overtakes user messages. Answers and notices of
// streams are not counted against the bound: their number is bounded by what the actor itself asked for.

import type { Envelope } from './envelope.js'

export const mailboxMaxDefault = 4096
const waitedMsMin = 1 // Less is not worth a copy of the envelope.

export class Mailbox {
  #items: Envelope[] = []
  #arrivedMs: number[] = []
  #head = 0
  #urgent: Envelope[] = []
  readonly max: number

  constructor(max: number = mailboxMaxDefault) {
    this.max = max
  }

  get size(): number {
    return this.#items.length - this.#head + this.#urgent.length
  }

  get full(): boolean {
    return this.#items.length - this.#head >= this.max
  }

  push(envelope: Envelope, nowMs: number): void {
    this.#items.push(envelope)
    this.#arrivedMs.push(nowMs)
  }

  /** Ahead of all user messages. */
  pushUrgent(envelope: Envelope): void {
    this.#urgent.push(envelope)
  }

  /** The next to handle; asks whose caller no longer waits at `nowMs` are handed to `expired` and passed over. */
  shift(nowMs: number, expired: (envelope: Envelope) => void): Envelope | undefined {
    if (this.#urgent.length > 0) return this.#urgent.shift()
    while (this.#head < this.#items.length) {
      const envelope = this.#items[this.#head] as Envelope
      const arrivedMs = this.#arrivedMs[this.#head] as number
      this.#head++
      if (this.#head === this.#items.length) this.#clear()
      else if (this.#head >= 1024 && this.#head * 2 > this.#items.length) this.#compact()
      if ((envelope.kind !== 'ask' && envelope.kind !== 'open') || envelope.count === 0) return envelope
      const waitedMs = nowMs - arrivedMs
      if (waitedMs < waitedMsMin) return envelope
      if (waitedMs < envelope.count) return { ...envelope, count: envelope.count - waitedMs }
      expired(envelope)
    }
    return undefined
  }

  /** Everything that was never handled. */
  drain(): Envelope[] {
    const rest = [...this.#urgent, ...this.#items.slice(this.#head)]
    this.#clear()
    this.#urgent = []
    return rest
  }

  #clear(): void {
    this.#items.length = 0
    this.#arrivedMs.length = 0
    this.#head = 0
  }

  #compact(): void {
    this.#items = this.#items.slice(this.#head)
    this.#arrivedMs = this.#arrivedMs.slice(this.#head)
    this.#head = 0
  }
}
