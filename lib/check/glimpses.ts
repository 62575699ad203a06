// Glimpses: what answers show of revisions before their own: that they put these, that they created those. It is compared with the
// history there, and not only where it was told.

import type { StoreKeyValue } from '../storage/index.js'
import { keyValuesOf } from './answers.js'
import { equalKeyValues, type Operation } from './history.js'

const none: ReadonlySet<string> = new Set()

export class Glimpses {
  readonly #puts = new Map<number, StoreKeyValue[]>()
  readonly #by = new Map<StoreKeyValue, Operation>()
  readonly #created = new Map<number, Set<string>>()

  add(operation: Operation): void {
    for (const kv of keyValuesOf(operation)) {
      const there = this.#puts.get(kv.modRevision)
      if (there === undefined) this.#puts.set(kv.modRevision, [kv])
      else if (!there.some(other => equalKeyValues(other, kv))) there.push(kv)
      else continue
      this.#by.set(kv, operation)
      const { createRevision, key } = kv
      const created = this.#created.get(createRevision)
      if (created === undefined) this.#created.set(createRevision, new Set([key]))
      else created.add(key)
    }
  }

  putsOf(revision: number): readonly StoreKeyValue[] | undefined {
    return this.#puts.get(revision)
  }

  /** All puts there are. */
  all(): StoreKeyValue[] {
    return [...this.#puts.values()].flat()
  }

  /** Keys that were created then. */
  createdAt(revision: number): ReadonlySet<string> {
    return this.#created.get(revision) ?? none
  }

  /** Whose answer showed that put first. */
  by(kv: StoreKeyValue): Operation {
    return this.#by.get(kv) as Operation
  }
}
