// zip: read one member of a zip archive held in memory.
//
// Enough for the archives we depend on: stored and deflated members, no encryption, no zip64.
// Guarantee: what is returned has the length and CRC-32 the archive's directory states, or this throws.

import { inflateRawSync } from 'node:zlib'

const endOfDirectory = 0x06054b50
const directoryEntry = 0x02014b50
const endOfDirectoryBytes = 22
const commentBytesMax = 0xffff
const stored = 0
const deflated = 8

/** The bytes of the member of that name. */
export function readMember(archive: Buffer, name: string): Buffer {
  for (const entry of entries(archive)) if (entry.name === name) return extract(archive, entry)
  throw new Error(`zip: no member ${name}`)
}

interface Entry {
  readonly name: string
  readonly method: number
  readonly crc: number
  readonly packedBytes: number
  readonly bytes: number
  readonly headerOffset: number
}

function* entries(archive: Buffer): Generator<Entry> {
  const end = findEnd(archive)
  const count = archive.readUInt16LE(end + 10)
  let offset = archive.readUInt32LE(end + 16)
  for (let i = 0; i < count; i++) {
    if (archive.readUInt32LE(offset) !== directoryEntry) throw new Error('zip: damaged directory')
    const nameBytes = archive.readUInt16LE(offset + 28)
    yield {
      name: archive.toString('utf8', offset + 46, offset + 46 + nameBytes),
      method: archive.readUInt16LE(offset + 10),
      crc: archive.readUInt32LE(offset + 16),
      packedBytes: archive.readUInt32LE(offset + 20),
      bytes: archive.readUInt32LE(offset + 24),
      headerOffset: archive.readUInt32LE(offset + 42)
    }
    offset += 46 + nameBytes + archive.readUInt16LE(offset + 30) + archive.readUInt16LE(offset + 32)
  }
}

function findEnd(archive: Buffer): number {
  const last = archive.length - endOfDirectoryBytes
  for (let offset = last; offset >= Math.max(0, last - commentBytesMax); offset--) {
    if (archive.readUInt32LE(offset) === endOfDirectory) return offset
  }
  throw new Error('zip: no end of directory')
}

function extract(archive: Buffer, entry: Entry): Buffer {
  // The lengths of name and extra field differ between the directory and the member's own header.
  const start = entry.headerOffset + 30 + archive.readUInt16LE(entry.headerOffset + 26) + archive.readUInt16LE(entry.headerOffset + 28)
  const packed = archive.subarray(start, start + entry.packedBytes)
  const bytes = unpack(packed, entry)
  if (bytes.length !== entry.bytes) throw new Error(`zip: ${entry.name} has ${bytes.length} bytes, its directory says ${entry.bytes}`)
  if (crc32(bytes) !== entry.crc) throw new Error(`zip: ${entry.name} fails its checksum`)
  return bytes
}

function unpack(packed: Buffer, entry: Entry): Buffer {
  if (entry.method === stored) return Buffer.from(packed)
  if (entry.method === deflated) return inflateRawSync(packed, { maxOutputLength: entry.bytes })
  throw new Error(`zip: ${entry.name} is packed by method ${entry.method}, which is not known here`)
}

const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
  return crc
})

function crc32(bytes: Buffer): number {
  let crc = 0xffffffff
  for (let i = 0; i < bytes.length; i++) crc = (crcTable[(crc ^ (bytes[i] as number)) & 0xff] as number) ^ (crc >>> 8)
  return (crc ^ 0xffffffff) >>> 0
}
