// Recovery: how a member begins: from its log, or, if that is damaged, from the others.
//
// A member whose log is damaged may have forgotten a vote and entries it acknowledged. It must neither vote in a term
// it may have voted in, nor let acknowledgements of its former life count. So it takes no part until every other
// member has told its term, begins in a term above them all (which ends the term in which its old acknowledgements
// might still arrive), and holds a state that the leader confirmed with a majority after that. See docs/adr/0004.

import { ask, type Context, type Flow, sleep } from '../actor/index.js'
import { Mvcc, restore } from '../mvcc/index.js'
import { disk } from '../ports/index.js'
import type { RaftConfig } from '../raft/index.js'
import { emptyTail, recover, type WalIdentity, type WalRecovered, type WalSegment, WalWriter } from '../wal/index.js'
import type { StoreMemberProtocol } from './protocol.js'
import { newReplica, type Replica } from './replica.js'
import { removeOldFiles, snapshotFileName } from './snapshotting.js'

export interface RecoveryArgs {
  readonly clusterId: string
  readonly members: readonly string[]
  readonly raft: Omit<RaftConfig, 'random'>
  readonly segmentBytesMax?: number
}

const diskTimeoutMs = 60_000
const peerTimeoutMs = 1_000
const retryMs = 200

type MemberContext = Context<StoreMemberProtocol, any>

export function* begin(ctx: MemberContext, args: RecoveryArgs): Flow<Replica | string> {
  const read = yield* ask(ctx.port(disk), diskTimeoutMs, 'recover')
  if (!read.ok) return `the disk cannot be read: ${read.error.detail}`
  const { segments, files } = read.value
  const identity: WalIdentity = { clusterId: args.clusterId, memberId: ctx.self }
  const log = recover(segments, identity)
  if (log.verdict === 'damaged') {
    const { sequence, offset, reason } = log
    ctx.log('log damaged', { segment: sequence, offset, reason, next: 'rejoins from the other members' })
    return yield* rejoin(ctx, args, identity, segments)
  }
  if (log.verdict === 'torn') ctx.log('torn tail cut', { segment: log.tail.sequence, length: log.tail.length })
  const replica = yield* fromLog(ctx, args, identity, segments, log)
  if (replica === 'snapshot lost') {
    ctx.log('snapshot damaged', { file: log.snapshot?.fileName, next: 'rejoins from the other members' })
    return yield* rejoin(ctx, args, identity, segments)
  }
  if (typeof replica !== 'string') yield* removeOldFiles(ctx, files, replica.applied.snapshotIndex)
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
  let mvcc: Mvcc | undefined = new Mvcc()
  if (log.snapshot !== undefined) {
    const file = yield* ask(ctx.port(disk), diskTimeoutMs, 'readFile', { name: log.snapshot.fileName })
    if (!file.ok) return `the snapshot cannot be read: ${file.error.detail}`
    mvcc = file.value === null ? undefined : restored(file.value)
    if (mvcc === undefined) return 'snapshot lost'
  }
  const hardState = log.hardState ?? { term: 0, vote: null, commit: log.snapshot?.index ?? 0 }
  const fresh = log.hardState === undefined && log.snapshot === undefined && log.entries.length === 0
  const snapshotMeta = log.snapshot === undefined ? null : { index: log.snapshot.index, term: log.snapshot.term, members: args.members }
  const options = args.segmentBytesMax === undefined ? identity : { ...identity, segmentBytesMax: args.segmentBytesMax }
  return newReplica({
    config: { ...args.raft, random: ctx.random },
    recovered: fresh ? null : { hardState, entries: log.entries, snapshot: snapshotMeta },
    snapshot: log.snapshot,
    mvcc,
    wal: new WalWriter(options, log.tail, { hardState: log.hardState, snapshot: log.snapshot, entries: log.entries }),
    segments: log.segments,
    life: lifeOf(ctx)
  })
}

function* rejoin(ctx: MemberContext, args: RecoveryArgs, identity: WalIdentity, segments: readonly WalSegment[]): Flow<Replica | string> {
  ctx.show({ role: 'rejoining', term: 0, leader: '' })
  const others = args.members.filter(member => member !== ctx.self) as (typeof ctx.self)[]
  if (others.length === 0) return 'the log is damaged and there is no other member to rejoin from: restore a backup'
  let termMax = 0
  for (const other of others) termMax = Math.max(termMax, yield* termOf(other))
  const state = yield* confirmedState(others)
  const { index, term, data } = state
  const fileName = snapshotFileName(index)
  const written = yield* ask(ctx.port(disk), diskTimeoutMs, 'writeFile', { name: fileName, bytes: data })
  if (!written.ok) return `the state cannot be written: ${written.error.detail}`
  const first = segments[0]?.sequence ?? 1
  const wiped = yield* ask(ctx.port(disk), diskTimeoutMs, 'repair', { sequence: first, length: 0 })
  if (!wiped.ok) return `the damaged log cannot be cut: ${wiped.error.detail}`
  const mvcc = restored(data)
  if (mvcc === undefined) return 'the state arrived damaged'
  const hardState = { term: Math.max(termMax, term) + 1, vote: null, commit: index }
  const snapshot = { index, term, fileName }
  const wal = new WalWriter(identity, { ...emptyTail, sequence: first })
  const { sequence, bytes } = wal.encode({ snapshot, hardState })
  ctx.save(bytes, sequence)
  ctx.log('rejoined', { index, term: hardState.term, revision: mvcc.revision })
  return newReplica({
    config: { ...args.raft, random: ctx.random },
    recovered: { hardState, entries: [], snapshot: { index, term, members: args.members } },
    snapshot,
    mvcc,
    wal,
    segments: [{ sequence, firstIndex: index + 1 }],
    life: lifeOf(ctx)
  })
}

/** Asks until it answers: without every member's word there is no safe term to begin in. */
function* termOf(member: MemberContext['self']): Flow<number> {
  for (;;) {
    const answer = yield* ask(member, peerTimeoutMs, 'currentTerm')
    if (answer.ok) return answer.value.term
    yield* sleep('real', retryMs)
  }
}

function* confirmedState(others: readonly MemberContext['self'][]): Flow<{ index: number; term: number; data: Uint8Array }> {
  for (;;) {
    for (const other of others) {
      const answer = yield* ask(other, peerTimeoutMs * 5, 'currentState')
      if (answer.ok) return answer.value
    }
    yield* sleep('real', retryMs)
  }
}

function restored(bytes: Uint8Array): Mvcc | undefined {
  try {
    return restore([bytes])
  } catch {
    return undefined // A chunk whose checksum does not fit: the same as no snapshot.
  }
}

/** No other life of any member proposes under this name. */
const lifeOf = (ctx: MemberContext): string => `${ctx.self} ${Math.floor(ctx.random() * 2 ** 32).toString(36)}${ctx.life.toString(36)}`
