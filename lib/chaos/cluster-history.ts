// Cluster history: every change of the store, in its order, as one reader of its watches was told it; and questions about it.
//
// That the watches of the store tell the truth is the store workload's to prove; here they are the measure of everything else.

import { type Flow, open, sleep } from '../actor/index.js'
import type { ApiObject } from '../object/index.js'
import type { StoreEvent, StoreRef } from '../storage/index.js'

export const registryRoot = '/registry/'
const registryEnd = '/registry0'
const openTimeoutMs = 1_000
const idleMs = 2_000
const pauseMs = 50
const window = 4096

export interface Change {
  readonly revision: number
  readonly key: string
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  /** The new state as it is stored; undefined of a deletion. */
  readonly value: Uint8Array | undefined
}

const decoder = new TextDecoder()

/** The object of a change as it is stored: without its resource version. */
export const objectOf = <T extends ApiObject>({ value }: Change): T | undefined =>
  value === undefined ? undefined : (JSON.parse(decoder.decode(value)) as T)

export class ClusterHistory {
  readonly changes: Change[] = []
  revision = 0
  readonly #present = new Set<string>()
  readonly #stores: readonly StoreRef[]
  #at = 0

  constructor(stores: readonly StoreRef[]) {
    this.#stores = stores
  }

  *follow(): Flow<void> {
    for (;;) {
      yield* this.#session()
      this.#at++
      yield* sleep('real', pauseMs)
    }
  }

  *#session(): Flow<void> {
    const store = this.#stores[this.#at % this.#stores.length] as StoreRef
    const request = { key: registryRoot, end: registryEnd, startRevision: this.revision + 1 }
    const opened = yield* open(store, openTimeoutMs, 'watch', request, window)
    if (!opened.ok) return
    try {
      for (;;) {
        const batch = yield* opened.value.next(idleMs)
        if (batch.kind !== 'items') return
        for (const { events, revision } of batch.items) {
          for (const event of events) this.#take(event)
          this.revision = Math.max(this.revision, revision)
        }
      }
    } finally {
      opened.value.close()
    }
  }

  #take({ type, kv: { key, modRevision: revision, value } }: StoreEvent): void {
    if (revision <= this.revision) return
    if (type === 'delete') {
      this.#present.delete(key)
      this.changes.push({ revision, key, type: 'DELETED', value: undefined })
      return
    }
    this.changes.push({ revision, key, type: this.#present.has(key) ? 'MODIFIED' : 'ADDED', value })
    this.#present.add(key)
  }

  under(prefix: string): Change[] {
    return this.changes.filter(({ key }) => key.startsWith(prefix))
  }
}
