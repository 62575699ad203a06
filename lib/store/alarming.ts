// Alarming: what a client asks of the alarms, which all members agree on (lib/mvcc).

import { refuse } from '../actor/index.js'
import type { StoreAlarmRequest } from '../storage/index.js'
import { type HasReplica, type MemberTurn, starting, write } from './proposing.js'
import { confirmed } from './reading.js'

export const alarmHandlers = {
  alarms(ctx: MemberTurn, { replica }: HasReplica, { action, member, alarm }: StoreAlarmRequest): any {
    if (replica === undefined) return starting()
    switch (action) {
      case 'get':
        return confirmed(ctx, replica, later =>
          ctx.answer(later, { alarms: replica.mvcc.alarms.list(member, alarm), revision: replica.mvcc.revision })
        )
      case 'activate':
        if (member === undefined || alarm === undefined) return refuse('invalid', 'an alarm is raised of a member and of a type')
        return write(ctx, replica, { type: 'alarm', action, member, alarm })
      case 'deactivate':
        return write(ctx, replica, { type: 'alarm', action, member, alarm })
      default:
        return refuse('invalid', `unknown action ${String(action)}`)
    }
  }
}
