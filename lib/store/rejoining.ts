// Rejoining: how a member begins that lost its past.
//
// A member whose log is damaged may have forgotten votes it gave and entries it acknowledged. So it takes no part, and asks its leader to
// make it a learner. That is decided by a majority of the voters without it, for it acknowledges nothing. Then it begins anew, with the
// leader's state of that very entry or a later one, in the leader's term with its vote given to that leader; and once it has nearly all
// that the leader has, the leader makes it a voter again.
//
// Why it does no harm. That majority shares a member other than this one with every majority in which a vote or an acknowledgement of its
// former life was one. Who was elected with such a vote, or may yet be, asked for it before the entry was proposed, and who holds the
// entry refuses a candidate that does not. What it acknowledged lies before that entry, so one that arrives late says nothing new.
// See docs/adr/0012.
//
// The damaged log is released only once the new one is durable, in a segment behind it: a crash in between finds the
// damage again. An empty log would be that of a member that never voted.

import { ask, type Context, type Flow, refuse, sleep, type Turn } from '../actor/index.js'
import { disk } from '../ports/index.js'
import { isMember } from '../raft/index.js'
import { emptyTail, type WalIdentity, WalWriter } from '../wal/index.js'
import { diskTimeoutMs, lifeOf, optionsOf, type RecoveryArgs, raftConfigOf } from './life.js'
import { change } from './membership.js'
import type { StoreMemberProtocol } from './protocol.js'
import { removedReason } from './removal.js'
import { newReplica, type Replica } from './replica.js'
import { newRoom, roomBytesDefault, waitForRoom } from './room.js'
import { fetchSnapshot, type ReceivedSnapshot, type ReceivingFailure } from './snapshot-receiving.js'
import { freshSnapshot } from './snapshotting.js'

const answerTimeoutMs = 3_000
const snapshotTriesMax = 300 // While the leader writes it: a minute.
const retryMs = 200
const fullRetryMs = 1_000 // A full disk stays full for a while.
const companyTimeoutMs = 3_000 // For another member to be heard, where none is known.
const notesEvery = 50 // Rounds of asking.

type MemberContext = Context<StoreMemberProtocol, any>

export const rejoinHandlers = {
  rejoin(ctx: Turn<StoreMemberProtocol, any, any>, { replica }: { readonly replica: Replica | undefined }): any {
    if (replica === undefined) return refuse('no leader', 'it recovers')
    const member = ctx.from
    const { isLeader, leader, membership } = replica.raft
    const isUnknown = isLeader ? !isMember(membership, member) : membership.removed.includes(member)
    if (isUnknown) return refuse('member not found', 'etcdserver: member not found')
    if (!isLeader) return leader === null ? refuse('no leader', 'it does not lead') : { askInstead: leader }
    return change(ctx, replica, { kind: 'demote', member }, later => {
      ctx.answer(later, { index: replica.applied.index, leaderTerm: replica.raft.term })
      ctx.run(prepare(ctx, replica))
    })
  }
}

/** A snapshot with what is applied now may take longer than anybody waits for an answer. */
function* prepare(ctx: MemberContext, replica: Replica): Flow<void> {
  yield* freshSnapshot(ctx, replica)
}

/** `heard`: who has spoken to this member in this life. */
export function* rejoin(ctx: MemberContext, args: RecoveryArgs, identity: WalIdentity, heard: ReadonlySet<string>): Flow<Replica | string> {
  ctx.show({ role: 'rejoining', term: 0, leader: '' })
  const others = args.members.filter(member => member !== ctx.self)
  if (others.length === 0) {
    for (let waitedMs = 0; heard.size === 0 && waitedMs < companyTimeoutMs; waitedMs += retryMs) yield* sleep('real', retryMs)
    if (heard.size === 0) return 'the log is damaged and there is no other member to rejoin from: restore a backup'
  }
  const room = newRoom(args.roomBytes ?? roomBytesDefault)
  yield* waitForRoom(ctx, room) // A new log that cannot be written would be begun again and again.
  const state = yield* askLeader(ctx, others, heard, args.clusterId)
  if (typeof state === 'string') return state
  const { header, mvcc, fileName } = state
  const { index, term } = header
  const begun = yield* ask(ctx.port(disk), diskTimeoutMs, 'rotate')
  if (!begun.ok) return `no new log can be begun: ${begun.error.detail}`
  const { sequence } = begun.value
  // The snapshot may be of a later leader's entries by now. In that term nobody has this vote.
  const hardState =
    term > state.leaderTerm ? { term, vote: null, commit: index } : { term: state.leaderTerm, vote: state.leader, commit: index }
  const snapshot = { index, term, fileName }
  const wal = new WalWriter(optionsOf(args, identity), { ...emptyTail, sequence })
  const { bytes } = wal.encode({ snapshot, hardState })
  room.bytes -= bytes.length
  ctx.save(bytes, sequence)
  const released = yield* ask(ctx.port(disk), diskTimeoutMs, 'release', { before: sequence })
  if (!released.ok) return `the damaged log cannot be removed: ${released.error.detail}`
  ctx.log('rejoined', { index, term: hardState.term, revision: mvcc.revision })
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

/** The leader's snapshot, once it is written. */
function* fetchOnceWritten(
  ctx: MemberContext,
  leader: MemberContext['self'],
  index: number,
  clusterId: string
): Flow<ReceivedSnapshot | ReceivingFailure> {
  for (let tries = 1; ; tries++) {
    const received = yield* fetchSnapshot(ctx, leader, index, clusterId)
    if (!('failure' in received) || !received.isMissing || tries >= snapshotTriesMax) return received
    yield* sleep('real', retryMs)
  }
}

interface Beginning extends ReceivedSnapshot {
  readonly leader: string
  readonly leaderTerm: number
}

/** A text says why it cannot begin. */
function* askLeader(
  ctx: MemberContext,
  founders: readonly string[],
  heard: ReadonlySet<string>,
  clusterId: string
): Flow<Beginning | string> {
  for (let round = 1; ; round++) {
    let last = ''
    const asked = new Set([...heard, ...founders])
    for (const leader of asked) {
      const other = leader as typeof ctx.self
      const answer = yield* ask(other, answerTimeoutMs, 'rejoin')
      if (answer.ok) {
        if ('askInstead' in answer.value) {
          asked.add(answer.value.askInstead)
          continue
        }
        const received = yield* fetchOnceWritten(ctx, other, answer.value.index, clusterId)
        if (!('failure' in received)) return { ...received, leader, leaderTerm: answer.value.leaderTerm }
        ctx.log('state not received', { from: other, ...received })
        if (received.failure === 'damaged') ctx.tell(other, 'snapshotDamaged', { index: received.index })
        if (received.failure === 'not written') yield* sleep('real', fullRetryMs)
      } else if (answer.error.code === 'member not found') return removedReason
      else last = `${other}: ${answer.error.detail}`
    }
    if (round % notesEvery === 1) ctx.log('waits to rejoin', { rounds: round, last, needs: 'a majority of the voters beside this one' })
    yield* sleep('real', retryMs)
  }
}
