// Snapshotting: a file of the whole state, so that the log before it can go, and so that a member far behind can catch up.
//
// Order of what is durable: first the file, then the mark in the log, then the log before it is released. A crash
// between any two leaves a log that recovers without loss.

import { ask, type Context, type Flow, sleep } from '../actor/index.js'
import { disk } from '../ports/index.js'
import type { Message } from '../raft/index.js'
import { removableSegments } from '../wal/index.js'
import type { StoreMemberProtocol } from './protocol.js'
import { type Replica, saveBatch } from './replica.js'
import { joined, type SnapshotHeader, snapshotFile } from './snapshot-file.js'

export interface SnapshotLimits {
  readonly entriesMax: number // Applied since the last snapshot.
  readonly bytesMax: number
}

export const snapshotLimits: SnapshotLimits = { entriesMax: 20_000, bytesMax: 32 << 20 }

const fileTimeoutMs = 60_000
const partBytesMax = 4 << 20
const retryMs = 1000 // After a file could not be written.
const namePattern = /^snapshot-(\d{16})$/

export const snapshotFileName = (index: number): string => `snapshot-${String(index).padStart(16, '0')}`

export const stateBytes = (replica: Replica): Uint8Array => joined([...stateChunks(replica)])

const stateChunks = (replica: Replica): Generator<Uint8Array, void, undefined> => snapshotFile(headerOf(replica), replica.mvcc)

function headerOf({ clusterId, raft, applied }: Replica): SnapshotHeader {
  return { clusterId, ...raft.snapshotMeta(applied.index) }
}

/** The state as it is now, written in several turns if it is large: a member that is silent for tenths of a second is deposed. */
function* stateInParts(replica: Replica): Flow<Uint8Array> {
  const chunks: Uint8Array[] = []
  let partBytes = 0
  for (const chunk of stateChunks(replica)) {
    chunks.push(chunk)
    partBytes += chunk.length
    if (partBytes < partBytesMax) continue
    partBytes = 0
    yield* sleep('real', 0)
  }
  return joined(chunks)
}

export function snapshotDue({ applied, snapshotting }: Replica, { entriesMax, bytesMax }: SnapshotLimits): boolean {
  if (snapshotting) return false
  return applied.index - applied.snapshotIndex >= entriesMax || applied.bytesSinceSnapshot >= bytesMax
}

export function* takeSnapshot(ctx: Context<StoreMemberProtocol, any>, replica: Replica): Flow<void> {
  replica.snapshotting = true
  const meta = replica.raft.snapshotMeta(replica.applied.index)
  const fileName = snapshotFileName(meta.index)
  const bytes = yield* stateInParts(replica)
  const written = yield* ask(ctx.port(disk), fileTimeoutMs, 'writeFile', { name: fileName, bytes })
  if (!written.ok) {
    ctx.log('snapshot not written', { ...written.error })
    yield* sleep('real', retryMs) // A full disk stays full for a while.
  }
  replica.snapshotting = false
  if (!written.ok) return
  if (meta.index <= replica.applied.snapshotIndex) return // The leader's was newer.
  saveBatch(ctx, replica, { snapshot: { index: meta.index, term: meta.term, fileName } })
  replica.raft.compact(meta)
  replica.applied = { ...replica.applied, snapshotIndex: meta.index, bytesSinceSnapshot: 0 }
  yield* releaseBefore(ctx, replica, meta.index)
  ctx.log('snapshot taken', { index: meta.index, revision: replica.mvcc.revision })
}

/** Deletes segments and snapshots that nothing needs any more. */
function* releaseBefore(ctx: Context<StoreMemberProtocol, any>, replica: Replica, index: number): Flow<void> {
  const removable = new Set(removableSegments(replica.segments, index))
  const kept = replica.segments.filter(({ sequence }) => !removable.has(sequence))
  replica.segments.splice(0, replica.segments.length, ...kept)
  const before = kept[0]?.sequence
  if (before !== undefined && removable.size > 0) yield* ask(ctx.port(disk), fileTimeoutMs, 'release', { before })
  const recovered = yield* ask(ctx.port(disk), fileTimeoutMs, 'files')
  if (recovered.ok) yield* removeOldFiles(ctx, recovered.value.files, index)
}

export function* removeOldFiles(
  ctx: Context<StoreMemberProtocol, any>,
  files: readonly { readonly name: string }[],
  keepIndex: number
): Flow<void> {
  for (const { name } of files) {
    const index = namePattern.exec(name)?.[1]
    if (index !== undefined && Number(index) < keepIndex) yield* ask(ctx.port(disk), fileTimeoutMs, 'removeFile', { name })
  }
}

/** The state rides along with Raft's message; a newer state than the one it names stands in for it. */
export function withState(replica: Replica, message: Message): Message {
  if (message.type !== 'snapshot') return message
  return { ...message, snapshot: { meta: replica.raft.snapshotMeta(replica.applied.index), data: stateBytes(replica) } }
}

/** A leader's snapshot is durable in a file before Raft hears of it: its mark in the log may then name the file. */
export function* receiveSnapshot(ctx: Context<StoreMemberProtocol, any>, replica: Replica, message: Message): Flow<void> {
  if (message.type !== 'snapshot') return
  const { meta, data } = message.snapshot
  if (data === undefined || meta.index <= replica.applied.index) return replica.raft.step(message)
  const written = yield* ask(ctx.port(disk), fileTimeoutMs, 'writeFile', { name: snapshotFileName(meta.index), bytes: data })
  if (!written.ok) {
    ctx.log('snapshot not written', { ...written.error })
    yield* sleep('real', retryMs)
    return ctx.tell(message.from as typeof ctx.self, 'snapshotFailed')
  }
  if (meta.index > replica.applied.index) replica.raft.step(message)
}
