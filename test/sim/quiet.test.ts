// Runs in which nothing fails, or hardly anything: what they must come to; and what a run says that cannot come to it.

import t from 'tap'
import { load } from '../../actors/roster.js'
import { cast, runSeed as clusterSeed } from '../../bin/cluster-seed.js'
import { runSeed as storeSeed } from '../../bin/store-seed.js'
import { wireCopy } from '../../bin/wire-copy.js'
import { perform, type WorkloadName, workloads } from '../../lib/chaos/index.js'

t.test('without faults every write is acknowledged, and the operations asked for come about', async t => {
  const rows: [WorkloadName, number][] = [
    ['kv', 150],
    ['txn', 70],
    ['watch', 15]
  ]
  for (const [workload, perSecond] of rows) {
    for (let seed = 1; seed <= 5; seed++) {
      const answer = storeSeed(seed, { workload, options: { faults: [], forMs: 3000 } })
      const what = `${workload} ${seed}`
      t.same([answer.violations, answer.unknown], [[], undefined], what)
      t.same([answer.inDoubt, answer.inflicted, answer.events.election], [0, {}, 0], what)
      t.ok(answer.acknowledged > 20 && answer.operations > perSecond * 3, `${what}: ${answer.operations} operations`)
    }
  }
})

t.test('only what is chosen befalls a run, and only whom it leaves take part', async t => {
  const { workload, seed } = { workload: 'kv', seed: 4 } as const
  const whole = storeSeed(seed, { workload, options: { faults: ['skew', 'isolate'] } })
  t.same(Object.keys(whole.inflicted).sort(), ['isolate', 'skew'])
  const few = storeSeed(seed, { workload, options: { clients: 1, watchers: 0, operations: 30, strikes: [] } })
  t.same([few.clients, few.watchers, few.inflicted], [1, 0, {}])
  t.ok(few.operations >= 30 && few.operations <= 30 + 2 * few.members, 'and a write through every member in the end')
})

t.test('every kind of fault of every workload can be chosen, and is then inflicted', async t => {
  for (const workload of ['kv', 'txn', 'watch'] as const) {
    for (const fault of workloads[workload].faults) {
      const seeds = Array.from({ length: 8 }, (_, at) => at + 1)
      const met = seeds.some(seed => {
        const { inflicted } = storeSeed(seed, { workload, options: { faults: [fault], forMs: 4000, operations: 20 } })
        return (inflicted[fault] ?? 0) > 0
      })
      t.ok(met, `${workload}: ${fault}`)
    }
  }
})

t.test('a quiet cluster acknowledges all it is asked and brings back nothing', async t => {
  const options = { faults: [], forMs: 20_000, plan: { calmMs: 5_000, thinkMs: 600 } }
  const { violations, acknowledged, inDoubt, events } = clusterSeed(1, { workload: 'kubernetes', options })
  t.same(violations, [])
  t.equal(inDoubt, 0)
  t.ok(acknowledged >= 5, `${acknowledged} writes`)
  t.notOk(events.eviction)
  t.notOk(events['controller failover'])
})

t.test('what has not become as asked for in time is told: hundreds of pods in a second', async t => {
  const plan = { calmMs: 2_000, recoveryMs: 1_000, replicasMin: 150, replicasMax: 200, thinkMs: 300 }
  const { violations } = clusterSeed(1, { workload: 'kubernetes', options: { faults: [], forMs: 8_000, plan } })
  t.match(violations[0]?.guarantee, /becomes what was asked for/)
})

t.test('in a share of runs everything goes through the wire’s codec', async t => {
  const store = await load('store')
  const shares = Array.from({ length: 40 }, (_, seed) => {
    let copied = 0
    const wireCopy = (body: unknown): unknown => {
      copied++
      return body
    }
    perform({ store: { store, wireCopy } }, seed, { workload: 'kv', options: { faults: [], forMs: 500 } })
    return copied
  })
  t.ok(shares.some(copied => copied > 100) && shares.some(copied => copied === 0), String(shares))
  t.throws(() => perform({}, 1, { workload: 'kv', options: {} }), /needs the store/)
})

t.test('a run is the same whether what is sent is copied, frozen or handed over as it is', async t => {
  const store = await load('store')
  const ways = [
    { wireCopyShare: 1, freezeShare: 0 },
    { wireCopyShare: 0, freezeShare: 1 },
    { wireCopyShare: 0, freezeShare: 0 }
  ]
  for (const workload of ['txn', 'watch', 'lease', 'membership', 'auth'] as const) {
    const hashes = ways.map(way => perform({ store: { store, wireCopy, ...way } }, 7, { workload, options: { forMs: 1_500 } }).traceHash)
    t.equal(new Set(hashes).size, 1, `${workload}: ${hashes}`)
  }
  const options = { forMs: 3_000 }
  const hashes = ways.map(way => perform({ cluster: { ...cast, ...way } }, 7, { workload: 'kubernetes', options }).traceHash)
  t.equal(new Set(hashes).size, 1, `kubernetes: ${hashes}`)
})
