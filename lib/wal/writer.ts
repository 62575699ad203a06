// WalWriter: turns what Raft wants saved into the bytes of one save. It knows where in which segment they go and touches no disk.
//
// Guarantee: the bytes of one `encode` are one batch, which `recover` gives back whole or not at all. Every segment begins with
// the hard state and the last snapshot marker, so that older segments can be removed.
// Not guaranteed: anything, if a save is begun before the one before it is durable, or if a failed save is followed by another.

import { assert, crc32c } from '../std/index.js'
import {
  batchBytes,
  batchBytesMax,
  batchHeaderBytes,
  endMark,
  placeSeed,
  recordHeaderBytes,
  recordType,
  segmentBytesMax,
  segmentHeaderBytes,
  setU64,
  viewOf,
  type WalEntry,
  type WalHardState,
  type WalIdentity,
  type WalSnapshot,
  writeBatchHeader,
  writeSegmentHeader
} from './format.js'

/** A hard state that commits entries or a snapshot belongs in their batch or a later one: recovery checks it. */
export interface WalBatch {
  readonly entries?: readonly WalEntry[]
  readonly hardState?: WalHardState | undefined
  readonly snapshot?: WalSnapshot | undefined
}
/** To be appended to segment `sequence`, whose length is `offset` so far (0: a new segment), in one write and one sync. */
export interface WalSave {
  readonly sequence: number
  readonly offset: number
  readonly bytes: Uint8Array
}
/** Where a log ends, and what a writer must know to go on from there. Given by `recover`. */
export interface WalTail {
  readonly sequence: number
  readonly length: number
  readonly nextBatch: number
  readonly chain: number
}
export interface WalWriterOptions extends WalIdentity {
  readonly segmentBytesMax?: number
}

export const emptyTail: WalTail = { sequence: 1, length: 0, nextBatch: 1, chain: 0 }

const encoder = new TextEncoder()
const nothing: Uint8Array = new Uint8Array(0)
const entryBytes = recordHeaderBytes + 16

export class WalWriter {
  readonly #options: WalWriterOptions
  #tail: WalTail
  #lastIndex: number
  #hardState: WalHardState | undefined
  #snapshot: WalSnapshot | undefined
  #vote = { text: '', bytes: nothing }

  /** For a new log, `emptyTail` and no state; otherwise what `recover` gave. */
  constructor(options: WalWriterOptions, tail: WalTail = emptyTail, state: WalBatch = {}) {
    this.#options = options
    this.#tail = tail
    this.#hardState = state.hardState
    this.#snapshot = state.snapshot
    this.#lastIndex = state.entries?.at(-1)?.index ?? state.snapshot?.index ?? 0
  }

  get tail(): WalTail {
    return this.#tail
  }

  encode(batch: WalBatch): WalSave {
    const full = this.#tail.length >= (this.#options.segmentBytesMax ?? segmentBytesMax)
    if (full) this.#tail = { ...this.#tail, sequence: this.#tail.sequence + 1, length: 0 }
    const { sequence, length: offset, nextBatch, chain } = this.#tail
    const begins = offset === 0
    const written = begins ? { ...batch, hardState: batch.hardState ?? this.#hardState, snapshot: batch.snapshot ?? this.#snapshot } : batch
    const start = begins ? segmentHeaderBytes : 0

    const vote = this.#voteBytes(written.hardState?.vote ?? '')
    const fileName = written.snapshot === undefined ? nothing : encoder.encode(written.snapshot.fileName)
    const recordsLength = measure(written, vote, fileName)
    const end = start + batchBytes(recordsLength)
    assert(end <= batchBytesMax, 'a batch is too long', { bytes: end })
    const bytes = new Uint8Array(end)
    const view = viewOf(bytes)
    if (begins) writeSegmentHeader(bytes, { ...this.#options, sequence, firstIndex: this.#lastIndex + 1, firstBatch: nextBatch, chain })
    const records = writeRecords(view, bytes, start + batchHeaderBytes, written, vote, fileName)
    bytes[end - 1] = endMark
    const bodyChecksum = crc32c(bytes, start + batchHeaderBytes, end)
    const header = { length: recordsLength, number: nextBatch, chain, bodyChecksum, records }
    writeBatchHeader(view, bytes, start, header, placeSeed(sequence, offset + start))

    this.#tail = { sequence, length: offset + end, nextBatch: nextBatch + 1, chain: bodyChecksum }
    this.#remember(batch)
    return { sequence, offset, bytes }
  }

  /** Of the last vote they are kept: nearly every save repeats it. */
  #voteBytes(vote: string): Uint8Array {
    if (vote !== this.#vote.text) this.#vote = { text: vote, bytes: encoder.encode(vote) }
    return this.#vote.bytes
  }

  #remember(batch: WalBatch): void {
    this.#hardState = batch.hardState ?? this.#hardState
    this.#snapshot = batch.snapshot ?? this.#snapshot
    if (batch.snapshot !== undefined && batch.snapshot.index > this.#lastIndex) this.#lastIndex = batch.snapshot.index
    const last = batch.entries?.at(-1)
    if (last !== undefined) this.#lastIndex = last.index
  }
}

/** The segments that hold nothing needed once a snapshot up to `snapshotIndex` is durable and marked. Ascending by sequence. */
export function removableSegments(segments: readonly { sequence: number; firstIndex: number }[], snapshotIndex: number): number[] {
  let kept = segments.length - 1
  while (kept > 0 && (segments[kept] as { firstIndex: number }).firstIndex > snapshotIndex + 1) kept--
  return segments.slice(0, Math.max(0, kept)).map(segment => segment.sequence)
}

function measure(batch: WalBatch, vote: Uint8Array, fileName: Uint8Array): number {
  let length = 0
  const entries = batch.entries
  if (entries !== undefined) for (const entry of entries) length += entryBytes + entry.data.length
  if (batch.hardState !== undefined) length += recordHeaderBytes + 17 + vote.length
  if (batch.snapshot !== undefined) length += recordHeaderBytes + 16 + fileName.length
  return length
}

/** The snapshot marker comes first: entries of the same batch follow it in the log (Raft §7, a follower that got a snapshot). */
function writeRecords(view: DataView, bytes: Uint8Array, start: number, batch: WalBatch, vote: Uint8Array, fileName: Uint8Array): number {
  let at = start
  let records = 0
  const record = (type: number, first: number, second: number, rest: Uint8Array, extra = 0): void => {
    view.setUint32(at, 16 + extra + rest.length, true)
    bytes[at + 4] = type
    setU64(view, at + 5, first)
    setU64(view, at + 13, second)
    bytes.set(rest, at + 21 + extra)
    at += entryBytes + extra + rest.length
    records++
  }
  const { snapshot, hardState, entries } = batch
  if (snapshot !== undefined) record(recordType.snapshot, snapshot.index, snapshot.term, fileName)
  if (entries !== undefined) for (const entry of entries) record(recordType[entry.kind], entry.index, entry.term, entry.data)
  if (hardState !== undefined) {
    bytes[at + 21] = hardState.vote === null ? 0 : 1
    record(recordType.hardState, hardState.term, hardState.commit, vote, 1)
  }
  return records
}
