// LeaseClock: when leases end, on the leader's clock. Belongs to one term of one leader and is lost with it.
//
// Guarantee: a lease is never due before its time to live has passed since the grant, the last keepAlive or the promotion,
// whichever was last. A new leader does not know the renewals the old one accepted, so promotion gives every lease its whole time
// (or what its checkpoint left), plus an extension for the election, as in etcd.

import { Heap, type HeapMember } from '../std/index.js'
import type { Lease } from './lease.js'

interface Deadline extends HeapMember {
  readonly id: number
  readonly ttlSeconds: number
  atMs: number // When it ends; when to ask for its revocation again, once it is overdue.
  overdue: boolean
}

export class LeaseClock {
  readonly #deadlines = new Map<number, Deadline>()
  readonly #heap = new Heap<Deadline>((a, b) => a.atMs < b.atMs || (a.atMs === b.atMs && a.id < b.id))

  static promoted(leases: readonly Lease[], nowMs: number, extensionMs: number): LeaseClock {
    const clock = new LeaseClock()
    for (const { id, ttlSeconds, remainingTtlSeconds } of leases) {
      const leftSeconds = remainingTtlSeconds > 0 ? remainingTtlSeconds : ttlSeconds
      clock.#set(id, ttlSeconds, nowMs + leftSeconds * 1000 + extensionMs)
    }
    return clock
  }

  granted(id: number, ttlSeconds: number, nowMs: number): void {
    this.#set(id, ttlSeconds, nowMs + ttlSeconds * 1000)
  }

  /** The time to live it has now, or undefined if there is no such lease or it is due already. */
  keepAlive(id: number, nowMs: number): number | undefined {
    const deadline = this.#deadlines.get(id)
    if (deadline === undefined || deadline.overdue || deadline.atMs <= nowMs) return undefined
    deadline.atMs = nowMs + deadline.ttlSeconds * 1000
    this.#heap.moved(deadline)
    return deadline.ttlSeconds
  }

  revoked(id: number): void {
    const deadline = this.#deadlines.get(id)
    if (deadline === undefined) return
    this.#heap.remove(deadline)
    this.#deadlines.delete(id)
  }

  remainingMs(id: number, nowMs: number): number | undefined {
    const deadline = this.#deadlines.get(id)
    return deadline === undefined ? undefined : deadline.overdue ? 0 : Math.max(0, deadline.atMs - nowMs)
  }

  get nextMs(): number | undefined {
    return this.#heap.peek()?.atMs
  }

  /** At most `max` leases whose time is over, the longest overdue first. Until `revoked`, they are given again every `retryMs`. */
  due(nowMs: number, max: number, retryMs: number): number[] {
    const ids: number[] = []
    while (ids.length < max) {
      const first = this.#heap.peek()
      if (first === undefined || first.atMs > nowMs) break
      ids.push(first.id)
      // Asked again later, in case the revocation is lost; but it cannot be kept alive any more.
      first.overdue = true
      first.atMs = nowMs + Math.max(1, retryMs)
      this.#heap.moved(first)
    }
    return ids
  }

  #set(id: number, ttlSeconds: number, atMs: number): void {
    this.revoked(id)
    const deadline: Deadline = { id, ttlSeconds, atMs, overdue: false, heapIndex: -1 }
    this.#deadlines.set(id, deadline)
    this.#heap.push(deadline)
  }
}
