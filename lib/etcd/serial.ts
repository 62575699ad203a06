// Serial: the requests of one stream, one after the other, each a flow.

import type { Flow, Running } from '../actor/index.js'

const waitingMax = 10_000

interface Runner {
  run(flow: Flow<void>): Running
}

interface Ends {
  /** More wait than may. */
  readonly overflow: () => void
  /** `end` was called, and all before it is done. */
  readonly done: () => void
}

export class Serial<T> {
  readonly #runner: Runner
  readonly #handle: (item: T) => Flow<void>
  readonly #ends: Ends
  #waiting: T[] = []
  #running: Running | undefined
  #isBusy = false
  #isEnded = false
  #isOver = false

  constructor(runner: Runner, handle: (item: T) => Flow<void>, ends: Ends) {
    this.#runner = runner
    this.#handle = handle
    this.#ends = ends
  }

  add(item: T): void {
    if (this.#isOver) return
    if (this.#waiting.length >= waitingMax) {
      this.stop()
      this.#ends.overflow()
      return
    }
    this.#waiting.push(item)
    this.#start()
  }

  end(): void {
    this.#isEnded = true
    this.#start()
  }

  /** Nothing more is begun. For the flow itself, too. */
  stop(): void {
    this.#isOver = true
    this.#waiting = []
  }

  /** And what was begun is given up. */
  cancel(): void {
    this.stop()
    this.#running?.cancel()
  }

  #start(): void {
    if (this.#isBusy || this.#isOver) return
    this.#isBusy = true
    this.#running = this.#runner.run(this.#drain())
  }

  *#drain(): Flow<void> {
    try {
      for (let item = this.#waiting.shift(); item !== undefined && !this.#isOver; item = this.#waiting.shift()) yield* this.#handle(item)
    } finally {
      this.#isBusy = false
    }
    if (!this.#isEnded || this.#isOver) return
    this.#isOver = true
    this.#ends.done()
  }
}
