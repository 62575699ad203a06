// Journal: the durable bytes of one actor: numbered segments it appends to, and files written whole.
//
// Guarantee: when `append` returned, the bytes survive the process and, as far as the disk keeps its word, the
// power. Segments are zero-filled ahead, so a sync of an append does not have to write the file's length too.
// How much is synced stands in shared memory: a simulated power cut undoes what lies beyond it (`undoUnsynced`).

import * as fs from 'node:fs'
import * as path from 'node:path'
import { type FilePart, filePartBytesMax, isFileName, type Segment } from '../ports/index.js'

const aheadBytes = 1 << 20
const zeros = new Uint8Array(aheadBytes)
const segmentName = (sequence: number): string => `segment-${String(sequence).padStart(8, '0')}`
const segmentPattern = /^segment-(\d{8})$/
/** Zeros, to become the next segment if there is no other space: what `reserve` has set aside for it. */
const spareName = 'segment-spare'
/** A segment this long has a while to go before the next: see segmentBytesMax of lib/wal. */
const youngBytes = 32 << 20
const temporaryOf = (file: string): string => `${file}.tmp`

/** Two 32-bit numbers: the segment being written and how much of it is synced. */
export const syncedBytes = 8

export class Journal {
  readonly directory: string
  readonly #synced: Int32Array
  #descriptor = -1
  #sequence = 0
  #position = 0
  #allocated = 0
  #spare = -1 // Its length; below 0: not known yet.
  #promised = 0 // What was said to be reserved and is not used yet.
  readonly #begun = new Map<string, { readonly descriptor: number; length: number }>()

  constructor(directory: string, synced: SharedArrayBuffer) {
    this.directory = directory
    this.#synced = new Int32Array(synced)
    fs.mkdirSync(directory, { recursive: true, mode: 0o700 })
  }

  recover(): { segments: Segment[]; files: { name: string }[] } {
    this.#dropBegun()
    const names = fs.readdirSync(this.directory)
    for (const name of names) if (name.endsWith('.tmp')) fs.rmSync(path.join(this.directory, name), { force: true })
    const sequences = names.flatMap(name => segmentPattern.exec(name)?.[1] ?? []).map(Number)
    const segments = sequences.sort((a, b) => a - b).map(sequence => ({ sequence, length: fs.statSync(this.#pathOf(sequence)).size }))
    const last = segments.at(-1)
    if (last !== undefined && this.#descriptor < 0) this.#open(last.sequence, last.length)
    return { segments, files: this.files() }
  }

  readSegment(sequence: number): Uint8Array | null {
    const file = this.#pathOf(sequence)
    if (!fs.existsSync(file)) return null
    const { buffer, byteOffset, length } = fs.readFileSync(file)
    return new Uint8Array(buffer, byteOffset, length) // Not a copy: a segment is large.
  }

  files(): { name: string }[] {
    const names = fs.readdirSync(this.directory).filter(name => !name.startsWith('segment-') && !name.endsWith('.tmp'))
    return names.sort().map(name => ({ name }))
  }

  /** Cuts the last segment at `length`; zeroes follow, in place: a full disk has no room for others. False: that is not the last, or not a place in it. */
  repair(sequence: number, length: number): boolean {
    if (this.#descriptor < 0) this.recover()
    if (this.#descriptor < 0 || sequence !== this.#sequence || length < 0 || length > fs.fstatSync(this.#descriptor).size) return false
    this.#zero(length, this.#allocated)
    this.#position = length
    this.#sync()
    return true
  }

  /** After the last byte; a `segment` over the last one's number begins that segment. */
  append(bytes: Uint8Array, segment = 0): void {
    if (this.#descriptor < 0) this.recover()
    if (segment > this.#sequence || this.#descriptor < 0) this.#create(Math.max(1, segment))
    if (this.#position + bytes.length > this.#allocated) this.#allocate(bytes.length)
    writeAll(this.#descriptor, bytes, this.#position)
    this.#position += bytes.length
    this.#promised = Math.max(0, this.#promised - bytes.length)
    this.#sync()
  }

  rotate(): number {
    if (this.#descriptor < 0) this.recover()
    this.#create(this.#sequence + 1)
    return this.#sequence
  }

  /** Deletes the segments before that one; the last always stays. */
  release(before: number): void {
    this.#removeSegments(sequence => sequence < before && sequence !== this.#sequence)
  }

  /**
   * See the port. A segment is longer than what is ever reserved, so that the saves that rest on it begin one at most. What is ahead
   * counts alone once the spare has become a segment, which is young then.
   */
  reserve(bytes: number): number {
    if (this.#descriptor < 0) this.recover()
    if (this.#spare < 0) this.#spare = sizeOf(path.join(this.directory, spareName))
    const ahead = (): number => (this.#descriptor < 0 ? bytes : this.#allocated - this.#position)
    try {
      if (ahead() < bytes) this.#allocate(bytes)
      if (this.#spare < bytes) this.#growSpare(bytes)
    } catch (error) {
      if (!isFull(error)) throw error
    }
    const next = this.#spare === 0 && this.#position < youngBytes ? ahead() : this.#spare
    this.#promised = Math.min(bytes, ahead(), next)
    return this.#promised
  }

  beginFile(name: string): void {
    const target = this.#fileOf(name)
    this.abandonFile(name)
    this.#begun.set(name, { descriptor: fs.openSync(temporaryOf(target), 'w', 0o600), length: 0 })
  }

  /** Synced part by part: one sync of a large file would take long. */
  appendFile(name: string, offset: number, bytes: Uint8Array): void {
    const file = this.#begun.get(name)
    if (file === undefined || file.length !== offset) throw new Error(`${name} was not begun, or does not end at ${offset}`)
    refuseLarge(bytes.length)
    writeAll(file.descriptor, bytes, offset)
    fs.fdatasyncSync(file.descriptor)
    file.length += bytes.length
  }

  commitFile(name: string, length: number): void {
    const file = this.#begun.get(name)
    if (file === undefined || file.length !== length) throw new Error(`${name} was not begun, or is not of ${length} bytes`)
    const target = this.#fileOf(name)
    fs.fsyncSync(file.descriptor)
    fs.renameSync(temporaryOf(target), target)
    this.#begun.delete(name)
    fs.closeSync(file.descriptor)
    this.#syncDirectory()
  }

  abandonFile(name: string): void {
    const file = this.#begun.get(name)
    if (file === undefined) return
    this.#begun.delete(name)
    fs.closeSync(file.descriptor)
    fs.rmSync(temporaryOf(this.#fileOf(name)), { force: true })
  }

  readPart(name: string, offset: number, length: number): FilePart | null {
    refuseLarge(length)
    const file = this.#fileOf(name)
    if (!fs.existsSync(file)) return null
    const descriptor = fs.openSync(file, 'r')
    try {
      const fileBytes = fs.fstatSync(descriptor).size
      const bytes = new Uint8Array(Math.max(0, Math.min(length, fileBytes - offset)))
      let read = 0
      while (read < bytes.length) {
        const got = fs.readSync(descriptor, bytes, read, bytes.length - read, offset + read)
        if (got === 0) throw new Error(`${name} became shorter while it was read`)
        read += got
      }
      return { bytes, fileBytes }
    } finally {
      fs.closeSync(descriptor)
    }
  }

  /** Atomic: after a crash the file is there whole, or not at all (or as it was before). */
  writeFile(name: string, bytes: Uint8Array): void {
    const target = this.#fileOf(name)
    const temporary = temporaryOf(target)
    const descriptor = fs.openSync(temporary, 'w', 0o600)
    try {
      fs.writeFileSync(descriptor, bytes)
      fs.fsyncSync(descriptor)
    } finally {
      fs.closeSync(descriptor)
    }
    fs.renameSync(temporary, target)
    this.#syncDirectory()
  }

  readFile(name: string): Uint8Array | null {
    const file = this.#fileOf(name)
    return fs.existsSync(file) ? new Uint8Array(fs.readFileSync(file)) : null
  }

  removeFile(name: string): void {
    fs.rmSync(this.#fileOf(name), { force: true })
  }

  close(): void {
    this.#dropBegun()
    this.#closeSegment()
  }

  #closeSegment(): void {
    if (this.#descriptor >= 0) fs.closeSync(this.#descriptor)
    this.#descriptor = -1
  }

  #dropBegun(): void {
    for (const { descriptor } of this.#begun.values()) fs.closeSync(descriptor)
    this.#begun.clear()
  }

  #removeSegments(which: (sequence: number) => boolean): void {
    for (const name of fs.readdirSync(this.directory)) {
      const sequence = segmentPattern.exec(name)?.[1]
      if (sequence !== undefined && which(Number(sequence))) fs.unlinkSync(path.join(this.directory, name))
    }
    this.#syncDirectory()
  }

  /** The spare is for when there is no other space. */
  #create(sequence: number): void {
    const file = this.#pathOf(sequence)
    const descriptor = fs.openSync(file, 'wx+', 0o600)
    this.#closeSegment()
    this.#begin(descriptor, sequence, 0)
    try {
      this.#allocate(this.#promised)
    } catch (error) {
      this.#closeSegment()
      fs.rmSync(file)
      const spareBytes = sizeOf(path.join(this.directory, spareName))
      if (!isFull(error) || spareBytes === 0) throw error
      fs.renameSync(path.join(this.directory, spareName), file)
      this.#spare = 0
      this.#begin(fs.openSync(file, 'r+'), sequence, spareBytes)
    }
    this.#sync()
    this.#syncDirectory()
  }

  #begin(descriptor: number, sequence: number, allocated: number): void {
    this.#descriptor = descriptor
    this.#sequence = sequence
    this.#position = 0
    this.#allocated = allocated
  }

  #open(sequence: number, length: number): void {
    this.#closeSegment()
    this.#descriptor = fs.openSync(this.#pathOf(sequence), 'r+')
    this.#sequence = sequence
    this.#position = length
    this.#allocated = length
    this.#publish()
  }

  #allocate(needed: number): void {
    const until = Math.max(this.#allocated + aheadBytes, this.#position + needed)
    while (this.#allocated < until) {
      const size = Math.min(aheadBytes, until - this.#allocated)
      this.#allocated += fs.writeSync(this.#descriptor, zeros, 0, size, this.#allocated)
    }
    fs.fsyncSync(this.#descriptor)
  }

  #growSpare(bytes: number): void {
    const descriptor = fs.openSync(path.join(this.directory, spareName), 'a', 0o600)
    try {
      let length = this.#spare
      while (length < bytes) length += fs.writeSync(descriptor, zeros, 0, Math.min(aheadBytes, bytes - length))
      fs.fsyncSync(descriptor)
      this.#spare = length
    } finally {
      fs.closeSync(descriptor)
    }
    this.#syncDirectory()
  }

  #zero(from: number, to: number): void {
    for (let at = from; at < to; ) at += fs.writeSync(this.#descriptor, zeros, 0, Math.min(aheadBytes, to - at), at)
  }

  #sync(): void {
    fs.fdatasyncSync(this.#descriptor)
    this.#publish()
  }

  #publish(): void {
    Atomics.store(this.#synced, 1, this.#position)
    Atomics.store(this.#synced, 0, this.#sequence)
  }

  #syncDirectory(): void {
    const descriptor = fs.openSync(this.directory, 'r')
    try {
      fs.fsyncSync(descriptor)
    } finally {
      fs.closeSync(descriptor)
    }
  }

  #pathOf(sequence: number): string {
    return path.join(this.directory, segmentName(sequence))
  }

  #fileOf(name: string): string {
    if (!isFileName(name) || segmentPattern.test(name)) throw new Error(`${JSON.stringify(name)} is not the name of a file`)
    return path.join(this.directory, name)
  }
}

function writeAll(descriptor: number, bytes: Uint8Array, at: number): void {
  let written = 0
  while (written < bytes.length) written += fs.writeSync(descriptor, bytes, written, bytes.length - written, at + written)
}

const sizeOf = (file: string): number => fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0

export const isFull = (error: unknown): boolean => ['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException).code ?? '')

function refuseLarge(bytes: number): void {
  if (bytes > filePartBytesMax) throw new Error(`a part of ${bytes} bytes is larger than ${filePartBytesMax}`)
}

/** Undoes what a journal's owner had written and not yet synced when it died: what a power cut takes. Returns how many bytes. */
export function undoUnsynced(directory: string, synced: SharedArrayBuffer): number {
  const [sequence = 0, length = 0] = new Int32Array(synced)
  const file = path.join(directory, segmentName(sequence))
  if (sequence === 0 || !fs.existsSync(file)) return 0
  const bytes = fs.readFileSync(file)
  const lost = bytes.subarray(length).findLastIndex(byte => byte !== 0) + 1
  if (lost > 0) {
    const descriptor = fs.openSync(file, 'r+')
    fs.writeSync(descriptor, new Uint8Array(lost), 0, lost, length)
    fs.fsyncSync(descriptor)
    fs.closeSync(descriptor)
  }
  for (const name of fs.readdirSync(directory)) if (name.endsWith('.tmp')) fs.unlinkSync(path.join(directory, name))
  return lost
}
