// Progress: what a leader knows of one member.
//
// probe: where the logs agree is not known; one append at a time. replicate: known; appends are pipelined, `next` running ahead of
// `match` by a bounded window. snapshot: the member is behind the log's base; nothing is sent until it has the snapshot.
// Guarantee: `match` only grows, and is on that member's disk.

import { assert } from '../std/index.js'

export type ProgressState = 'probe' | 'replicate' | 'snapshot'

export class Progress {
  readonly id: string
  state: ProgressState = 'probe'
  match = 0
  next = 1
  active = false // Heard since the last quorum check.
  heardTicks: number | null = null // When it was heard last, in this term.
  probeSent = false // probe: the one append is out.
  recheck = false // replicate: something sent may be lost; an empty append asks.
  commitSent = 0
  round = 0 // The greatest heartbeat round answered.
  snapshotIndex = 0
  snapshotTicks = 0
  #ends: number[] = [] // Last index of each append in flight, and its bytes.
  #sizes: number[] = []
  #bytes = 0

  constructor(id: string, next: number) {
    this.id = id
    this.next = next
  }

  get inflight(): number {
    return this.#ends.length
  }

  isFull(messagesMax: number, bytesMax: number): boolean {
    return this.#ends.length >= messagesMax || this.#bytes >= bytesMax
  }

  sent(last: number, bytes: number): void {
    assert(this.state === 'replicate', 'only replicate runs ahead')
    this.next = last + 1
    this.#ends.push(last)
    this.#sizes.push(bytes)
    this.#bytes += bytes
  }

  /** False when the acknowledgement is old news. */
  acknowledge(index: number): boolean {
    let freed = 0
    while (freed < this.#ends.length && (this.#ends[freed] as number) <= index) this.#bytes -= this.#sizes[freed++] as number
    if (freed > 0) {
      this.#ends.splice(0, freed)
      this.#sizes.splice(0, freed)
    }
    if (index <= this.match) return false
    this.match = index
    this.next = Math.max(this.next, index + 1)
    return true
  }

  /** A rejection of an append after `rejected`; `agreement` is where to try. False when it is stale. */
  reject(rejected: number, agreement: number): boolean {
    if (this.state === 'snapshot' || rejected <= this.match) return false
    if (this.state === 'replicate') {
      this.becomeProbe()
      this.next = Math.max(this.match + 1, Math.min(rejected, agreement + 1))
      return true
    }
    if (this.next - 1 !== rejected) return false
    this.next = Math.max(this.match + 1, Math.min(rejected, agreement + 1))
    this.probeSent = false
    return true
  }

  becomeProbe(): void {
    const next = this.match + 1
    this.#enter('probe')
    this.next = next
  }

  becomeReplicate(): void {
    this.#enter('replicate')
    this.next = this.match + 1
  }

  becomeSnapshot(index: number, ticks: number): void {
    this.#enter('snapshot')
    this.snapshotIndex = index
    this.snapshotTicks = ticks
  }

  #enter(state: ProgressState): void {
    this.state = state
    this.probeSent = false
    this.recheck = false
    this.snapshotIndex = 0
    this.snapshotTicks = 0
    this.#ends = []
    this.#sizes = []
    this.#bytes = 0
  }
}
