import { readFileSync } from 'node:fs'
import t from 'tap'
import { storeSeed } from '../../actors/store-seed.js'
import { type RunResult, type StoreEventName, storeEvents } from '../../lib/chaos/index.js'
import { runSeeds } from '../../lib/host/seed-pool.js'

const seedsCount = 40
const twice = [3, 17]
/** What at least every tenth run must exercise: else it is another workload than the one meant. */
const wanted: readonly StoreEventName[] = ['election', 'follower snapshot', 'torn tail', 'indefinite write', 'watch resumed', 'rejoin']
const shareMin = 0.1

const once = Array.from({ length: seedsCount }, (_, seed) => seed)
const regressions = (JSON.parse(readFileSync('test/regressions/seeds.json', 'utf8')) as { workload: string; seed: number }[])
  .filter(({ workload }) => workload === 'store')
  .map(({ seed }) => seed)
const seeds = [...new Set([...once, ...regressions])]

t.test('no seed breaks a promise of the store, and seeds exercise what they are for', { timeout: 120_000 }, async t => {
  const results: RunResult[] = []
  const module = new URL('../../actors/store-seed.js', import.meta.url).href
  const failures = await runSeeds<RunResult>({ module, export: 'storeSeed', seeds: [...seeds, ...twice], threads: 2 }, ({ result }) => {
    results.push(result)
  })
  t.same(failures, [])
  t.equal(results.length, seeds.length + twice.length)
  for (const { seed, violations, unknown } of results) {
    for (const { guarantee, excerpt } of violations) t.fail(`seed ${seed}: ${guarantee}\n${excerpt}`)
    t.equal(unknown, undefined, `seed ${seed} is decided`)
  }
  for (const seed of twice) {
    const hashes = results.filter(result => result.seed === seed).map(({ traceHash }) => traceHash)
    t.equal(hashes.length, 2)
    t.equal(hashes[0], hashes[1], `seed ${seed} gives the same run, in whatever thread`)
  }
  t.same([...new Set(results.map(({ members }) => members))].sort(), [1, 3, 5], 'all sizes')
  for (const event of storeEvents) {
    const share = results.filter(({ events }) => (events[event] ?? 0) > 0).length / results.length
    t.comment(`${event}: ${Math.round(100 * share)} % of seeds`)
    if (wanted.includes(event)) t.ok(share >= shareMin, `${event} in at least ${100 * shareMin} % of seeds`)
  }
  t.ok(
    results.every(({ troubles }) => troubles.length >= 3),
    'at least three kinds of trouble each'
  )
})

t.test('a quiet run acknowledges all it is asked', async t => {
  const { violations, operations, acknowledged, inDoubt } = storeSeed(1, { troubles: ['skew'], safetyMs: 3000 })
  t.same(violations, [])
  t.equal(inDoubt, 0)
  t.ok(operations > 300 && acknowledged > 100, `${acknowledged} writes of ${operations} operations`)
})
