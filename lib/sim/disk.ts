// Disk: what a simulated machine keeps. A volume for each actor, and the faults that all volumes of a machine share.
//
// Guarantee: what was synced stays as it was, unless `corrupt` is called. A power loss may keep any part of what
// was not synced, whole sectors lost in between and zeros in their place.

import { type Segment, sectorBytes } from '../ports/index.js'
import { integerBelow, type Random } from '../std/index.js'

export interface DiskOptions {
  /** A sync takes from half to one and a half of this, now and then twenty times. */
  readonly syncUs: number
  readonly capacityBytes: number
}

/** A sync that has begun takes as long as it was to take, whatever heals meanwhile: not longer than peace lasts. */
const syncUsMax = 2_000_000

export const diskDefaults: DiskOptions = { syncUs: 200, capacityBytes: 1 << 30 }

const tailShare = 0.005

export class Disk {
  readonly #options: DiskOptions
  readonly #random: Random
  readonly #volumes = new Map<string, Volume>()
  #usedBytes = 0
  slow = 1 // Times the time a sync takes.
  full = false
  failing = 0 // Share of syncs that fail.
  torn = false // The next power loss tears what is under way, rather than losing it whole.

  constructor(options: DiskOptions, random: Random) {
    this.#options = options
    this.#random = random
  }

  volume(owner: string): Volume {
    let volume = this.#volumes.get(owner)
    if (volume === undefined) {
      volume = new Volume(this.#random, bytes => {
        this.#usedBytes += bytes
      })
      this.#volumes.set(owner, volume)
    }
    return volume
  }

  /** The actor died, its machine did not. */
  abandon(owner: string): void {
    this.#volumes.get(owner)?.crash(false, false)
  }

  owners(): IterableIterator<string> {
    return this.#volumes.keys()
  }

  syncUs(): number {
    const chance = this.#random()
    const times = chance > 1 - tailShare ? 20 : 0.5 + chance
    return 1 + Math.min(syncUsMax, Math.floor(this.#options.syncUs * times * this.slow))
  }

  fits(bytes: number): boolean {
    if (this.full) return false
    return this.#usedBytes + bytes <= this.#options.capacityBytes
  }

  fails(): boolean {
    return this.failing > 0 && this.#random() < this.failing
  }

  /** The machine stops: without power loss the page cache survives, and only a write under way may be cut short. */
  crash(power: boolean): void {
    for (const volume of this.#volumes.values()) volume.crash(power, this.torn)
    if (power) this.torn = false
  }

  /** Flips a bit of what that owner has synced, in its journal or a file of it, or of anyone's; false if there is nothing. */
  corrupt(owner?: string): boolean {
    const volumes = owner === undefined ? [...this.#volumes.values()].filter(volume => volume.usedBytes > 0) : [this.volume(owner)]
    const volume = volumes[integerBelow(this.#random, volumes.length)]
    return volume?.corrupt() ?? false
  }

  mend(): void {
    this.slow = 1
    this.full = false
    this.failing = 0
    this.torn = false
  }
}

interface Journal {
  readonly sequence: number
  bytes: Uint8Array // Its first `length` bytes are the segment; the rest is room to grow.
  length: number
}

interface Undo {
  readonly name: string
  readonly before: Uint8Array | undefined
}

export class Volume {
  usedBytes = 0
  reservedBytes = 0 // Set aside for what is yet to be appended; in use already.
  readonly #used: (bytes: number) => void
  readonly #random: Random
  #segments: Journal[] = []
  readonly #files = new Map<string, Uint8Array>()
  readonly #begun = new Map<string, { parts: Uint8Array[]; length: number }>()
  #writing: { readonly at: Journal; readonly from: number } | undefined
  #unanswered: Undo[] = [] // File operations under way, oldest first.

  constructor(random: Random, used: (bytes: number) => void) {
    this.#random = random
    this.#used = used
  }

  /** Writes behind the last byte. It is durable once the function returned is called; that is false if a crash came first. */
  append(bytes: Uint8Array, segment: number): () => boolean {
    const last = this.#segments.at(-1)
    const journal = last === undefined || segment > last.sequence ? this.#add(Math.max(1, segment)) : last
    if (journal.length + bytes.length > journal.bytes.length) {
      const grown = new Uint8Array(Math.max(4096, 2 * (journal.length + bytes.length)))
      grown.set(journal.bytes.subarray(0, journal.length))
      journal.bytes = grown
    }
    const writing = { at: journal, from: journal.length }
    journal.bytes.set(bytes, journal.length)
    journal.length += bytes.length
    const reserved = Math.min(this.reservedBytes, bytes.length)
    this.reservedBytes -= reserved
    this.#use(bytes.length - reserved)
    this.#writing = writing
    return () => {
      if (this.#writing !== writing) return false
      this.#writing = undefined
      return true
    }
  }

  reserve(bytes: number): void {
    if (bytes <= this.reservedBytes) return
    this.#use(bytes - this.reservedBytes)
    this.reservedBytes = bytes
  }

  /** What is under way ends here: see the guarantee. */
  crash(power: boolean, torn: boolean): void {
    for (const name of [...this.#begun.keys()]) this.abandon(name)
    this.#crashJournal(power, torn)
    const kept = power ? integerBelow(this.#random, this.#unanswered.length + 1) : this.#unanswered.length
    for (const { name, before } of this.#unanswered.splice(0).slice(kept).reverse()) this.#put(name, before)
  }

  #crashJournal(power: boolean, torn: boolean): void {
    const writing = this.#writing
    if (writing === undefined) return
    this.#writing = undefined
    const { at, from } = writing
    const written = at.length - from
    const chance = this.#random()
    if (torn || (power && chance < 0.25)) return this.#loseSectors(at, from)
    let kept = integerBelow(this.#random, written + 1)
    if (chance < 0.5) kept = power ? 0 : written
    at.bytes.fill(0, from + kept, at.length)
    at.length = from + kept
    this.#use(-(written - kept))
  }

  // Sectors reach the platter in any order. The one that holds synced bytes too is kept: it is written over in place, whole.
  #loseSectors(at: Journal, from: number): void {
    for (let sector = Math.floor(from / sectorBytes) * sectorBytes; sector < at.length; sector += sectorBytes) {
      if (this.#random() < 0.5) at.bytes.fill(0, Math.max(sector, from), Math.min(sector + sectorBytes, at.length))
    }
  }

  corrupt(): boolean {
    const journals = this.#segments.filter(journal => journal.length > 0).map(({ bytes, length }) => bytes.subarray(0, length))
    const files = [...this.#files].filter(([, bytes]) => bytes.length > 0)
    const drawn = integerBelow(this.#random, journals.length + files.length)
    const bytes = journals[drawn] ?? this.#ownFile(files[drawn - journals.length]?.[0])
    if (bytes === undefined) return false
    const at = integerBelow(this.#random, bytes.length)
    bytes[at] = (bytes[at] as number) ^ (1 << integerBelow(this.#random, 8))
    return true
  }

  /** A file is kept as the bytes that were sent, which others may hold: before a bit of it decays, it becomes a copy. */
  #ownFile(name: string | undefined): Uint8Array | undefined {
    const own = name === undefined ? undefined : this.#files.get(name)?.slice()
    if (name !== undefined && own !== undefined) this.#files.set(name, own)
    return own
  }

  recover(): Segment[] {
    return this.#segments.map(({ sequence, length }) => ({ sequence, length }))
  }

  /** A copy: what is kept is never shared. Space is set aside in advance, so now and then zeros follow. */
  segment(sequence: number): Uint8Array | null {
    const journal = this.#segments.find(segment => segment.sequence === sequence)
    if (journal === undefined) return null
    const zeros = journal === this.#segments.at(-1) && this.#random() < 0.5 ? sectorBytes : 0
    const copy = new Uint8Array(journal.length + zeros)
    copy.set(journal.bytes.subarray(0, journal.length))
    return copy
  }

  /** False: that is not the last segment, or not a place in it. */
  repair(sequence: number, length: number): boolean {
    const journal = this.#segments.at(-1)
    if (journal?.sequence !== sequence || length < 0 || length > journal.length) return false
    this.#use(length - journal.length)
    journal.bytes.fill(0, length, journal.length)
    journal.length = length
    return true
  }

  rotate(): number {
    return this.#add((this.#segments.at(-1)?.sequence ?? 0) + 1).sequence
  }

  release(before: number): void {
    while (this.#segments.length > 1 && (this.#segments[0] as Journal).sequence < before) {
      this.#use(-(this.#segments.shift() as Journal).length)
    }
  }

  files(): { name: string }[] {
    return [...this.#files.keys()].sort().map(name => ({ name }))
  }

  file(name: string): Uint8Array | null {
    return this.#files.get(name)?.slice() ?? null
  }

  begin(name: string): void {
    this.abandon(name)
    this.#begun.set(name, { parts: [], length: 0 })
  }

  /** Undefined: it was not begun. */
  begunBytes(name: string): number | undefined {
    return this.#begun.get(name)?.length
  }

  appendTo(name: string, bytes: Uint8Array): void {
    const file = this.#begun.get(name)
    if (file === undefined) return
    file.parts.push(bytes.slice())
    file.length += bytes.length
    this.#use(bytes.length)
  }

  abandon(name: string): void {
    const file = this.#begun.get(name)
    if (file === undefined) return
    this.#use(-file.length)
    this.#begun.delete(name)
  }

  /** Durable once the function returned is called. */
  commit(name: string): () => void {
    const { parts = [], length = 0 } = this.#begun.get(name) ?? {}
    this.abandon(name)
    const bytes = new Uint8Array(length)
    let at = 0
    for (const part of parts) {
      bytes.set(part, at)
      at += part.length
    }
    return this.write(name, bytes)
  }

  /** Replaces or (undefined) removes a file. Durable once the function returned is called. */
  write(name: string, bytes: Uint8Array | undefined): () => void {
    const undo = { name, before: this.#files.get(name) }
    this.#unanswered.push(undo)
    this.#put(name, bytes)
    return () => {
      // Synced in order: what came before is durable too.
      this.#unanswered.splice(0, this.#unanswered.indexOf(undo) + 1)
    }
  }

  #put(name: string, bytes: Uint8Array | undefined): void {
    this.#use((bytes?.length ?? 0) - (this.#files.get(name)?.length ?? 0))
    if (bytes === undefined) this.#files.delete(name)
    else this.#files.set(name, bytes)
  }

  #use(bytes: number): void {
    this.usedBytes += bytes
    this.#used(bytes)
  }

  #add(sequence: number): Journal {
    const journal = { sequence, bytes: new Uint8Array(0), length: 0 }
    this.#segments.push(journal)
    return journal
  }
}
