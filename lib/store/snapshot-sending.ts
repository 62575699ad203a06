// Snapshot sending: a member's snapshot file, given in parts to whoever asks for one after the other: a follower far behind, a
// member that rejoins, a backup.
//
// Guarantee: a part is of the file of the index it names, and of no other; a part that was lost may be asked for again. What a
// transfer costs here is one part at a time in memory, and one old file on the disk for as long as it is asked for.
// Not guaranteed: that a file is whole until its end was reached: the checksums in it tell.

import { ask, type Context, type Flow, passOn, type Refusal, refuse } from '../actor/index.js'
import { disk } from '../ports/index.js'
import { fileTimeoutMs, partBytesMax } from './file-parts.js'
import type { StoreMemberProtocol } from './protocol.js'
import type { Replica } from './replica.js'
import { snapshotFileName } from './snapshotting.js'

export interface SnapshotPart {
  readonly index: number // Of the file.
  readonly fileBytes: number
  readonly bytes: Uint8Array
}

/** An old file is kept this long after somebody asked for a part of it. */
const keptMs = 15_000
/** Old files kept at a time. Who is slower than so many snapshots begins again with a newer one. */
const keptMax = 3

export function* sendPart(
  ctx: Context<StoreMemberProtocol, any>,
  replica: Replica,
  { index, offset }: { readonly index: number; readonly offset: number }
): Flow<SnapshotPart | Refusal> {
  const newest = replica.applied.snapshotIndex
  const chosen = offset === 0 && index <= newest ? newest : index
  if (chosen === 0) return refuse('no snapshot', 'this member has taken none yet')
  keep(replica, chosen, ctx.nowMs)
  const read = yield* ask(ctx.port(disk), fileTimeoutMs, 'readPart', { name: snapshotFileName(chosen), offset, length: partBytesMax })
  if (!read.ok) return passOn(read.error)
  if (read.value === null) return refuse('no snapshot', `the snapshot at ${chosen} is gone`)
  return { index: chosen, ...read.value }
}

function keep({ sending }: Replica, index: number, nowMs: number): void {
  sending.delete(index)
  sending.set(index, nowMs) // The last is the one asked for last.
  for (const oldest of sending.keys()) if (sending.size > keptMax) sending.delete(oldest)
}

export const isBeingSent = ({ sending }: Replica, index: number, nowMs: number): boolean => nowMs - (sending.get(index) ?? -keptMs) < keptMs
