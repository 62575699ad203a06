// DelayLine: a slow link between two machines: what is sent over it arrives later, in the order it was sent.

import type { Envelope } from '../actor/index.js'

const envelopesMax = 1 << 16

export class DelayLine {
  #waiting: { readonly atMs: number; readonly envelope: Envelope }[] = []
  #timer: NodeJS.Timeout | undefined
  #lastMs = 0
  readonly #deliver: (envelope: Envelope) => void

  constructor(deliver: (envelope: Envelope) => void) {
    this.#deliver = deliver
  }

  get empty(): boolean {
    return this.#waiting.length === 0
  }

  /** False: the line is full. */
  send(envelope: Envelope, delayMs: number): boolean {
    if (this.#waiting.length >= envelopesMax) return false
    // Never before what was sent earlier, though the link became faster meanwhile.
    this.#lastMs = Math.max(this.#lastMs, performance.now() + delayMs)
    this.#waiting.push({ atMs: this.#lastMs, envelope })
    this.#arm()
    return true
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#waiting = []
  }

  #arm(): void {
    const first = this.#waiting[0]
    if (this.#timer !== undefined || first === undefined) return
    this.#timer = setTimeout(() => this.#fire(), Math.max(1, first.atMs - performance.now()))
  }

  #fire(): void {
    this.#timer = undefined
    const nowMs = performance.now()
    const until = this.#waiting.findIndex(({ atMs }) => atMs > nowMs)
    const due = this.#waiting.splice(0, until < 0 ? this.#waiting.length : until)
    for (const { envelope } of due) this.#deliver(envelope)
    this.#arm()
  }
}
