// What a search makes of the answers of its seeds, and what it says of them. The answers are made up.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import t from 'tap'
import { writeFailure } from '../../bin/search/failure-files.js'
import { record } from '../../bin/search/record.js'
import { type Found, isSound, type Lot, type SeedRunner, search } from '../../bin/search/search.js'
import { summary, type Told } from '../../bin/search/summary.js'
import { type SeedAnswer, workloads } from '../../lib/chaos/index.js'
import type { SeedTask } from '../../lib/host/seed-pool.js'

const { wanted, faults } = workloads.kv
const counts = (names: readonly string[]): Record<string, number> => Object.fromEntries(names.map(name => [name, 1]))

const answerOf = (seed: number, own: Partial<SeedAnswer> = {}): SeedAnswer => ({
  seed,
  members: 3,
  violations: [],
  unknown: undefined,
  events: counts(wanted),
  troubles: ['isolate'],
  inflicted: counts(faults),
  strikes: [],
  clients: 2,
  watchers: 1,
  operations: 100,
  acknowledged: 50,
  inDoubt: 1,
  revisionLast: 50,
  podsMax: 0,
  recoveredMs: 10,
  virtualMs: 3_600_000,
  envelopes: 1000,
  traceHash: `hash of ${seed}`,
  ...own
})

/** Answers as it is told to, and throws what it is told to. */
const runnerOf = (answer: (seed: number, time: number) => SeedAnswer): SeedRunner => ({
  async runAll<R>(tasks: Iterable<SeedTask>, onResult: (result: R, task: SeedTask) => void) {
    const times = new Map<number, number>()
    const failures: { task: SeedTask; error: string }[] = []
    for (const task of tasks) {
      const time = (times.get(task.seed) ?? 0) + 1
      times.set(task.seed, time)
      try {
        onResult(answer(task.seed, time) as R, task)
      } catch (error) {
        failures.push({ task, error: String(error) })
      }
    }
    return failures
  }
})

const lotOf = (count: number, own: Partial<Lot> = {}): Lot => ({
  workload: 'kv',
  seeds: Array.from({ length: count }, (_, at) => at + 1),
  twice: 0,
  options: {},
  ...own
})

const found = (lot: Lot, answer: (seed: number, time: number) => SeedAnswer): Promise<Found> =>
  search(
    runnerOf(answer),
    () => 'nowhere',
    [lot],
    () => {}
  )

t.test('what all seeds exercise is enough', async t => {
  const all = await found(lotOf(200, { twice: 20 }), seed => answerOf(seed))
  t.ok(isSound(all))
  t.equal(all.lots[0]?.results.length, 200, 'those that ran twice count once')
  t.equal(all.virtualMs, 220 * 3_600_000)
  t.match(summary(all, []), /200 seeds, 9d4h of virtual time/)
  t.match(summary(all, []), /no promise was broken/)
})

t.test('a search that is stopped tells of the seeds it has', async t => {
  let done = 0
  const lots = [lotOf(50)]
  const runner = runnerOf(seed => answerOf(seed, { events: counts(wanted) }))
  const got = await search(
    runner,
    () => 'nowhere',
    lots,
    told => {
      done = told.done
    },
    () => done >= 30
  )
  t.equal(got.lots[0]?.results.length, 30)
  t.match(summary(got, []), /^30 seeds/)
})

t.test('an event that fewer than a tenth of the seeds reached fails the search, from 20 seeds on', async t => {
  const rows: [count: number, having: number, rare: string[]][] = [
    [19, 0, []],
    [20, 1, ['election']],
    [20, 2, []],
    [500, 49, ['election']],
    [500, 50, []]
  ]
  for (const [count, having, rare] of rows) {
    const without = { ...counts(wanted), election: 0 }
    const got = await found(lotOf(count), seed => answerOf(seed, seed <= having ? {} : { events: without }))
    t.same(got.lots[0]?.rare, rare, `${having} of ${count}`)
    t.equal(isSound(got), rare.length === 0)
    if (rare.length > 0) t.match(summary(got, []), /too rare: election occurs in less than 10 % of seeds\n.*failed/s)
  }
  const none = await found(lotOf(50, { options: { faults: [] } }), seed => answerOf(seed, { events: {}, inflicted: {} }))
  t.ok(isSound(none), 'who takes faults away wants no events')
})

t.test('a kind of fault that is hardly ever inflicted fails the search, from 100 seeds on', async t => {
  const without = { ...counts(faults), corrupt: 0 }
  for (const [count, rare] of [
    [99, []],
    [100, ['corrupt']]
  ] as const)
    t.same((await found(lotOf(count), seed => answerOf(seed, { inflicted: without }))).lots[0]?.rare, rare)
})

t.test('what fails is told: a broken promise, what was not decided, another hash, a crash', async t => {
  const got = await found(lotOf(4, { twice: 4 }), (seed, time) => {
    if (seed === 1) return answerOf(seed, { violations: [{ guarantee: 'all is well', excerpt: 'it was not' }] })
    if (seed === 2) return answerOf(seed, { unknown: 'the search gave up' })
    if (seed === 3) return answerOf(seed, { traceHash: `run ${time}` })
    throw new Error('out of cheese')
  })
  t.notOk(isSound(got))
  const text = summary(got, [])
  t.match(text, /fails: kabuki sim --workload kv --seed 1\n {2}all is well/)
  t.match(text, /fails: kabuki sim --workload kv --seed 2\n {2}undecided/)
  t.match(text, /fails: kabuki sim --workload kv --seed 3\n {2}the same seed gives the same run/)
  t.match(text, /crashed: kabuki sim --workload kv --seed 4\n {4}Error: out of cheese/)
})

t.test('a failing seed has its files, and a search its record', async t => {
  const directory = mkdtempSync(path.join(tmpdir(), 'kabuki-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const strike = { number: 3, atMs: 2500, kind: 'isolate', faults: [], lastsMs: 40 }
  const broken = answerOf(7, { violations: [{ guarantee: 'all is well', excerpt: 'it was not' }], strikes: [strike] })
  const got = await found(lotOf(1, { seeds: [7] }), () => broken)
  const small = { workload: 'kv', seed: 7, options: { forMs: 1000, strikes: [3] } } as const
  const answer = { ...broken, history: { operations: [], watches: [] } }
  const files = writeFailure(path.join(directory, 'new'), small, answer)
  const leases = writeFailure(path.join(directory, 'leases'), small, {
    ...broken,
    leases: { operations: [], clocks: { rateMax: 1.2, jumps: [] } }
  })
  t.match(readFileSync(leases[1] as string, 'utf8'), /"kind":"lease".*"clockFasterPpm":200000/)
  for (const some of [files, leases]) t.equal(some.length, 3)
  for (const file of [...files, ...leases]) t.match(readFileSync(file, 'utf8'), /kabuki sim --workload kv --seed 7 --for 1s --strikes 3/)
  const trial = { fails: true, strikes: [3], clients: 2, watchers: 1, operations: 100 }
  const told: Told = {
    original: { workload: 'kv', seed: 7, options: {} },
    shrunk: { case: small, trial, answer, runs: 12, isDone: true },
    files
  }
  const text = summary(got, [told])
  t.match(
    text,
    /smaller, after 12 runs: 1 strikes, 2 clients, 1 watchers, 100 operations, 1h\n {2}kabuki sim --workload kv --seed 7 --for 1s/
  )
  t.match(text, /broken: all is well\n {4}it was not\nstrikes:\n {4}3: isolate at 2500 ms for 40 ms/)
  for (const file of files) t.match(text, `see ${file}`)
  const kept = path.join(directory, 'record.md')
  for (let time = 0; time < 2; time++) record(kept, got, [told], Date.UTC(2026, 0, 2, 3, 4))
  const sections = readFileSync(kept, 'utf8').split('\n## ')
  t.equal(sections.length, 3, 'a head, and a section each time')
  t.match(sections[2], /^2026-01-02 03:04 UTC, .*\n\n1 seeds, 1\.0 virtual hours/)
  t.match(sections[2], /Found:\n- `kabuki sim --workload kv --seed 7 --for 1s --strikes 3`: all is well/)
  t.match(sections[2], /election +100 % +1/)
})
