// LeaseClock: when leases end, on the leader's clock. Belongs to one term of one leader and is lost with it.
//
// Guarantee: a lease is never due before its time to live has passed since the grant, the last keepAlive or the promotion,
// whichever was last. A new leader does not know the renewals the old one accepted, so promotion gives every lease its whole time
// (or what its checkpoint left), plus an extension for the election, as in etcd.
// A checkpoint that was proposed may be what a new leader starts from. So who keeps a lease alive that has one must not answer
// before the checkpoint is taken back, in the log: `checkpointOf` and `cleared`.

import { Heap, type HeapMember } from '../std/index.js'
import type { Lease } from './lease.js'

interface Deadline extends HeapMember {
  readonly id: number
  readonly ttlSeconds: number
  atMs: number // When it ends; when to ask for its revocation again, once it is overdue.
  overdue: boolean
  /** Since when it has not been renewed, or when its last checkpoint was proposed. */
  markedMs: number
  /** Of the last proposed that was not taken back since; 0: none. */
  checkpoint: number
}

export class LeaseClock {
  readonly #deadlines = new Map<number, Deadline>()
  readonly #heap = new Heap<Deadline>((a, b) => a.atMs < b.atMs || (a.atMs === b.atMs && a.id < b.id))
  #checkpointLast = 0

  static promoted(leases: readonly Lease[], nowMs: number, extensionMs: number): LeaseClock {
    const clock = new LeaseClock()
    for (const { id, ttlSeconds, remainingTtlSeconds } of leases) {
      const leftSeconds = remainingTtlSeconds > 0 ? remainingTtlSeconds : ttlSeconds
      const deadline = clock.#set(id, ttlSeconds, nowMs + leftSeconds * 1000 + extensionMs, nowMs)
      if (remainingTtlSeconds > 0) deadline.checkpoint = ++clock.#checkpointLast
    }
    return clock
  }

  get size(): number {
    return this.#deadlines.size
  }

  granted(id: number, ttlSeconds: number, nowMs: number): void {
    this.#set(id, ttlSeconds, nowMs + ttlSeconds * 1000, nowMs)
  }

  /** The time to live it has now, or undefined if there is no such lease or it is due already. */
  keepAlive(id: number, nowMs: number): number | undefined {
    const deadline = this.#deadlines.get(id)
    if (deadline === undefined || deadline.overdue || deadline.atMs <= nowMs) return undefined
    deadline.atMs = nowMs + deadline.ttlSeconds * 1000
    deadline.markedMs = nowMs
    this.#heap.moved(deadline)
    return deadline.ttlSeconds
  }

  revoked(id: number): void {
    const deadline = this.#deadlines.get(id)
    if (deadline === undefined) return
    this.#heap.remove(deadline)
    this.#deadlines.delete(id)
  }

  /** 0: its time is over. Not more than its time to live, though after a promotion it may have a little more. */
  remainingMs(id: number, nowMs: number): number | undefined {
    const deadline = this.#deadlines.get(id)
    if (deadline === undefined) return undefined
    return deadline.overdue ? 0 : Math.min(deadline.ttlSeconds * 1000, Math.max(0, deadline.atMs - nowMs))
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

  /**
   * At most `max` leases that were neither renewed nor checkpointed for `everyMs`, and what is left of them, rounded up to seconds.
   * Each is to be proposed at once.
   */
  checkpoints(nowMs: number, everyMs: number, max: number): { readonly id: number; readonly remainingTtlSeconds: number }[] {
    const found: { id: number; remainingTtlSeconds: number }[] = []
    for (const deadline of this.#deadlines.values()) {
      if (found.length === max) break
      const { id, overdue, markedMs, atMs } = deadline
      if (overdue || nowMs - markedMs < everyMs || atMs <= nowMs) continue
      deadline.markedMs = nowMs
      deadline.checkpoint = ++this.#checkpointLast
      found.push({ id, remainingTtlSeconds: Math.ceil((atMs - nowMs) / 1000) })
    }
    return found
  }

  /** A number for the last checkpoint of it that a new leader may start from; 0: there is none. */
  checkpointOf(id: number): number {
    return this.#deadlines.get(id)?.checkpoint ?? 0
  }

  /** That checkpoint was taken back in the log; one proposed since stands. */
  cleared(id: number, checkpoint: number): void {
    const deadline = this.#deadlines.get(id)
    if (deadline?.checkpoint === checkpoint) deadline.checkpoint = 0
  }

  #set(id: number, ttlSeconds: number, atMs: number, nowMs: number): Deadline {
    this.revoked(id)
    const deadline: Deadline = { id, ttlSeconds, atMs, overdue: false, heapIndex: -1, markedMs: nowMs, checkpoint: 0 }
    this.#deadlines.set(id, deadline)
    this.#heap.push(deadline)
    return deadline
  }
}
