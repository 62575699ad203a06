// Recovery: what the bytes of a log amount to after a crash, and whether they can be trusted.
//
// Assumed: one save at a time, each durable before the next begins; new segments are zeros; a crash during a save leaves each of
// its 512-byte sectors written or not, in any combination, or all its bytes up to some byte.
// Guaranteed:
// - `clean` and `torn` give exactly the batches before the end, each whole and unchanged.
// - `torn`: the save during which the member crashed is incomplete, and is dropped; nobody was told that it was durable.
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

interface Scan {
  readonly replay: Replay
  readonly segments: { sequence: number; firstIndex: number }[]
  tail: WalTail
}
type Stop = 'torn' | WalDamaged

/** `segments` ascending by sequence. Damaged too if they belong to another cluster or member than `identity`. */
export function recover(segments: readonly WalSegment[], identity?: WalIdentity): WalRecovered | WalDamaged {
  const first = segments[0]?.sequence ?? 1
  const scan: Scan = { replay: new Replay(), segments: [], tail: { sequence: first, length: 0, nextBatch: 1, chain: 0 } }
  let verdict: 'clean' | 'torn' = 'clean'
  for (const [place, segment] of segments.entries()) {
    if (segment.sequence !== first + place) return damaged(segment.sequence, 0, `segment ${first + place} is missing`)
    // A segment made ahead of its time. What should follow it cannot have been written.
    const empty = lastNonZero(segment.bytes, 0) < 0
    const stop = empty ? onlyZerosAfter(segments, place) : readSegment(scan, segments, place, identity)
    if (stop === undefined && empty) {
      // The log goes on at the start of it: what precedes the last segment cannot be cut or appended to.
      scan.tail = { ...scan.tail, sequence: segment.sequence, length: 0 }
      break
    }
    if (stop === undefined) continue
    if (stop !== 'torn') return stop
    verdict = 'torn'
    break
  }
  const { replay, tail } = scan
  const wrong = replay.finish()
  if (wrong !== undefined) return damaged(tail.sequence, tail.length, wrong)
  const { hardState, snapshot, entries } = replay
  return { verdict, hardState, snapshot, entries, tail, segments: scan.segments }
}

function onlyZerosAfter(segments: readonly WalSegment[], place: number): WalDamaged | undefined {
  const later = segments.find((segment, at) => at > place && lastNonZero(segment.bytes, 0) >= 0)
  const sequence = segments[place]?.sequence ?? 0
  return later === undefined ? undefined : damaged(sequence, 0, `the segment is empty and segment ${later.sequence} is not`)
}

function readSegment(scan: Scan, segments: readonly WalSegment[], place: number, identity: WalIdentity | undefined): Stop | undefined {
  const { sequence, bytes } = segments[place] as WalSegment
  const header = readSegmentHeader(bytes)
  if (typeof header === 'string') {
    const torn =
      isTornSegmentHeader(bytes) && onlyZerosAfter(segments, place) === undefined && !hasBatch(bytes, 0, sequence, scan.tail.nextBatch)
    if (!torn) return damaged(sequence, 0, header)
    scan.tail = { ...scan.tail, sequence, length: 0 }
    return 'torn'
  }
  const misfit = misfitOf(scan, header, sequence, identity)
  if (misfit !== undefined) return damaged(sequence, 0, misfit)
  scan.segments.push({ sequence, firstIndex: header.firstIndex })
  scan.tail = { sequence, length: segmentHeaderBytes, nextBatch: header.firstBatch, chain: header.chain }

  const view = viewOf(bytes)
  const last = lastNonZero(bytes, segmentHeaderBytes)
  while (last >= scan.tail.length) {
    const stop = readBatch(scan, view, bytes, last)
    if (stop === undefined) continue
    if (stop !== 'torn') return stop
    const later = onlyZerosAfter(segments, place)
    if (later !== undefined) return damaged(sequence, scan.tail.length, 'a batch is bad and a later segment is not empty')
    // The segment's header came with its first batch: without the batch, the segment begins anew.
    if (scan.tail.length === segmentHeaderBytes) {
      scan.tail = { ...scan.tail, length: 0 }
      scan.segments.pop()
    }
    return 'torn'
  }
  // The first batch is lost as a whole, sectors and all, while the header of the same save is there.
  if (scan.tail.length === segmentHeaderBytes) {
    if (onlyZerosAfter(segments, place) !== undefined) return damaged(sequence, segmentHeaderBytes, 'the segment has lost its batches')
    scan.tail = { ...scan.tail, length: 0 }
    scan.segments.pop()
    return 'torn'
  }
  return undefined
}

function misfitOf(scan: Scan, header: SegmentHeader, sequence: number, identity: WalIdentity | undefined): string | undefined {
  if (header.sequence !== sequence) return `the segment says that it is segment ${header.sequence}`
  if (identity !== undefined && header.clusterId !== identity.clusterId) return `the segment is of cluster ${header.clusterId}`
  if (identity !== undefined && header.memberId !== identity.memberId) return `the segment is of member ${header.memberId}`
  if (scan.segments.length === 0) return undefined
  const { nextBatch, chain } = scan.tail
  if (header.firstBatch !== nextBatch)
    return `batches ${nextBatch} to ${header.firstBatch - 1} are missing at the end of the segment before`
  return header.chain === chain ? undefined : 'the segment does not continue the one before'
}

/** Reads the batch at the tail and moves the tail behind it. `last` is the segment's last byte that is not zero. */
function readBatch(scan: Scan, view: DataView, bytes: Uint8Array, last: number): Stop | undefined {
  const { sequence, length: at, nextBatch, chain } = scan.tail
  const header = readBatchHeader(view, bytes, at, sequence)
  if (header === undefined) {
    const torn = isTornBatchHeader(bytes, at, last) && !hasBatch(bytes, at + 8, sequence, nextBatch + 1)
    return torn ? 'torn' : damaged(sequence, at, `the header of batch ${nextBatch} is bad`)
  }
  if (header.number !== nextBatch) return damaged(sequence, at, `batch ${header.number} stands where batch ${nextBatch} belongs`)
  if (header.chain !== chain) return damaged(sequence, at, `batch ${nextBatch} does not continue the one before`)
  const end = at + batchBytes(header.length)
  if (end > bytes.length || crc32c(bytes, at + batchHeaderBytes, end) !== header.bodyChecksum) {
    const torn = last < end && isTornBody(bytes, at, end)
    return torn ? 'torn' : damaged(sequence, at, `batch ${nextBatch} has a bad checksum`)
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
