// A mistake planted in the store is found, and the seed that found it is made smaller: fewer strikes, fewer clients, shorter.

import { readFileSync } from 'node:fs'
import t from 'tap'
import { writeFailure } from '../../bin/search/failure-files.js'
import { shrunk } from '../../bin/search/shrinking.js'
import { commandOf, isFailing, type SeedAnswer } from '../../lib/chaos/index.js'
import { apiGuarantees, checkHistory, decodeHistory } from '../../lib/check/index.js'
import { SeedPool } from '../../lib/host/seed-pool.js'

const module = new URL('./flawed-seed.js', import.meta.url).href
const workload = 'kv'
const seedsMax = 40
const runsMax = 200

t.test('a member that answers reads from its own state once it has been started again', { timeout: 600_000 }, async t => {
  const pool = new SeedPool({ threads: 2 })
  t.teardown(() => pool.close())
  const answers: SeedAnswer[] = []
  const tasks = Array.from({ length: seedsMax }, (_, seed) => ({ module, seed, order: { workload, options: {} } }))
  t.same(await pool.runAll<SeedAnswer>(tasks, answer => void answers.push(answer)), [])
  const failing = answers.filter(isFailing).sort((a, b) => a.seed - b.seed)
  t.ok(failing.length > seedsMax / 4, `${failing.length} of ${seedsMax} seeds find it`)
  const [result] = failing
  if (result === undefined) return
  const broken = result.violations[0]?.guarantee
  t.match(broken, /at least as new as every answer/)
  const whole = { workload, seed: result.seed, options: {} } as const
  const told: number[] = []
  const small = await shrunk(pool, module, { case: whole, result }, runsMax, runs => void told.push(runs))
  t.equal(small.answer.violations[0]?.guarantee, broken, 'the same promise')
  t.ok(small.runs <= runsMax + 2 && told.at(-1) === small.runs, `${small.runs} runs, told as they go`)
  t.ok(
    small.answer.strikes.length >= 1 && small.answer.strikes.length <= 3,
    `${small.answer.strikes.length} strikes: it takes one that ends a life`
  )
  t.ok(small.answer.strikes.length < result.strikes.length)
  t.ok(small.answer.operations < result.operations / 2, `${small.answer.operations} operations of ${result.operations}`)
  t.ok(small.answer.virtualMs <= result.virtualMs)
  t.ok((small.answer.history?.operations.length ?? 0) > 0, 'what clients saw')
  const { seed, options } = small.case
  const again = await pool.run<SeedAnswer>({ module, seed, order: { workload, options } })
  t.equal(again.traceHash, small.answer.traceHash, 'what its one line says is the whole of it')
})

t.test(
  'what clients saw of a cluster whose API gives one uid to all is kept: as lines that break the same promise, and as a page',
  async t => {
    const pool = new SeedPool({ threads: 2 })
    t.teardown(() => pool.close())
    const flawed = new URL('./flawed-cluster-seed.js', import.meta.url).href
    const whole = { workload: 'kubernetes', seed: 3, options: { faults: [], forMs: 15_000, plan: { calmMs: 2_000 } } } as const
    const result = await pool.run<SeedAnswer>({
      module: flawed,
      seed: whole.seed,
      order: { workload: whole.workload, options: whole.options }
    })
    t.equal(result.violations[0]?.guarantee, apiGuarantees.agreement, 'lists and watches show others')
    t.equal(result.api, undefined, 'only if it is asked for')
    const small = await shrunk(pool, flawed, { case: whole, result }, 2, () => undefined)
    const files = writeFailure(t.testdir(), small.case, small.answer)
    t.same(
      files.map(name => name.slice(name.lastIndexOf('.'))),
      ['.json', '.jsonl', '.html']
    )
    const [, lines, page] = files.map(name => readFileSync(name, 'utf8'))
    const history = decodeHistory(String(lines).split('\n'))
    if (typeof history === 'string') return t.fail(history)
    t.equal(history.kind, 'api')
    t.match(checkHistory(history).violations[0], { guarantee: apiGuarantees.agreement })
    t.equal(history.header.about, commandOf(small.case))
    t.match(page, / marked/)
    t.notMatch(readFileSync(files[0] as string, 'utf8'), /"api"/)
  }
)
