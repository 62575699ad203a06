// Side run: the part of a run of the store that is about more than keys: who else asks, and what came of it.

import type { LeaderFact, Violation } from '../check/index.js'
import type { Pending, Strike } from '../sim/index.js'
import type { Run } from './run.js'
import type { StoreEventName } from './store-events.js'

export interface SideRun {
  /** Its clients, on that machine. */
  start(machine: string): Pending<void>[]
  /** All has recovered, and nobody else asks any more: what is left to be looked at. */
  finish(): void
  /** `steadyUs`: everything had recovered by then; undefined: that was never so. */
  judge(steadyUs: number | undefined, leaders: readonly LeaderFact[], strikes: readonly Strike[]): SideVerdict
  readonly operations: readonly unknown[]
  events(leaders: readonly LeaderFact[]): Partial<Record<StoreEventName, number>>
  /** Revisions come about that no client claims. */
  readonly isPartial: boolean
}

export interface SideVerdict {
  readonly violations: readonly Violation[]
  readonly unknown?: string | undefined
  /** What clients saw. */
  readonly seen: Pick<Run, 'leases' | 'auth'>
}

/** What a workload demands of the clients of keys that is about something else: none. */
export const onlyAside = {
  clients: 0,
  readers: 0,
  watchers: 0,
  keys: 1,
  valueBytesMax: 8,
  mix: {
    put: 1,
    compareAndSwap: 0,
    txn: 0,
    multi: 0,
    delete: 0,
    range: 0,
    oldRange: 0,
    serializable: 0,
    revision: 0,
    compact: 0,
    nested: 0,
    sortedRange: 0,
    alarm: 0
  },
  watcherMix: { narrow: 0, slow: 0, roaming: 0, fromStart: 1 },
  perSecond: 1
}
