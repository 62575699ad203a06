// Membership: who takes part in a group, and the changes of it, one member at a time (Raft thesis §4.1): two majorities before
// and after such a change always share a member. Pure data: it is in snapshots and, as changes, in the log.
//
// Guarantee: a member is a voter or a learner, never both; there is a voter; a name that was removed is never used again, since
// whoever bore it may have voted and acknowledged under it.

import { assert } from '../std/index.js'

export interface Membership {
  readonly voters: readonly string[]
  /** They are sent the log, and neither vote nor count. */
  readonly learners: readonly string[]
  /** Names of those that were members. */
  readonly removed: readonly string[]
  /** Of the learners, those that were voters and lost their past: voters again once they have caught up. Absent: none. */
  readonly returning?: readonly string[]
}

/** `demote` is for a voter that lost its past: whatever its leader knew of it is forgotten. */
export type ChangeKind = 'addVoter' | 'addLearner' | 'promote' | 'demote' | 'remove'

export interface MembershipChange {
  readonly kind: ChangeKind
  readonly member: string
}

export type ChangeMisfit = 'is a member' | 'was removed' | 'is no member' | 'is no learner' | 'is the only voter' | 'too many were removed'

/** Names that are kept; a group that needs more is a new group. */
export const removedMax = 10_000

export const foundedBy = (voters: readonly string[]): Membership => ({ voters, learners: [], removed: [] })

export const isMember = ({ voters, learners }: Membership, id: string): boolean => voters.includes(id) || learners.includes(id)

/** Why a change does not fit; undefined if it does. */
export function misfitOfChange(membership: Membership, { kind, member }: MembershipChange): ChangeMisfit | undefined {
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
export function changedBy(membership: Membership, change: MembershipChange): Membership {
  const misfit = misfitOfChange(membership, change)
  assert(misfit === undefined, 'a change fits the membership it was proposed on', { ...change, misfit: misfit ?? '' })
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

/** The bytes of a `config` entry. `context` is the proposer's own: it comes back when the change is applied. */
export const encodeChange = ({ kind, member }: MembershipChange, context: string): Uint8Array =>
  new TextEncoder().encode(JSON.stringify({ kind, member, context }))

export function decodeChange(data: Uint8Array): { readonly change: MembershipChange; readonly context: string } {
  const { kind, member, context } = JSON.parse(new TextDecoder().decode(data)) as MembershipChange & { context: string }
  return { change: { kind, member }, context }
}
