// StoreClient: the store by message, whichever of its members answers.
//
// A definite failure is retried at the next member until the deadline, a read after any failure. A transaction that may have happened
// is sent again only if the caller says that doing so is harmless: ours compare what they replace, so at most one takes effect.
// Where members come and go, it finds out which there are by now when none of those it knows answers.

import { ask, type Failure, type Flow, type Outcome, sleep } from '../actor/index.js'
import type { StoreRange, StoreRangeAnswer, StoreRef, StoreTxn, StoreTxnAnswer } from '../storage/index.js'

/** Failures that say something of the request; any member would answer the same. */
const final = new Set([
  ...['compacted', 'future revision', 'no space', 'corrupt', 'invalid', 'unknown message'],
  ...['request too large', 'too many ops', 'duplicate key', 'empty key', 'key not found', 'lease not found']
])

/** A member that holds still is passed over after this; by then the others have elected a leader. Twice as long in each round: all may be slow. */
const attemptTimeoutMs = 1_000
const attemptTimeoutMsMax = 8_000
const retryDelayMs = 10
const retryDelayMsMax = 200

interface Surroundings {
  readonly nowMs: number
  run(flow: Flow<void>): void
}

/** None if nobody knows. */
export type FindStores = () => Flow<readonly StoreRef[]>

export interface TxnOutcome {
  readonly outcome: Outcome<StoreTxnAnswer>
  /** An earlier attempt may have happened: a comparison that failed may have met our own write. */
  readonly uncertain: boolean
}

export class StoreClient {
  readonly #around: Surroundings
  readonly #find: FindStores | undefined
  #stores: readonly StoreRef[]
  #at = 0
  #isFinding = false

  constructor(stores: readonly StoreRef[], around: Surroundings, find?: FindStores) {
    this.#stores = stores
    this.#around = around
    this.#find = find
  }

  /** The member that answered last. */
  get current(): StoreRef {
    return this.#stores[this.#at % this.#stores.length] as StoreRef
  }

  /** Turns to the next member, if `failed` is still the one in use. */
  leave(failed: StoreRef): void {
    if (this.current !== failed) return
    this.#at = (this.#at + 1) % this.#stores.length
    if (this.#at !== 0 || this.#find === undefined || this.#isFinding) return
    this.#isFinding = true
    this.#around.run(this.#findAgain(this.#find))
  }

  *#findAgain(find: FindStores): Flow<void> {
    const found = yield* find()
    this.#isFinding = false
    if (found.length === 0) return
    const { current } = this
    this.#stores = found
    this.#at = Math.max(0, found.indexOf(current))
  }

  *range(query: StoreRange, deadlineMs: number): Flow<Outcome<StoreRangeAnswer>> {
    return yield* this.#read(deadlineMs, (store, timeoutMs) => ask(store, timeoutMs, 'range', query))
  }

  *revision(deadlineMs: number): Flow<Outcome<{ readonly revision: number }>> {
    return yield* this.#read(deadlineMs, (store, timeoutMs) => ask(store, timeoutMs, 'revision'))
  }

  /**
   * `repeatable`: its comparisons never hold again once it has happened, so that it may be sent again after it may have. A creation is
   * not: what it created may have been deleted meanwhile.
   */
  *txn(txn: StoreTxn, deadlineMs: number, repeatable: boolean): Flow<TxnOutcome> {
    let uncertain = false
    for (let tries = 1; ; tries++) {
      const store = this.current
      const outcome = yield* ask(store, this.#attemptMs(tries, deadlineMs), 'txn', txn)
      if (outcome.ok || final.has(outcome.error.code)) return { outcome, uncertain }
      uncertain ||= !outcome.error.definite
      this.leave(store)
      if (uncertain && !repeatable) return { outcome, uncertain }
      if (!(yield* this.#pause(tries, deadlineMs))) return { outcome, uncertain }
    }
  }

  *#read<T>(deadlineMs: number, attempt: (store: StoreRef, timeoutMs: number) => Flow<Outcome<T>>): Flow<Outcome<T>> {
    for (let tries = 1; ; tries++) {
      const store = this.current
      const outcome: Outcome<T> = yield* attempt(store, this.#attemptMs(tries, deadlineMs))
      if (outcome.ok || final.has(outcome.error.code)) return outcome
      this.leave(store)
      if (!(yield* this.#pause(tries, deadlineMs))) return outcome
    }
  }

  #attemptMs(tries: number, deadlineMs: number): number {
    const rounds = Math.floor((tries - 1) / this.#stores.length)
    const patienceMs = Math.min(attemptTimeoutMs * 2 ** rounds, attemptTimeoutMsMax)
    return Math.max(1, Math.min(patienceMs, deadlineMs - this.#around.nowMs))
  }

  /** The other members are tried at once; who has tried all of them waits. False: no time is left. */
  *#pause(tries: number, deadlineMs: number): Flow<boolean> {
    if (this.#around.nowMs >= deadlineMs) return false
    const rounds = Math.floor(tries / this.#stores.length)
    if (tries % this.#stores.length === 0) yield* sleep('real', Math.min(retryDelayMsMax, retryDelayMs * 2 ** Math.min(rounds, 10)))
    return this.#around.nowMs < deadlineMs
  }
}

export const failureText = ({ code, detail }: Failure): string => (detail === '' ? code : `${code}: ${detail}`)
