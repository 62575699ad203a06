// The whole cluster under the simulator: the journey's faults over many seeds. `KABUKI_SIM_SEEDS` asks for more of them.

import { readFileSync } from 'node:fs'
import t from 'tap'
import { clusterSeed } from '../../bin/cluster-seed.js'
import { type ClusterResult, clusterEvents, clusterEventsWanted } from '../../lib/chaos/index.js'
import { runSeeds } from '../../lib/host/seed-pool.js'

const seedsCount = Number(process.env.KABUKI_SIM_SEEDS ?? 200)
const twiceShare = 0.1 // Of seeds that run a second time, in whatever thread.
const shareMin = 0.1 // Of seeds in which each of the wanted events occurs: else it is another workload than the one meant.
const regressions = (JSON.parse(readFileSync('test/regressions/seeds.json', 'utf8')) as { workload: string; seed: number }[])
  .filter(({ workload }) => workload === 'cluster')
  .map(({ seed }) => seed)

const seeds = Array.from({ length: seedsCount }, (_, at) => 1000 + at)
const twice = seeds.slice(0, Math.ceil(twiceShare * seedsCount))

t.test('no seed breaks a promise of the cluster, and seeds exercise what they are for', { timeout: 1_800_000 }, async t => {
  const results: ClusterResult[] = []
  const module = new URL('../../bin/cluster-seed.js', import.meta.url).href
  const all = [...seeds, ...regressions, ...twice]
  const failures = await runSeeds<ClusterResult>({ module, export: 'clusterSeed', seeds: all, threads: 2 }, ({ result }) => {
    results.push(result)
  })
  t.same(failures, [])
  t.equal(results.length, all.length)
  for (const { seed, violations } of results) {
    for (const { guarantee, excerpt } of violations) t.fail(`kabuki sim --seed ${seed}: ${guarantee}\n${excerpt}`)
  }
  for (const seed of twice) {
    const hashes = results.filter(result => result.seed === seed).map(({ traceHash }) => traceHash)
    t.equal(hashes.length, 2)
    t.equal(hashes[0], hashes[1], `seed ${seed} gives the same run, in whatever thread`)
  }
  for (const event of clusterEvents) {
    const share = results.filter(({ events }) => (events[event] ?? 0) > 0).length / results.length
    t.comment(`${event}: ${Math.round(100 * share)} % of seeds`)
    if (clusterEventsWanted.includes(event)) t.ok(share >= shareMin, `${event} in at least ${100 * shareMin} % of seeds`)
  }
  t.ok(
    results.every(({ troubles }) => troubles.length >= 3),
    'at least three kinds of fault each'
  )
})

t.test('a quiet run acknowledges all it is asked and brings back nothing', async t => {
  const { violations, acknowledged, inDoubt, events } = clusterSeed(1, { strikes: [], troubles: [], forMs: 20_000, calmMs: 5_000 })
  t.same(violations, [])
  t.equal(inDoubt, 0)
  t.ok(acknowledged > 20, `${acknowledged} writes`)
  t.notOk(events.eviction)
  t.notOk(events['controller failover'])
})

t.test('what has not become as asked for in time is told: hundreds of pods in a second', async t => {
  const { violations } = clusterSeed(3, { strikes: [], troubles: [], forMs: 8_000, calmMs: 2_000, recoveryMs: 1_000, replicasMax: 200 })
  t.match(violations[0]?.guarantee, /becomes what was asked for/)
})
