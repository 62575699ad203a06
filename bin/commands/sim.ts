// kabuki sim: workloads in the simulator: one seed to look at, or many side by side to find what breaks, and then made smaller.

import { cpus } from 'node:os'
import { isFailing, isWorkload, type RunOptions, type WorkloadName, workloads } from '../../lib/chaos/index.js'
import { formatDuration } from '../../lib/cli/index.js'
import { SeedPool } from '../../lib/host/seed-pool.js'
import { seedPoolUrl, seedsUrlOf } from '../modules.js'
import { writeFailure } from '../search/failure-files.js'
import { Here } from '../search/here.js'
import { Progress } from '../search/progress.js'
import { record } from '../search/record.js'
import { type Done, type Found, isSound, type Lot, search } from '../search/search.js'
import { type Failing, shrunk } from '../search/shrinking.js'
import { summary, type Told } from '../search/summary.js'

export interface SimOptions {
  readonly seed: number
  readonly seeds?: number
  readonly workload: WorkloadName | 'all'
  readonly faults: string
  readonly for?: number
  readonly strikes?: readonly number[]
  readonly clients?: number
  readonly watchers?: number
  readonly operations?: number
  readonly twice: number
  readonly shrink: number
  readonly jobs?: number
  readonly out: string
  readonly record?: string
  readonly output: 'text' | 'json'
}

/** Old names of workloads: lines that were printed once still bring back a run. */
const aliases: Readonly<Record<string, WorkloadName>> = { store: 'kv', cluster: 'kubernetes' }
export const workloadNames: readonly string[] = [...Object.keys(workloads), 'all']

export function workloadOf(name: string): WorkloadName | 'all' | undefined {
  const own = aliases[name] ?? name
  return own === 'all' || isWorkload(own) ? own : undefined
}

/** Of all seeds of all workloads: one of a whole cluster takes ten times as long as one of a store. */
const shares: Readonly<Record<WorkloadName, number>> = {
  kv: 0.2,
  txn: 0.2,
  watch: 0.15,
  membership: 0.1,
  lease: 0.1,
  auth: 0.05,
  kubernetes: 0.2
}
const shrunkMax = 3 // Of failing seeds; the others are much the same.
const moduleOf = (workload: WorkloadName): string => seedsUrlOf(workloads[workload].cast)

export async function sim(options: SimOptions): Promise<void> {
  const progress = new Progress()
  const lots = lotsOf(options)
  let pool: SeedPool | undefined
  const inPool = (): SeedPool => {
    pool ??= new SeedPool({ threads: options.jobs ?? cpus().length, worker: seedPoolUrl })
    return pool
  }
  try {
    const found = await searched(lots, inPool, progress)
    const told = await tellAll(inPool, options, found, progress)
    progress.end()
    process.stdout.write(options.output === 'json' ? jsonOf(found, told) : summary(found, told))
    if (options.record !== undefined) record(options.record, found, told, Date.now())
    if (!isSound(found)) process.exitCode = 1
  } finally {
    await pool?.close()
  }
}

/** The first Ctrl-C ends it with what there is by then; the second ends the process. */
function searched(lots: readonly Lot[], inPool: () => SeedPool, progress: Progress): Promise<Found> {
  const first = lots[0] as Lot
  if (lots.length === 1 && first.seeds.length === 1 && first.twice === 0) {
    const ofMs = first.options.forMs ?? workloads[first.workload].forMs
    const here = new Here(virtualMs => progress.tell(`seed ${first.seeds[0]}: ${formatDuration(virtualMs)} of ${formatDuration(ofMs)}`))
    return search(here, moduleOf, lots, () => {})
  }
  const startedMs = performance.now()
  let stopped = false
  process.once('SIGINT', () => {
    stopped = true
  })
  const told = ({ done, count, failing }: Done): void => {
    const leftMs = ((performance.now() - startedMs) / done) * (count - done)
    progress.tell(`${done} of ${count} seeds, ${failing === 0 ? 'none' : failing} failing, ${formatDuration(leftMs)} left`)
  }
  return search(inPool(), moduleOf, lots, told, () => stopped)
}

// What to run ----------------------------------------------------------------------------------------

function lotsOf(options: SimOptions): Lot[] {
  const { workload, seeds = 1, seed, twice } = options
  const names = workload === 'all' ? (Object.keys(workloads) as WorkloadName[]) : [workload]
  return names.map(name => {
    const share = workload === 'all' ? shares[name] : 1
    const count = Math.max(1, Math.round(seeds * share))
    return {
      workload: name,
      seeds: Array.from({ length: count }, (_, at) => seed + at),
      twice: Math.min(count, Math.round(twice * share)),
      options: runOptionsOf(name, options)
    }
  })
}

function runOptionsOf(workload: WorkloadName, { faults, for: forMs, strikes, clients, watchers, operations }: SimOptions): RunOptions {
  return {
    ...(forMs === undefined ? {} : { forMs }),
    ...(faults === 'all' ? {} : { faults: faultsOf(workload, faults) }),
    ...(strikes === undefined ? {} : { strikes }),
    ...(clients === undefined ? {} : { clients }),
    ...(watchers === undefined ? {} : { watchers }),
    ...(operations === undefined ? {} : { operations })
  }
}

function faultsOf(workload: WorkloadName, text: string): readonly string[] {
  if (text === 'none') return []
  const { faults } = workloads[workload]
  const asked = text.split(',').map(name => name.trim())
  const unknown = asked.filter(name => !faults.includes(name))
  if (unknown.length === 0) return asked
  throw new Error(`no such fault of workload ${workload}: ${unknown.join(', ')}. There are all, none, or any of ${faults.join(', ')}`)
}

// What fails -----------------------------------------------------------------------------------------

async function tellAll(inPool: () => SeedPool, options: SimOptions, { lots }: Found, progress: Progress): Promise<Told[]> {
  const failing: Failing[] = lots.flatMap(({ lot: { workload, options: own }, results }) =>
    results.filter(isFailing).map(result => ({ case: { workload, seed: result.seed, options: own }, result }))
  )
  const told: Told[] = []
  for (const one of failing.slice(0, shrunkMax)) {
    const small = await shrunk(inPool(), moduleOf(one.case.workload), one, options.shrink, runs =>
      progress.tell(`seed ${one.case.seed} of ${one.case.workload} fails; made smaller: ${runs} runs of at most ${options.shrink}`)
    )
    told.push({ original: one.case, shrunk: small, files: writeFailure(options.out, small.case, small.answer) })
  }
  return told
}

function jsonOf(found: Found, told: readonly Told[]): string {
  const { lots, virtualMs, processorMs, tookMs } = found
  const workloadsFound = lots.map(({ lot, results, crashed, rare }) => ({
    workload: lot.workload,
    failing: [...results.filter(isFailing).map(({ seed }) => seed), ...crashed.map(({ seed }) => seed)],
    rare,
    crashed,
    results
  }))
  const shrunkCases = told.map(({ original, shrunk: { case: small, runs, isDone }, files }) => ({ original, small, runs, isDone, files }))
  return `${JSON.stringify({ ok: isSound(found), virtualMs, processorMs, tookMs, workloads: workloadsFound, shrunk: shrunkCases }, null, 2)}\n`
}
