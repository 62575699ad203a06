// Store events: what a run of the store exercised, counted in what clients saw and in what members said of themselves.

import { type Operation, performed, type TxnOperation } from '../check/index.js'
import type { StoreTxn, StoreTxnAnswer } from '../storage/index.js'
import type { StorePlan } from './store-plan.js'
import type { StoreWatcher } from './store-watcher.js'

export const storeEvents = [
  'election', // Beyond the first.
  'follower snapshot',
  'torn tail',
  'indefinite write',
  'doubt resolved', // An indefinite write that took effect.
  'compare held',
  'compare failed',
  'several keys written', // By one transaction.
  'nested transaction', // That happened.
  'sorted range',
  'alarm raised', // By a client.
  'watch resumed',
  'watch compacted',
  'watch failed', // Ended, but not by who watched.
  'watch roamed', // Went on at another member of its own will.
  'watch slow', // Did not read for a while.
  'damaged log',
  'rejoin',
  'member added',
  'member promoted',
  'member removed',
  'member demoted',
  'membership joint',
  'members replaced', // Several at once: the joint membership is left.
  'election while joint',
  'leadership moved',
  'full disk',
  'hand-over',
  'failed disk',
  'snapshot',
  'compaction',
  'lease renewed',
  'lease renewed after failover',
  'lease revoked', // By a client.
  'lease expired',
  'lease told gone',
  'lease checkpointed',
  'leases taken over', // By a new leader.
  'auth changed', // By a change that was acknowledged.
  'auth change in doubt resolved', // That took effect.
  'auth turned off',
  'password changed',
  'denied write',
  'denied read',
  'denied administration',
  'rights taken while used', // Taken while a request about keys was under way.
  'rights looked up too early', // They changed before the request was applied.
  'token forgotten', // By a member that started again, or ended.
  'wrong password',
  'nobody refused', // Who showed nothing.
  'minority left behind',
  '1 member',
  '3 members',
  '5 members'
] as const
export type StoreEventName = (typeof storeEvents)[number]

/** Of changes of members, by their kind. */
export const changeEvents: Readonly<Record<string, StoreEventName>> = {
  addLearner: 'member added',
  addVoter: 'member added',
  promote: 'member promoted',
  remove: 'member removed',
  joint: 'membership joint',
  leave: 'members replaced',
  demote: 'member demoted'
}

/** Of what members say of themselves, where nothing but that they say it matters. */
export const saidEvents: ReadonlyMap<string, StoreEventName> = new Map<string, StoreEventName>([
  ['snapshot installed', 'follower snapshot'],
  ['snapshot taken', 'snapshot'],
  ['torn tail cut', 'torn tail'],
  ['disk full', 'full disk'],
  ['hands over', 'hand-over'],
  ['leases taken over', 'leases taken over'],
  ['rejoined', 'rejoin']
])

export function countEvents(
  { members }: StorePlan,
  operations: readonly Operation[],
  watchers: readonly StoreWatcher[]
): Partial<Record<StoreEventName, number>> {
  const sum = (of: (watcher: StoreWatcher) => number): number => watchers.reduce((all, watcher) => all + of(watcher), 0)
  return {
    ...countOperations(operations),
    'watch resumed': sum(({ resumed }) => resumed),
    'watch compacted': sum(({ compacted }) => compacted),
    'watch failed': sum(({ failed }) => failed),
    'watch roamed': sum(({ roamed }) => roamed),
    'watch slow': sum(({ paused }) => paused),
    [`${members.length} member${members.length === 1 ? '' : 's'}` as '3 members']: 1
  }
}

type Counts = ReturnType<typeof noneSoFar>

const noneSoFar = () => ({
  'indefinite write': 0,
  'compare held': 0,
  'compare failed': 0,
  'nested transaction': 0,
  'sorted range': 0,
  'several keys written': 0,
  compaction: 0
})

function countOperations(operations: readonly Operation[]): Counts {
  const counts = noneSoFar()
  for (const operation of operations) {
    const { outcome } = operation
    if (operation.kind === 'txn') countTxn(operation, counts)
    else if (outcome?.ok !== true) continue
    else if (operation.kind === 'compact') counts.compaction++
    else if (operation.kind === 'range' && operation.query.sortTarget !== undefined) counts['sorted range']++
  }
  return counts
}

function countTxn({ txn, outcome }: TxnOperation, counts: Counts): void {
  if (outcome?.ok !== true) {
    if (outcome?.error.definite !== true) counts['indefinite write']++
    return
  }
  const { succeeded, results } = outcome.value
  if (txn.compares.length > 0) counts[succeeded ? 'compare held' : 'compare failed']++
  if (results.some(({ type }) => type === 'txn')) counts['nested transaction']++
  if (writesOf(txn, outcome.value) > 1) counts['several keys written']++
}

function writesOf(txn: StoreTxn, answer: StoreTxnAnswer): number {
  let writes = 0
  for (const [{ type }] of performed(txn, answer)) if (type !== 'range') writes++
  return writes
}
