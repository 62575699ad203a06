// Result: what came of a run, as plain data that crosses threads.

import type { AnyActor } from '../actor/index.js'
import type { Violation } from '../check/index.js'

/** What a run should exercise; a workload that never does proves little. */
export const storeEvents = [
  'election', // Beyond the first.
  'follower snapshot',
  'torn tail',
  'indefinite write',
  'doubt resolved', // An indefinite write that took effect.
  'watch resumed',
  'watch compacted',
  'damaged log',
  'rejoin',
  'full disk',
  'failed disk',
  'snapshot',
  'compaction'
] as const
export type StoreEventName = (typeof storeEvents)[number]

/** Of these each must occur in a share of seeds. */
export const storeEventsWanted: readonly StoreEventName[] = [
  'election',
  'follower snapshot',
  'torn tail',
  'indefinite write',
  'watch resumed',
  'rejoin'
]

export interface RunResult {
  readonly seed: number
  readonly members: number
  readonly violations: readonly Violation[]
  /** Why something could not be decided: not a pass. */
  readonly unknown: string | undefined
  readonly events: Readonly<Record<StoreEventName, number>>
  readonly troubles: readonly string[]
  readonly operations: number
  readonly acknowledged: number
  readonly inDoubt: number
  readonly revisionLast: number
  readonly recoveredMs: number
  readonly virtualMs: number
  readonly traceHash: string
}

/** The actors under test: passed in, since what thinks does not import the cast. */
export interface StoreCast {
  readonly store: AnyActor
}
