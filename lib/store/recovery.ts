// Recovery: how a member begins: from its log, or, if that is damaged, from the others.
//
// A member whose log is damaged may have forgotten votes it gave and entries it acknowledged. It must vote in no term
// in which it may have voted, and no acknowledgement of its former life may count any more. So it takes no part until
// - every member that did not lose its past as well has told its term. Votes it forgot went to candidates of those
//   terms or lower ones, or to one that lost its past too, whose new life does not count them (`campaign` of a vote);
// - a leader of a higher term than all of these has confirmed, with a majority and after an entry of its own term, the
//   state it begins with. That ended every term in which an old acknowledgement may still arrive: a leader of such a
//   term that counted it did so before, and what it committed is in that state.
// It begins in that leader's term. It waits for ever if more than a minority lost its past. See docs/adr/0004.
//
// The damaged log is released only once the new one is durable, in a segment behind it: a crash in between finds the
// damage again. An empty log would be that of a member that never voted.

import { type Answer, ask, type Context, type Flow, sleep } from '../actor/index.js'
import { Mvcc, restore } from '../mvcc/index.js'
import { disk } from '../ports/index.js'
import type { RaftConfig } from '../raft/index.js'
import { emptyTail, recover, type WalIdentity, type WalRecovered, type WalSegment, WalWriter, type WalWriterOptions } from '../wal/index.js'
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

/** `lost` is called if this member has to rejoin: it has no past to speak of. */
export function* begin(ctx: MemberContext, args: RecoveryArgs, lost: () => void): Flow<Replica | string> {
  const read = yield* ask(ctx.port(disk), diskTimeoutMs, 'recover')
  if (!read.ok) return `the disk cannot be read: ${read.error.detail}`
  const { segments, files } = read.value
  const identity: WalIdentity = { clusterId: args.clusterId, memberId: ctx.self }
  const log = recover(segments, identity)
  if (log.verdict === 'damaged') {
    const { sequence, offset, reason } = log
    ctx.log('log damaged', { segment: sequence, offset, reason, next: 'rejoins from the other members' })
    lost()
    return yield* rejoin(ctx, args, identity)
  }
  if (log.verdict === 'torn') ctx.log('torn tail cut', { segment: log.tail.sequence, length: log.tail.length })
  const replica = yield* fromLog(ctx, args, identity, segments, log)
  if (replica === 'snapshot lost') {
    ctx.log('snapshot damaged', { file: log.snapshot?.fileName, next: 'rejoins from the other members' })
    lost()
    return yield* rejoin(ctx, args, identity)
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
  return newReplica({
    config: { ...args.raft, random: ctx.random },
    recovered: fresh ? null : { hardState, entries: log.entries, snapshot: snapshotMeta },
    snapshot: log.snapshot,
    mvcc,
    wal: new WalWriter(optionsOf(args, identity), log.tail, { hardState: log.hardState, snapshot: log.snapshot, entries: log.entries }),
    segments: log.segments,
    life: lifeOf(ctx)
  })
}

function* rejoin(ctx: MemberContext, args: RecoveryArgs, identity: WalIdentity): Flow<Replica | string> {
  ctx.show({ role: 'rejoining', term: 0, leader: '' })
  const others = args.members.filter(member => member !== ctx.self) as (typeof ctx.self)[]
  if (others.length === 0) return 'the log is damaged and there is no other member to rejoin from: restore a backup'
  const state = yield* confirmedState(others, yield* termMaxOf(ctx, others))
  const { index, term, leaderTerm, data } = state
  const mvcc = restored(data)
  if (mvcc === undefined) return 'the state arrived damaged'
  const fileName = snapshotFileName(index)
  const written = yield* ask(ctx.port(disk), diskTimeoutMs, 'writeFile', { name: fileName, bytes: data })
  if (!written.ok) return `the state cannot be written: ${written.error.detail}`
  const begun = yield* ask(ctx.port(disk), diskTimeoutMs, 'rotate')
  if (!begun.ok) return `no new log can be begun: ${begun.error.detail}`
  const { sequence } = begun.value
  const hardState = { term: leaderTerm, vote: null, commit: index }
  const snapshot = { index, term, fileName }
  const wal = new WalWriter(optionsOf(args, identity), { ...emptyTail, sequence })
  ctx.save(wal.encode({ snapshot, hardState }).bytes, sequence)
  const released = yield* ask(ctx.port(disk), diskTimeoutMs, 'release', { before: sequence })
  if (!released.ok) return `the damaged log cannot be removed: ${released.error.detail}`
  ctx.log('rejoined', { index, term: leaderTerm, revision: mvcc.revision })
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

const optionsOf = ({ segmentBytesMax }: RecoveryArgs, identity: WalIdentity): WalWriterOptions =>
  segmentBytesMax === undefined ? identity : { ...identity, segmentBytesMax }

/** The highest term of the members that know theirs. Asks until every other member has said its word, or that it lost its past too. */
function* termMaxOf(ctx: MemberContext, others: readonly MemberContext['self'][]): Flow<number> {
  for (;;) {
    let termMax = 0
    let lost = 0
    for (const other of others) {
      const { term } = yield* termOf(other)
      if (term === null) lost++
      else termMax = Math.max(termMax, term)
    }
    if (2 * (lost + 1) <= others.length) return termMax
    ctx.log('too many members lost their past', { lost: lost + 1, members: others.length + 1 })
    yield* sleep('real', retryMs)
  }
}

function* termOf(member: MemberContext['self']): Flow<{ term: number | null }> {
  for (;;) {
    const answer = yield* ask(member, peerTimeoutMs, 'currentTerm')
    if (answer.ok) return answer.value
    yield* sleep('real', retryMs)
  }
}

type ConfirmedState = Answer<StoreMemberProtocol, 'currentState'>

function* confirmedState(others: readonly MemberContext['self'][], aboveTerm: number): Flow<ConfirmedState> {
  for (;;) {
    for (const other of others) {
      const answer = yield* ask(other, peerTimeoutMs * 5, 'currentState', { aboveTerm })
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
