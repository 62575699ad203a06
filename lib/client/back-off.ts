// BackOff: exponentially growing delays with jitter; chance is an argument.

import type { Random } from '../std/index.js'

export interface BackOffLimits {
  readonly baseMs: number
  readonly maxMs: number
}

/** As client-go's: each delay is stretched by up to its own length, so that those who failed together do not come back together. */
export class BackOff {
  readonly #limits: BackOffLimits
  readonly #random: Random
  #failures = 0

  constructor(limits: BackOffLimits, random: Random) {
    this.#limits = limits
    this.#random = random
  }

  nextMs(): number {
    const { baseMs, maxMs } = this.#limits
    const delayMs = Math.min(maxMs, baseMs * 2 ** Math.min(this.#failures++, 30))
    return delayMs * (1 + this.#random())
  }

  reset(): void {
    this.#failures = 0
  }
}
