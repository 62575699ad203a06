// Order: one run as a pool of threads is asked for it, and what it hands back: plain data both.

import type { ApiHistory, AuthHistory, History, LeaseHistory } from '../check/index.js'
import type { ClusterCast } from './cluster-cast.js'
import type { RunListener, RunOptions, RunResult, StoreCast } from './run.js'
import { type WorkloadName, workloads } from './workloads.js'

export interface SeedOrder {
  readonly workload: WorkloadName
  readonly options: RunOptions
  /** Hands back what clients saw, too. */
  readonly history?: boolean
}

export interface SeedAnswer extends RunResult {
  readonly history?: History
  /** Of a whole cluster, whose clients see no store. */
  readonly api?: ApiHistory
  /** Of clients whose leases are what it is about. */
  readonly leases?: LeaseHistory
  /** Of those who have users and roles. */
  readonly auth?: AuthHistory
  /** Its end was a time in which nothing failed. */
  readonly isQuiet?: boolean
  readonly compactsByItself?: boolean
}

export interface Casts {
  readonly store?: StoreCast
  readonly cluster?: ClusterCast
}

export function perform(casts: Casts, seed: number, order: SeedOrder, logged?: RunListener): SeedAnswer {
  const workload = workloads[order.workload]
  const { result, history, api, leases, auth, isQuiet, compactsByItself } = run(casts, workload, seed, order.options, logged)
  if (order.history === true && api !== undefined) return { ...result, isQuiet: isQuiet === true, api: plain(api) }
  if (order.history === true && leases !== undefined) return { ...result, leases }
  const seen = auth === undefined ? {} : { auth }
  if (order.history !== true || history === undefined) return result
  return { ...result, ...seen, compactsByItself, history: { operations: history.operations, watches: history.watches } }
}

/** What crosses threads. */
const plain = ({ operations, sessions, written, lived, store }: ApiHistory): ApiHistory => ({ operations, sessions, written, lived, store })

function run(casts: Casts, workload: (typeof workloads)[WorkloadName], seed: number, options: RunOptions, logged?: RunListener) {
  if (workload.cast === 'store' && casts.store !== undefined) return workload.run(seed, casts.store, options, logged)
  if (workload.cast === 'cluster' && casts.cluster !== undefined) return workload.run(seed, casts.cluster, options, logged)
  throw new Error(`workload ${workload.name} needs the ${workload.cast}, which is not here`)
}
