// Journal: the durable bytes of one actor: numbered segments it appends to, and files written whole.
//
// Guarantee: when `append` returned, the bytes survive the process and, as far as the disk keeps its word, the
// power. Segments are zero-filled ahead, so a sync of an append does not have to write the file's length too.
// How much is synced stands in shared memory: a simulated power cut undoes what lies beyond it (`undoUnsynced`).

import * as fs from 'node:fs'
import * as path from 'node:path'
import { isFileName } from '../ports/index.js'

const aheadBytes = 1 << 20
const zeros = new Uint8Array(aheadBytes)
const segmentName = (sequence: number): string => `segment-${String(sequence).padStart(8, '0')}`
const segmentPattern = /^segment-(\d{8})$/

/** Two 32-bit numbers: the segment being written and how much of it is synced. */
export const syncedBytes = 8

export class Journal {
  readonly directory: string
  readonly #synced: Int32Array
  #descriptor = -1
  #sequence = 0
  #position = 0
  #allocated = 0

  constructor(directory: string, synced: SharedArrayBuffer) {
    this.directory = directory
    this.#synced = new Int32Array(synced)
    fs.mkdirSync(directory, { recursive: true, mode: 0o700 })
  }

  recover(): { segments: { sequence: number; bytes: Uint8Array }[]; files: { name: string }[] } {
    const names = fs.readdirSync(this.directory)
    const sequences = names.flatMap(name => segmentPattern.exec(name)?.[1] ?? []).map(Number)
    const segments = sequences
      .sort((a, b) => a - b)
      .map(sequence => ({ sequence, bytes: new Uint8Array(fs.readFileSync(this.#pathOf(sequence))) }))
    const last = segments.at(-1)
    if (last !== undefined && this.#descriptor < 0) this.#open(last.sequence, last.bytes.length)
    return { segments, files: this.files() }
  }

  files(): { name: string }[] {
    const names = fs.readdirSync(this.directory).filter(name => !segmentPattern.test(name) && !name.endsWith('.tmp'))
    return names.sort().map(name => ({ name }))
  }

  /** Cuts the last segment at `length`; zeroes follow. False: that is not the last, or not a place in it. */
  repair(sequence: number, length: number): boolean {
    if (this.#descriptor < 0) this.recover()
    if (this.#descriptor < 0 || sequence !== this.#sequence || length < 0 || length > fs.fstatSync(this.#descriptor).size) return false
    fs.ftruncateSync(this.#descriptor, length)
    this.#position = length
    this.#allocated = length
    this.#allocate(0)
    this.#sync()
    return true
  }

  /** After the last byte; a `segment` over the last one's number begins that segment. */
  append(bytes: Uint8Array, segment = 0): void {
    if (this.#descriptor < 0) this.recover()
    if (segment > this.#sequence || this.#descriptor < 0) this.#create(Math.max(1, segment))
    if (this.#position + bytes.length > this.#allocated) this.#allocate(bytes.length)
    let written = 0
    while (written < bytes.length)
      written += fs.writeSync(this.#descriptor, bytes, written, bytes.length - written, this.#position + written)
    this.#position += bytes.length
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

  /** Atomic: after a crash the file is there whole, or not at all (or as it was before). */
  writeFile(name: string, bytes: Uint8Array): void {
    const target = this.#fileOf(name)
    const temporary = `${target}.tmp`
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
    if (this.#descriptor >= 0) fs.closeSync(this.#descriptor)
    this.#descriptor = -1
  }

  #removeSegments(which: (sequence: number) => boolean): void {
    for (const name of fs.readdirSync(this.directory)) {
      const sequence = segmentPattern.exec(name)?.[1]
      if (sequence !== undefined && which(Number(sequence))) fs.unlinkSync(path.join(this.directory, name))
    }
    this.#syncDirectory()
  }

  #create(sequence: number): void {
    const descriptor = fs.openSync(this.#pathOf(sequence), 'wx+', 0o600)
    this.close()
    this.#descriptor = descriptor
    this.#sequence = sequence
    this.#position = 0
    this.#allocated = 0
    this.#allocate(0)
    this.#sync()
    this.#syncDirectory()
  }

  #open(sequence: number, length: number): void {
    this.close()
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
