// Store workload: what a workload on the store is: what it asks of it, and which events it is for. All else is shared.

import { crc32c, type Random } from '../std/index.js'
import type { Run, RunListener, RunOptions, StoreCast } from './run.js'
import { type StoreEventName, storeEvents } from './store-events.js'
import { type StoreDemand, storeFaults, storeForMs, storePlan } from './store-plan.js'
import { StoreRun } from './store-run.js'
import type { Workload } from './workload.js'

export interface StoreWorkload extends Workload {
  readonly cast: 'store'
  /** A run as the seed says. The same seed gives the same run, while nothing in it is changed. */
  run(seed: number, cast: StoreCast, options?: RunOptions, logged?: RunListener): Run
}

export const storeWorkload = (own: {
  readonly name: string
  readonly what: string
  readonly demand: (random: Random) => StoreDemand
  readonly wanted: readonly StoreEventName[]
}): StoreWorkload => ({
  name: own.name,
  what: own.what,
  cast: 'store',
  forMs: storeForMs,
  forMsMin: 500,
  faults: storeFaults,
  events: storeEvents,
  wanted: [...own.wanted, 'minority left behind', '1 member', '3 members', '5 members'],
  run: (seed, cast, options = {}, logged) => new StoreRun(storePlan(seed, saltOf(own.name), own.demand, options), cast, logged).run()
})

const saltOf = (name: string): number => crc32c(new TextEncoder().encode(name)) | 0
