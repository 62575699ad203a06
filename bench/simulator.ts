// simulator: how fast simulated time passes, on one core: the workloads of `kabuki sim` without faults, with what they record and
// check, in a thread of the pool that runs them there.

import { type ClusterRunPlan, type SeedAnswer, type SeedOrder, type StorePlan, type WorkloadName, workloads } from '../lib/chaos/index.js'
import { SeedPool } from '../lib/host/seed-pool.js'
import { median } from './measure.js'
import type { Figure, Scenario } from './scenario.js'

const rounds = 7 // Each of a seed of its own: what they draw differs.
const repeats = 2 // Others on the machine slow a run down, by the caches they share, and never speed it up: the faster one counts.
const warmUps = 12 // In a search V8 has long compiled what runs: for that it takes some ten runs, the first of which has a third of the speed.
const storeForMs = 60_000
const clusterForMs = 60_000

/** Clients wait for answers between their requests: a little more is asked for than is to come about. */
const storePlan: Partial<StorePlan> = {
  members: ['control-0/store', 'control-1/store', 'control-2/store'],
  clients: 8,
  readers: 0,
  watchers: 0,
  keys: 32,
  valueBytesMax: 256,
  perSecond: 215,
  args: { clusterId: 'bench' }
}

/** Six deployments of five pods, changed now and then; most writes are of config maps. The stores have the limits of use. */
const clusterPlan: Partial<ClusterRunPlan> = {
  users: 6,
  deploymentsMax: 1,
  replicasMin: 5,
  replicasMax: 5,
  mix: { deployment: 0.3, service: 0.7, own: 14, count: 4, share: 3, list: 0.5, get: 0.5 },
  thinkMs: 110,
  timeoutMs: 10_000,
  syncUs: 500,
  args: {}
}
const shape: Partial<ClusterRunPlan['shape']> = {
  nodes: 3,
  stores: 3,
  apiservers: 1,
  controllerManagers: 1,
  schedulers: 1,
  runtime: 'simulated',
  unknownImages: 'simulate',
  nodeGraceMs: 40_000
}

interface Round {
  readonly ratio: number
  readonly answer: SeedAnswer
  readonly events: number
}

async function roundsOf(workload: WorkloadName, forMs: number, plan: object): Promise<Round[]> {
  const module = new URL(`../bin/${workloads[workload].cast}-seed.js`, import.meta.url).href
  const order: SeedOrder = { workload, options: { forMs, faults: [], plan } }
  const pool = new SeedPool({ threads: 1 })
  const one = async (seed: number): Promise<Round> => {
    const before = process.cpuUsage()
    const answer = await pool.run<SeedAnswer>({ module, seed, order })
    const { user, system } = process.cpuUsage(before)
    const seconds = (user + system) / 1e6 // Processor time of all threads.
    if (answer.violations.length > 0) throw new Error(`seed ${seed} breaks a promise: ${answer.violations[0]?.guarantee}`)
    return { answer, ratio: answer.virtualMs / 1e3 / seconds, events: answer.envelopes / seconds }
  }
  const done: Round[] = []
  for (let seed = 1; seed <= warmUps; seed++) await one(seed)
  for (let seed = warmUps + 1; seed <= warmUps + rounds; seed++) {
    let best = await one(seed)
    for (let again = 1; again < repeats; again++) {
      const round = await one(seed)
      if (round.ratio > best.ratio) best = round
    }
    done.push(best)
  }
  await pool.close()
  return done
}

const figureOf = (name: string, all: readonly Round[], also: (answer: SeedAnswer, seconds: number) => Record<string, number>): Figure => {
  const { answer } = all.at(-1) as Round
  return { name, unit: ': 1', value: median(all.map(({ ratio }) => ratio)), also: also(answer, answer.virtualMs / 1e3) }
}

export const simulator: Scenario = {
  name: 'simulator',
  what: 'virtual time to processor time, one core: kv at 200 operations, a whole cluster at 20 writes a virtual second and 30 pods',
  marks: [
    { figure: 'kv', at: 'least', value: 100 },
    { figure: 'whole cluster', at: 'least', value: 30 }
  ],
  async run() {
    const kv = await roundsOf('kv', storeForMs, storePlan)
    const cluster = await roundsOf('kubernetes', clusterForMs, { ...clusterPlan, shape })
    return [
      figureOf('kv', kv, answer => ({ operationsPerVirtualSecond: answer.operations / (storeForMs / 1e3), members: answer.members })),
      { name: 'events of kv', unit: 'per s of processor', value: median(kv.map(({ events }) => events)) },
      figureOf('whole cluster', cluster, (answer, seconds) => ({
        userWritesPerVirtualSecond: answer.acknowledged / seconds,
        storeWritesPerVirtualSecond: answer.revisionLast / seconds,
        pods: answer.podsMax
      })),
      { name: 'events of a whole cluster', unit: 'per s of processor', value: median(cluster.map(({ events }) => events)) }
    ]
  }
}
