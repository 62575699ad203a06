// Membership: who takes part in a group, and the changes of it. One member at a time (Raft thesis §4.1): two majorities before
// and after such a change always share a member. Or several at once, by way of a joint membership (Raft §6), in which whatever is
// decided needs a majority of the voters before and one of those to come: so it shares a member with both. Pure data: it is in
// snapshots and, as changes, in the log.
//
// Guarantee: a member is a voter or a learner, never both; there is a voter; a name that was removed is never used again, since
// whoever bore it may have voted and acknowledged under it. Who votes no more after a joint membership is a member until that is left.

import { assert } from '../std/index.js'

export interface Membership {
  /** While it is joint: those to come. */
  readonly voters: readonly string[]
  /** Those before; it is joint. Who is none of the voters to come votes until it is left. Absent: it is not joint. */
  readonly outgoing?: readonly string[]
  /** Of those outgoing, whoever becomes a learner when it is left, and not sooner (etcd's LearnersNext). Absent: none. */
  readonly learnersNext?: readonly string[]
  /** They are sent the log, and neither vote nor count. */
  readonly learners: readonly string[]
  /** Names of those that were members. */
  readonly removed: readonly string[]
  /** Of the learners, those that were voters and lost their past: voters again once they have caught up. Absent: none. */
  readonly returning?: readonly string[]
}

/**
 * `demote` by itself is for a voter that lost its past: whatever its leader knew of it is forgotten. Among the changes of a joint one it is
 * of a voter that lost nothing.
 */
export type ChangeKind = 'addVoter' | 'addLearner' | 'promote' | 'demote' | 'remove'

export interface MembershipChange {
  readonly kind: ChangeKind
  readonly member: string
}

/** Several at once, each of another member. What it leads to is joint, until the leader has it left. */
export interface JointChange {
  readonly kind: 'joint'
  readonly changes: readonly MembershipChange[]
}

/** The end of a joint membership. A leader proposes it by itself (etcd's AutoLeave). */
export interface LeavingChange {
  readonly kind: 'leave'
}

export type ProposedChange = MembershipChange | JointChange
export type DecidedChange = ProposedChange | LeavingChange

export type ChangeMisfit =
  | 'is a member'
  | 'was removed'
  | 'is no member'
  | 'is no learner'
  | 'is no voter'
  | 'is the only voter'
  | 'no voter is left'
  | 'too many were removed'
  | 'is named twice'
  | 'changes nothing'
  | 'changes too much'
  | 'is joint'
  | 'is not joint'

/** Names that are kept; a group that needs more is a new group. */
export const removedMax = 10_000
/** Of one joint change. */
export const changesMax = 32

export const foundedBy = (voters: readonly string[]): Membership => ({ voters, learners: [], removed: [] })

export const isVoterOf = ({ voters, outgoing }: Membership, id: string): boolean => voters.includes(id) || outgoing?.includes(id) === true

export const isMember = (membership: Membership, id: string): boolean => isVoterOf(membership, id) || membership.learners.includes(id)

/** Whoever's vote counts, each once. */
export function votersOf({ voters, outgoing }: Membership): readonly string[] {
  return outgoing === undefined ? voters : [...voters, ...outgoing.filter(member => !voters.includes(member))]
}

/** All of them, each once: voters, those on their way out, learners. */
export const membersOf = (membership: Membership): readonly string[] => [...votersOf(membership), ...membership.learners]

/** Why a change does not fit; undefined if it does. */
export function misfitOfChange(membership: Membership, change: DecidedChange): ChangeMisfit | undefined {
  const isJoint = membership.outgoing !== undefined
  if (change.kind === 'leave') return isJoint ? undefined : 'is not joint'
  if (isJoint) return 'is joint'
  return change.kind === 'joint' ? misfitOfJoint(membership, change) : misfitOfSingle(membership, change)
}

function misfitOfJoint(membership: Membership, { changes }: JointChange): ChangeMisfit | undefined {
  if (changes.length === 0) return 'changes nothing'
  if (changes.length > changesMax) return 'changes too much'
  if (new Set(changes.map(({ member }) => member)).size < changes.length) return 'is named twice'
  const { voters, removed } = membership
  for (const { kind, member } of changes) {
    if (kind === 'demote' && !voters.includes(member)) return 'is no voter'
    // That one voter at least is left is asked of all of them together.
    const misfit = misfitOfSingle(membership, { kind, member })
    if (misfit !== undefined && misfit !== 'is the only voter') return misfit
  }
  if (joinedBy(membership, changes).voters.length === 0) return 'no voter is left'
  const going = changes.filter(({ kind }) => kind === 'remove').length
  return removed.length + going > removedMax ? 'too many were removed' : undefined
}

function misfitOfSingle(membership: Membership, { kind, member }: MembershipChange): ChangeMisfit | undefined {
  const { voters, learners, removed } = membership
  const isLast = voters.length === 1 && voters[0] === member
  switch (kind) {
    case 'addVoter':
    case 'addLearner':
      if (isMember(membership, member)) return 'is a member'
      return removed.includes(member) ? 'was removed' : undefined
    case 'promote':
      if (!isMember(membership, member)) return 'is no member'
      return learners.includes(member) ? undefined : 'is no learner'
    case 'demote':
      if (!isMember(membership, member)) return 'is no member'
      return isLast ? 'is the only voter' : undefined
    case 'remove':
      if (!isMember(membership, member)) return 'is no member'
      if (isLast) return 'is the only voter'
      return removed.length >= removedMax ? 'too many were removed' : undefined
  }
}

/** A change that fits. The order of members is that of their coming. */
export function changedBy(membership: Membership, change: DecidedChange): Membership {
  const misfit = misfitOfChange(membership, change)
  assert(misfit === undefined, 'a change fits the membership it was proposed on', { change: JSON.stringify(change), misfit: misfit ?? '' })
  switch (change.kind) {
    case 'joint':
      return joinedBy(membership, change.changes)
    case 'leave':
      return left(membership)
    default:
      return changedBySingle(membership, change)
  }
}

/** Whoever is a voter stays one until the joint membership is left. Learners are not counted, so they come and go at once. */
function joinedBy(membership: Membership, changes: readonly MembershipChange[]): Membership {
  const of = (...kinds: ChangeKind[]): string[] => changes.filter(({ kind }) => kinds.includes(kind)).map(({ member }) => member)
  const [coming, going, next, learning] = [of('addVoter', 'promote'), of('remove'), of('demote'), of('addLearner')]
  const { voters: outgoing, removed, returning = [] } = membership
  const voters = [...outgoing.filter(voter => !going.includes(voter) && !next.includes(voter)), ...coming]
  const learners = [...membership.learners.filter(learner => !going.includes(learner) && !coming.includes(learner)), ...learning]
  return tidy({
    voters,
    learners,
    removed: [...removed, ...going.filter(member => !outgoing.includes(member))],
    returning: returning.filter(member => learners.includes(member)),
    outgoing,
    learnersNext: next
  })
}

function left({ outgoing = [], learnersNext = [], ...membership }: Membership): Membership {
  const { voters, learners, removed } = membership
  const gone = outgoing.filter(member => !voters.includes(member) && !learnersNext.includes(member))
  return { ...membership, learners: [...learners, ...learnersNext], removed: [...removed, ...gone] }
}

/** Lists that need not be there are not there if they are empty: a membership is compared and written as it is. */
function tidy({ returning = [], learnersNext = [], ...membership }: Membership): Membership {
  return {
    ...membership,
    ...(returning.length === 0 ? {} : { returning }),
    ...(learnersNext.length === 0 ? {} : { learnersNext })
  }
}

function changedBySingle(membership: Membership, change: MembershipChange): Membership {
  const { kind, member } = change
  const { returning = [], ...others } = membership
  const still = returning.filter(other => other !== member)
  if (kind === 'demote' && (membership.voters.includes(member) || returning.includes(member))) still.push(member)
  const next = shifted(others, change)
  return still.length === 0 ? next : { ...next, returning: still }
}

function shifted(membership: Membership, { kind, member }: MembershipChange): Membership {
  const voters = membership.voters.filter(other => other !== member)
  const learners = membership.learners.filter(other => other !== member)
  switch (kind) {
    case 'addVoter':
    case 'promote':
      return { ...membership, voters: [...voters, member], learners }
    case 'addLearner':
    case 'demote':
      return { ...membership, voters, learners: [...learners, member] }
    case 'remove':
      return { voters, learners, removed: [...membership.removed, member] }
  }
}

const singleKinds: ReadonlySet<string> = new Set<ChangeKind>(['addVoter', 'addLearner', 'promote', 'demote', 'remove'])
const single = ({ kind, member }: MembershipChange): MembershipChange => ({ kind, member })
const several = ({ kind, changes }: JointChange): JointChange => ({ kind, changes: changes.map(single) })

/** The bytes of a `config` entry. `context` is the proposer's own: it comes back when the change is applied. */
export function encodeChange(change: DecidedChange, context: string): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ ...plain(change), context }))
}

/** Without what does not belong to it, its fields in their order: these are bytes of a log. */
function plain(change: DecidedChange): DecidedChange {
  switch (change.kind) {
    case 'leave':
      return { kind: 'leave' }
    case 'joint':
      return several(change)
    default:
      assert(singleKinds.has(change.kind), 'a change is of a kind that this program knows', { kind: change.kind })
      return single(change)
  }
}

export function decodeChange(data: Uint8Array): { readonly change: DecidedChange; readonly context: string } {
  const { context, ...change } = JSON.parse(new TextDecoder().decode(data)) as DecidedChange & { context: string }
  return { change: plain(change), context }
}
