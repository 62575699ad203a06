// Search: many seeds of workloads, side by side; what they broke, what they exercised, and what it cost.

import { isFailing, type RunOptions, type SeedAnswer, type SeedOrder, type WorkloadName, workloads } from '../../lib/chaos/index.js'
import type { SeedFailure, SeedTask } from '../../lib/host/seed-pool.js'

/** A pool of threads, or this one. */
export interface SeedRunner {
  runAll<R>(tasks: Iterable<SeedTask>, onResult: (result: R, task: SeedTask) => void): Promise<readonly SeedFailure[]>
}

/** Seeds of one workload. */
export interface Lot {
  readonly workload: WorkloadName
  readonly seeds: readonly number[]
  /** So many of the first seeds run a second time, in whatever thread: both runs must be the same. */
  readonly twice: number
  readonly options: RunOptions
}

export interface Crash {
  readonly seed: number
  readonly error: string
}

export interface LotFound {
  readonly lot: Lot
  /** In the order of their seeds. */
  readonly results: readonly SeedAnswer[]
  readonly crashed: readonly Crash[]
  /** What it should have exercised and hardly did. */
  readonly rare: readonly string[]
}

export interface Found {
  readonly lots: readonly LotFound[]
  readonly virtualMs: number
  /** Of all threads together. */
  readonly processorMs: number
  readonly tookMs: number
}

export interface Done {
  readonly done: number
  readonly count: number
  readonly failing: number
}

const shareMin = 0.1
const eventSeedsMin = 20 // Of fewer a tenth says nothing.
const faultSeedsMin = 100 // Each is off in half of the runs anyway.
const sameGuarantee = 'the same seed gives the same run'

/** Once it is stopped it takes no more seeds, and tells of those it has. */
export async function search(
  runner: SeedRunner,
  moduleOf: (workload: WorkloadName) => string,
  lots: readonly Lot[],
  tell: (done: Done) => void,
  isStopped: () => boolean = () => false
): Promise<Found> {
  const startedMs = performance.now()
  const started = process.cpuUsage()
  const answers = lots.map((): SeedAnswer[] => [])
  const crashed = lots.map((): Crash[] => [])
  const tasks = interleaved(lots, moduleOf)
  function* wanted(): Generator<LotTask> {
    for (const task of tasks) {
      if (isStopped()) return
      yield task
    }
  }
  let done = 0
  let failing = 0
  const failures = await runner.runAll<SeedAnswer>(wanted(), (answer, task) => {
    answers[(task as LotTask).lot]?.push(answer)
    if (isFailing(answer)) failing++
    tell({ done: ++done, count: tasks.length, failing })
  })
  for (const { task, error } of failures) crashed[(task as LotTask).lot]?.push({ seed: task.seed, error })
  const { user, system } = process.cpuUsage(started)
  const virtualMs = answers.flat().reduce((sum, answer) => sum + answer.virtualMs, 0)
  return {
    lots: lots.map((lot, at) => judged(lot, answers[at] ?? [], crashed[at] ?? [])),
    virtualMs,
    processorMs: (user + system) / 1000,
    tookMs: performance.now() - startedMs
  }
}

type LotTask = SeedTask & { readonly lot: number; readonly order: SeedOrder }

/** Each workload by turns, by its share: so what is left takes about as long as what is done. */
function interleaved(lots: readonly Lot[], moduleOf: (workload: WorkloadName) => string): LotTask[] {
  const all = lots.flatMap(({ workload, seeds, twice, options }, lot) => {
    const own = [...seeds, ...seeds.slice(0, twice)]
    const module = moduleOf(workload)
    return own.map((seed, at) => ({ place: (at + 0.5) / own.length, task: { module, seed, lot, order: { workload, options } } }))
  })
  return all.sort((a, b) => a.place - b.place).map(({ task }) => task)
}

function judged(lot: Lot, answers: readonly SeedAnswer[], crashed: readonly Crash[]): LotFound {
  const bySeed = new Map<number, SeedAnswer>()
  const results: SeedAnswer[] = []
  for (const answer of [...answers].sort((a, b) => a.seed - b.seed)) {
    const first = bySeed.get(answer.seed)
    if (first === undefined) {
      bySeed.set(answer.seed, answer)
      results.push(answer)
    } else if (first.traceHash !== answer.traceHash) {
      const violation = { guarantee: sameGuarantee, excerpt: `trace ${first.traceHash}, then ${answer.traceHash}` }
      results[results.indexOf(first)] = { ...first, violations: [...first.violations, violation] }
    }
  }
  return { lot, results, crashed: [...crashed].sort((a, b) => a.seed - b.seed), rare: rareOf(lot, results) }
}

export const isSound = ({ lots }: Found): boolean =>
  lots.every(({ results, crashed, rare }) => crashed.length === 0 && rare.length === 0 && !results.some(isFailing))

// What was exercised ---------------------------------------------------------------------------------

/** Of the seeds, those of which that many are not 0. */
export const shareOf = (results: readonly SeedAnswer[], times: (result: SeedAnswer) => number | undefined): number =>
  results.length === 0 ? 0 : results.filter(result => (times(result) ?? 0) > 0).length / results.length

/** Only of runs in which the seed chose: who takes faults away wants fewer events. */
function rareOf({ workload, options }: Lot, results: readonly SeedAnswer[]): string[] {
  if (options.faults !== undefined || options.strikes !== undefined) return []
  const { wanted, faults } = workloads[workload]
  const rare = (names: readonly string[], seedsMin: number, of: (result: SeedAnswer) => Readonly<Record<string, number>>): string[] =>
    results.length < seedsMin ? [] : names.filter(name => shareOf(results, result => of(result)[name]) < shareMin)
  return [...rare(wanted, eventSeedsMin, ({ events }) => events), ...rare(faults, faultSeedsMin, ({ inflicted }) => inflicted)]
}

export const rareText = (name: string): string => `too rare: ${name} occurs in less than ${100 * shareMin} % of seeds`
