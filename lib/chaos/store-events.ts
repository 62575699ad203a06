// Store events: what a run of the store exercised, counted in what clients saw and in what members said of themselves.

import { type Operation, performed } from '../check/index.js'
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
  'minority left behind',
  '1 member',
  '3 members',
  '5 members'
] as const
export type StoreEventName = (typeof storeEvents)[number]

export function countEvents(
  { members }: StorePlan,
  operations: readonly Operation[],
  watchers: readonly StoreWatcher[]
): Partial<Record<StoreEventName, number>> {
  const count = (has: (operation: Operation) => boolean): number => operations.filter(has).length
  const sum = (of: (watcher: StoreWatcher) => number): number => watchers.reduce((all, watcher) => all + of(watcher), 0)
  const compared = (succeeded: boolean): number =>
    count(({ kind, ...own }) => {
      if (kind !== 'txn' || own.outcome?.ok !== true) return false
      const { txn, outcome } = own as Extract<Operation, { kind: 'txn' }>
      return txn.compares.length > 0 && outcome?.ok === true && outcome.value.succeeded === succeeded
    })
  return {
    'indefinite write': count(({ kind, outcome }) => kind === 'txn' && (outcome === undefined || (!outcome.ok && !outcome.error.definite))),
    'compare held': compared(true),
    'compare failed': compared(false),
    'nested transaction': count(operation => operation.kind === 'txn' && hasNested(operation)),
    'sorted range': count(operation => operation.kind === 'range' && isSorted(operation)),
    'several keys written': count(operation => operation.kind === 'txn' && writesOf(operation) > 1),
    compaction: count(({ kind, outcome }) => kind === 'compact' && outcome?.ok === true),
    'watch resumed': sum(({ resumed }) => resumed),
    'watch compacted': sum(({ compacted }) => compacted),
    'watch failed': sum(({ failed }) => failed),
    'watch roamed': sum(({ roamed }) => roamed),
    'watch slow': sum(({ paused }) => paused),
    [`${members.length} member${members.length === 1 ? '' : 's'}` as '3 members']: 1
  }
}

function writesOf({ txn, outcome }: Extract<Operation, { kind: 'txn' }>): number {
  if (outcome?.ok !== true) return 0
  return [...performed(txn, outcome.value)].filter(([{ type }]) => type !== 'range').length
}

const hasNested = ({ outcome }: Extract<Operation, { kind: 'txn' }>): boolean =>
  outcome?.ok === true && outcome.value.results.some(({ type }) => type === 'txn')

const isSorted = ({ query, outcome }: Extract<Operation, { kind: 'range' }>): boolean =>
  outcome?.ok === true && query.sortTarget !== undefined
