// Store seed: one run of a workload on the store, for a pool of threads (lib/host/seed-pool.ts) to call by name.

import { perform, type RunListener, type SeedAnswer, type SeedOrder } from '../lib/chaos/index.js'
import { store } from './store.js'

export const runSeed = (seed: number, order: SeedOrder, logged?: RunListener): SeedAnswer =>
  perform({ store: { store } }, seed, order, logged)
