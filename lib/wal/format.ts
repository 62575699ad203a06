// The bytes of the log: what a segment, a batch and a record look like. Integers are little-endian; a u64 here is a safe integer.
//
// segment   header of 192 bytes, then batches, then zeros (segments are zero-filled ahead of their end)
//   header  u64 magic, u32 version, u32 0, u64 sequence, u64 firstIndex, u64 number of its first batch, u32 chain before it,
//           u8 length + 64 bytes cluster id, u8 length + 64 bytes member id (UTF-8), zeros, u32 CRC-32C, 3 bytes 0, end mark; its place, checksum and ids are the same in every version
// batch     what one save wrote, at a multiple of 8 bytes
//   header  u32 magic, u32 length of the records, u64 number, u32 chain (the body's checksum of the batch before),
//           u32 CRC-32C of the body, u32 records, u32 CRC-32C of these 28 bytes, seeded with the segment and the offset
//   body    records, zeros up to a multiple of 8 less one, end mark
// record    u32 length of what follows the type, u8 type, then
//   entry      u64 index, u64 term, data
//   hardState  u64 term, u64 commit, u8 whether voted, vote (UTF-8)
//   snapshot   u64 index, u64 term, fileName (UTF-8)
//
// Why so: the checksum seeded with its place means that a batch header found elsewhere (a value that holds a copy of a log)
// is none. The end mark is never zero, so a batch cut short at any byte shows it. The chain means that a batch that was
// swapped for another, or a segment that lost its last one, does not fit its successor.

import { crc32c } from '../std/index.js'

export const formatVersion = 1
export const sectorBytes = 512
export const segmentHeaderBytes = 192
export const batchHeaderBytes = 32
export const recordHeaderBytes = 5
export const idBytesMax = 64
export const batchBytesMax = 256 << 20
/** A segment is left for the next once it is this long; a batch is never split over two. */
export const segmentBytesMax = 64 << 20

export const segmentMagic = [0x4c425761, 0x314c4157] as const
export const batchMagic = 0x9d57b6e3
export const endMark = 0xa5

export const recordType = { normal: 1, config: 2, hardState: 3, snapshot: 4 } as const

export interface WalIdentity {
  readonly clusterId: string
  readonly memberId: string
}
export interface WalEntry {
  readonly index: number
  readonly term: number
  readonly kind: 'normal' | 'config'
  readonly data: Uint8Array
}
export interface WalHardState {
  readonly term: number
  readonly vote: string | null
  readonly commit: number
}
/** Says that a snapshot of all entries up to `index` is durable in a file of its own. */
export interface WalSnapshot {
  readonly index: number
  readonly term: number
  readonly fileName: string
}
export interface SegmentHeader extends WalIdentity {
  /** Over `formatVersion`: nothing but the identity is as this program knows it. */
  readonly version: number
  readonly sequence: number
  /** The entry that was to come next when the segment was begun. */
  readonly firstIndex: number
  readonly firstBatch: number
  readonly chain: number
}
export interface BatchHeader {
  readonly length: number
  readonly number: number
  readonly chain: number
  readonly bodyChecksum: number
  readonly records: number
}

export const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

export function setU64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value >>> 0, true)
  view.setUint32(at + 4, Math.floor(value / 4294967296), true)
}

/** What exceeds a safe integer is given as infinity, which no check accepts. */
export function getU64(view: DataView, at: number): number {
  const high = view.getUint32(at + 4, true)
  return high > 0x1fffff ? Number.POSITIVE_INFINITY : high * 4294967296 + view.getUint32(at, true)
}

/** From a batch's start to its end, of which the last byte is the end mark. */
export const batchBytes = (recordsLength: number): number => (batchHeaderBytes + recordsLength + 8) & ~7

export const placeSeed = (sequence: number, offset: number): number => (Math.imul(sequence, 0x9e3779b1) ^ offset) >>> 0

export function writeSegmentHeader(bytes: Uint8Array, header: Omit<SegmentHeader, 'version'>): void {
  const view = viewOf(bytes)
  view.setUint32(0, segmentMagic[0], true)
  view.setUint32(4, segmentMagic[1], true)
  view.setUint32(8, formatVersion, true)
  setU64(view, 16, header.sequence)
  setU64(view, 24, header.firstIndex)
  setU64(view, 32, header.firstBatch)
  view.setUint32(40, header.chain, true)
  writeId(bytes, 44, header.clusterId)
  writeId(bytes, 44 + 1 + idBytesMax, header.memberId)
  view.setUint32(segmentHeaderBytes - 8, crc32c(bytes, 0, segmentHeaderBytes - 8), true)
  bytes[segmentHeaderBytes - 1] = endMark
}

/** Gives why the header cannot be accepted, as text. */
export function readSegmentHeader(bytes: Uint8Array): SegmentHeader | string {
  if (bytes.length < segmentHeaderBytes) return 'the segment header is incomplete'
  const view = viewOf(bytes)
  if (view.getUint32(0, true) !== segmentMagic[0] || view.getUint32(4, true) !== segmentMagic[1]) return 'not a segment of a log'
  if (view.getUint32(segmentHeaderBytes - 8, true) !== crc32c(bytes, 0, segmentHeaderBytes - 8))
    return 'the segment header has a bad checksum'
  if (view.getUint32(segmentHeaderBytes - 4, true) >>> 0 !== endMark * 0x1000000) return 'the segment header has no end mark'
  return {
    version: view.getUint32(8, true),
    sequence: getU64(view, 16),
    firstIndex: getU64(view, 24),
    firstBatch: getU64(view, 32),
    chain: view.getUint32(40, true),
    clusterId: readId(bytes, 44),
    memberId: readId(bytes, 44 + 1 + idBytesMax)
  }
}

export function writeBatchHeader(view: DataView, bytes: Uint8Array, at: number, header: BatchHeader, seed: number): void {
  view.setUint32(at, batchMagic, true)
  view.setUint32(at + 4, header.length, true)
  setU64(view, at + 8, header.number)
  view.setUint32(at + 16, header.chain, true)
  view.setUint32(at + 20, header.bodyChecksum, true)
  view.setUint32(at + 24, header.records, true)
  view.setUint32(at + 28, crc32c(bytes, at, at + 28, seed), true)
}

/** Undefined where no batch header of this segment and offset is. */
export function readBatchHeader(view: DataView, bytes: Uint8Array, at: number, sequence: number): BatchHeader | undefined {
  if (at + batchHeaderBytes > bytes.length || view.getUint32(at, true) !== batchMagic) return undefined
  if (view.getUint32(at + 28, true) !== crc32c(bytes, at, at + 28, placeSeed(sequence, at))) return undefined
  return {
    length: view.getUint32(at + 4, true),
    number: getU64(view, at + 8),
    chain: view.getUint32(at + 16, true),
    bodyChecksum: view.getUint32(at + 20, true),
    records: view.getUint32(at + 24, true)
  }
}

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

function writeId(bytes: Uint8Array, at: number, id: string): void {
  const encoded = encoder.encode(id)
  if (encoded.length > idBytesMax) throw new RangeError(`an id of ${encoded.length} bytes is longer than ${idBytesMax}`)
  bytes[at] = encoded.length
  bytes.set(encoded, at + 1)
}

function readId(bytes: Uint8Array, at: number): string {
  return decoder.decode(bytes.subarray(at + 1, at + 1 + (bytes[at] as number)))
}
