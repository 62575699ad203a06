// Replacement: what is to be done next so that some members come and others go, all at once (Raft §6), with no moment in which fewer may be
// away than before. By level: it is asked again and again until nothing is left to do, by whoever, of whoever leads.
//
// Those to come are made learners, all in one change; once each has nearly all that the leader has, one joint change makes them voters
// and takes out those to go, who vote and run until that is left.
//
// Guarantee: a step is taken only if a majority of the voters after it answers, and everybody who becomes a voter by it. What was done
// stays: whoever is asked again goes on from there. Not promised: that nobody else changes members meanwhile.

import { type Refusal, refuse } from '../actor/index.js'
import {
  type ChangeKind,
  isMember,
  isVoterOf,
  type Membership,
  type MembershipChange,
  majority,
  type ProposedChange
} from '../raft/index.js'

export interface Replacement {
  /** Addresses; those that are voters already have come. */
  readonly add: readonly string[]
  /** Those that were removed already have gone. */
  readonly remove: readonly string[]
}

/** How a leader sees the members. */
export interface MembersView {
  readonly membership: Membership
  /** Of the leader's log, so many entries. */
  readonly saved: number
  /** How many of them a member has. */
  readonly has: (address: string) => number
  readonly isHealthy: (address: string) => boolean
}

/** `learning`: some are learners that lack too much. `joint`: those to go vote until all know those that came. */
export type ReplacementStep = 'learning' | 'joint' | 'replaced'

export interface ReplacementPlan {
  /** How far it is. If there is a change: once that is applied. */
  readonly step: ReplacementStep
  readonly change?: ProposedChange
}

/** As many as a store should have (etcd: no more than seven). */
export const replacedMax = 7
/** Of what the leader has, before a learner may vote: as etcd. */
const inSyncShare = 0.9
/** And of a long log no more than that many entries: until the new voters have them nothing is decided. */
const behindMax = 1000

const addressPattern = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?\/[a-z0-9]([-a-z0-9]*[a-z0-9])?$/
const addressLengthMax = 253

export const misfitOfAddress = (address: string): Refusal | undefined =>
  address.length <= addressLengthMax && addressPattern.test(address)
    ? undefined
    : refuse('invalid', `${JSON.stringify(address)} is no address of a member: machine/actor`)

/** Whether a learner has nearly all that its leader has. */
export const isInSync = ({ has, saved }: Pick<MembersView, 'has' | 'saved'>, address: string): boolean =>
  has(address) >= saved * inSyncShare

const isReady = (view: MembersView, address: string): boolean => isInSync(view, address) && view.has(address) >= view.saved - behindMax

export function planReplacement(wish: Replacement, view: MembersView): ReplacementPlan | Refusal {
  const misfit = misfitOfWish(wish, view.membership)
  if (misfit !== undefined) return misfit
  const { membership } = view
  if (membership.outgoing !== undefined) return { step: 'joint' }
  const newcomers = wish.add.filter(address => !isMember(membership, address))
  const learners = wish.add.filter(address => membership.learners.includes(address))
  const going = wish.remove.filter(address => isMember(membership, address))
  if (newcomers.length > 0) return learnFirst(newcomers, going, view)
  if (learners.length === 0 && going.length === 0) return { step: 'replaced' }
  if (learners.some(learner => !isReady(view, learner))) return { step: 'learning' }
  return join(learners, going, view)
}

function misfitOfWish({ add, remove }: Replacement, membership: Membership): Refusal | undefined {
  const named = [...add, ...remove]
  if (named.length === 0) return refuse('invalid', 'nobody is to come, and nobody to go')
  if (add.length > replacedMax || remove.length > replacedMax) return refuse('invalid', `at most ${replacedMax} come at once, or go`)
  const twice = named.find((address, at) => named.indexOf(address) < at)
  if (twice !== undefined) return refuse('invalid', `${twice} is named twice`)
  for (const address of add) {
    const misfit = misfitOfAddress(address)
    if (misfit !== undefined) return misfit
    if (membership.removed.includes(address))
      return refuse('member exists', `${address} was removed, and an address is used once: name another`)
  }
  const unknown = remove.find(address => !isMember(membership, address) && !membership.removed.includes(address))
  return unknown === undefined ? undefined : refuse('member not found', `etcdserver: member not found: ${unknown}`)
}

/** Nobody new counts. But their leader is to serve them all, and a store that ails is to be healed first, but for those that are to go. */
function learnFirst(
  newcomers: readonly string[],
  going: readonly string[],
  { membership, isHealthy }: MembersView
): ReplacementPlan | Refusal {
  const { voters, learners } = membership
  if (learners.length + newcomers.length > replacedMax)
    return refuse('too many learners', `etcdserver: too many learner members in cluster: ${learners.join(' ')}`)
  const ailing = voters.filter(voter => !isHealthy(voter))
  const staying = ailing.filter(voter => !going.includes(voter))
  if (staying.length > 0 || voters.length - ailing.length < majority(voters.length)) return unhealthy(ailing)
  return { step: 'learning', change: changeOf(newcomers.map(member => ({ kind: 'addLearner', member }))) }
}

function join(learners: readonly string[], going: readonly string[], { membership, isHealthy }: MembersView): ReplacementPlan | Refusal {
  const after = [...membership.voters.filter(voter => !going.includes(voter)), ...learners]
  if (after.length === 0) return refuse('not enough started members', 'nobody would be left who votes')
  const ailing = after.filter(voter => !isHealthy(voter))
  if (learners.some(learner => ailing.includes(learner)) || after.length - ailing.length < majority(after.length)) return unhealthy(ailing)
  const of = (kind: ChangeKind, members: readonly string[]): MembershipChange[] => members.map(member => ({ kind, member }))
  const change = changeOf([...of('promote', learners), ...of('remove', going)])
  return { step: change.kind === 'joint' ? 'joint' : 'replaced', change }
}

function changeOf(changes: readonly MembershipChange[]): ProposedChange {
  const [first, ...others] = changes
  return first !== undefined && others.length === 0 ? first : { kind: 'joint', changes }
}

const unhealthy = (ailing: readonly string[]): Refusal =>
  refuse('unhealthy', `etcdserver: unhealthy cluster: ${ailing.join(' ')} ${ailing.length === 1 ? 'does' : 'do'} not answer`)

/** Of those to come, who still learns, and how far each is. */
export const learningOf = ({ add }: Replacement, view: MembersView): { address: string; has: number; of: number }[] =>
  add.filter(address => !isVoterOf(view.membership, address)).map(address => ({ address, has: view.has(address), of: view.saved }))
