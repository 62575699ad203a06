// Cluster seed: a run of a whole cluster, for the zoo.

import { runSeed as run } from '../../bin/cluster-seed.js'
import type { ClusterRunPlan } from '../../lib/chaos/index.js'
import type { Finding } from './habitats.js'

export const runSeed = (seed: number, plan: Partial<ClusterRunPlan>): Finding => run(seed, { workload: 'kubernetes', options: { plan } })
