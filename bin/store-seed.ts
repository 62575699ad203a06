// Store seed: one run of a workload on the store, for a pool of threads (lib/host/seed-pool.ts) to call by name.

import { load } from '../actors/roster.js'
import { perform, type RunListener, type SeedAnswer, type SeedOrder } from '../lib/chaos/index.js'
import { wireCopy } from './wire-copy.js'

const store = await load('store')

export const runSeed = (seed: number, order: SeedOrder, logged?: RunListener): SeedAnswer =>
  perform({ store: { store, wireCopy } }, seed, order, logged)
