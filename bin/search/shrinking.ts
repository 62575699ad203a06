// Shrinking: tries smaller and smaller cases of a failing seed side by side, within a number of runs.

import {
  type Case,
  isFailing,
  type RunResult,
  type SeedAnswer,
  type SeedOrder,
  type Shrinkage,
  shrink,
  type Trial,
  workloads
} from '../../lib/chaos/index.js'
import type { SeedPool } from '../../lib/host/seed-pool.js'

export interface Shrunk extends Shrinkage {
  /** The smallest case once more, with what clients saw. */
  readonly answer: SeedAnswer
  readonly runs: number
  /** Whether it ended because nothing smaller fails, not because its runs were used up. */
  readonly isDone: boolean
}

/** A failing case, and the promise that was broken. */
export interface Failing {
  readonly case: Case
  readonly result: RunResult
}

/** What was not decided is told apart from what was broken. */
export const undecided = 'undecided'
export const brokenOf = ({ violations, unknown }: RunResult): readonly string[] => [
  ...violations.map(({ guarantee }) => guarantee),
  ...(unknown === undefined ? [] : [undecided])
]

export async function shrunk(
  pool: SeedPool,
  module: string,
  failing: Failing,
  runsMax: number,
  tell: (runs: number, best: Case) => void
): Promise<Shrunk> {
  const { forMs, forMsMin } = workloads[failing.case.workload]
  const broken = brokenOf(failing.result)[0] as string
  const trying = shrink(failing.case, trialOf(failing.result, broken), { forMs, forMsMin })
  let runs = 0
  let best: Shrinkage = { case: failing.case, trial: trialOf(failing.result, broken) }
  let next = trying.next()
  while (next.done !== true && runs < runsMax) {
    const trials: Trial[] = next.value.map(() => none)
    // As many at once as there are threads; the first of them that fails is the smallest, and those after it need no run.
    for (let from = 0; from < next.value.length && runs < runsMax; from += pool.threads) {
      const cases = next.value.slice(from, from + pool.threads)
      const got = await Promise.all(cases.map(one => attempt(pool, module, one, broken)))
      got.forEach((trial, at) => {
        trials[from + at] = trial
      })
      runs += cases.length
      const at = got.findIndex(({ fails }) => fails)
      if (at < 0) continue
      best = { case: cases[at] as Case, trial: got[at] as Trial }
      break
    }
    tell(runs, best.case)
    next = trying.next(trials)
  }
  const order: SeedOrder = { workload: best.case.workload, options: best.case.options, history: true }
  const answer = await pool.run<SeedAnswer>({ module, seed: best.case.seed, order })
  return { ...best, answer, runs, isDone: next.done === true }
}

const none: Trial = { fails: false, strikes: [], clients: 0, watchers: 0, operations: 0 }

async function attempt(pool: SeedPool, module: string, { workload, seed, options }: Case, broken: string): Promise<Trial> {
  try {
    return trialOf(await pool.run<SeedAnswer>({ module, seed, order: { workload, options } }), broken)
  } catch {
    return none // It breaks something else: a run that throws has no verdict.
  }
}

const trialOf = (result: RunResult, broken: string): Trial => ({
  fails: isFailing(result) && brokenOf(result).includes(broken),
  strikes: result.strikes.map(({ number }) => number),
  clients: result.clients,
  watchers: result.watchers,
  operations: result.operations
})
