// Replay: what the records of a log, in their order, amount to.

import { getU64, recordHeaderBytes, recordType, viewOf, type WalEntry, type WalHardState, type WalSnapshot } from './format.js'

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

export class Replay {
  hardState: WalHardState | undefined
  snapshot: WalSnapshot | undefined
  entries: WalEntry[] = []
  /** Entries up to this index were not in the segments; a snapshot must cover them. */
  #missingUpTo = 0

  /** Gives what is wrong with the records, if anything; the checksum was right, so this is a bug of whoever wrote them. */
  batch(bytes: Uint8Array, start: number, end: number, records: number): string | undefined {
    const view = viewOf(bytes)
    let at = start
    let count = 0
    while (at < end) {
      if (at + recordHeaderBytes + 16 > end) return 'a record is incomplete'
      const next = at + recordHeaderBytes + view.getUint32(at, true)
      if (next > end || next < at + recordHeaderBytes + 16) return 'a record has an impossible length'
      const first = getU64(view, at + 5)
      const second = getU64(view, at + 13)
      const wrong = this.#record(bytes[at + 4] as number, first, second, bytes, at + 21, next)
      if (wrong !== undefined) return wrong
      at = next
      count++
    }
    return count === records ? undefined : `the batch has ${count} records and claims ${records}`
  }

  /** To be asked once all batches are in. */
  finish(): string | undefined {
    const base = this.snapshot?.index ?? 0
    const last = this.entries.at(-1)?.index ?? base
    if (this.#missingUpTo > base) return `entries up to ${this.#missingUpTo} are missing and no snapshot covers them`
    if ((this.hardState?.commit ?? 0) > last) return `the log ends at entry ${last}, before the committed entry ${this.hardState?.commit}`
    return undefined
  }

  #record(type: number, first: number, second: number, bytes: Uint8Array, rest: number, end: number): string | undefined {
    switch (type) {
      case recordType.normal:
      case recordType.config:
        return this.#entry({
          index: first,
          term: second,
          kind: type === recordType.config ? 'config' : 'normal',
          data: bytes.slice(rest, end)
        })
      case recordType.hardState:
        if (rest >= end) return 'a hard state is incomplete'
        this.hardState = { term: first, vote: bytes[rest] === 1 ? decoder.decode(bytes.subarray(rest + 1, end)) : null, commit: second }
        return undefined
      case recordType.snapshot:
        this.#marker({ index: first, term: second, fileName: decoder.decode(bytes.subarray(rest, end)) })
        return undefined
      default:
        return `unknown record type ${type}`
    }
  }

  /** Raft §5.3: an entry replaces the one of the same index and all that follow it. */
  #entry(entry: WalEntry): string | undefined {
    const base = this.snapshot?.index ?? 0
    if (entry.index <= base) return `entry ${entry.index} is written after a snapshot that covers it`
    const first = this.entries[0]?.index ?? base + 1
    const last = first + this.entries.length - 1
    if (entry.index > last + 1) {
      // The segments before were removed; the snapshot that allowed it is marked further on.
      this.entries = [entry]
      this.#missingUpTo = entry.index - 1
    } else if (entry.index < first) {
      // It replaces entries of segments that were removed, and all that was read so far: what is missing ends before it.
      this.entries = [entry]
      this.#missingUpTo = entry.index - 1
    } else {
      if (entry.index <= last) this.entries.length = entry.index - first
      this.entries.push(entry)
    }
    return undefined
  }

  /** Raft §7: what the snapshot covers goes; what follows stays if the snapshot is of the same log. */
  #marker(snapshot: WalSnapshot): void {
    if (this.snapshot !== undefined && snapshot.index < this.snapshot.index) return
    this.snapshot = snapshot
    const first = this.entries[0]
    if (first === undefined || snapshot.index < first.index) return
    const covered = this.entries[snapshot.index - first.index]
    if (covered === undefined || covered.term !== snapshot.term) this.entries = []
    else this.entries.splice(0, snapshot.index - first.index + 1)
  }
}
