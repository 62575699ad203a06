// Store: one member of the replicated store. Handlers only note what is asked; `settled` decides for the whole batch:
// one Raft entry for all its writes, one round for all its reads, one sync.

import { type Actor, ask, type Context, type Flow, type Ref, sleep } from '../lib/actor/index.js'
import { disk, secretsPort } from '../lib/ports/index.js'
import { type Decided, type LeaseReads, membersOf } from '../lib/raft/index.js'
import {
  alarmHandlers,
  authHandlers,
  type Beside,
  begin,
  checkCorruption,
  checkpointEveryMsDefault,
  checkpointLeases,
  corruptionCheckEveryMsDefault,
  enterUnasked,
  guarded,
  hashHandlers,
  isMute,
  isRemoved,
  isRoomDue,
  keyHandlers,
  leaseHandlers,
  logPart,
  makeRoom,
  memberHandlers,
  newLeasing,
  newQuota,
  notifyProgress,
  type Placer,
  type Placing,
  place,
  placeAgain,
  placeMembers,
  process,
  progressEveryMsDefault,
  proposeHandlers,
  quotaBytesDefault,
  type RecoveryArgs,
  type Replica,
  receiveSnapshot,
  rejoinHandlers,
  removedReason,
  revokeDue,
  roomHandlers,
  type SnapshotLimits,
  type StoreMemberProtocol,
  type StorePlace,
  sayGoodbye,
  sendNews,
  sinkChanged,
  snapshotDue,
  snapshotHandlers,
  snapshotLimits,
  standingSinkChanged,
  starting,
  statusHandlers,
  stepWithin,
  takeSnapshot,
  watchHandlers,
  watchPeers
} from '../lib/store/index.js'

export type StoreArgs = Omit<RecoveryArgs, 'raft'> & {
  readonly tickMs?: number
  readonly raft?: Partial<RecoveryArgs['raft']>
  readonly snapshots?: Partial<SnapshotLimits>
  readonly txnBytesMax?: number
  /** Every so often the leader forgets what is older than one such period, as upstream's apiserver has etcd do. */
  readonly compactEveryMs?: number
  /** Of the whole cluster: starts the stores of members that are added, and ends those of members that are removed. */
  readonly supervisor?: string
  /** Come and go with each member, on its machine. */
  readonly beside?: readonly Beside[]
  /** Linearizable reads without a round of heartbeats while the leader's lease lasts. All members must agree; it rests on clocks: lib/raft/config.ts. */
  readonly leaseReads?: boolean
  /** Of values in the history: over it the leader forgets all but the newest quarter. */
  readonly historyBytesMax?: number
  /** How often what is left of leases enters the log, so that a new leader does not give all of it again. */
  readonly leaseCheckpointEveryMs?: number
  readonly watchProgressEveryMs?: number
  /** Of the keyspace, all versions that can be read. */
  readonly quotaBytes?: number
  /** How often the leader compares the hashes of all members. */
  readonly corruptionCheckEveryMs?: number
}

interface StoreState {
  readonly args: StoreArgs
  readonly snapshots: SnapshotLimits
  replica: Replica | undefined // Undefined while it recovers.
  isLost: boolean // Its log was damaged: it knows nothing of its past.
  readonly unmonitored: Set<string> // Peers whose death was told: watched again when they speak.
  revisionToCompact: number
  compactionAsked: number // By excess of history.
  isLeaving: boolean
  readonly placing: Placing
  readonly placer: Placer | undefined
  readonly heard: Set<string> // Who spoke to this member while it recovers.
}

type StoreTimer = 'tick' | 'again' | 'news' | 'compact' | 'hint' | 'checkpoint' | 'progress' | 'corruption'
type StoreContext = Context<StoreMemberProtocol, StoreTimer>

/** Raft's own defaults are for ticks of 10 ms; with 50 ms, and etcd's 100 ms between heartbeats, an idle store costs a quarter. */
const tickMsDefault = 50
const raftTicks = {
  heartbeatTicks: 2,
  electionTicks: 8,
  electionJitterTicks: 4,
  retryTicks: 2,
  hintJitterTicksMax: 1,
  snapshotTicksMax: 200,
  tailBytesMax: 16 << 20 // With what a snapshot leaves behind it, the log in memory stays under 48 MiB.
}
/** A dead leader is replaced sooner than ticks would have it; by chance, so that two followers seldom ask at once. */
const hintJitterMsMax = 40
const compactEveryMsDefault = 5 * 60_000
/** Under load history does not wait for the clock: over this many revisions the leader forgets all but the newest. */
const historyRevisionsMax = 60_000
const historyRevisionsKept = 20_000
/** And over so much of values, all but a quarter of it: a few hundred of the largest would fill the thread. */
const historyBytesMaxDefault = 256 << 20
const heardMax = 100
const firstElectionMs = 300
const firstElectionRetryMs = 5

export const store: Actor<StoreMemberProtocol, StoreArgs, StoreState, StoreTimer> = {
  name: 'store',
  ports: [disk, secretsPort],
  mailboxMax: 100_000,
  init(ctx, args) {
    const state: StoreState = {
      args,
      snapshots: { ...snapshotLimits, ...args.snapshots },
      replica: undefined,
      isLost: false,
      unmonitored: new Set(),
      revisionToCompact: 0,
      compactionAsked: 0,
      isLeaving: false,
      placing: { placed: undefined, placedMs: 0 },
      placer: placerOf(args),
      heard: new Set()
    }
    ctx.show({ role: 'recovering', term: 0, leader: '' })
    ctx.run(recoverFlow(ctx, state))
    return state
  },
  on: guarded({
    ...snapshotHandlers,
    ...keyHandlers,
    ...authHandlers,
    ...proposeHandlers,
    ...watchHandlers,
    ...leaseHandlers,
    ...alarmHandlers,
    raft(ctx, state, { messages }) {
      const { replica } = state
      if (state.unmonitored.delete(ctx.from)) ctx.monitor(ctx.from)
      if (replica === undefined) return hear(state, ctx.from)
      if (replica.raft.membership.removed.includes(ctx.from)) return tellRemoved(ctx, replica, ctx.from)
      for (const message of messages) {
        if (message.type === 'snapshot') ctx.run(receiveSnapshot(ctx, replica, message))
        else stepWithin(replica, message)
      }
    },
    ...roomHandlers,
    currentTerm(_ctx, { replica, isLost }) {
      if (replica !== undefined) return { term: replica.raft.term }
      return isLost ? { term: null } : starting()
    },
    removed(ctx, state, { decided }) {
      if (state.replica === undefined) return hear(state, ctx.from) // Whom it asks in its own time.
      if (state.isLeaving) return
      ctx.log('removed', { toldBy: ctx.from })
      leave(ctx, state, decided)
    },
    ...memberHandlers,
    ...rejoinHandlers,
    ...statusHandlers,
    log: (_ctx, { replica }, { index }) => (replica === undefined ? starting() : logPart(replica.raft, index)),
    ...hashHandlers
  }),
  timers: {
    tick(ctx, state) {
      ctx.timer('tick', 'real', state.args.tickMs ?? tickMsDefault) // From now: missed ticks are never caught up.
      const { replica } = state
      if (replica === undefined) return
      if (!isMute(replica.room)) replica.raft.tick()
      askWhetherRemoved(ctx, replica)
      if (state.args.supervisor === undefined) remindRemoved(ctx, replica)
      revokeDue(ctx, replica)
      placeAgain(ctx, replica, state.placing, state.placer)
    },
    again: () => undefined, // Its turn is followed by `settled`.
    hint(_ctx, { replica }) {
      if (replica !== undefined && replica.raft.leader === null) replica.raft.campaign()
    },
    news: (ctx, { replica }) => void (replica !== undefined && sendNews(ctx, replica)),
    compact: compactOld,
    checkpoint(ctx, { replica }) {
      if (replica !== undefined) ctx.timer('checkpoint', 'real', checkpointLeases(ctx, replica))
    },
    corruption(ctx, { args, replica }) {
      ctx.timer('corruption', 'real', args.corruptionCheckEveryMs ?? corruptionCheckEveryMsDefault)
      if (replica !== undefined) ctx.run(checkCorruption(ctx, replica))
    },
    progress(ctx, { args, replica }) {
      ctx.timer('progress', 'real', args.watchProgressEveryMs ?? progressEveryMsDefault)
      if (replica !== undefined) notifyProgress(replica)
    }
  },
  sink(_ctx, { replica }, sink, event) {
    if (replica !== undefined && !standingSinkChanged(replica, sink, event)) sinkChanged(replica, sink, event)
  },
  down(ctx, { replica, unmonitored }, actor) {
    unmonitored.add(actor)
    if (replica === undefined) return
    const led = replica.raft.leader === actor
    replica.raft.peerDown(actor)
    if (led) ctx.timer('hint', 'real', ctx.random() * hintJitterMsMax)
  },
  settled(ctx, state) {
    const { replica, snapshots } = state
    if (replica === undefined) return
    compactExcess(replica, state)
    if (process(ctx, replica)) ctx.timer('again', 'real', 0)
    if (isRoomDue(replica)) ctx.run(makeRoom(ctx, replica))
    if (snapshotDue(replica, snapshots)) ctx.run(takeSnapshot(ctx, replica))
    place(ctx, replica, state.placing, state.placer)
    if (!isRemoved(ctx.self, replica) || state.isLeaving) return
    ctx.log('removed', { index: replica.applied.index })
    leave(ctx, state)
  }
}

function hear({ heard }: StoreState, from: string): void {
  if (heard.size < heardMax) heard.add(from)
}

/** Where nobody supervises them: one that knows only members that are gone has nobody to ask. */
function remindRemoved(ctx: StoreContext, replica: Replica): void {
  const { isLeader, membership } = replica.raft
  const member = membership.removed[replica.reminded % membership.removed.length]
  if (!isLeader || member === undefined) return
  replica.reminded++
  tellRemoved(ctx, replica, member)
}

const tellRemoved = (ctx: StoreContext, { raft }: Replica, member: string): void =>
  ctx.tell(member as typeof ctx.self, 'removed', { decided: raft.decided })

/** A learner does not campaign: it would never hear that it was removed. Who knows says so to whoever speaks to it. */
function askWhetherRemoved(ctx: StoreContext, { raft }: Replica): void {
  if (raft.isVoter || raft.leader !== null) return
  const members = membersOf(raft.membership)
  const other = members[Math.floor(ctx.random() * members.length)]
  if (other !== undefined && other !== ctx.self) ctx.tell(other as typeof ctx.self, 'raft', { messages: [] })
}

/** So much of the time for which followers stand by their leader that clocks may differ by a quarter, and a tick is lost. */
const leaseShare = 0.75

function leasesOf(ctx: StoreContext, args: StoreArgs): { leaseReads?: LeaseReads } {
  if (args.leaseReads !== true) return {}
  const electionTicks = args.raft?.electionTicks ?? raftTicks.electionTicks
  const leaseMs = leaseShare * (electionTicks - 1) * (args.tickMs ?? tickMsDefault)
  return { leaseReads: { nowMs: () => ctx.nowMs, leaseMs } }
}

/** Whom this member may ask to start others. */
function placerOf(args: StoreArgs): Placer | undefined {
  const { supervisor, beside = [] } = args
  return supervisor === undefined ? undefined : { supervisor: supervisor as Ref<StorePlace>, args, beside }
}

/** Removed: whoever supervises it is not to start it again, and is told of the members it knew: it may be that nobody else does. */
function leave(ctx: StoreContext, state: StoreState, told?: Decided): void {
  const { replica, placer } = state
  state.isLeaving = true
  state.replica = undefined
  function* end(): Flow<void> {
    const members = yield* sayGoodbye(ctx, replica, told)
    const known = { voters: members.filter(member => member !== ctx.self), learners: [], removed: [ctx.self] }
    if (placer !== undefined) placeMembers(ctx, placer, known)
    ctx.stop(removedReason)
  }
  ctx.run(end())
}

function* recoverFlow(ctx: StoreContext, state: StoreState): Flow<void> {
  const { args } = state
  const raft = { ...raftTicks, ...args.raft, id: ctx.self as string, ...leasesOf(ctx, args) }
  const tickMs = args.tickMs ?? tickMsDefault
  const electionMs = (raft.electionTicks + raft.electionJitterTicks) * tickMs
  const lost = (): void => {
    state.isLost = true
  }
  const replica = yield* begin(ctx, { ...args, raft }, lost, state.heard)
  if (typeof replica === 'string') {
    ctx.log('cannot begin', { reason: replica })
    if (replica === removedReason) {
      ctx.log('removed', { toldBy: 'its past, or the others' })
      return leave(ctx, state)
    }
    return ctx.stop(replica)
  }
  replica.leasing = newLeasing({
    ttlSecondsMin: Math.ceil((1.5 * electionMs) / 1000),
    extensionMs: electionMs,
    checkpointEveryMs: args.leaseCheckpointEveryMs ?? checkpointEveryMsDefault
  })
  replica.quota = newQuota(args.quotaBytes ?? quotaBytesDefault)
  state.replica = replica
  watchPeers(ctx, replica)
  ctx.timer('tick', 'real', tickMs)
  ctx.timer('compact', 'real', args.compactEveryMs ?? compactEveryMsDefault)
  ctx.timer('checkpoint', 'real', checkpointLeases(ctx, replica))
  ctx.timer('progress', 'real', args.watchProgressEveryMs ?? progressEveryMsDefault)
  ctx.timer('corruption', 'real', args.corruptionCheckEveryMs ?? corruptionCheckEveryMsDefault)
  ctx.log('recovered', { term: replica.raft.term, index: replica.applied.index, revision: replica.mvcc.revision })
  if (args.members[0] === ctx.self) yield* firstElection(ctx, replica, args.members)
}

/** A cluster that starts need not wait for an election timeout: its first member campaigns once it has company. */
function* firstElection(ctx: StoreContext, replica: Replica, members: readonly string[]): Flow<void> {
  const untilMs = ctx.nowMs + firstElectionMs
  for (const other of members.slice(1) as Ref<StoreMemberProtocol>[]) {
    while (replica.raft.leader === null && ctx.nowMs < untilMs) {
      const answer = yield* ask(other, firstElectionMs, 'currentTerm')
      if (answer.ok) break
      yield* sleep('real', firstElectionRetryMs)
    }
    if (members.length <= 3) break // With this one they are a majority.
  }
  if (replica.raft.leader === null && ctx.nowMs < untilMs) replica.raft.campaign() // With pre-vote: a leader we have not heard of stays.
}

function compactOld(ctx: StoreContext, state: StoreState): void {
  const { replica, args } = state
  ctx.timer('compact', 'real', args.compactEveryMs ?? compactEveryMsDefault)
  if (replica === undefined) return
  const { mvcc, raft } = replica
  if (raft.isLeader && state.revisionToCompact > mvcc.compactRevision)
    enterUnasked(replica, { type: 'compact', revision: state.revisionToCompact })
  state.revisionToCompact = mvcc.revision
}

function compactExcess(replica: Replica, state: StoreState): void {
  const { mvcc, raft } = replica
  const known = Math.max(mvcc.compactRevision, state.compactionAsked)
  if (!raft.isLeader) return
  let revision = mvcc.revision - known > historyRevisionsMax ? mvcc.revision - historyRevisionsKept : 0
  const bytesMax = state.args.historyBytesMax ?? historyBytesMaxDefault
  if (mvcc.keyspace.logBytes > bytesMax && known === mvcc.compactRevision)
    revision = Math.max(revision, Math.min(mvcc.revision, mvcc.keyspace.revisionWithin(bytesMax / 4)))
  if (revision <= known) return
  state.compactionAsked = revision
  enterUnasked(replica, { type: 'compact', revision })
}
