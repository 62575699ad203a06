// Recovery: how a member begins: from its log, or, if that is damaged, from the others (rejoining.ts).

import { ask, type Context, type Flow } from '../actor/index.js'
import { Mvcc } from '../mvcc/index.js'
import { disk, type Segment } from '../ports/index.js'
import type { SnapshotMeta } from '../raft/index.js'
import { Recovery, type WalIdentity, type WalRecovered, WalWriter } from '../wal/index.js'
import { readInParts } from './file-parts.js'
import { diskTimeoutMs, lifeOf, optionsOf, type RecoveryArgs, raftConfigOf } from './life.js'
import { isRemoved } from './membership.js'
import type { StoreMemberProtocol } from './protocol.js'
import { rejoin } from './rejoining.js'
import { isRemovalNote, removedReason } from './removal.js'
import { newReplica, type Replica } from './replica.js'
import { askForRoom, newRoom, roomBytesDefault } from './room.js'
import { isSnapshotFault, type SnapshotFault, type SnapshotHeader } from './snapshot-file.js'
import { removeOldFiles } from './snapshotting.js'

type MemberContext = Context<StoreMemberProtocol, any>

/** `lost` is called if this member has to rejoin: it has no past to speak of. `heard`: who spoke to it meanwhile. A text says why it cannot begin. */
export function* begin(ctx: MemberContext, args: RecoveryArgs, lost: () => void, heard: ReadonlySet<string>): Flow<Replica | string> {
  const found = yield* ask(ctx.port(disk), diskTimeoutMs, 'recover')
  if (!found.ok) return `the disk cannot be read: ${found.error.detail}`
  const { segments, files } = found.value
  if (files.some(isRemovalNote)) return removedReason
  const identity: WalIdentity = { clusterId: args.clusterId, memberId: ctx.self }
  const log = yield* readLog(ctx, segments, identity)
  if (typeof log === 'string') return log
  if (log.verdict === 'foreign')
    return `segment ${log.sequence} of the log is not this member's: ${log.reason}. Nothing was changed: start it with the data directory of its own, with the kabuki that wrote it or a later one`
  if (log.verdict === 'damaged') {
    const { sequence, offset, reason } = log
    ctx.log('log damaged', { segment: sequence, offset, reason, next: 'rejoins from the other members' })
    lost()
    return yield* rejoin(ctx, args, identity, heard)
  }
  if (log.verdict === 'torn') ctx.log('torn tail cut', { segment: log.tail.sequence, length: log.tail.length })
  const replica = yield* fromLog(ctx, args, identity, segments, log)
  if (replica === 'snapshot lost') {
    lost()
    return yield* rejoin(ctx, args, identity, heard)
  }
  if (typeof replica === 'string') return replica
  if (isRemoved(ctx.self, replica)) return removedReason
  yield* removeOldFiles(ctx, files, replica.applied.snapshotIndex)
  return replica
}

/** One segment at a time is in memory. */
function* readLog(ctx: MemberContext, segments: readonly Segment[], identity: WalIdentity): Flow<ReturnType<Recovery['finish']> | string> {
  const recovery = new Recovery(identity)
  for (const { sequence } of segments) {
    const read = yield* ask(ctx.port(disk), diskTimeoutMs, 'readSegment', { sequence })
    if (!read.ok) return `the log cannot be read: ${read.error.detail}`
    if (read.value !== null) recovery.add({ sequence, bytes: read.value })
  }
  return recovery.finish()
}

function* fromLog(
  ctx: MemberContext,
  args: RecoveryArgs,
  identity: WalIdentity,
  segments: readonly Segment[],
  log: WalRecovered
): Flow<Replica | string> {
  if (segments.length > 0) {
    const repaired = yield* ask(ctx.port(disk), diskTimeoutMs, 'repair', { sequence: log.tail.sequence, length: log.tail.length })
    if (!repaired.ok) return `the log cannot be repaired: ${repaired.error.detail}`
  }
  let mvcc = new Mvcc()
  let snapshotMeta: SnapshotMeta | null = null
  if (log.snapshot !== undefined) {
    const read = yield* readInParts(ctx, log.snapshot.fileName)
    if (!read.ok) return `the snapshot cannot be read: ${read.error.detail}`
    const content = read.value
    const misfit = isSnapshotFault(content) ? content : misfitOfSnapshot(content.header, args.clusterId, log.snapshot)
    if (misfit?.fault === 'newer') return `the snapshot cannot be read: ${misfit.reason}`
    if (misfit !== undefined) {
      ctx.log('snapshot damaged', { file: log.snapshot.fileName, reason: misfit.reason, next: 'rejoins from the other members' })
      return 'snapshot lost'
    }
    if (!isSnapshotFault(content)) {
      mvcc = content.mvcc
      snapshotMeta = { index: log.snapshot.index, term: log.snapshot.term, membership: content.header.membership }
    }
  }
  const room = newRoom(args.roomBytes ?? roomBytesDefault)
  yield* askForRoom(ctx, room)
  const hardState = log.hardState ?? { term: 0, vote: null, commit: log.snapshot?.index ?? 0 }
  const fresh = log.hardState === undefined && log.snapshot === undefined && log.entries.length === 0
  return newReplica({
    clusterId: args.clusterId,
    config: raftConfigOf(ctx, args),
    recovered: fresh ? null : { hardState, entries: log.entries, snapshot: snapshotMeta },
    snapshot: log.snapshot,
    mvcc,
    wal: new WalWriter(optionsOf(args, identity), log.tail, { hardState: log.hardState, snapshot: log.snapshot, entries: log.entries }),
    segments: log.segments,
    life: lifeOf(ctx),
    room
  })
}

/** Whether a good file is the one that the log speaks of. */
function misfitOfSnapshot(
  header: SnapshotHeader,
  clusterId: string,
  marker: { readonly index: number; readonly term: number }
): SnapshotFault | undefined {
  if (header.clusterId !== clusterId) return { fault: 'damaged', reason: `the file is of cluster ${header.clusterId}` }
  if (header.index === marker.index && header.term === marker.term) return undefined
  return { fault: 'damaged', reason: `the file is of entry ${header.index} of term ${header.term}` }
}
