// Auth seed: a run of the workload `auth`, for the zoo.

import { runSeed as run } from '../../bin/store-seed.js'
import type { StorePlan } from '../../lib/chaos/index.js'
import type { Finding } from './habitats.js'

export const runSeed = (seed: number, plan: Partial<StorePlan>): Finding => run(seed, { workload: 'auth', options: { plan } })
