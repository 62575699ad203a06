// RaftLog: the entries in memory, from just above `base` to the last, and four marks on them.
//
//   base <= handed out to be applied <= commit <= last        base <= saved <= given to be saved <= last
//
// Guarantee: what is committed is never truncated or replaced; indexes have no gap; nothing here costs O(length) except a
// conflict, a restored snapshot and a compaction. It does not know roles or members.

import { assert } from '../std/index.js'
import type { Entry, SnapshotMeta } from './message.js'

const entryOverheadBytes = 64 // Roughly what an entry costs on the wire and in memory beside its data.
export const entryBytes = (entry: Entry): number => entry.data.length + entryOverheadBytes

export interface Position {
  readonly index: number
  readonly term: number
}

const none: readonly never[] = []

export class RaftLog {
  #entries: Entry[] = []
  #base: Position
  #commit: number
  #applied: number // Handed out to be applied.
  #saved: number
  #given: number // Given to be saved.
  #saving: number // The part of `given` the save under way will make true.
  #bytes = 0

  constructor(base: Position, entries: readonly Entry[], commit: number, applied: number) {
    this.#base = { index: base.index, term: base.term }
    this.#commit = Math.max(commit, base.index)
    this.#applied = applied
    for (const entry of entries) if (entry.index > base.index) this.#push(entry)
    this.#saved = this.#given = this.#saving = this.lastIndex
    assert(this.#commit <= this.lastIndex, 'the recovered log holds what was committed', { commit, last: this.lastIndex })
    assert(applied >= base.index && applied <= this.#commit, 'what was applied is committed and no older than the snapshot', {
      applied,
      commit
    })
  }

  get base(): Position {
    return this.#base
  }

  get lastIndex(): number {
    return this.#base.index + this.#entries.length
  }

  get lastTerm(): number {
    return this.#entries.at(-1)?.term ?? this.#base.term
  }

  get commit(): number {
    return this.#commit
  }

  get applied(): number {
    return this.#applied
  }

  get saved(): number {
    return this.#saved
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Undefined below the base and above the last entry. */
  termAt(index: number): number | undefined {
    if (index === this.#base.index) return this.#base.term
    return this.#entries[index - this.#base.index - 1]?.term
  }

  /** Raft §5.4.1: a later last term wins, then the longer log. */
  isBehindOrEqual(other: Position): boolean {
    return other.term > this.lastTerm || (other.term === this.lastTerm && other.index >= this.lastIndex)
  }

  append(entry: Entry): void {
    this.#push(entry)
  }

  /** Appends what is new after `prev`, dropping a conflicting tail. Returns the last index known to agree, undefined if `prev` does not. */
  merge(prev: Position, entries: readonly Entry[]): number | undefined {
    if (this.termAt(prev.index) !== prev.term) return undefined
    for (const entry of entries) {
      const mine = this.termAt(entry.index)
      if (mine === entry.term) continue
      if (mine !== undefined) this.#truncate(entry.index)
      this.#push(entry)
    }
    return prev.index + entries.length
  }

  commitTo(index: number): void {
    if (index <= this.#commit) return
    assert(index <= this.lastIndex, 'only what is in the log is committed', { index, last: this.lastIndex })
    this.#commit = index
  }

  /** The greatest index, at most `index`, whose term is at most `term`: where two logs that differ at `index` may still agree. */
  agreementBefore(index: number, term: number): Position {
    let at = Math.min(index, this.lastIndex)
    for (; at > this.#base.index; at--) {
      const mine = this.termAt(at) as number
      if (mine <= term) return { index: at, term: mine }
    }
    return { index: at, term: at === this.#base.index ? this.#base.term : 0 }
  }

  /** Whether a membership change is in (after, to]. */
  hasChange(after: number, to: number): boolean {
    for (let index = Math.max(after, this.#base.index) + 1; index <= to; index++)
      if ((this.#entries[index - this.#base.index - 1] as Entry).kind === 'config') return true
    return false
  }

  /** Entries from `index` on, at most `bytesMax` of them but at least one. */
  page(index: number, bytesMax: number, last = this.lastIndex): Entry[] {
    const start = index - this.#base.index - 1
    const end = last - this.#base.index
    let bytes = 0
    let stop = start
    for (; stop < end; stop++) {
      bytes += entryBytes(this.#entries[stop] as Entry)
      if (bytes > bytesMax && stop > start) break
    }
    return this.#entries.slice(start, stop)
  }

  get hasUnsaved(): boolean {
    return this.#given < this.lastIndex
  }

  takeUnsaved(): readonly Entry[] {
    const entries = this.#given < this.lastIndex ? this.#entries.slice(this.#given - this.#base.index) : none
    this.#given = this.#saving = this.lastIndex
    return entries
  }

  markSaved(): void {
    this.#saved = Math.max(this.#saved, this.#saving)
  }

  takeCommitted(bytesMax: number): readonly Entry[] {
    if (this.#applied >= this.#commit) return none
    const entries = this.page(this.#applied + 1, bytesMax, this.#commit)
    this.#applied += entries.length
    return entries
  }

  /** The snapshot replaces everything. */
  restore(meta: SnapshotMeta): void {
    assert(meta.index > this.#commit, 'a snapshot only moves forward', { index: meta.index, commit: this.#commit })
    this.#entries = []
    this.#bytes = 0
    this.#base = { index: meta.index, term: meta.term }
    this.#commit = this.#applied = this.#saved = this.#given = this.#saving = meta.index
  }

  /** Forgets entries covered by a snapshot at `index`, except a tail for slow followers. */
  compact(index: number, tailEntriesMax: number, tailBytesMax: number): void {
    assert(index <= this.#applied, 'a snapshot covers what was applied', { index, applied: this.#applied })
    let keep = index + 1
    let bytes = 0
    while (keep - 1 > this.#base.index && index + 1 - keep < tailEntriesMax) {
      bytes += entryBytes(this.#entries[keep - this.#base.index - 2] as Entry)
      if (bytes > tailBytesMax) break
      keep--
    }
    const dropped = keep - 1 - this.#base.index
    if (dropped <= 0) return
    const term = this.termAt(keep - 1) as number
    for (const entry of this.#entries.splice(0, dropped)) this.#bytes -= entryBytes(entry)
    this.#base = { index: keep - 1, term }
  }

  #push(entry: Entry): void {
    assert(entry.index === this.lastIndex + 1, 'an append leaves no gap', { index: entry.index, last: this.lastIndex })
    assert(entry.term >= this.lastTerm, 'terms never fall along a log', { term: entry.term, last: this.lastTerm })
    this.#entries.push(entry)
    this.#bytes += entryBytes(entry)
  }

  #truncate(index: number): void {
    assert(index > this.#commit, 'what is committed is never truncated', { index, commit: this.#commit })
    for (const entry of this.#entries.splice(index - this.#base.index - 1)) this.#bytes -= entryBytes(entry)
    this.#given = Math.min(this.#given, index - 1)
    this.#saving = Math.min(this.#saving, index - 1)
    this.#saved = Math.min(this.#saved, index - 1)
  }
}
