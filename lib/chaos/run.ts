// Run: what a run is told beside its seed, and what came of it, as plain data that crosses threads.

import type { AnyActor } from '../actor/index.js'
import type { ApiHistory, AuthHistory, History, LeaseHistory } from '../check/index.js'
import type { Handover, LogRecord, Strike } from '../sim/index.js'

/** What may be chosen of a run. All but the length only take away: whatever is left is as it was in the whole run. */
export interface RunOptions {
  /** How long anything may fail; of a whole cluster from its start to its end. Default: the workload's. */
  readonly forMs?: number
  /** Only these kinds of fault, and all of them. Default: what the seed draws. */
  readonly faults?: readonly string[]
  /** Of the strikes that fall due only these, by number. */
  readonly strikes?: readonly number[]
  /** So many of the clients, and of those who only watch. */
  readonly clients?: number
  readonly watchers?: number
  /** So many operations, of all clients together. */
  readonly operations?: number
  /** For tests: parts of the plan that are not the seed's. */
  readonly plan?: object
}

export interface RunViolation {
  readonly guarantee: string
  readonly excerpt: string
}

export interface RunResult {
  readonly seed: number
  /** Of the store. */
  readonly members: number
  readonly violations: readonly RunViolation[]
  /** Why something could not be decided: not a pass. */
  readonly unknown: string | undefined
  /** What it exercised, how often. */
  readonly events: Readonly<Record<string, number>>
  /** Kinds of fault that could befall it, and how often each did. */
  readonly troubles: readonly string[]
  readonly inflicted: Readonly<Record<string, number>>
  /** What befell it; empty of a run in which nothing is wrong. */
  readonly strikes: readonly Strike[]
  readonly clients: number
  readonly watchers: number
  readonly operations: number
  readonly acknowledged: number
  readonly inDoubt: number
  readonly revisionLast: number
  /** At once; 0 without a cluster. */
  readonly podsMax: number
  /** From the end of the last fault until everything had converged. */
  readonly recoveredMs: number
  readonly virtualMs: number
  readonly envelopes: number
  readonly traceHash: string
}

/** A run, and what clients of its store saw, or of the API of a whole cluster. */
export interface Run {
  readonly result: RunResult
  readonly history: History | undefined
  readonly api?: ApiHistory
  readonly leases?: LeaseHistory
  readonly auth?: AuthHistory
  /** Of the API's clients: nothing failed at the end, and watches could catch up. */
  readonly isQuiet?: boolean
  /** The store forgets by itself, and not only when it is asked. */
  readonly compactsByItself: boolean
}

export type RunListener = (record: LogRecord) => void

/** The actors under test: passed in, since what thinks does not import the cast. */
export interface StoreCast extends Handover {
  readonly store: AnyActor
}

export const isFailing = ({ violations, unknown }: RunResult): boolean => violations.length > 0 || unknown !== undefined

export function kindsOf(strikes: readonly Strike[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { kind } of strikes) counts[kind] = (counts[kind] ?? 0) + 1
  return counts
}
