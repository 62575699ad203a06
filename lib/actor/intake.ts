// Intake: the streams a life consumes: what arrived of each, the flow that reads it, and what its producer is told.

import type { Batch, Failure, Flow, Source } from './contract.js'
import type { Effect, Envelope } from './envelope.js'
import { Arrivals } from './stream.js'
import { never, type Run, type Wait, type Waits } from './waits.js'

/** What it needs of its cell. */
export interface Consumer {
  readonly address: string
  readonly life: number
  readonly effects: Effect[]
  resume(run: Run, input: unknown): void
  /** The envelope by which a request or stream is given up. */
  cancelOf(to: string, id: number): Envelope
}

interface Inflow {
  readonly arrivals: Arrivals
  reader: Wait | undefined
}

export class Intake {
  readonly #consumer: Consumer
  readonly #waits: Waits
  readonly #inflows = new Map<number, Inflow>()

  constructor(consumer: Consumer, waits: Waits) {
    this.#consumer = consumer
    this.#waits = waits
  }

  get size(): number {
    return this.#inflows.size
  }

  has(id: number): boolean {
    return this.#inflows.has(id)
  }

  /** A stream was accepted: how its consumer reads it. */
  opened(id: number, producer: string, window: number): Source<unknown> {
    const arrivals = new Arrivals(producer, window)
    this.#inflows.set(id, { arrivals, reader: undefined })
    return {
      *next(timeoutMs = 0): Flow<Batch<unknown>> {
        return yield { step: 'next', stream: id, timeoutMs }
      },
      close: () => {
        if (!this.#inflows.delete(id) || arrivals.ended !== undefined) return
        this.#consumer.effects.push(this.#consumer.cancelOf(producer, id))
      }
    }
  }

  arrived(envelope: Envelope): void {
    const inflow = this.#inflows.get(envelope.id)
    if (inflow === undefined || inflow.arrivals.ended !== undefined) return
    const { arrivals } = inflow
    const ends = envelope.kind === 'end'
    if (ends ? arrivals.whole(envelope.count) : arrivals.arrived(envelope.body as readonly unknown[], envelope.count)) {
      if (ends) arrivals.ended = { kind: 'end' }
    } else {
      arrivals.ended = { kind: 'failed', error: { code: 'gap', definite: false, detail: 'items of the stream were lost' } }
      this.#consumer.effects.push(this.#consumer.cancelOf(envelope.from, envelope.id))
    }
    this.#read(inflow)
  }

  /** False: no such stream. */
  failed(id: number, error: Failure): boolean {
    const inflow = this.#inflows.get(id)
    if (inflow === undefined) return false
    inflow.arrivals.ended ??= { kind: 'failed', error }
    this.#read(inflow)
    return true
  }

  lost(producer: string, error: Failure): void {
    for (const [id, { arrivals }] of [...this.#inflows]) if (arrivals.producer === producer) this.failed(id, error)
  }

  /** What is there for the flow to read, or undefined: it waits. */
  suspend(run: Run, id: number, timeoutMs: number): Batch<unknown> | undefined {
    const inflow = this.#inflows.get(id)
    if (inflow === undefined) return { kind: 'end' }
    if (!inflow.arrivals.empty || inflow.arrivals.ended !== undefined) return this.#batch(id, inflow.arrivals)
    run.wait = this.#waits.arm('next', 'real', timeoutMs > 0 ? timeoutMs : never, run, id)
    inflow.reader = run.wait
    return undefined
  }

  /** Nothing came in the time its reader gave it. */
  idle(wait: Wait): void {
    const inflow = this.#inflows.get(wait.id)
    if (inflow !== undefined) {
      inflow.reader = undefined
      this.#tellCredit(wait.id, inflow.arrivals) // Told again while idle: a lost notice, or a lost producer, shows.
    }
    this.#consumer.resume(wait.run as Run, { kind: 'idle' })
  }

  /** The flow that read it is given up. */
  unread(id: number): void {
    const inflow = this.#inflows.get(id)
    if (inflow !== undefined) inflow.reader = undefined
  }

  /** What producers are told when the consumer's life ends. */
  epitaph(out: Effect[]): void {
    for (const [id, { arrivals }] of this.#inflows) {
      if (arrivals.ended === undefined) out.push(this.#consumer.cancelOf(arrivals.producer, id))
    }
  }

  #read(inflow: Inflow): void {
    const wait = inflow.reader
    if (wait === undefined) return
    inflow.reader = undefined
    this.#waits.disarm(wait)
    this.#consumer.resume(wait.run as Run, this.#batch(wait.id, inflow.arrivals))
  }

  #batch(id: number, arrivals: Arrivals): Batch<unknown> {
    if (arrivals.empty) {
      this.#inflows.delete(id)
      return arrivals.ended ?? { kind: 'end' }
    }
    const items = arrivals.take()
    if (arrivals.ended === undefined && arrivals.creditDue) this.#tellCredit(id, arrivals)
    return { kind: 'items', items }
  }

  #tellCredit(id: number, arrivals: Arrivals): void {
    const { address: from, life, effects } = this.#consumer
    const count = arrivals.told()
    effects.push({ kind: 'credit', from, to: arrivals.producer, life, id, type: '', body: undefined, count })
  }
}
