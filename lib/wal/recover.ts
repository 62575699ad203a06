// Recovery: what the bytes of a log amount to after a crash, and whether they can be trusted.
//
// Segments are given one by one, so that one of them is in memory at a time.
// Assumed: one save at a time, each durable before the next begins; new segments are zeros; a crash during a save leaves each of
// its 512-byte sectors written or not, in any combination, or all its bytes up to some byte.
// Guaranteed:
// - `clean` and `torn` give exactly the batches before the end, each whole and unchanged.
// - `torn`: the save during which the member crashed is incomplete, and is dropped; nobody was told that it was durable.
// - `foreign`: a segment, whole, is of another cluster, of another member or of a later program. Whatever else is wrong, there is
//   nothing here that this member may cut or replace.
// - `damaged`: something that was durable has changed. Every change of a batch that another batch or segment follows is found.
//   In the last batch a change is found too, unless it looks like that crash: a whole sector (or what the batch has of it)
//   or the end of the batch is zeros.
// Not guaranteed: that the last batch was not lost as a whole after it was durable. Zeros there look like a log that ends
// earlier; no format can tell. Checksums are of 32 bits, so chance forges one in 4 billion damages.

import { crc32c } from '../std/index.js'
import {
  type BatchHeader,
  batchBytes,
  batchHeaderBytes,
  formatVersion,
  readBatchHeader,
  readSegmentHeader,
  type SegmentHeader,
  sectorBytes,
  segmentHeaderBytes,
  viewOf,
  type WalEntry,
  type WalHardState,
  type WalIdentity,
  type WalSnapshot
} from './format.js'
import { Replay } from './replay.js'
import type { WalTail } from './writer.js'

export interface WalSegment {
  readonly sequence: number
  readonly bytes: Uint8Array
}
export interface WalRecovered {
  /** After `torn`: cut segment `tail.sequence` to `tail.length`, zero-fill it again, and remove later segments, before appending. */
  readonly verdict: 'clean' | 'torn'
  readonly hardState: WalHardState | undefined
  readonly snapshot: WalSnapshot | undefined
  /** Those after the snapshot, without gaps. */
  readonly entries: readonly WalEntry[]
  readonly tail: WalTail
  readonly segments: readonly { readonly sequence: number; readonly firstIndex: number }[]
}
export interface WalDamaged {
  readonly verdict: 'damaged'
  readonly sequence: number
  readonly offset: number
  readonly reason: string
}

export interface WalForeign {
  readonly verdict: 'foreign'
  readonly sequence: number
  readonly reason: string
}

interface Scan {
  readonly replay: Replay
  readonly segments: { sequence: number; firstIndex: number }[]
  tail: WalTail
}
/** Where the log ends: as it should, or torn. `otherwise`: the verdict if a later segment is not empty. */
interface End {
  readonly verdict: 'clean' | 'torn'
  readonly otherwise: (later: number) => WalDamaged
}

export class Recovery {
  readonly #identity: WalIdentity | undefined
  readonly #scan: Scan = { replay: new Replay(), segments: [], tail: { sequence: 1, length: 0, nextBatch: 1, chain: 0 } }
  #next = 0 // The sequence that must come next; 0: any.
  #end: End | undefined
  #stop: WalDamaged | WalForeign | undefined

  constructor(identity?: WalIdentity) {
    this.#identity = identity
  }

  /** Ascending by sequence. Nothing of its bytes is kept. */
  add({ sequence, bytes }: WalSegment): void {
    const header = readSegmentHeader(bytes)
    const foreign = typeof header === 'string' ? undefined : foreignness(header, this.#identity)
    if (foreign !== undefined && this.#stop?.verdict !== 'foreign') this.#stop = { verdict: 'foreign', sequence, reason: foreign }
    if (this.#stop === undefined) this.#stop = this.#add(sequence, bytes, header)
  }

  finish(): WalRecovered | WalDamaged | WalForeign {
    if (this.#stop !== undefined) return this.#stop
    const { replay, tail } = this.#scan
    const wrong = replay.finish()
    if (wrong !== undefined) return damaged(tail.sequence, tail.length, wrong)
    const { hardState, snapshot, entries } = replay
    return { verdict: this.#end?.verdict ?? 'clean', hardState, snapshot, entries, tail, segments: this.#scan.segments }
  }

  #add(sequence: number, bytes: Uint8Array, header: SegmentHeader | string): WalDamaged | undefined {
    const scan = this.#scan
    if (this.#next === 0) scan.tail = { ...scan.tail, sequence }
    else if (sequence !== this.#next) return damaged(sequence, 0, `segment ${this.#next} is missing`)
    this.#next = sequence + 1
    const empty = lastNonZero(bytes, 0) < 0
    if (this.#end !== undefined) return empty ? undefined : this.#end.otherwise(sequence)
    if (empty) {
      // A segment made ahead of its time. What should follow it cannot have been written. The log goes on at the start of
      // it: what precedes the last segment cannot be cut or appended to.
      scan.tail = { ...scan.tail, sequence, length: 0 }
      const otherwise = (later: number): WalDamaged => damaged(sequence, 0, `the segment is empty and segment ${later} is not`)
      this.#end = { verdict: 'clean', otherwise }
      return undefined
    }
    const outcome = readSegment(scan, sequence, bytes, header)
    if (outcome === undefined || 'otherwise' in outcome) this.#end = outcome
    else return outcome
    return undefined
  }
}

const torn = (sequence: number, offset: number, otherwise: string): End => ({
  verdict: 'torn',
  otherwise: () => damaged(sequence, offset, otherwise)
})

function readSegment(scan: Scan, sequence: number, bytes: Uint8Array, header: SegmentHeader | string): End | WalDamaged | undefined {
  if (typeof header === 'string') {
    if (!isTornSegmentHeader(bytes) || hasBatch(bytes, 0, sequence, scan.tail.nextBatch)) return damaged(sequence, 0, header)
    scan.tail = { ...scan.tail, sequence, length: 0 }
    return torn(sequence, 0, header)
  }
  const misfit = misfitOf(scan, header, sequence)
  if (misfit !== undefined) return damaged(sequence, 0, misfit)
  scan.segments.push({ sequence, firstIndex: header.firstIndex })
  scan.tail = { sequence, length: segmentHeaderBytes, nextBatch: header.firstBatch, chain: header.chain }

  const view = viewOf(bytes)
  const last = lastNonZero(bytes, segmentHeaderBytes)
  while (last >= scan.tail.length) {
    const stop = readBatch(scan, view, bytes, last)
    if (stop === undefined) continue
    if (stop !== 'torn') return stop
    const end = torn(sequence, scan.tail.length, 'a batch is bad and a later segment is not empty')
    withoutHeaderAlone(scan)
    return end
  }
  // The first batch is lost as a whole, sectors and all, while the header of the same save is there.
  const lost = scan.tail.length === segmentHeaderBytes
  withoutHeaderAlone(scan)
  return lost ? torn(sequence, segmentHeaderBytes, 'the segment has lost its batches') : undefined
}

/** The segment's header came with its first batch: without the batch, the segment begins anew. */
function withoutHeaderAlone(scan: Scan): void {
  if (scan.tail.length !== segmentHeaderBytes) return
  scan.tail = { ...scan.tail, length: 0 }
  scan.segments.pop()
}

function foreignness(header: SegmentHeader, identity: WalIdentity | undefined): string | undefined {
  const { version, clusterId, memberId } = header
  if (version > formatVersion) return `it has format version ${version}, this program reads versions up to ${formatVersion}`
  if (identity !== undefined && clusterId !== identity.clusterId) return `it is of cluster ${clusterId}, not of ${identity.clusterId}`
  if (identity !== undefined && memberId !== identity.memberId) return `it is of member ${memberId}, not of ${identity.memberId}`
  return undefined
}

function misfitOf(scan: Scan, header: SegmentHeader, sequence: number): string | undefined {
  if (header.sequence !== sequence) return `the segment says that it is segment ${header.sequence}`
  if (scan.segments.length === 0) return undefined
  const { nextBatch, chain } = scan.tail
  if (header.firstBatch !== nextBatch)
    return `batches ${nextBatch} to ${header.firstBatch - 1} are missing at the end of the segment before`
  return header.chain === chain ? undefined : 'the segment does not continue the one before'
}

/** Reads the batch at the tail and moves the tail behind it. `last` is the segment's last byte that is not zero. */
function readBatch(scan: Scan, view: DataView, bytes: Uint8Array, last: number): 'torn' | WalDamaged | undefined {
  const { sequence, length: at, nextBatch, chain } = scan.tail
  const header = readBatchHeader(view, bytes, at, sequence)
  if (header === undefined) {
    const cut = isTornBatchHeader(bytes, at, last) && !hasBatch(bytes, at + 8, sequence, nextBatch + 1)
    return cut ? 'torn' : damaged(sequence, at, `the header of batch ${nextBatch} is bad`)
  }
  if (header.number !== nextBatch) return damaged(sequence, at, `batch ${header.number} stands where batch ${nextBatch} belongs`)
  if (header.chain !== chain) return damaged(sequence, at, `batch ${nextBatch} does not continue the one before`)
  const end = at + batchBytes(header.length)
  if (end > bytes.length || crc32c(bytes, at + batchHeaderBytes, end) !== header.bodyChecksum) {
    const cut = last < end && isTornBody(bytes, at, end)
    return cut ? 'torn' : damaged(sequence, at, `batch ${nextBatch} has a bad checksum`)
  }
  return accept(scan, bytes, at, end, header)
}

function accept(scan: Scan, bytes: Uint8Array, at: number, end: number, header: BatchHeader): WalDamaged | undefined {
  const start = at + batchHeaderBytes
  const wrong = scan.replay.batch(bytes, start, start + header.length, header.records)
  if (wrong !== undefined) return damaged(scan.tail.sequence, at, wrong)
  scan.tail = { sequence: scan.tail.sequence, length: end, nextBatch: header.number + 1, chain: header.bodyChecksum }
  return undefined
}

/** The header lies within the first sector: it is there, or that sector is zeros, or the write stopped within it. */
function isTornSegmentHeader(bytes: Uint8Array): boolean {
  return bytes.length < segmentHeaderBytes || lastNonZero(bytes, 0) < segmentHeaderBytes || isZero(bytes, 0, sectorBytes)
}

function isTornBatchHeader(bytes: Uint8Array, at: number, last: number): boolean {
  return last < at + batchHeaderBytes || hasLostSector(bytes, at, at + batchHeaderBytes)
}

function isTornBody(bytes: Uint8Array, at: number, end: number): boolean {
  return end > bytes.length || bytes[end - 1] === 0 || hasLostSector(bytes, at, end)
}

/** Whether a sector, or what of it lies behind `start`, is zeros, among those that overlap `[start, end)`. */
function hasLostSector(bytes: Uint8Array, start: number, end: number): boolean {
  for (let from = start; from < end; ) {
    const to = (Math.floor(from / sectorBytes) + 1) * sectorBytes
    if (isZero(bytes, from, Math.min(to, bytes.length))) return true
    from = to
  }
  return false
}

/** Whether a batch numbered `atLeast` or higher begins anywhere from `from` on. */
function hasBatch(bytes: Uint8Array, from: number, sequence: number, atLeast: number): boolean {
  const view = viewOf(bytes)
  for (let at = from; at + batchHeaderBytes <= bytes.length; at += 8) {
    const header = readBatchHeader(view, bytes, at, sequence)
    if (header !== undefined && header.number >= atLeast) return true
  }
  return false
}

function isZero(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (bytes[at] !== 0) return false
  return true
}

function lastNonZero(bytes: Uint8Array, from: number): number {
  let at = bytes.length - 1
  while (at >= from && bytes[at] === 0) at--
  return at >= from ? at : -1
}

const damaged = (sequence: number, offset: number, reason: string): WalDamaged => ({ verdict: 'damaged', sequence, offset, reason })
