// Matching: which writes took which revisions, each at most one: for any number of revisions, each with the writes that could have
// taken it, as long as there is a way to give each a write of its own. (Kuhn's algorithm, one augmenting path at a time.)

import type { TxnOperation } from './history.js'

export class Matching {
  readonly #domains = new Map<number, readonly TxnOperation[]>()
  readonly #takenBy = new Map<TxnOperation, number>()
  readonly #takes = new Map<number, TxnOperation>()

  /** Gives that revision one of these writes, whatever it had. If there is no way, everything stays as it was: these revisions leave none. */
  set(revision: number, domain: readonly TxnOperation[]): ReadonlySet<number> | undefined {
    const before = this.#domains.get(revision)
    const taken = this.#takes.get(revision)
    this.#domains.set(revision, domain)
    if (taken !== undefined && domain.includes(taken)) return undefined
    if (taken !== undefined) this.#free(revision, taken)
    const tried = new Set<number>()
    if (this.#augment(revision, tried)) return undefined
    if (before === undefined) this.#domains.delete(revision)
    else {
      this.#domains.set(revision, before)
      if (taken !== undefined) this.#give(revision, taken)
    }
    return tried
  }

  remove(revision: number): void {
    const taken = this.#takes.get(revision)
    this.#domains.delete(revision)
    if (taken !== undefined) this.#free(revision, taken)
  }

  domain(revision: number): readonly TxnOperation[] {
    return this.#domains.get(revision) ?? []
  }

  /** What it has for now: another of its domain will do as well. */
  taken(revision: number): TxnOperation | undefined {
    return this.#takes.get(revision)
  }

  #give(revision: number, operation: TxnOperation): void {
    this.#takes.set(revision, operation)
    this.#takenBy.set(operation, revision)
  }

  #free(revision: number, operation: TxnOperation): void {
    this.#takes.delete(revision)
    this.#takenBy.delete(operation)
  }

  /** Breadth first, so that no path is longer than it must be: deep recursion has no bound. */
  #augment(start: number, tried: Set<number>): boolean {
    const from = new Map<TxnOperation, number>() // The revision that asked for it.
    tried.add(start)
    for (const revision of tried) {
      for (const operation of this.domain(revision)) {
        if (from.has(operation)) continue
        from.set(operation, revision)
        const other = this.#takenBy.get(operation)
        if (other === undefined) {
          this.#shift(operation, from, start)
          return true
        }
        tried.add(other)
      }
    }
    return false
  }

  #shift(free: TxnOperation, from: ReadonlyMap<TxnOperation, number>, start: number): void {
    for (let operation = free; ; ) {
      const revision = from.get(operation) as number
      const before = this.#takes.get(revision)
      this.#give(revision, operation)
      if (revision === start || before === undefined) return
      operation = before
    }
  }
}
