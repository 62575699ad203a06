// Membership: who the members of the store are, changed while it serves, one at a time, or several at once (replacement.ts). With etcd's
// strict checks: no change that could leave the store without a majority of members that answer.
//
// Any member may be asked; the leader decides. A member is named by its actor's address, and a name that was removed is refused for ever.

import { ask, type Context, doubt, type Flow, type Later, passOn, type Ref, type Refusal, refuse, type Turn } from '../actor/index.js'
import {
  type AppliedChange,
  type DecidedChange,
  isMember,
  majority,
  membersOf,
  type Proposed,
  type ProposedChange,
  type Raft
} from '../raft/index.js'
import type { StoreMemberProtocol } from './protocol.js'
import { addRead } from './reading.js'
import {
  isInSync,
  learningOf,
  type MembersView,
  misfitOfAddress,
  planReplacement,
  type Replacement,
  type ReplacementStep
} from './replacement.js'
import type { Replica } from './replica.js'

export interface StoreMember {
  readonly address: string
  readonly isLearner: boolean
  /** The leader of now has heard it. */
  readonly isStarted: boolean
  /** It votes until those that replace it are voters by themselves: a matter of moments. */
  readonly isLeaving?: true
}

export interface StoreMembers {
  readonly members: readonly StoreMember[]
  /** Addresses that are never to be used again. */
  readonly removed: readonly string[]
  readonly revision: number
}

/** What became of a replacement so far: to be asked for again until it is `replaced`. */
export interface StoreReplacement extends StoreMembers {
  readonly step: ReplacementStep
  /** Of those to come, who is no voter yet: how many entries it has, and how many there are. */
  readonly learning: readonly { readonly address: string; readonly has: number; readonly of: number }[]
}

/** A proposed change, and who waits for it. */
export interface WaitingChange {
  readonly index: number
  readonly term: number
  readonly applied: () => void
  readonly lost: () => void
}

/** Leadership is on its way to `to`. */
export interface WaitingTransfer {
  readonly to: string
  readonly term: number
  readonly later: Later<object>
}

type MemberTurn = Turn<StoreMemberProtocol, any, any>
type MemberContext = Context<StoreMemberProtocol, any>
type Answer<V> = V | Later<V> | Refusal

interface HasReplica {
  readonly replica: Replica | undefined
}

/** As etcd's default: a learner costs its leader a follower's work and is of no use to a majority. */
const learnersMax = 1

const texts = {
  notFound: 'etcdserver: member not found',
  exists: 'etcdserver: member ID already exist',
  notLearner: 'etcdserver: can only promote a learner member',
  notReady: 'etcdserver: can only promote a learner member which is in sync with leader',
  tooMany: 'etcdserver: too many learner members in cluster',
  notEnough: 'etcdserver: re-configuration failed due to not enough started members',
  unhealthy: 'etcdserver: unhealthy cluster',
  badTransferee: 'etcdserver: bad leader transferee',
  notLeader: 'etcdserver: not leader',
  transferTimeout: 'etcdserver: request timed out, leader transfer took too long'
}
const starting = (): Refusal => refuse('no leader', 'this member is recovering')
const leadsNoMore = (): Refusal => refuse('no leader', 'it leads no more')

export type MembersRequest = 'members' | 'addMember' | 'removeMember' | 'promoteMember' | 'replaceMembers'
type Own = MembersRequest
type Body<T extends Own> = T extends 'members'
  ? undefined
  : T extends 'addMember'
    ? { address: string; isLearner: boolean }
    : T extends 'replaceMembers'
      ? Replacement
      : { address: string }

export const memberHandlers = {
  members: (ctx: MemberTurn, state: HasReplica) => decide(ctx, state, 'members', undefined),
  addMember: (ctx: MemberTurn, state: HasReplica, body: Body<'addMember'>) => decide(ctx, state, 'addMember', body),
  removeMember: (ctx: MemberTurn, state: HasReplica, body: Body<'removeMember'>) => decide(ctx, state, 'removeMember', body),
  promoteMember: (ctx: MemberTurn, state: HasReplica, body: Body<'promoteMember'>) => decide(ctx, state, 'promoteMember', body),
  replaceMembers: (ctx: MemberTurn, state: HasReplica, body: Body<'replaceMembers'>) => decide(ctx, state, 'replaceMembers', body),
  /** Passed on by a member that does not lead; never passed on again. */
  decideMembers: (ctx: MemberTurn, { replica }: HasReplica, { request, body }: { request: Own; body: unknown }) =>
    replica?.raft.isLeader === true ? decideHere(ctx, replica, request, body) : leadsNoMore(),
  decided: (_ctx: MemberTurn, { replica }: HasReplica, entry: { readonly index: number; readonly term: number }) =>
    replica?.raft.learn(entry),
  transferLeadership(ctx: MemberTurn, { replica }: HasReplica, { to }: { readonly to: string }): Answer<object> {
    if (replica === undefined) return starting()
    if (!replica.raft.isLeader) return refuse('no leader', texts.notLeader)
    if (to === ctx.self) return {}
    const moved = replica.raft.transferLeadership(to)
    if (!moved.accepted && moved.reason === 'is no voter') return refuse('bad leader transferee', texts.badTransferee)
    if (!moved.accepted) return refuse('overloaded', moved.reason)
    const later = ctx.defer()
    replica.transfer = { to, term: replica.raft.term, later }
    return later
  }
}

function decide<T extends Own>(ctx: MemberTurn, { replica }: HasReplica, request: T, body: Body<T>): any {
  if (replica === undefined) return starting()
  if (replica.raft.isLeader) return decideHere(ctx, replica, request, body)
  const { leader } = replica.raft
  if (leader === null) return refuse('no leader', 'etcdserver: no leader')
  return passToLeader(ctx, leader as Ref<StoreMemberProtocol>, request, body)
}

function* passToLeader(ctx: MemberTurn, leader: Ref<StoreMemberProtocol>, request: Own, body: unknown): Flow<StoreMembers | Refusal> {
  const outcome = yield* ask(leader, ctx.leftMs, 'decideMembers', { request, body })
  if (outcome.ok) return outcome.value
  return outcome.error.definite ? passOn(outcome.error) : doubt(outcome.error.code, outcome.error.detail)
}

function decideHere(ctx: MemberTurn, replica: Replica, request: Own, body: any): Answer<StoreMembers> {
  switch (request) {
    case 'members':
      return confirmed(ctx, replica)
    case 'addMember':
      return add(ctx, replica, body)
    case 'removeMember':
      return remove(ctx, replica, body)
    case 'promoteMember':
      return promote(ctx, replica, body)
    case 'replaceMembers':
      return replace(ctx, replica, body)
  }
}

function confirmed(ctx: MemberTurn, replica: Replica): Answer<StoreMembers> {
  const later = ctx.defer() as Later<StoreMembers>
  const run = (): void => ctx.answer(later, listed(ctx.self, replica))
  const lost = (): void => ctx.answer(later, leadsNoMore())
  return addRead(replica, { kind: 'state', run, lost }) ? later : refuse('overloaded', 'too many reads wait')
}

function add(ctx: MemberTurn, replica: Replica, { address, isLearner }: Body<'addMember'>): Answer<StoreMembers> {
  const { raft } = replica
  const { membership } = raft
  const misfit = misfitOfAddress(address)
  if (misfit !== undefined) return misfit
  if (isMember(membership, address)) return refuse('member exists', texts.exists)
  if (membership.removed.includes(address)) return refuse('member exists', 'an address that was removed is never used again')
  if (isLearner && membership.learners.length >= learnersMax) return refuse('too many learners', texts.tooMany)
  const { voters, started, healthy } = healthOf(ctx.self, raft)
  // etcd's exception: a store of one becomes one of two.
  const mayVote = voters.length === 1 || started.length >= majority(voters.length + 1)
  if (!isLearner && !mayVote) return refuse('not enough started members', texts.notEnough)
  if (healthy.length < voters.length) return refuse('unhealthy', texts.unhealthy)
  return change(ctx, replica, { kind: isLearner ? 'addLearner' : 'addVoter', member: address })
}

function remove(ctx: MemberTurn, replica: Replica, { address }: Body<'removeMember'>): Answer<StoreMembers> {
  const { raft } = replica
  if (!isMember(raft.membership, address)) return refuse('member not found', texts.notFound)
  const { voters, started, healthy } = healthOf(ctx.self, raft)
  if (voters.includes(address)) {
    const others = voters.filter(voter => voter !== address)
    const startedOthers = others.filter(voter => started.includes(voter))
    if (others.length === 0 || startedOthers.length < majority(others.length)) return refuse('not enough started members', texts.notEnough)
    // One that is down takes nothing with it.
    if (healthy.includes(address) && healthy.length - 1 < majority(others.length)) return refuse('unhealthy', texts.unhealthy)
  }
  return change(ctx, replica, { kind: 'remove', member: address })
}

function promote(ctx: MemberTurn, replica: Replica, { address }: Body<'promoteMember'>): Answer<StoreMembers> {
  const { raft } = replica
  if (!isMember(raft.membership, address)) return refuse('member not found', texts.notFound)
  if (!raft.membership.learners.includes(address)) return refuse('not learner', texts.notLearner)
  const { voters, started } = healthOf(ctx.self, raft)
  const candidates = started.length + (isHeard(raft, address) ? 1 : 0)
  if (candidates < majority(voters.length + 1)) return refuse('not enough started members', texts.notEnough)
  if (!isInSync(viewOf(ctx.self, raft), address)) return refuse('learner not ready', texts.notReady)
  return change(ctx, replica, { kind: 'promote', member: address })
}

function replace(ctx: MemberTurn, replica: Replica, wish: Replacement): Answer<StoreReplacement> {
  const plan = planReplacement(wish, viewOf(ctx.self, replica.raft))
  if (!('step' in plan)) return plan
  const { step, change: wanted } = plan
  const answer = (): StoreReplacement => ({
    ...listed(ctx.self, replica),
    step,
    learning: learningOf(wish, viewOf(ctx.self, replica.raft))
  })
  return wanted === undefined ? answer() : change(ctx, replica, wanted, later => ctx.answer(later, answer()))
}

function viewOf(self: string, raft: Raft): MembersView {
  const { peers, membership, saved, silentTicksMax } = raft.status()
  const seen = new Map(peers.map(peer => [peer.id, peer]))
  return {
    membership,
    saved,
    has: address => (address === self ? saved : (seen.get(address)?.match ?? 0)),
    isHealthy: address => address === self || (seen.get(address)?.silentTicks ?? Number.POSITIVE_INFINITY) <= silentTicksMax
  }
}

const isHeard = (raft: Raft, address: string): boolean =>
  raft.status().peers.some(({ id, silentTicks }) => id === address && silentTicks !== null)

/** Voters in the leader's view: those it has heard in its term, and of these the ones it hears still. */
function healthOf(self: string, raft: Raft): { voters: readonly string[]; started: readonly string[]; healthy: readonly string[] } {
  const { peers, membership, silentTicksMax } = raft.status()
  const { voters } = membership
  const silence = new Map(peers.map(({ id, silentTicks }) => [id, silentTicks]))
  const started = voters.filter(voter => voter === self || (silence.get(voter) ?? null) !== null)
  return { voters, started, healthy: started.filter(voter => voter === self || (silence.get(voter) as number) <= silentTicksMax) }
}

/** Proposes it. Who asked is answered once it is applied here. */
export function change(ctx: MemberTurn, replica: Replica, wanted: ProposedChange, answer?: (later: Later<any>) => void): Answer<any> {
  const proposed = replica.raft.proposeChange(wanted, replica.life)
  if (!proposed.accepted) return refusalOf(proposed)
  const later = ctx.defer() as Later<unknown>
  const { index, term } = proposed
  replica.changes.push({
    index,
    term,
    applied: () => (answer === undefined ? ctx.answer(later, listed(ctx.self, replica)) : answer(later)),
    lost: () => ctx.answer(later, doubt('leader lost', 'the leader changed before the change of members was decided'))
  })
  return later
}

function refusalOf({ reason }: Proposed & { readonly accepted: false }): Refusal {
  switch (reason) {
    case 'not leader':
    case 'leadership moves':
      return refuse('no leader', reason)
    case 'is no member':
      return refuse('member not found', texts.notFound)
    case 'is a member':
    case 'was removed':
      return refuse('member exists', texts.exists)
    case 'is no learner':
      return refuse('not learner', texts.notLearner)
    case 'is the only voter':
      return refuse('not enough started members', texts.notEnough)
    case 'a change is pending':
    case 'is joint':
    case 'is not joint':
    case 'too much uncommitted':
      return refuse('overloaded', reason)
    case 'no voter is left':
    case 'is no voter':
    case 'is named twice':
    case 'changes nothing':
    case 'changes too much':
    case 'too many were removed':
      return refuse('invalid', reason)
  }
}

function listed(self: string, { raft, mvcc }: Replica): StoreMembers {
  const { voters, learners, outgoing, removed } = raft.membership
  const members = membersOf(raft.membership).map((address): StoreMember => {
    const isLearner = learners.includes(address)
    const isLeaving = outgoing !== undefined && !isLearner && !voters.includes(address)
    return { address, isLearner, isStarted: address === self || isHeard(raft, address), ...(isLeaving ? { isLeaving } : {}) }
  })
  return { members, removed, revision: mvcc.revision }
}

// What becomes of a change ---------------------------------------------------------------------------------

/** A change was applied at this member. */
export function changeApplied(
  ctx: MemberContext,
  replica: Replica,
  entry: { readonly index: number; readonly term: number },
  applied: AppliedChange
): void {
  const { voters, learners } = applied.membership
  ctx.log('membership changed', {
    ...named(applied),
    index: entry.index,
    voters: voters.join(' '),
    learners: learners.join(' '),
    ...(applied.membership.outgoing === undefined ? {} : { outgoing: applied.membership.outgoing.join(' ') })
  })
  const at = replica.changes.findIndex(({ index, term }) => index === entry.index && term === entry.term)
  if (at >= 0) for (const waiting of replica.changes.splice(at, 1)) waiting.applied()
  watchPeers(ctx, replica)
}

function named({ change, gone }: AppliedChange): { readonly kind: DecidedChange['kind']; readonly member: string; readonly gone?: string } {
  switch (change.kind) {
    case 'joint':
      return { kind: change.kind, member: change.changes.map(({ kind, member }) => `${kind} ${member}`).join(', '), gone: gone.join(' ') }
    case 'leave':
      return { kind: change.kind, member: '', gone: gone.join(' ') }
    default:
      return { kind: change.kind, member: change.member }
  }
}

/** Hears of the death of every other member. */
export function watchPeers(ctx: MemberContext, { raft, monitored }: Replica): void {
  for (const peer of membersOf(raft.membership)) {
    if (peer === ctx.self || monitored.has(peer)) continue
    monitored.add(peer)
    ctx.monitor(peer as typeof ctx.self)
  }
}

export const isRemoved = (self: string, { raft }: Replica): boolean => raft.membership.removed.includes(self)

/** A voter that lost its past votes again once it has nearly all that the leader has. */
export function promoteReturning(self: string, { raft, life }: Replica): void {
  const { returning } = raft.membership
  if (returning === undefined || !raft.isLeader) return
  const view = viewOf(self, raft)
  const ready = returning.find(member => isInSync(view, member))
  if (ready !== undefined) raft.proposeChange({ kind: 'promote', member: ready }, life)
}

/** Whoever waits for a change or for a move of leadership that cannot come any more, or has. */
export function settleChanges(ctx: MemberContext, replica: Replica): void {
  const { raft, changes, transfer } = replica
  if (changes.length > 0) {
    const lost = changes.filter(({ term }) => !raft.isLeader || term !== raft.term)
    if (lost.length > 0) replica.changes = changes.filter(change => !lost.includes(change))
    for (const { lost: tell } of lost) tell()
  }
  if (transfer === undefined) return
  const { to, term, later } = transfer
  if (raft.term === term && raft.isLeader && raft.status().transferringTo === to) return
  if (raft.term > term && raft.leader === null) return
  replica.transfer = undefined
  if (raft.leader === to) ctx.answer(later, {})
  else if (raft.isLeader && raft.term === term) ctx.answer(later, refuse('transfer timeout', texts.transferTimeout))
  else ctx.answer(later, doubt('transfer timeout', texts.transferTimeout))
}
