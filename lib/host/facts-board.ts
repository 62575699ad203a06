// FactsBoard: what actors show of themselves, and who is told of changes. Kept by the main thread, so that `status` has it
// even of a thread that is paused.

import type { Facts } from '../actor/index.js'

export class FactsBoard {
  readonly #facts = new Map<string, Facts>()
  readonly #listeners = new Set<(address: string, facts: Facts) => void>()

  show(address: string, facts: Facts): void {
    this.#facts.set(address, facts)
    for (const listener of this.#listeners) listener(address, facts)
  }

  of(address: string): Facts | undefined {
    return this.#facts.get(address)
  }

  forget(address: string): void {
    this.#facts.delete(address)
  }

  /** Calls `listener` at every change; returns how to stop. */
  listen(listener: (address: string, facts: Facts) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}
