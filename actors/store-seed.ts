// Store seed: one run of the store's workload, for a pool of threads (lib/host/seed-pool.ts) to call by name.

import { type RunResult, runStore, type StorePlan } from '../lib/chaos/index.js'
import { store } from './store.js'

export const storeSeed = (seed: number, overrides?: Partial<StorePlan>, logged?: Parameters<typeof runStore>[3]): RunResult =>
  runStore(seed, { store }, overrides, logged)
