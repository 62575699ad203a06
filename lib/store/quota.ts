// Quota: how much the keyspace of a store may hold: etcd's --quota-backend-bytes.
//
// Over it the leader refuses what would add to it, definitely, and raises the alarm NOSPACE in its own name. The alarm is in the log and
// lasts until it is lowered: then every member refuses so, whatever there is room for again. Deletes and compactions pass.
// Bytes are those of all versions that can still be read: they shrink by compaction, without defragmentation.

import type { Refusal } from '../actor/index.js'
import { type Command, costOf, type Mvcc } from '../mvcc/index.js'
import { refusalOf } from './answers.js'
import type { Replica } from './replica.js'
import { noSpaceLeft } from './room.js'

/** As etcd's default. */
export const quotaBytesDefault = 2 * 2 ** 30

export interface Quota {
  readonly bytesMax: number
  /** The term in which this leader proposed the alarm that is not applied yet. */
  raisingTerm: number
}

export const newQuota = (bytesMax: number): Quota => ({ bytesMax, raisingTerm: 0 })

/** Why a leader does not take a command. `raise` proposes the alarm. */
export function misfitOfQuota(
  { quota, mvcc, commands, raft }: Pick<Replica, 'quota' | 'mvcc' | 'commands' | 'raft'>,
  command: Command,
  raise: () => void
): Refusal | undefined {
  const barred = barredBy(mvcc, command)
  if (barred !== undefined) return barred
  const cost = costOf(command)
  if (cost === 0 || mvcc.keyspace.bytes + commands.bytes + cost <= quota.bytesMax) return undefined
  if (quota.raisingTerm !== raft.term) {
    quota.raisingTerm = raft.term
    raise()
  }
  return noSpaceLeft()
}

/** It would be refused once applied: it need not enter the log. */
function barredBy({ alarms }: Mvcc, command: Command): Refusal | undefined {
  const misfit = alarms.size === 0 ? undefined : alarms.misfit(command)
  return misfit === undefined ? undefined : refusalOf(misfit)
}
