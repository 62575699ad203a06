// Disk: what an actor keeps. Each actor has a volume of its own: a journal, which `ctx.save` appends to, and
// a few small files. This port reads the journal back, trims it, and handles the files.
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
  readonly bytes: Uint8Array
}

export interface DiskProtocol {
  /** The whole journal, oldest segment first (none, or an empty one, before the first save), and the names of the files. */
  recover(): { readonly segments: readonly Segment[]; readonly files: readonly { readonly name: string }[] }
  /** Cuts the last segment at `length`: later saves append there. Refused `invalid` for another segment, or beyond its end. */
  repair(at: { readonly sequence: number; readonly length: number }): void
  /** What is saved after the answer goes to a new segment, of this sequence. */
  rotate(): { readonly sequence: number }
  /** Deletes the segments before that sequence; the last one always stays. */
  release(to: { readonly before: number }): void
  /** Replaces the file, atomically: written aside, synced, renamed. Refused `invalid` for a name that is not a plain one. */
  writeFile(file: { readonly name: string; readonly bytes: Uint8Array }): void
  files(): { readonly files: readonly { readonly name: string }[] }
  readFile(file: { readonly name: string }): Uint8Array | null
  /** Nothing happens if there is none. */
  removeFile(file: { readonly name: string }): void
}

export const disk: PortKind<DiskProtocol> = { name: 'disk' }

/** Codes of refusals; a failed `save` fails the actor with the same words. */
export const noSpace = 'no space'
export const ioError = 'io'
export const invalid = 'invalid'

export const sectorBytes = 512 // What a disk writes at once: the unit that is lost, or kept, in a power cut.

/** Plain names: none leaves its directory, or is a segment's or a temporary one. */
export const isFileName = (name: string): boolean =>
  /^[a-z0-9][a-z0-9.-]{0,100}$/.test(name) && !name.startsWith('segment-') && !name.endsWith('.tmp')
