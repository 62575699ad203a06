// Expectations: what a controller has done and its informer has not shown yet. Without them it would do it again.
//
// As upstream's controller expectations: creations are counted, deletions remembered by uid, and both given up after five minutes,
// since a level-triggered controller survives doing something twice but not waiting for ever.

const expectationMaxMs = 300_000

export class Expectations {
  readonly #byKey = new Map<string, { creations: number; readonly deletions: Set<string>; sinceMs: number }>()

  expectCreations(key: string, count: number, nowMs: number): void {
    this.#of(key, nowMs).creations += count
  }

  expectDeletion(key: string, uid: string, nowMs: number): void {
    this.#of(key, nowMs).deletions.add(uid)
  }

  /** Seen, or it failed for certain and will not come. */
  creationObserved(key: string): void {
    const expected = this.#byKey.get(key)
    if (expected !== undefined && expected.creations > 0) expected.creations--
  }

  deletionObserved(key: string, uid: string): void {
    this.#byKey.get(key)?.deletions.delete(uid)
  }

  /** Whether the informer has caught up with what was done for this key. */
  satisfied(key: string, nowMs: number): boolean {
    const expected = this.#byKey.get(key)
    if (expected === undefined) return true
    if (expected.creations > 0 || expected.deletions.size > 0) return nowMs - expected.sinceMs >= expectationMaxMs
    return true
  }

  forget(key: string): void {
    this.#byKey.delete(key)
  }

  #of(key: string, nowMs: number): { creations: number; readonly deletions: Set<string>; sinceMs: number } {
    let expected = this.#byKey.get(key)
    if (
      expected === undefined ||
      (expected.creations === 0 && expected.deletions.size === 0) ||
      nowMs - expected.sinceMs >= expectationMaxMs
    ) {
      expected = { creations: 0, deletions: new Set(), sinceMs: nowMs }
      this.#byKey.set(key, expected)
    }
    return expected
  }
}
