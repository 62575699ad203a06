// Leases: what all members agree on. Which leases exist, their time to live, and the keys attached to them.
// Time is not here: the leader's LeaseClock decides that a lease is due, and a `leaseRevoke` command makes it so everywhere.

export interface Lease {
  readonly id: number
  readonly ttlSeconds: number
  /** What a checkpoint said was left of it; 0: the whole. A new leader starts from it. */
  remainingTtlSeconds: number
  readonly keys: Set<string>
}

/** As etcd: about 285 years. */
export const leaseTtlSecondsMax = 9_000_000_000

export class Leases {
  readonly #leases = new Map<number, Lease>()

  get size(): number {
    return this.#leases.size
  }

  get(id: number): Lease | undefined {
    return this.#leases.get(id)
  }

  has(id: number): boolean {
    return this.#leases.has(id)
  }

  /** Ascending by id. */
  list(): Lease[] {
    return [...this.#leases.values()].sort((a, b) => a.id - b.id)
  }

  grant(id: number, ttlSeconds: number, remainingTtlSeconds = 0): void {
    this.#leases.set(id, { id, ttlSeconds, remainingTtlSeconds, keys: new Set() })
  }

  checkpoint(id: number, remainingTtlSeconds: number): void {
    const lease = this.#leases.get(id)
    if (lease !== undefined) lease.remainingTtlSeconds = remainingTtlSeconds
  }

  revoke(id: number): void {
    this.#leases.delete(id)
  }

  /** `from` and `to` are the leases of a key's version before and after a change; 0: none. */
  moveKey(key: string, from: number, to: number): void {
    if (from === to) return
    if (from !== 0) this.#leases.get(from)?.keys.delete(key)
    if (to !== 0) this.#leases.get(to)?.keys.add(key)
  }
}
