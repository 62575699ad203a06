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

import { type Answer, ask, type Context, type Flow, type Outcome, refuse, sleep, type Turn } from '../actor/index.js'
import { disk } from '../ports/index.js'
import { isMember } from '../raft/index.js'
import { emptyTail, type WalIdentity, WalWriter } from '../wal/index.js'
import { diskTimeoutMs, lifeOf, optionsOf, type RecoveryArgs, raftConfigOf } from './life.js'
import { change } from './membership.js'
import type { StoreMemberProtocol } from './protocol.js'
import { newReplica, type Replica } from './replica.js'
import { isSnapshotFault, readSnapshot } from './snapshot-file.js'
import { snapshotFileName, stateBytes } from './snapshotting.js'

const answerTimeoutMs = 5_000
const retryMs = 200
const companyTimeoutMs = 3_000 // For another member to be heard, where none is known.
const notesEvery = 50 // Rounds of asking.

type MemberContext = Context<StoreMemberProtocol, any>

export const rejoinHandlers = {
  /** Of the leader, by a member that lost its past. */
  rejoin(ctx: Turn<StoreMemberProtocol, any, any>, { replica }: { readonly replica: Replica | undefined }): any {
    if (replica?.raft.isLeader !== true) return refuse('no leader', 'it does not lead')
    const member = ctx.from
    if (!isMember(replica.raft.membership, member)) return refuse('member not found', 'etcdserver: member not found')
    return change(ctx, replica, { kind: 'demote', member }, (): Answer<StoreMemberProtocol, 'rejoin'> => {
      const { index, term } = replica.raft.snapshotMeta(replica.applied.index)
      return { index, term, leaderTerm: replica.raft.term, data: stateBytes(replica) }
    })
  }
}

/** `heard`: who has spoken to this member in this life. */
export function* rejoin(ctx: MemberContext, args: RecoveryArgs, identity: WalIdentity, heard: ReadonlySet<string>): Flow<Replica | string> {
  ctx.show({ role: 'rejoining', term: 0, leader: '' })
  const others = args.members.filter(member => member !== ctx.self)
  if (others.length === 0) {
    for (let waitedMs = 0; heard.size === 0 && waitedMs < companyTimeoutMs; waitedMs += retryMs) yield* sleep('real', retryMs)
    if (heard.size === 0) return 'the log is damaged and there is no other member to rejoin from: restore a backup'
  }
  const asked = yield* askLeader(ctx, others, heard)
  if (typeof asked === 'string') return asked
  const { index, term, leaderTerm, leader, data } = asked
  const content = readSnapshot(data)
  if (isSnapshotFault(content)) return `the state arrived damaged: ${content.reason}`
  const { mvcc } = content
  const fileName = snapshotFileName(index)
  const written = yield* ask(ctx.port(disk), diskTimeoutMs, 'writeFile', { name: fileName, bytes: data })
  if (!written.ok) return `the state cannot be written: ${written.error.detail}`
  const begun = yield* ask(ctx.port(disk), diskTimeoutMs, 'rotate')
  if (!begun.ok) return `no new log can be begun: ${begun.error.detail}`
  const { sequence } = begun.value
  const hardState = { term: leaderTerm, vote: leader, commit: index }
  const snapshot = { index, term, fileName }
  const wal = new WalWriter(optionsOf(args, identity), { ...emptyTail, sequence })
  ctx.save(wal.encode({ snapshot, hardState }).bytes, sequence)
  const released = yield* ask(ctx.port(disk), diskTimeoutMs, 'release', { before: sequence })
  if (!released.ok) return `the damaged log cannot be removed: ${released.error.detail}`
  ctx.log('rejoined', { index, term: leaderTerm, revision: mvcc.revision })
  return newReplica({
    clusterId: args.clusterId,
    config: raftConfigOf(ctx, args),
    recovered: { hardState, entries: [], snapshot: { index, term, membership: content.header.membership } },
    snapshot,
    mvcc,
    wal,
    segments: [{ sequence, firstIndex: index + 1 }],
    life: lifeOf(ctx)
  })
}

type Beginning = Answer<StoreMemberProtocol, 'rejoin'> & { readonly leader: string }

function* askLeader(ctx: MemberContext, founders: readonly string[], heard: ReadonlySet<string>): Flow<Beginning | string> {
  for (let round = 1; ; round++) {
    let last = ''
    for (const other of new Set([...heard, ...founders])) {
      const answer: Outcome<Answer<StoreMemberProtocol, 'rejoin'>> = yield* ask(other as typeof ctx.self, answerTimeoutMs, 'rejoin')
      if (answer.ok) return { ...answer.value, leader: other }
      if (answer.error.code === 'member not found') return removedReason
      last = `${other}: ${answer.error.detail}`
    }
    if (round % notesEvery === 1) ctx.log('waits to rejoin', { rounds: round, last, needs: 'a majority of the voters beside this one' })
    yield* sleep('real', retryMs)
  }
}

export const removedReason = 'it was removed from the store, and its address is not used again: delete its directory'
