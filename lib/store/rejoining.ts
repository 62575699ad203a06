// Rejoining: how a member begins that lost its past.
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
// The term is kept in a file: a member that dies while it rejoins, and again, must not depose a leader each time. The file
// is gone before the member takes part: later there are later terms.
//
// The damaged log is released only once the new one is durable, in a segment behind it: a crash in between finds the
// damage again. An empty log would be that of a member that never voted.

import { ask, type Context, type Flow, sleep } from '../actor/index.js'
import { disk, noSpace } from '../ports/index.js'
import { crc32c } from '../std/index.js'
import { emptyTail, type WalIdentity, WalWriter } from '../wal/index.js'
import { diskTimeoutMs, lifeOf, optionsOf, type RecoveryArgs, raftConfigOf } from './life.js'
import type { StoreMemberProtocol } from './protocol.js'
import { newReplica, type Replica } from './replica.js'
import { newRoom, roomBytesDefault, waitForRoom } from './room.js'
import { fetchSnapshot, type ReceivedSnapshot } from './snapshot-receiving.js'

const peerTimeoutMs = 1_000
const stateTimeoutMs = 10_000 // A snapshot may have to be written first.
const retryMs = 200
const fullRetryMs = 1_000 // A full disk stays full for a while.
const pastTermFile = 'past-term'

type MemberContext = Context<StoreMemberProtocol, any>

export function* rejoin(ctx: MemberContext, args: RecoveryArgs, identity: WalIdentity): Flow<Replica | string> {
  ctx.show({ role: 'rejoining', term: 0, leader: '' })
  const others = args.members.filter(member => member !== ctx.self) as (typeof ctx.self)[]
  if (others.length === 0) return 'the log is damaged and there is no other member to rejoin from: restore a backup'
  const aboveTerm = yield* pastTerm(ctx, others)
  if (typeof aboveTerm === 'string') return aboveTerm
  const state = yield* confirmedState(ctx, others, aboveTerm, args.clusterId)
  const { header, mvcc, fileName } = state
  const { index, term } = header
  const leaderTerm = Math.max(state.leaderTerm, term) // Its snapshot may be of a later leader's entries by now.
  const room = newRoom(args.roomBytes ?? roomBytesDefault)
  yield* waitForRoom(ctx, room) // A new log that cannot be written would be begun again and again.
  const begun = yield* ask(ctx.port(disk), diskTimeoutMs, 'rotate')
  if (!begun.ok) return `no new log can be begun: ${begun.error.detail}`
  const { sequence } = begun.value
  const hardState = { term: leaderTerm, vote: null, commit: index }
  const snapshot = { index, term, fileName }
  const wal = new WalWriter(optionsOf(args, identity), { ...emptyTail, sequence })
  const { bytes } = wal.encode({ snapshot, hardState })
  room.bytes -= bytes.length
  ctx.save(bytes, sequence)
  const released = yield* ask(ctx.port(disk), diskTimeoutMs, 'release', { before: sequence })
  if (!released.ok) return `the damaged log cannot be removed: ${released.error.detail}`
  const forgotten = yield* forgetPastTerm(ctx)
  if (forgotten !== undefined) return forgotten
  ctx.log('rejoined', { index, term: leaderTerm, revision: mvcc.revision })
  return newReplica({
    clusterId: args.clusterId,
    config: raftConfigOf(ctx, args),
    recovered: { hardState, entries: [], snapshot: { index, term, membership: header.membership } },
    snapshot,
    mvcc,
    wal,
    segments: [{ sequence, firstIndex: index + 1 }],
    life: lifeOf(ctx),
    room
  })
}

/** The highest term that this member may have taken part in. A text says why it cannot be known. */
function* pastTerm(ctx: MemberContext, others: readonly MemberContext['self'][]): Flow<number | string> {
  const file = yield* ask(ctx.port(disk), diskTimeoutMs, 'readFile', { name: pastTermFile })
  if (!file.ok) return `the disk cannot be read: ${file.error.detail}`
  const known = file.value === null ? undefined : decodeTerm(file.value)
  if (known !== undefined) return known
  const term = yield* termMaxOf(ctx, others)
  for (;;) {
    const kept = yield* ask(ctx.port(disk), diskTimeoutMs, 'writeFile', { name: pastTermFile, bytes: encodeTerm(term) })
    if (kept.ok) return term
    if (kept.error.code !== noSpace) return `the disk cannot be written: ${kept.error.detail}`
    yield* sleep('real', fullRetryMs)
  }
}

/** To be done before a member takes part. Gives why it failed. */
export function* forgetPastTerm(ctx: MemberContext): Flow<string | undefined> {
  const removed = yield* ask(ctx.port(disk), diskTimeoutMs, 'removeFile', { name: pastTermFile })
  return removed.ok ? undefined : `a file of rejoining cannot be removed: ${removed.error.detail}`
}

export const isPastTerm = ({ name }: { readonly name: string }): boolean => name === pastTermFile

function encodeTerm(term: number): Uint8Array {
  const text = new TextEncoder().encode(String(term))
  const bytes = new Uint8Array(4 + text.length)
  bytes.set(text, 4)
  new DataView(bytes.buffer).setUint32(0, crc32c(text))
  return bytes
}

/** Undefined: it has decayed. */
function decodeTerm(bytes: Uint8Array): number | undefined {
  const text = bytes.subarray(4)
  if (text.length === 0 || new DataView(bytes.buffer, bytes.byteOffset).getUint32(0) !== crc32c(text)) return undefined
  return Number(new TextDecoder().decode(text))
}

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

interface ConfirmedState extends ReceivedSnapshot {
  readonly leaderTerm: number
}

function* confirmedState(
  ctx: MemberContext,
  others: readonly MemberContext['self'][],
  aboveTerm: number,
  clusterId: string
): Flow<ConfirmedState> {
  for (;;) {
    for (const other of others) {
      const answer = yield* ask(other, stateTimeoutMs, 'currentState', { aboveTerm })
      if (!answer.ok) continue
      const { index, leaderTerm } = answer.value
      const received = yield* fetchSnapshot(ctx, other, index, clusterId)
      if (!('failure' in received)) return { ...received, leaderTerm }
      ctx.log('state not received', { from: other, ...received })
      if (received.failure === 'damaged') ctx.tell(other, 'snapshotDamaged', { index: received.index })
      if (received.failure === 'not written') yield* sleep('real', fullRetryMs)
    }
    yield* sleep('real', retryMs)
  }
}
