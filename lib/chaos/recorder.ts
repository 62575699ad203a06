// Recorder: writes down what clients do, as they do it. Times are the world's, which no client sees.

import { ask, type Flow, type Outcome, type Ref } from '../actor/index.js'
import type { History, Operation, WatchRecord } from '../check/index.js'
import type { World } from '../sim/index.js'
import type { StoreCaller, StoreProtocol, StoreRange, StoreRangeAnswer, StoreTxn, StoreTxnAnswer, StoreWatch } from '../storage/index.js'

export type Member = Ref<StoreProtocol>

const never = Number.POSITIVE_INFINITY

export class Recorder implements History {
  readonly operations: Operation[] = []
  readonly watches: WatchRecord[] = []
  readonly #world: World

  constructor(world: World) {
    this.#world = world
  }

  get nowUs(): number {
    return this.#world.timeline.nowUs
  }

  *txn(client: string, to: Member, timeoutMs: number, txn: StoreTxn, caller?: StoreCaller): Flow<Outcome<StoreTxnAnswer>> {
    const operation = this.#begin({ client, to, invokedUs: this.nowUs, returnedUs: never, kind: 'txn' as const, txn, outcome: undefined })
    return this.#end(operation, yield* ask(to, timeoutMs, 'txn', asked(txn, caller)))
  }

  *range(client: string, to: Member, timeoutMs: number, query: StoreRange, caller?: StoreCaller): Flow<Outcome<StoreRangeAnswer>> {
    const operation = this.#begin({
      client,
      to,
      invokedUs: this.nowUs,
      returnedUs: never,
      kind: 'range' as const,
      query,
      outcome: undefined
    })
    return this.#end(operation, yield* ask(to, timeoutMs, 'range', asked(query, caller)))
  }

  *revision(client: string, to: Member, timeoutMs: number): Flow<Outcome<{ readonly revision: number }>> {
    const operation = this.#begin({ client, to, invokedUs: this.nowUs, returnedUs: never, kind: 'revision' as const, outcome: undefined })
    return this.#end(operation, yield* ask(to, timeoutMs, 'revision'))
  }

  *compact(client: string, to: Member, timeoutMs: number, revision: number): Flow<Outcome<{ readonly revision: number }>> {
    const operation = this.#begin({
      client,
      to,
      invokedUs: this.nowUs,
      returnedUs: never,
      kind: 'compact' as const,
      revision,
      outcome: undefined
    })
    return this.#end(operation, yield* ask(to, timeoutMs, 'compact', { revision }))
  }

  watch(client: string, to: Member, request: StoreWatch): WatchRecord {
    const record: WatchRecord = { client, to, request, openedUs: this.nowUs, batches: [], ended: undefined }
    this.watches.push(record)
    return record
  }

  #begin<O extends Operation>(operation: O): O {
    this.operations.push(operation)
    return operation
  }

  /** What is in doubt never returns: it may take effect at any time to come. */
  #end<V>(operation: { outcome: Outcome<V> | undefined; returnedUs: number }, outcome: Outcome<V>): Outcome<V> {
    operation.outcome = outcome
    if (outcome.ok || outcome.error.definite) operation.returnedUs = this.nowUs
    return outcome
  }
}

/** Who asks changes nothing of what a history tells of keys. */
const asked = <Q extends object>(query: Q, caller: StoreCaller | undefined): Q => (caller === undefined ? query : { ...query, caller })
