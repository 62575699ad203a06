// Outlets: the streams a life produces, and the flows that wait until a consumer takes more.

import type { Envelope } from './envelope.js'
import type { RequestName, Served } from './served.js'
import { type SinkOwner, SinkState } from './stream.js'
import { never, type Run, type Wait, type Waits } from './waits.js'

export class Outlets {
  readonly #owner: SinkOwner
  readonly #served: Served
  readonly #waits: Waits
  readonly #waited = new Map<SinkState, Wait>()

  constructor(owner: SinkOwner, served: Served, waits: Waits) {
    this.#owner = owner
    this.#served = served
    this.#waits = waits
  }

  /** Accepts a request for a stream. */
  open(request: Envelope): SinkState {
    const { from: to, life, id, body } = request
    const [window] = body as readonly [number, unknown]
    const sink = new SinkState(this.#owner, to, life, id, window)
    this.#served.add(request).sink = sink
    this.#owner.record({ kind: 'opened', from: this.#owner.address, to, life, id, type: '', body: undefined, count: 0 })
    return sink
  }

  of(request: RequestName): SinkState | undefined {
    return this.#served.get(request)?.sink
  }

  /** Suspends the flow until there is credit. */
  suspend(run: Run, sink: SinkState): void {
    run.wait = this.#waits.arm('credit', 'real', never, run)
    this.#waited.set(sink, run.wait)
  }

  /** The flow that waited for credit of that sink, which it no longer does. */
  release(sink: SinkState): Run | undefined {
    const wait = this.#waited.get(sink)
    if (wait !== undefined) this.#waited.delete(sink)
    return wait?.run
  }

  /** That flow is given up. */
  unwait(wait: Wait): void {
    for (const [sink, waiting] of this.#waited) if (waiting === wait) this.#waited.delete(sink)
  }
}
