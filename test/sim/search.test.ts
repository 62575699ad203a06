// Many seeds of every workload. `KABUKI_SIM_SEEDS` asks for that many instead of 400.

import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { type Lot, type LotFound, rareText, search } from '../../bin/search/search.js'
import { exercised } from '../../bin/search/summary.js'
import { commandOf, type RunOptions, type WorkloadName, workloads } from '../../lib/chaos/index.js'
import { SeedPool } from '../../lib/host/seed-pool.js'

const seedsCount = Number(process.env.KABUKI_SIM_SEEDS ?? 400)
const firstSeed = 1000
const twiceShare = 0.1 // Of seeds that run a second time, in whatever thread.
const names = Object.keys(workloads) as WorkloadName[]
/** Of the seeds, one to another: a whole cluster runs everything, and has the most to go wrong. */
const partOf = (workload: WorkloadName): number => (workloads[workload].cast === 'cluster' ? 6 : 1)
const partsSum = names.reduce((sum, name) => sum + partOf(name), 0)
const regressions = JSON.parse(readFileSync('test/regressions/seeds.json', 'utf8')) as {
  workload: WorkloadName
  seed: number
  options?: RunOptions
}[]
const modules = {
  store: new URL('../../bin/store-seed.js', import.meta.url).href,
  cluster: new URL('../../bin/cluster-seed.js', import.meta.url).href
}
const moduleOf = (workload: WorkloadName): string => modules[workloads[workload].cast]

function lotOf(workload: WorkloadName): Lot {
  const count = Math.ceil((seedsCount * partOf(workload)) / partsSum)
  const own = regressions.filter(row => row.workload === workload && row.options === undefined).map(({ seed }) => seed)
  return {
    workload,
    seeds: [...new Set([...Array.from({ length: count }, (_, at) => firstSeed + at), ...own])],
    twice: Math.ceil(twiceShare * count),
    options: {}
  }
}

/** Seeds that say more than their number. */
const others = regressions.flatMap(({ workload, seed, options }): Lot[] =>
  options === undefined ? [] : [{ workload, seeds: [seed], twice: 0, options }]
)

function judge(t: Test, { lot, results, crashed, rare }: LotFound): void {
  const { workload, options } = lot
  const say = (seed: number): string => commandOf({ workload, seed, options })
  t.equal(results.length + crashed.length, lot.seeds.length, 'every seed once')
  for (const { seed, violations, unknown } of results) {
    for (const { guarantee, excerpt } of violations) t.fail(`${say(seed)}: ${guarantee}\n${excerpt}`)
    if (unknown !== undefined) t.fail(`${say(seed)} is not decided: ${unknown}`)
  }
  for (const { seed, error } of crashed) t.fail(`${say(seed)}: ${error}`)
  for (const line of exercised({ lot, results, crashed, rare })) t.comment(line)
  t.same(rare.map(rareText), [])
}

t.test('no seed breaks a promise, equal seeds give equal runs, and seeds exercise what they are for', { timeout: 1_800_000 }, async t => {
  const pool = new SeedPool({ threads: 2 })
  t.teardown(() => pool.close())
  const { lots, processorMs, tookMs } = await search(pool, moduleOf, [...names.map(lotOf), ...others], () => {})
  t.comment(`${Math.round(processorMs / 1000)} s of processor time, ${Math.round(tookMs / 1000)} s`)
  t.equal(lots.length, names.length + others.length)
  for (const found of lots) await t.test(found.lot.workload, async t => judge(t, found))
})
