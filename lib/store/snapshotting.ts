// Snapshotting: a file of the whole state, so that the log before it can go, and so that a member far behind can catch up.
//
// Order of what is durable: first the file, then the mark in the log, then the log before it is released. A crash
// between any two leaves a log that recovers without loss.

import { ask, type Context, type Flow, type Refusal, refuse, sleep } from '../actor/index.js'
import { disk } from '../ports/index.js'
import { removableSegments } from '../wal/index.js'
import { fileTimeoutMs, writeInParts } from './file-parts.js'
import type { StoreMemberProtocol } from './protocol.js'
import { type Replica, saveBatch } from './replica.js'
import { type SnapshotHeader, snapshotFile } from './snapshot-file.js'
import { isBeingSent } from './snapshot-sending.js'

export interface SnapshotLimits {
  readonly entriesMax: number // Applied since the last snapshot.
  readonly bytesMax: number
}

export const snapshotLimits: SnapshotLimits = { entriesMax: 20_000, bytesMax: 32 << 20 }

const retryMs = 1000 // After a file could not be written.
const underWayMs = 10
const namePattern = /^snapshot-(\d{16})$/

export const snapshotFileName = (index: number): string => `snapshot-${String(index).padStart(16, '0')}`

export function snapshotDue({ applied, snapshotting }: Replica, { entriesMax, bytesMax }: SnapshotLimits): boolean {
  if (snapshotting) return false
  return applied.index - applied.snapshotIndex >= entriesMax || applied.bytesSinceSnapshot >= bytesMax
}

/** Of the state as it is at the call, written in several turns if it is large: a member that is silent for tenths of a second is deposed. */
export function* takeSnapshot(ctx: Context<StoreMemberProtocol, any>, replica: Replica): Flow<void> {
  replica.snapshotting = true
  const meta = replica.raft.snapshotMeta(replica.applied.index)
  const header: SnapshotHeader = { clusterId: replica.clusterId, ...meta }
  const { index, term } = meta
  const fileName = snapshotFileName(index)
  const { revision } = replica.mvcc
  const failure = yield* writeInParts(ctx, fileName, snapshotFile(header, replica.mvcc))
  if (failure !== undefined) {
    ctx.log('snapshot not written', { ...failure })
    yield* sleep('real', retryMs) // A full disk stays full for a while.
  }
  replica.snapshotting = false
  if (failure !== undefined) return
  if (index <= replica.applied.snapshotIndex) return // The leader's was newer.
  saveBatch(ctx, replica, { snapshot: { index, term, fileName } })
  replica.raft.compact(meta)
  replica.applied = { ...replica.applied, snapshotIndex: index, bytesSinceSnapshot: 0 }
  yield* releaseBefore(ctx, replica, index)
  ctx.log('snapshot taken', { index, revision })
}

/** The newest snapshot, once it has all that is applied at the call. */
export function* freshSnapshot(ctx: Context<StoreMemberProtocol, any>, replica: Replica): Flow<{ readonly index: number } | Refusal> {
  const { index } = replica.applied
  while (replica.snapshotting) yield* sleep('real', underWayMs)
  if (replica.applied.snapshotIndex < index) yield* takeSnapshot(ctx, replica)
  const { snapshotIndex } = replica.applied
  return snapshotIndex >= index ? { index: snapshotIndex } : refuse('no snapshot', 'the snapshot could not be written')
}

/** Deletes segments and snapshots that nothing needs any more. */
function* releaseBefore(ctx: Context<StoreMemberProtocol, any>, replica: Replica, index: number): Flow<void> {
  const removable = new Set(removableSegments(replica.segments, index))
  const kept = replica.segments.filter(({ sequence }) => !removable.has(sequence))
  replica.segments.splice(0, replica.segments.length, ...kept)
  const before = kept[0]?.sequence
  if (before !== undefined && removable.size > 0) yield* ask(ctx.port(disk), fileTimeoutMs, 'release', { before })
  const found = yield* ask(ctx.port(disk), fileTimeoutMs, 'files')
  if (!found.ok) return
  const needless = found.value.files.filter(({ name }) => !isBeingSent(replica, indexOf(name), ctx.nowMs))
  yield* removeOldFiles(ctx, needless, index)
}

export function* removeOldFiles(
  ctx: Context<StoreMemberProtocol, any>,
  files: readonly { readonly name: string }[],
  keepIndex: number
): Flow<void> {
  for (const { name } of files) if (indexOf(name) < keepIndex) yield* ask(ctx.port(disk), fileTimeoutMs, 'removeFile', { name })
}

/** Infinity: no snapshot. */
const indexOf = (name: string): number => Number(namePattern.exec(name)?.[1] ?? Number.POSITIVE_INFINITY)
