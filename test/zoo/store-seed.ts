// Store seed: a run of one of the workloads on the store, in turn by seed, or of `membership`, for the zoo.

import { runSeed as run } from '../../bin/store-seed.js'
import type { StorePlan, WorkloadName } from '../../lib/chaos/index.js'
import type { Finding } from './habitats.js'

const workloads: readonly WorkloadName[] = ['kv', 'txn', 'watch']

export const runSeed = (seed: number, plan: Partial<StorePlan>): Finding =>
  run(seed, {
    workload: plan.movesEveryMs === undefined ? (workloads[seed % workloads.length] as WorkloadName) : 'membership',
    options: { plan }
  })
