// Store: the whole verdict on a history of operations and watches.

import { timeOf } from './excerpt.js'
import { checkFacts } from './facts.js'
import { guarantees, type Violation, violation } from './guarantee.js'
import type { History, WatchRecord } from './history.js'
import { checkOperations, searchStepsMax } from './linearizability.js'
import { checkCompacted, checkSerializable } from './order.js'
import { checkWatches, observe } from './watch.js'
import { checkStream } from './watch-stream.js'

export interface StoreVerdict {
  readonly violations: readonly Violation[]
  /** What could not be decided. Not a pass. */
  readonly unknown: string | undefined
  readonly revisionLast: number
  readonly doubtsResolved: number
}

export interface StoreQuestion {
  readonly history: History
  /** The watches that see every key, on which the history is rebuilt. */
  readonly isWhole: (watch: WatchRecord) => boolean
  /** No revision from here on may be compacted. Infinity: the store compacts by itself. */
  readonly compactedMax: number
  /** Of an open watch at the end of a quiet time: it must have seen everything. */
  readonly isQuiet: boolean
}

export function checkStore({ history, isWhole, compactedMax, isQuiet }: StoreQuestion): StoreVerdict {
  const { operations, watches, partial } = history
  if (partial === true) return { violations: checkFacts(history), unknown: undefined, revisionLast: 0, doubtsResolved: 0 }
  const streams = new Map(watches.map(watch => [watch, checkStream(watch)]))
  const sound = watches.filter(watch => streams.get(watch) === undefined)
  const observed = observe(sound, isWhole)
  const verdict = checkOperations(operations, observed.events, observed.sights, searchStepsMax, observed.hints)
  const { model, revisionLast, unknown, doubtsResolved } = verdict
  const broken = [...streams.values()].filter(found => found !== undefined)
  const violations = [...broken, ...observed.violations, ...checkSerializable(operations), ...verdict.violations]
  violations.push(...checkCompacted(operations, compactedMax === Number.POSITIVE_INFINITY))
  // Without a history there is nothing to compare watches with.
  if (violations.length === 0 && unknown === undefined) {
    violations.push(...checkWatches(watches, { model, revisionLast, compactedMax }))
    if (isQuiet) violations.push(...checkCaughtUp(watches, isWhole, revisionLast))
  }
  // What no search could decide may still contradict itself.
  if (violations.length === 0 && unknown !== undefined) violations.push(...checkFacts(history))
  return { violations, unknown: violations.length > 0 ? undefined : unknown, revisionLast, doubtsResolved }
}

function checkCaughtUp(watches: readonly WatchRecord[], isWhole: (watch: WatchRecord) => boolean, revisionLast: number): Violation[] {
  return (
    watches
      // One from now on knows of no revision before its first event.
      .filter(({ request, batches }) => request.startRevision > 0 || batches.length > 0)
      .filter(watch => watch.ended === undefined && isWhole(watch))
      .filter(({ batches, request }) => Math.max(request.startRevision - 1, batches.at(-1)?.revision ?? 0) < revisionLast)
      .map(({ client, to, request, openedUs, batches }) =>
        violation(
          guarantees.watchCaughtUp,
          `${client} > ${to} from revision ${request.startRevision}, opened at ${timeOf(openedUs)}, is at revision ${batches.at(-1)?.revision ?? 0} of ${revisionLast}`
        )
      )
  )
}
