// RangeIndex: which of many ranges hold a key. Single keys are looked up in a map, real ranges in an interval tree: log n steps
// and one for each found, however they overlap.
//
// The tree is an array sorted by start, each place with the greatest end below it. It is not rebalanced but rebuilt, once
// enough ranges have come or gone; those that came meanwhile are looked through one by one, at most `pendingMax` and an eighth.

import { type KeyRange, unbounded } from './key.js'

const pendingMax = 16
const afterAllKeys = '\uffff' // Greater than any binary string.

export class RangeIndex<R extends KeyRange> {
  readonly #exact = new Map<string, Set<R>>()
  readonly #fresh = new Set<R>()
  readonly #gone = new Set<R>()
  #sorted: R[] = []
  #maxEnds: string[] = []

  add(range: R): void {
    if (isSingle(range)) {
      const found = this.#exact.get(range.key)
      if (found === undefined) this.#exact.set(range.key, new Set([range]))
      else found.add(range)
      return
    }
    if (this.#gone.delete(range)) return
    this.#fresh.add(range)
    if (this.#fresh.size > this.#pendingMax()) this.#rebuild()
  }

  remove(range: R): void {
    if (isSingle(range)) {
      const found = this.#exact.get(range.key)
      found?.delete(range)
      if (found?.size === 0) this.#exact.delete(range.key)
      return
    }
    if (this.#fresh.delete(range)) return
    this.#gone.add(range)
    if (this.#gone.size > this.#pendingMax()) this.#rebuild()
  }

  find(key: string): R[] {
    const found: R[] = []
    const exact = this.#exact.get(key)
    if (exact !== undefined) found.push(...exact)
    for (const range of this.#fresh) if (range.key <= key && key < endOf(range)) found.push(range)
    if (this.#sorted.length > 0) this.#stab(key, 0, this.#sorted.length, found)
    return found
  }

  #stab(key: string, low: number, high: number, found: R[]): void {
    if (low >= high) return
    const middle = (low + high) >>> 1
    if ((this.#maxEnds[middle] as string) <= key) return
    this.#stab(key, low, middle, found)
    const range = this.#sorted[middle] as R
    if (range.key > key) return
    if (key < endOf(range) && !this.#gone.has(range)) found.push(range)
    this.#stab(key, middle + 1, high, found)
  }

  #pendingMax(): number {
    return pendingMax + (this.#sorted.length >>> 3)
  }

  #rebuild(): void {
    this.#sorted = [...this.#sorted.filter(range => !this.#gone.has(range)), ...this.#fresh].sort((a, b) =>
      a.key < b.key ? -1 : a.key > b.key ? 1 : 0
    )
    this.#gone.clear()
    this.#fresh.clear()
    this.#maxEnds = new Array<string>(this.#sorted.length).fill('')
    this.#fillMaxEnds(0, this.#sorted.length)
  }

  #fillMaxEnds(low: number, high: number): string {
    if (low >= high) return ''
    const middle = (low + high) >>> 1
    let max = endOf(this.#sorted[middle] as R)
    for (const other of [this.#fillMaxEnds(low, middle), this.#fillMaxEnds(middle + 1, high)]) if (other > max) max = other
    this.#maxEnds[middle] = max
    return max
  }
}

const isSingle = ({ end }: KeyRange): boolean => end === undefined || end === ''
const endOf = ({ end }: KeyRange): string => (end === unbounded ? afterAllKeys : (end ?? ''))
