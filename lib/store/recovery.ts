// Recovery: how a member begins: from its log, or, if that is damaged, from the others (rejoining.ts).

import { ask, type Context, type Flow } from '../actor/index.js'
import { Mvcc } from '../mvcc/index.js'
import { disk } from '../ports/index.js'
import type { SnapshotMeta } from '../raft/index.js'
import { recover, type WalIdentity, type WalRecovered, type WalSegment, WalWriter } from '../wal/index.js'
import { diskTimeoutMs, lifeOf, optionsOf, type RecoveryArgs, raftConfigOf } from './life.js'
import { isRemoved } from './membership.js'
import type { StoreMemberProtocol } from './protocol.js'
import { rejoin, removedReason } from './rejoining.js'
import { newReplica, type Replica } from './replica.js'
import { isSnapshotFault, readSnapshot, type SnapshotFault, type SnapshotHeader } from './snapshot-file.js'
import { removeOldFiles } from './snapshotting.js'

type MemberContext = Context<StoreMemberProtocol, any>

/** `lost` is called if this member has to rejoin: it has no past to speak of. `heard`: who spoke to it meanwhile. */
export function* begin(ctx: MemberContext, args: RecoveryArgs, lost: () => void, heard: ReadonlySet<string>): Flow<Replica | string> {
  const read = yield* ask(ctx.port(disk), diskTimeoutMs, 'recover')
  if (!read.ok) return `the disk cannot be read: ${read.error.detail}`
  const { segments, files } = read.value
  const identity: WalIdentity = { clusterId: args.clusterId, memberId: ctx.self }
  const log = recover(segments, identity)
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

function* fromLog(
  ctx: MemberContext,
  args: RecoveryArgs,
  identity: WalIdentity,
  segments: readonly WalSegment[],
  log: WalRecovered
): Flow<Replica | string> {
  if (segments.length > 0) {
    const repaired = yield* ask(ctx.port(disk), diskTimeoutMs, 'repair', { sequence: log.tail.sequence, length: log.tail.length })
    if (!repaired.ok) return `the log cannot be repaired: ${repaired.error.detail}`
  }
  let mvcc = new Mvcc()
  let snapshotMeta: SnapshotMeta | null = null
  if (log.snapshot !== undefined) {
    const file = yield* ask(ctx.port(disk), diskTimeoutMs, 'readFile', { name: log.snapshot.fileName })
    if (!file.ok) return `the snapshot cannot be read: ${file.error.detail}`
    const content = file.value === null ? missing : readSnapshot(file.value)
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
    life: lifeOf(ctx)
  })
}

const missing: SnapshotFault = { fault: 'damaged', reason: 'there is no such file' }

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
