// kabuki sim: a cluster, or its store alone, in the simulator: one seed to look at, or many side by side to find what breaks.

import { cpus } from 'node:os'
import {
  type ClusterResult,
  clusterEvents,
  clusterEventsWanted,
  type RunResult,
  storeEvents,
  storeEventsWanted
} from '../../lib/chaos/index.js'
import { formatDuration, table } from '../../lib/cli/index.js'
import { runSeeds } from '../../lib/host/seed-pool.js'
import type { LogRecord } from '../../lib/sim/index.js'
import { seedPoolUrl, seedsUrlOf } from '../modules.js'

export interface SimOptions {
  readonly seed: number
  readonly seeds?: number
  readonly workload: 'cluster' | 'store'
  readonly for: number
  readonly jobs?: number
  readonly output: 'text' | 'json'
}

type Result = ClusterResult | RunResult
type Run = (seed: number, overrides: object, logged?: (record: LogRecord) => void) => Result

const shareMin = 0.1
const shareSeedsMin = 20 // Of fewer a tenth says nothing.
const progressEveryMs = 2_000

const workloads = {
  cluster: { run: 'clusterSeed', events: clusterEvents, wanted: clusterEventsWanted },
  store: { run: 'storeSeed', events: storeEvents, wanted: storeEventsWanted }
} as const

/** What a run is told beside its seed. */
const overridesOf = ({ workload, for: forMs }: SimOptions): object => (workload === 'cluster' ? { forMs } : { safetyMs: forMs })

export async function sim(options: SimOptions): Promise<void> {
  const startedMs = performance.now()
  const { results, crashed } = options.seeds === undefined ? await runOne(options) : await runMany(options, options.seeds)
  results.sort((a, b) => a.seed - b.seed)
  const failing = [...results.filter(isFailing).map(({ seed }) => seed), ...crashed.map(({ seed }) => seed)]
  const rare = results.length < shareSeedsMin ? [] : workloads[options.workload].wanted.filter(event => shareOf(results, event) < shareMin)
  const ok = failing.length === 0 && rare.length === 0
  if (options.output === 'json') {
    process.stdout.write(`${JSON.stringify({ ok, workload: options.workload, failing, rare, crashed, results }, null, 2)}\n`)
  } else process.stdout.write(summary(options, results, crashed, rare, performance.now() - startedMs))
  if (!ok) process.exitCode = 1
}

const isFailing = (result: Result): boolean => result.violations.length > 0 || ('unknown' in result && result.unknown !== undefined)

function shareOf(results: readonly Result[], event: string): number {
  const having = results.filter(({ events }) => ((events as Record<string, number>)[event] ?? 0) > 0)
  return results.length === 0 ? 0 : having.length / results.length
}

interface Crash {
  readonly seed: number
  readonly error: string
}

interface Runs {
  readonly results: Result[]
  readonly crashed: readonly Crash[]
}

// Running --------------------------------------------------------------------------------------------

/** In this thread, so that its progress can be shown. */
async function runOne(options: SimOptions): Promise<Runs> {
  const module = (await import(seedsUrlOf(options.workload))) as Record<string, Run>
  const run = module[workloads[options.workload].run] as Run
  let shownMs = performance.now()
  const logged = ({ atUs }: LogRecord): void => {
    if (performance.now() - shownMs < progressEveryMs) return
    shownMs = performance.now()
    progress(`seed ${options.seed}: ${formatDuration(atUs / 1000)} of ${formatDuration(options.for)}`)
  }
  const result = run(options.seed, overridesOf(options), logged)
  progress('')
  return { results: [result], crashed: [] }
}

async function runMany(options: SimOptions, count: number): Promise<Runs> {
  const results: Result[] = []
  const startedMs = performance.now()
  const crashed = await runSeeds<Result>(
    {
      module: seedsUrlOf(options.workload),
      export: workloads[options.workload].run,
      options: overridesOf(options),
      seeds: Array.from({ length: count }, (_, at) => options.seed + at),
      threads: options.jobs ?? cpus().length,
      worker: seedPoolUrl
    },
    ({ result, done }) => {
      results.push(result)
      const leftMs = ((performance.now() - startedMs) / done) * (count - done)
      const failed = results.filter(isFailing).length
      progress(`${done} of ${count} seeds, ${failed === 0 ? 'none' : failed} failing, ${formatDuration(leftMs)} left`)
    }
  )
  progress('')
  return { results, crashed }
}

/** One line that is written over, and only where somebody looks. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`)
}

// Telling --------------------------------------------------------------------------------------------

function summary(
  options: SimOptions,
  results: readonly Result[],
  crashed: readonly Crash[],
  rare: readonly string[],
  tookMs: number
): string {
  const { events } = workloads[options.workload]
  const virtualMs = results.reduce((sum, result) => sum + result.virtualMs, 0)
  const sum = (name: 'operations' | 'acknowledged' | 'inDoubt'): number => results.reduce((all, result) => all + result[name], 0)
  const lines = [
    `${results.length + crashed.length} seeds, ${formatDuration(virtualMs)} of virtual time in ${formatDuration(tookMs)} (${(virtualMs / tookMs).toFixed(1)} : 1)`,
    `${sum('operations')} operations, ${sum('acknowledged')} writes acknowledged, ${sum('inDoubt')} in doubt`,
    table(
      ['EXERCISED', 'SEEDS', 'TIMES'],
      events.map(event => [
        event,
        `${Math.round(100 * shareOf(results, event))} %`,
        String(results.reduce((all, result) => all + ((result.events as Record<string, number>)[event] ?? 0), 0))
      ])
    )
  ]
  if (results.length === 1 && results[0] !== undefined) lines.push(...detail(results[0]))
  for (const event of rare) lines.push(`too rare: ${event} occurs in less than ${100 * shareMin} % of seeds`)
  for (const result of results) {
    if (!isFailing(result)) continue
    lines.push('', `fails: ${reproduction(options, result.seed)}`)
    for (const { guarantee, excerpt } of result.violations) lines.push(`  ${guarantee}`, indented(excerpt))
    if ('unknown' in result && result.unknown !== undefined) lines.push(`  undecided: ${result.unknown}`)
  }
  for (const { seed, error } of crashed) lines.push('', `crashed: ${reproduction(options, seed)}`, indented(error))
  lines.push(crashed.length === 0 && !results.some(isFailing) ? 'no promise was broken' : '')
  return `${lines.join('\n')}\n`
}

const detail = ({ troubles, recoveredMs, traceHash }: Result): string[] => [
  `faults: ${troubles.join(', ')}`,
  `recovered in ${formatDuration(recoveredMs)}; trace ${traceHash}`
]

const reproduction = ({ workload, for: forMs }: SimOptions, seed: number): string =>
  `kabuki sim --workload ${workload} --seed ${seed} --for ${forMs}ms`

const indented = (text: string): string =>
  text
    .split('\n')
    .map(line => `    ${line}`)
    .join('\n')
