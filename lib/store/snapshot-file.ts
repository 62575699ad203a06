// Snapshot file: all of the store's state as bytes: what a member keeps beside its log, what is sent to one that is far
// behind, and what a backup is. It says of itself which cluster and which entry of the log it is of.
//
// Guarantee: the reader gives the state that was written, or says what is wrong: bytes changed, left out, exchanged or taken
// from another file, an early end, a newer format. It decides nothing about whether the state is wanted here: who reads
// compares the header.
// file      preamble of 16 bytes, the same in every version: 8 bytes magic, u32 format version, u32 CRC-32C of the 12 bytes before;
//           then chunks: u32 length of the body, u32 CRC-32C of the body, body: u8 kind, then
//   header  index, term, cluster id, and lists of members: voters, learners, removed, returning; in version 2, of a joint membership:
//           outgoing, learners next
//   state   the chunks of lib/mvcc
//   end     number of chunks before it, CRC-32C of their frames (length and checksum) in order, zeros up to a multiple of 512 bytes:
//           as a database of etcd, whose client wants to tell a file from the SHA-256 that follows it.
// Integers in frames are little-endian; numbers and texts in bodies are those of lib/mvcc.

import { ByteReader, ByteWriter, type Mvcc, Restoration, snapshot } from '../mvcc/index.js'
import type { Membership } from '../raft/index.js'
import { assert, crc32c } from '../std/index.js'

/** `index` and `term`: of the last entry of the log that is in the state. */
export interface SnapshotHeader {
  readonly clusterId: string
  readonly index: number
  readonly term: number
  readonly membership: Membership
}

/** `newer`: of a program that came later; the file may well be good. `damaged`: no program can read it. */
export interface SnapshotFault {
  readonly fault: 'damaged' | 'newer'
  readonly reason: string
}

export interface SnapshotContent {
  readonly header: SnapshotHeader
  readonly mvcc: Mvcc
}

/** A file is of the first version that can say what is in it: who knows no joint membership would forget half of the voters. */
export const snapshotFormatVersion = 2
const plainVersion = 1
const jointVersion = 2
const magic = [0x6b, 0x61, 0x62, 0x75, 0x6b, 0x69, 0x53, 0x4e] as const // kabukiSN
const preambleBytes = 16
const frameBytes = 8
const paddedTo = 512
/** A value is far smaller; a length over this is no length. */
const chunkBytesMax = 256 << 20
const kind = { header: 200, end: 201 } as const

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** In pieces of about a MiB, of the state as it is at the call. Taking them may be spread over many turns. */
export function snapshotFile(header: SnapshotHeader, mvcc: Mvcc): Generator<Uint8Array, void, undefined> {
  return piecesOf(header, snapshot(mvcc))
}

function* piecesOf(header: SnapshotHeader, state: Iterable<Uint8Array>): Generator<Uint8Array, void, undefined> {
  const first = headerChunk(header)
  let length = preambleBytes + first.length
  let chunks = 1
  let frames = crc32c(first, 0, frameBytes)
  yield preamble(header.membership.outgoing === undefined ? plainVersion : jointVersion)
  yield first
  for (const chunk of state) {
    assert(chunk.length <= chunkBytesMax, 'a chunk of a snapshot is bounded', { bytes: chunk.length })
    frames = crc32c(chunk, 0, frameBytes, frames)
    length += chunk.length
    chunks++
    yield chunk
  }
  yield endChunk(length, chunks, frames)
}

function preamble(version: number): Uint8Array {
  const bytes = new Uint8Array(preambleBytes)
  const view = new DataView(bytes.buffer)
  bytes.set(magic)
  view.setUint32(8, version, true)
  view.setUint32(12, crc32c(bytes, 0, 12), true)
  return bytes
}

function headerChunk({ clusterId, index, term, membership }: SnapshotHeader): Uint8Array {
  const writer = new ByteWriter()
  writer.byte(kind.header)
  writer.number(index)
  writer.number(term)
  writer.value(encoder.encode(clusterId))
  const { voters, learners, removed, returning = [], outgoing, learnersNext = [] } = membership
  for (const members of [voters, learners, removed, returning, ...(outgoing === undefined ? [] : [outgoing, learnersNext])]) {
    writer.number(members.length)
    for (const member of members) writer.value(encoder.encode(member))
  }
  return framed(writer.view())
}

function endChunk(lengthBefore: number, chunks: number, frames: number): Uint8Array {
  const writer = new ByteWriter()
  writer.byte(kind.end)
  writer.number(chunks)
  writer.number(frames)
  while ((lengthBefore + frameBytes + writer.length) % paddedTo !== 0) writer.byte(0)
  return framed(writer.view())
}

function framed(body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(frameBytes + body.length)
  bytes.set(body, frameBytes)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, body.length, true)
  view.setUint32(4, crc32c(body), true)
  return bytes
}

/** Reads a file that comes in parts, cut anywhere. After a fault it takes no more. */
export class SnapshotReader {
  /** Known once the beginning of the file was read. */
  header: SnapshotHeader | undefined
  readonly #restoration = new Restoration()
  #rest: Uint8Array[] = [] // Parts, or what is left of one, that are not a whole chunk yet.
  #restBytes = 0
  #neededBytes = preambleBytes // Of the rest, before there is anything to be read.
  #offset = 0 // Of the rest in the file.
  #version = plainVersion
  #chunks = 0
  #frames = 0
  #ended = false
  #fault: SnapshotFault | undefined

  /** Gives what is wrong, as soon as it is known. */
  add(part: Uint8Array): SnapshotFault | undefined {
    if (this.#fault !== undefined) return this.#fault
    this.#rest.push(part)
    this.#restBytes += part.length
    if (this.#restBytes < this.#neededBytes) return undefined
    const bytes = this.#rest.length === 1 ? part : joined(this.#rest)
    try {
      const read = this.#read(bytes)
      this.#rest = [bytes.slice(read)] // A copy: what was read need not be kept alive.
      this.#restBytes = bytes.length - read
      this.#offset += read
    } catch (error) {
      this.#damaged(error instanceof Error ? error.message : String(error))
    }
    return this.#fault
  }

  /** To be called once all parts are in. */
  finish(): SnapshotContent | SnapshotFault {
    if (this.#fault !== undefined) return this.#fault
    if (!this.#ended || this.header === undefined) return this.#damaged('the file ends too early')
    try {
      return { header: this.header, mvcc: this.#restoration.finish() }
    } catch (error) {
      return this.#damaged(error instanceof Error ? error.message : String(error))
    }
  }

  /** Gives how many of the bytes were read. */
  #read(bytes: Uint8Array): number {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    let at = 0
    this.#neededBytes = frameBytes
    if (this.#offset === 0) {
      this.#fault = faultOfPreamble(view, bytes)
      this.#version = view.getUint32(8, true)
      at = preambleBytes
    }
    while (this.#fault === undefined && at + frameBytes <= bytes.length) {
      const start = at + frameBytes
      const end = start + view.getUint32(at, true)
      assert(!this.#ended && end > start && end - start <= chunkBytesMax, 'a chunk of a snapshot has a possible length', {
        offset: this.#offset + at
      })
      this.#neededBytes = end - at
      if (end > bytes.length) break
      assert(crc32c(bytes, start, end) === view.getUint32(at + 4, true), 'a chunk of a snapshot is whole', { offset: this.#offset + at })
      this.#chunk(bytes, start, end)
      this.#frames = crc32c(bytes, at, start, this.#frames)
      this.#chunks++
      this.#neededBytes = frameBytes
      at = end
    }
    assert(!this.#ended || at === bytes.length, 'nothing follows the end of a snapshot')
    return at
  }

  #chunk(bytes: Uint8Array, start: number, end: number): void {
    const what = bytes[start]
    if (this.header === undefined) {
      assert(what === kind.header, 'a snapshot begins with its header')
      this.header = readHeader(new ByteReader(bytes, [], start + 1, end), this.#version)
    } else if (what === kind.end) {
      const reader = new ByteReader(bytes, [], start + 1, end)
      assert(reader.number() === this.#chunks && reader.number() === this.#frames, 'a snapshot has all its chunks, in their order')
      this.#ended = true
    } else this.#restoration.add(bytes, start, end)
  }

  #damaged(reason: string): SnapshotFault {
    this.#fault = { fault: 'damaged', reason }
    return this.#fault
  }
}

export const isSnapshotFault = (outcome: SnapshotContent | SnapshotFault): outcome is SnapshotFault => 'fault' in outcome

function faultOfPreamble(view: DataView, bytes: Uint8Array): SnapshotFault | undefined {
  if (!magic.every((byte, at) => bytes[at] === byte)) return { fault: 'damaged', reason: 'not a snapshot of a store' }
  if (view.getUint32(12, true) !== crc32c(bytes, 0, 12)) return { fault: 'damaged', reason: 'the preamble has a bad checksum' }
  const version = view.getUint32(8, true)
  if (version <= snapshotFormatVersion) return undefined
  return { fault: 'newer', reason: newerReason('the snapshot', version, snapshotFormatVersion) }
}

/** What to say of a file of a later program. */
export const newerReason = (what: string, version: number, known: number): string =>
  `${what} has format version ${version}, this program reads versions up to ${known}: use the kabuki that wrote it, or a later one`

function readHeader(reader: ByteReader, version: number): SnapshotHeader {
  const index = reader.number()
  const term = reader.number()
  const clusterId = decoder.decode(reader.value())
  const members = (): string[] => Array.from({ length: reader.number() }, () => decoder.decode(reader.value()))
  const [voters, learners, removed, returning] = [members(), members(), members(), members()]
  const [outgoing, learnersNext] = version < jointVersion ? [[], []] : [members(), members()]
  const membership = {
    voters,
    learners,
    removed,
    ...(returning.length === 0 ? {} : { returning }),
    ...(outgoing.length === 0 ? {} : { outgoing }),
    ...(learnersNext.length === 0 ? {} : { learnersNext })
  }
  return { clusterId, index, term, membership }
}

export function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

/** A file that is in memory whole. */
export function readSnapshot(bytes: Uint8Array): SnapshotContent | SnapshotFault {
  const reader = new SnapshotReader()
  return reader.add(bytes) ?? reader.finish()
}
