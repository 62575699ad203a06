// Register history: reads, writes and compare-and-swaps of keys that each hold one value, as any Jepsen-like tool records
// them. Nothing in it carries a revision: whether it is linearizable must be searched (register-search.ts).

/** Null: nothing was ever written. */
export type RegisterValue = string | null

export interface RegisterOperation {
  readonly client: string
  readonly key: string
  readonly invokedUs: number
  /** Infinity: it has not returned, and may take effect at any time to come. */
  readonly returnedUs: number
  readonly kind: 'read' | 'write' | 'cas'
  /** Read: what was seen. Write: what was written. Cas: what was put in the place of `expected`. */
  readonly value: RegisterValue
  readonly expected: RegisterValue
  /**
   * `ok`: it was done. `differed`: a cas that found something else than `expected`. `failed`: it took no effect, ever.
   * `unknown`: it may have.
   */
  readonly outcome: 'ok' | 'differed' | 'failed' | 'unknown'
}

export interface RegisterHistory {
  readonly kind: 'register'
  readonly initial: RegisterValue
  readonly operations: readonly RegisterOperation[]
}
