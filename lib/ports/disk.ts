// Disk: what an actor keeps. Each actor has a volume of its own: a journal, which `ctx.save` appends to, and
// a few files. This port reads the journal back, trims it, and handles the files.
//
// Guarantee: what was saved and what was answered survives every crash, power loss included. What was under
// way then may survive whole, in part, or not at all; files survive whole in their old or new version.
// It does not detect decay: the owner's checksums do.
//
// A life of an owner that uses its journal calls `recover` first. The bytes of the last segment may end in what
// was never saved whole: zeros of the space set aside, sectors lost, a record torn. The owner finds where the good
// bytes end and calls `repair` with it, and only then saves. After a failed save the actor is dead, and so this
// order holds for failures too.

import type { PortKind } from '../actor/index.js'

export interface Segment {
  readonly sequence: number // From 1, ascending.
  readonly length: number // With zeros of the space set aside.
}

export interface FilePart {
  readonly bytes: Uint8Array // As many as were asked for, fewer only at the end of the file.
  readonly fileBytes: number // Of the whole file.
}

export interface DiskProtocol {
  /** The segments of the journal, oldest first (none before the first save), and the names of the files. Files begun and not committed are gone. */
  recover(): { readonly segments: readonly Segment[]; readonly files: readonly { readonly name: string }[] }
  /** Null if there is no such segment. */
  readSegment(which: { readonly sequence: number }): Uint8Array | null
  /** Cuts the last segment at `length`: later saves append there. Refused `invalid` for another segment, or beyond its end. */
  repair(at: { readonly sequence: number; readonly length: number }): void
  /** What is saved after the answer goes to a new segment, of this sequence. */
  rotate(): { readonly sequence: number }
  /** Deletes the segments before that sequence; the last one always stays. */
  release(to: { readonly before: number }): void
  /**
   * Sets space aside, so that saves of so many bytes in all, from now on, find room whatever else fills the disk; one segment
   * may be begun by them. What was set aside outlives every crash. The answer says how much there is: less than was asked for if
   * the disk is full.
   */
  reserve(room: { readonly bytes: number }): { readonly bytes: number }
  /** Replaces the file, atomically: written aside, synced, renamed. Refused `invalid` for a name that is not a plain one. */
  writeFile(file: { readonly name: string; readonly bytes: Uint8Array }): void
  /** The same in parts, so that nothing waits for a large file. Nothing of it is seen before it is committed; beginning again drops what was begun. */
  beginFile(file: { readonly name: string }): void
  /** Durable when answered. Refused `invalid` if none was begun, `offset` is not its length so far, or the part is over `filePartBytesMax`. */
  appendFile(part: { readonly name: string; readonly offset: number; readonly bytes: Uint8Array }): void
  /** Replaces the file of that name, atomically, by what was appended. Refused `invalid` if that is not `length` bytes. */
  commitFile(file: { readonly name: string; readonly length: number }): void
  /** Drops what was begun, if anything was. */
  abandonFile(file: { readonly name: string }): void
  files(): { readonly files: readonly { readonly name: string }[] }
  readFile(file: { readonly name: string }): Uint8Array | null
  /** Refused `invalid` if more than `filePartBytesMax` is asked for. */
  readPart(part: { readonly name: string; readonly offset: number; readonly length: number }): FilePart | null
  /** Nothing happens if there is none. */
  removeFile(file: { readonly name: string }): void
}

export const disk: PortKind<DiskProtocol> = { name: 'disk' }

/** Codes of refusals; a failed `save` fails the actor with the same words. */
export const noSpace = 'no space'
export const ioError = 'io'
export const invalid = 'invalid'

/** Of one message: a disk of 100 MB/s takes 40 ms for it, while a whole file would make its owner silent. */
export const filePartBytesMax = 4 << 20

export const sectorBytes = 512 // What a disk writes at once: the unit that is lost, or kept, in a power cut.

/** Plain names: none leaves its directory, or is a segment's or a temporary one. */
export const isFileName = (name: string): boolean =>
  /^[a-z0-9][a-z0-9.-]{0,100}$/.test(name) && !name.startsWith('segment-') && !name.endsWith('.tmp')
