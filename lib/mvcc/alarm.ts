// Alarms: what all members agree is wrong with one of them, until a person says that it is no more. While one is raised the
// store refuses what could make it worse: etcd's alarms NOSPACE and CORRUPT.

import type { Command, Op } from './command.js'
import { type Failure, failed } from './key-value.js'

export const alarmTypes = ['noSpace', 'corrupt'] as const
export type AlarmType = (typeof alarmTypes)[number]

export interface Alarm {
  readonly member: string
  readonly alarm: AlarmType
}

export class Alarms {
  readonly #raised: Alarm[] = []

  get size(): number {
    return this.#raised.length
  }

  has(alarm: AlarmType): boolean {
    return this.#raised.some(raised => raised.alarm === alarm)
  }

  /** In the order in which they were raised. Without a member or an alarm: of all. */
  list(member?: string, alarm?: AlarmType): Alarm[] {
    return this.#raised.filter(raised => isOf(raised, member, alarm))
  }

  raise(member: string, alarm: AlarmType): Alarm {
    const raised = this.list(member, alarm)[0] ?? { member, alarm }
    if (!this.#raised.includes(raised)) this.#raised.push(raised)
    return raised
  }

  lower(member: string | undefined, alarm: AlarmType | undefined): Alarm[] {
    const lowered = this.list(member, alarm)
    const left = this.#raised.filter(raised => !lowered.includes(raised))
    this.#raised.splice(0, this.#raised.length, ...left)
    return lowered
  }

  /** Why a command must not happen now. Of a corrupt store nothing may change; of a full one nothing may grow. */
  misfit(command: Command): Failure | undefined {
    if (this.has('corrupt') && changes(command)) return failed('corrupt')
    return this.has('noSpace') && grows(command) ? failed('noSpace') : undefined
  }
}

/** As etcd's kvOverhead and leaseOverhead, about. */
const recordBytes = 128

const isOf = (raised: Alarm, member: string | undefined, alarm: AlarmType | undefined): boolean =>
  (member === undefined || raised.member === member) && (alarm === undefined || raised.alarm === alarm)

const grows = (command: Command): boolean =>
  command.type === 'put' || command.type === 'leaseGrant' || (command.type === 'txn' && hasOp(command, op => op.type === 'put'))

function changes(command: Command): boolean {
  if (command.type === 'txn') return hasOp(command, op => op.type === 'put' || op.type === 'delete')
  return command.type !== 'alarm' && command.type !== 'leaseCheckpoint' && command.type !== 'auth' // As etcd.
}

/** What a command may add to the keyspace, in bytes; 0: it does not grow. A lease counts as a record of etcd does. */
export function costOf(command: Command): number {
  if (command.type === 'leaseGrant') return recordBytes
  if (command.type === 'put') return costOfOp(command)
  return command.type === 'txn' ? costOfOp(command) : 0
}

/** Of the branch that costs more. */
function costOfOp(op: Op): number {
  if (op.type === 'put') return recordBytes + op.key.length + op.value.length
  if (op.type !== 'txn') return 0
  const sum = (ops: readonly Op[]): number => ops.reduce((bytes, one) => bytes + costOfOp(one), 0)
  return Math.max(sum(op.success), sum(op.failure))
}

/** In either branch, however deep. etcd looks at the outermost puts only, and so lets those of nested transactions pass. */
function hasOp(
  { success, failure }: { readonly success: readonly Op[]; readonly failure: readonly Op[] },
  is: (op: Op) => boolean
): boolean {
  const holds = (op: Op): boolean => (op.type === 'txn' ? hasOp(op, is) : is(op))
  return success.some(holds) || failure.some(holds)
}
