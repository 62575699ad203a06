// Shrink: makes a failing case smaller: shorter, fewer strikes, fewer clients, fewer operations, for as long as the same promise is
// broken. Pure: it yields cases to try, best first, and is told what became of each.
//
// Guarantee: what it returns is the case it was given, or one that was tried and fails with the same guarantee.
// It finds a small case, not the smallest: strikes by delta debugging (Zeller and Hildebrandt, 2002), the rest by halves.

import type { Case } from './case.js'
import type { RunOptions } from './run.js'

/** What became of a case. */
export interface Trial {
  readonly fails: boolean
  /** Numbers of the strikes inflicted. */
  readonly strikes: readonly number[]
  readonly clients: number
  readonly watchers: number
  readonly operations: number
}

export interface Shrinkage {
  readonly case: Case
  readonly trial: Trial
}

/** Cases to try, each smaller than the best so far and the smallest first. Answered with trials, in the same order. */
export type Shrinking = Generator<readonly Case[], Shrinkage, readonly Trial[]>

export interface ShrinkLimits {
  readonly forMs: number
  readonly forMsMin: number
}

const roundMs = 100
const all = Number.POSITIVE_INFINITY

export function* shrink(start: Case, trial: Trial, { forMs, forMsMin }: ShrinkLimits): Shrinking {
  let best: Shrinkage = { case: start, trial }
  /** Tries smaller cases, and takes the first that fails. */
  function* take(options: readonly RunOptions[]): Generator<readonly Case[], boolean, readonly Trial[]> {
    const cases = options.map(own => ({ ...best.case, options: { ...best.case.options, ...own } }))
    if (cases.length === 0) return false
    const trials = yield cases
    const at = trials.findIndex(({ fails }) => fails)
    if (at < 0) return false
    best = { case: cases[at] as Case, trial: trials[at] as Trial }
    return true
  }
  const lengthMs = (): number => best.case.options.forMs ?? forMs
  let shrunk = true
  while (shrunk) {
    shrunk = false
    while (yield* take(parts(lengthMs(), forMsMin, [0.25, 0.5, 0.75]).map(ms => ({ forMs: ms })))) shrunk = true
    if (yield* fewerStrikes(take, () => best.trial.strikes)) shrunk = true
    for (const part of ['clients', 'watchers', 'operations'] as const) {
      const least = part === 'operations' ? 1 : 0
      while (yield* take(fewer(Math.min(best.trial[part], best.case.options[part] ?? all), least).map(count => ({ [part]: count }))))
        shrunk = true
    }
    while (yield* take(parts(lengthMs(), forMsMin, [0.8, 0.9]).map(ms => ({ forMs: ms })))) shrunk = true
  }
  return best
}

/** Delta debugging: leave out ever smaller parts; a part alone is tried first where there are few. */
function* fewerStrikes(
  take: (options: readonly RunOptions[]) => Generator<readonly Case[], boolean, readonly Trial[]>,
  left: () => readonly number[]
): Generator<readonly Case[], boolean, readonly Trial[]> {
  let shrunk = false
  if (left().length === 0) return false
  if (yield* take([{ strikes: [] }])) return true
  let count = 2
  while (left().length > 1) {
    const strikes = left()
    count = Math.min(count, strikes.length)
    const size = Math.ceil(strikes.length / count)
    const chunks = Array.from({ length: Math.ceil(strikes.length / size) }, (_, at) => strikes.slice(at * size, (at + 1) * size))
    const without = chunks.map(chunk => strikes.filter(strike => !chunk.includes(strike)))
    if (yield* take(chunks.length === 2 ? chunks.map(chunk => ({ strikes: chunk })) : without.map(rest => ({ strikes: rest })))) {
      shrunk = true
      count = Math.max(2, count - 1)
    } else if (size === 1) break
    else count *= 2
  }
  return shrunk
}

/** Smaller lengths, the smallest first. */
function parts(ms: number, least: number, shares: readonly number[]): number[] {
  const lengths = shares.map(share => Math.max(least, Math.round((ms * share) / roundMs) * roundMs))
  return [...new Set(lengths)].filter(length => length < ms)
}

/** Smaller counts, the smallest first. */
const fewer = (count: number, least: number): number[] =>
  [...new Set([least, count >> 2, count >> 1, count - (count >> 2), count - 1])]
    .filter(less => less >= least && less < count)
    .sort((a, b) => a - b)
