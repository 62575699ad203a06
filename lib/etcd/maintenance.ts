// Maintenance: Status, Hash, HashKV, Alarm, MoveLeader, Defragment.

import { alarmNames, type StoreAlarm, type StoreAlarmType } from '../storage/index.js'
import { addressOf } from './cluster.js'
import { faults } from './errors.js'
import type { Gateway } from './gateway.js'
import { Fault, faultOf, type Unary } from './method.js'

/** Of etcd's API that this is; what follows the plus says that it is not etcd. */
const version = '3.5.0+kabuki'
const alarmTypes = [undefined, 'noSpace', 'corrupt'] as const
const actions = ['get', 'activate', 'deactivate'] as const

export const maintenance: Readonly<Record<string, Unary>> = {
  *Status(gateway, _request: object, call) {
    const answer = yield* gateway.ask(call, 'read', 'status')
    if (!answer.ok) return faultOf(answer.error)
    const { leader, term, raftIndex, appliedIndex, revision, dbBytes, dbBytesInUse, isLearner, alarms, errors } = answer.value
    return {
      header: { ...gateway.header(revision), raftTerm: term },
      version,
      dbSize: dbBytes,
      leader: leader === null ? 0n : gateway.idOf(leader),
      raftIndex,
      raftTerm: term,
      raftAppliedIndex: appliedIndex,
      errors: [...errors, ...alarms.map(alarm => alarmText(gateway, alarm))],
      dbSizeInUse: dbBytesInUse,
      isLearner
    }
  },
  *Hash(gateway, _request: object, call) {
    const answer = yield* gateway.ask(call, 'read', 'hash', { revision: 0 })
    return answer.ok ? { header: gateway.header(answer.value.revision), hash: answer.value.hash } : faultOf(answer.error)
  },
  *HashKV(gateway, { revision }: { revision: number }, call) {
    const answer = yield* gateway.ask(call, 'read', 'hash', { revision: Math.max(0, revision) })
    if (!answer.ok) return faultOf(answer.error)
    const { hash, revision: at, compactRevision } = answer.value
    return { header: gateway.header(at), hash, compactRevision }
  },
  *Alarm(gateway, { action, memberID, alarm }: { action: number; memberID: bigint; alarm: number }, call) {
    const what = actions[action] ?? 'get'
    const type: StoreAlarmType | undefined = alarmTypes[alarm]
    let member: string | undefined
    if (memberID !== 0n) {
      const members = yield* gateway.ask(call, 'read', 'members')
      if (!members.ok) return faultOf(members.error)
      member = addressOf(gateway, members.value, memberID)
      if (member === undefined) return new Fault(faults.memberNotFound)
    }
    const request = { action: what, ...(member === undefined ? {} : { member }), ...(type === undefined ? {} : { alarm: type }) }
    const answer = yield* gateway.ask(call, what === 'get' ? 'read' : 'write', 'alarms', request)
    if (!answer.ok) return faultOf(answer.error)
    const alarms = answer.value.alarms.map(one => ({ memberID: gateway.idOf(one.member), alarm: one.alarm === 'noSpace' ? 1 : 2 }))
    return { header: gateway.header(answer.value.revision), alarms }
  },
  *MoveLeader(gateway, { targetID }: { targetID: bigint }, call) {
    const admitted = yield* gateway.ask(call, 'read', 'admit', { need: 'root' })
    if (!admitted.ok) return faultOf(admitted.error)
    if (gateway.leader !== gateway.store) return new Fault(faults.notLeader)
    const members = yield* gateway.ask(call, 'read', 'members')
    if (!members.ok) return faultOf(members.error)
    const to = addressOf(gateway, members.value, targetID)
    if (to === undefined) return new Fault(faults.badTransferee)
    const answer = yield* gateway.ask(call, 'write', 'transferLeadership', { to })
    return answer.ok ? { header: gateway.header(gateway.revisionKnown) } : faultOf(answer.error)
  },
  /** The state is in memory, where nothing is left behind that could be given back: what is asked for always holds. */
  *Defragment(gateway, _request: object, call) {
    const answer = yield* gateway.ask(call, 'read', 'admit', { need: 'root' })
    return answer.ok ? { header: gateway.header(answer.value.revision) } : faultOf(answer.error)
  }
}

/** As etcd's: a message in protobuf's compact text, with a space behind it. */
const alarmText = (gateway: Gateway, { member, alarm }: StoreAlarm): string =>
  `memberID:${gateway.idOf(member)} alarm:${alarmNames[alarm]} `
