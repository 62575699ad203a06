// Asks: the requests a life made and that are not answered yet: by number, with the flow that waits and its deadline.

import type { Failure, Outcome, Step } from './contract.js'
import type { Effect, Envelope } from './envelope.js'
import type { Consumer, Intake } from './intake.js'
import type { Run, Wait, Waits } from './waits.js'

export class Asks {
  /** The number of the last request; those of one life ascend. */
  idLast = 0
  readonly #asker: Consumer
  readonly #waits: Waits
  readonly #intake: Intake
  readonly #waiting = new Map<number, Wait>()

  constructor(asker: Consumer, waits: Waits, intake: Intake) {
    this.#asker = asker
    this.#waits = waits
    this.#intake = intake
  }

  get size(): number {
    return this.#waiting.size
  }

  send(run: Run, { step: kind, to, type, timeoutMs }: Step & { step: 'ask' | 'open' }, window: number, body: unknown): void {
    const { address: from, life, effects } = this.#asker
    const id = ++this.idLast
    const wait = this.#waits.arm(kind, 'real', timeoutMs, run, id, to, '', window)
    run.wait = wait
    this.#waiting.set(id, wait)
    effects.push({ kind, from, to, life, id, type, body, count: timeoutMs })
  }

  resume(id: number, outcome: Outcome<unknown>): void {
    const wait = this.#waiting.get(id)
    if (wait === undefined) return // It came late, or twice.
    this.#waiting.delete(id)
    this.#waits.disarm(wait)
    this.#asker.resume(wait.run as Run, outcome)
  }

  failed(id: number, error: Failure): void {
    if (!this.#intake.failed(id, error)) this.resume(id, { ok: false, error })
  }

  /** The callee accepted a stream. */
  opened({ id, from }: Envelope): void {
    const wait = this.#waiting.get(id)
    if (wait !== undefined) this.resume(id, { ok: true, value: this.#intake.opened(id, wait.to, wait.window) })
    else if (!this.#intake.has(id)) this.#asker.effects.push(this.#asker.cancelOf(from, id)) // Accepted after we gave up.
  }

  timedOut({ id, to }: Wait): void {
    this.#asker.effects.push(this.#asker.cancelOf(to, id))
    this.resume(id, { ok: false, error: { code: 'timeout', definite: false, detail: `no answer from ${to} in time` } })
  }

  /** That address can no longer be reached: what it was asked up to number `idLast` fails. */
  lost(address: string, idLast: number, error: Failure): void {
    for (const wait of [...this.#waiting.values()]) {
      if (wait.to === address && wait.id <= idLast) this.resume(wait.id, { ok: false, error })
    }
  }

  /** Its flow no longer waits. */
  giveUp({ id, to }: Wait): void {
    if (this.#waiting.delete(id)) this.#asker.effects.push(this.#asker.cancelOf(to, id))
  }

  epitaph(out: Effect[]): void {
    for (const { to, id } of this.#waiting.values()) out.push(this.#asker.cancelOf(to, id))
  }
}
