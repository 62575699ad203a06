// Cluster seed: one run of a workload on the whole cluster, for a pool of threads (lib/host/seed-pool.ts) to call by name.
//
// The same plan and the same roster as `kabuki up`; what is generated at build time is read here, once a thread.

import { existsSync, readFileSync } from 'node:fs'
import { defaultShape, plan } from '../actors/plan.js'
import { find, loadAll } from '../actors/roster.js'
import { type ClusterCast, perform, type RunListener, type SeedAnswer, type SeedOrder } from '../lib/chaos/index.js'
import { wireCopy } from './wire-copy.js'

const file = new URL('../resources/schemas.json', import.meta.url)
if (!existsSync(file)) throw new Error(`${file.pathname} is missing: \`npm run build\` makes it`)

await loadAll()

const ground = {
  clusterId: 'simulated',
  podOctet: 10,
  serviceOctet: 96,
  manyLoopbacks: true,
  apiPort: 6443,
  tls: { certPem: '', keyPem: '', clientCaPem: '' }
}

export const cast: ClusterCast = {
  supervisor: find('supervisor'),
  wireCopy,
  plan: shape => plan({ ...defaultShape, ...shape }, ground).machines,
  resources: new Map([['schemas.json', new Uint8Array(readFileSync(file))]])
}

export const runSeed = (seed: number, order: SeedOrder, logged?: RunListener): SeedAnswer => perform({ cluster: cast }, seed, order, logged)
