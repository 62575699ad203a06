// Proposing: how a command gets into the log: by the leader's own hand, or passed on to it once. Whoever receives it leads, or
// says so. A command is never proposed by a member that leads no more: what a deposed leader thought due must not reach the new one.

import { ask, doubt, type Flow, type Outcome, passOn, type Ref, type Refusal, refuse, type Turn } from '../actor/index.js'
import type { Caller } from '../auth/index.js'
import type { Command, CommandResult } from '../mvcc/index.js'
import type { StoreCaller } from '../storage/index.js'
import { callerOf } from './access.js'
import { answerOf } from './answers.js'
import { authAnswerOf } from './auth-answers.js'
import { isMajorityFull } from './full-disks.js'
import type { StoreMemberProtocol } from './protocol.js'
import { misfitOfQuota } from './quota.js'
import type { Pending, Replica } from './replica.js'
import { noSpaceLeft } from './room.js'

export type MemberTurn = Turn<StoreMemberProtocol, any, any>

export interface HasReplica {
  readonly replica: Replica | undefined
}

const pendingMax = 100_000
/** What a leader still takes of clients over a full disk of its own, or over those of a majority. */
const makesRoom: ReadonlySet<Command['type']> = new Set(['compact', 'alarm'])

export const starting = (): Refusal => refuse('no leader', 'this member is recovering')

/** A command on its way to the leader. `by`: who asked, as the member knew him that was asked. */
export type Proposal = Command & { readonly by?: Caller }

/** To be returned by a handler: what becomes of the command is its answer. It happens only if its caller may, when it is applied. */
export function write(ctx: MemberTurn, replica: Replica, command: Command, asked?: StoreCaller): any {
  if (asked === undefined) return writeBy(ctx, replica, command, undefined)
  const caller = callerOf(ctx, replica, asked)
  return 'user' in caller ? writeBy(ctx, replica, command, caller) : caller
}

function writeBy(ctx: MemberTurn, replica: Replica, command: Command, caller: Caller | undefined): any {
  if (replica.raft.isLeader) return propose(ctx, replica, command, caller)
  const proposal = caller === undefined ? command : { ...command, by: caller }
  return toLeader(replica, leader => ask(leader, ctx.leftMs, 'propose', proposal))
}

export const proposeHandlers = {
  propose: (ctx: MemberTurn, { replica }: HasReplica, proposal: Proposal): any =>
    replica?.raft.isLeader === true ? propose(ctx, replica, proposal, proposal.by) : refuse('no leader', 'it leads no more')
}

/** Of a leader. */
export function propose(ctx: MemberTurn, replica: Replica, command: Command, caller?: Caller): any {
  if ((replica.room.isFull || isMajorityFull(ctx, replica)) && !makesRoom.has(command.type)) return noSpaceLeft()
  const misfit = misfitOfQuota(replica, command, () =>
    enterUnasked(replica, { type: 'alarm', action: 'activate', member: ctx.self, alarm: 'noSpace' })
  )
  if (misfit !== undefined) return misfit
  if (replica.pending.size >= pendingMax) return refuse('overloaded', `${pendingMax} writes wait`)
  const later = ctx.defer()
  try {
    const answer = command.type === 'auth' ? (result: CommandResult) => authAnswerOf(replica, result) : answerOf
    enter(replica, command, { later, answer }, caller)
  } catch (error) {
    return refuse('invalid', String(error))
  }
  return later
}

/** Throws, and enters nothing, if the command cannot be written. */
export function enter(replica: Replica, command: Command, { later, answer }: Pick<Pending, 'later' | 'answer'>, caller?: Caller): void {
  const number = replica.numberLast + 1
  replica.commands.add(number, command, caller)
  replica.numberLast = number
  replica.pending.set(number, { term: replica.raft.term, later, answer })
}

/** Proposed by the leader for its own ends: nobody waits. */
export const enterUnasked = (replica: Replica, command: Command): void => enter(replica, command, { later: undefined, answer: answerOf })

export function* toLeader<V>(replica: Replica, pass: (leader: Ref<StoreMemberProtocol>) => Flow<Outcome<V>>): Flow<V | Refusal> {
  const { leader } = replica.raft
  if (leader === null) return refuse('no leader', 'etcdserver: no leader')
  const outcome = yield* pass(leader as Ref<StoreMemberProtocol>)
  if (outcome.ok) return outcome.value
  return outcome.error.definite ? passOn(outcome.error) : doubt(outcome.error.code, outcome.error.detail)
}
