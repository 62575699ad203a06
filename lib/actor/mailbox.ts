// Mailbox: what waits for one actor, bounded. A ring of envelopes with the time each arrived.
//
// Guarantee: first in, first out, except that supervision overtakes user messages. Answers and notices of
// streams are not counted against the bound: their number is bounded by what the actor itself asked for.

import type { Envelope } from './envelope.js'

export const mailboxMaxDefault = 4096
const waitedMsMin = 1 // Less is not worth a copy of the envelope.
const keptMax = 1024 // Places that an empty mailbox keeps.

export class Mailbox {
  #items: (Envelope | undefined)[] = []
  #arrivedMs: number[] = []
  #head = 0
  #tail = 0
  #urgent: Envelope[] = []
  readonly max: number

  constructor(max: number = mailboxMaxDefault) {
    this.max = max
  }

  get size(): number {
    return this.#tail - this.#head + this.#urgent.length
  }

  get full(): boolean {
    return this.#tail - this.#head >= this.max
  }

  push(envelope: Envelope, nowMs: number): void {
    this.#items[this.#tail] = envelope
    this.#arrivedMs[this.#tail++] = nowMs
  }

  /** Ahead of all user messages. */
  pushUrgent(envelope: Envelope): void {
    this.#urgent.push(envelope)
  }

  /** The next to handle; asks whose caller no longer waits at `nowMs` are handed to `expired` and passed over. */
  shift(nowMs: number, expired: (envelope: Envelope) => void): Envelope | undefined {
    if (this.#urgent.length > 0) return this.#urgent.shift()
    while (this.#head < this.#tail) {
      const arrivedMs = this.#arrivedMs[this.#head] as number
      const envelope = this.#take()
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
    const rest = [...this.#urgent, ...(this.#items.slice(this.#head, this.#tail) as Envelope[])]
    this.#items = []
    this.#arrivedMs = []
    this.#head = this.#tail = 0
    this.#urgent = []
    return rest
  }

  #take(): Envelope {
    const envelope = this.#items[this.#head] as Envelope
    this.#items[this.#head++] = undefined // Its place stays, for the next that comes.
    if (this.#head === this.#tail) this.#rewind()
    else if (this.#head >= keptMax && this.#head * 2 > this.#tail) this.#compact()
    return envelope
  }

  #rewind(): void {
    this.#head = this.#tail = 0
    if (this.#items.length <= keptMax) return
    this.#items = []
    this.#arrivedMs = []
  }

  #compact(): void {
    this.#items = this.#items.slice(this.#head, this.#tail)
    this.#arrivedMs = this.#arrivedMs.slice(this.#head, this.#tail)
    this.#tail -= this.#head
    this.#head = 0
  }
}
