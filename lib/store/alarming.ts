// Alarming: what a client asks of the alarms: those that all members agree on until they are lowered (lib/mvcc), and, as NOSPACE of a
// member, that its disk is full, which lasts as long as that (full-disks.ts) and which nobody can lower.

import { ask, type Later, type Refusal, refuse } from '../actor/index.js'
import { alarmNames, type StoreAlarm, type StoreAlarmRequest, type StoreAsked } from '../storage/index.js'
import { misfitOfNeed } from './access.js'
import { membersWithoutRoom } from './full-disks.js'
import { type HasReplica, type MemberTurn, starting, toLeader, write } from './proposing.js'
import { confirmed } from './reading.js'
import type { Replica } from './replica.js'

type AlarmFilter = Pick<StoreAlarmRequest, 'member' | 'alarm'>

export const alarmHandlers = {
  alarms(ctx: MemberTurn, { replica }: HasReplica, { action, member, alarm, caller }: StoreAlarmRequest & StoreAsked): any {
    if (replica === undefined) return starting()
    switch (action) {
      case 'get': {
        const misfit = misfitOfNeed(ctx, replica, caller, 'user')
        if (misfit !== undefined) return misfit
        if (replica.raft.isLeader) return list(ctx, replica, { member, alarm })
        return toLeader(replica, leader => ask(leader, ctx.leftMs, 'listAlarms', { member, alarm }))
      }
      case 'activate':
        if (member === undefined || alarm === undefined) return refuse('invalid', 'an alarm is raised of a member and of a type')
        return write(ctx, replica, { type: 'alarm', action, member, alarm }, caller)
      case 'deactivate':
        return write(ctx, replica, { type: 'alarm', action, member, alarm }, caller)
      default:
        return refuse('invalid', `unknown action ${String(action)}`)
    }
  },
  listAlarms: (ctx: MemberTurn, { replica }: HasReplica, filter: AlarmFilter): Later<any> | Refusal =>
    replica?.raft.isLeader === true ? list(ctx, replica, filter) : refuse('no leader', 'it leads no more')
}

/** Of the leader, who is told of full disks. */
function list(ctx: MemberTurn, replica: Replica, filter: AlarmFilter): Later<any> | Refusal {
  return confirmed(ctx, replica, later => ctx.answer(later, { alarms: alarmsOf(ctx, replica, filter), revision: replica.mvcc.revision }))
}

export function alarmsOf(
  ctx: { readonly self: string; readonly nowMs: number },
  replica: Replica,
  { member, alarm }: AlarmFilter = {}
): readonly StoreAlarm[] {
  const raised = replica.mvcc.alarms.list(member, alarm)
  if (alarm !== undefined && alarm !== 'noSpace') return raised
  const full = membersWithoutRoom(ctx, replica).filter(one => member === undefined || one === member)
  const others = full.filter(one => !raised.some(known => known.member === one && known.alarm === 'noSpace'))
  return [...raised, ...others.map(one => ({ member: one, alarm: 'noSpace' as const }))]
}

/** This member's own, as it shows them. */
export function ownAlarms(self: string, { mvcc: { alarms }, room }: Replica): string {
  if (alarms.size === 0) return room.isFull ? alarmNames.noSpace : ''
  const raised = alarms.list(self).map(({ alarm }) => alarm)
  return [...new Set(room.isFull ? [...raised, 'noSpace' as const] : raised)].map(alarm => alarmNames[alarm]).join()
}
