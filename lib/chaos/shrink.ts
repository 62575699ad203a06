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
  /** Tries smaller cases, and takes the first that fails. Gives its place, or -1. */
  function* take(options: readonly RunOptions[]): Taking {
    const cases = options.map(own => ({ ...best.case, options: { ...best.case.options, ...own } }))
    if (cases.length === 0) return -1
    const trials = yield cases
    const at = trials.findIndex(({ fails }) => fails)
    if (at >= 0) best = { case: cases[at] as Case, trial: trials[at] as Trial }
    return at
  }
  let any = false
  function* shorter(shares: readonly number[]): Taking {
    const lengths = parts(best.case.options.forMs ?? forMs, forMsMin, shares)
    return yield* take(lengths.map(ms => ({ forMs: ms })))
  }
  do {
    any = false
    while ((yield* shorter([0.25, 0.5, 0.75])) >= 0) any = true
    if (
      yield* fewerStrikes(
        take,
        () => best.trial.strikes,
        () => shorter([0.5, 0.75])
      )
    )
      any = true
    for (const part of ['clients', 'watchers', 'operations'] as const) {
      const least = part === 'operations' ? 1 : 0
      const now = (): number => Math.min(best.trial[part], best.case.options[part] ?? all)
      while ((yield* take(fewer(now(), least).map(count => ({ [part]: count })))) >= 0) any = true
    }
    while ((yield* shorter([0.8, 0.9])) >= 0) any = true
  } while (any)
  return best
}

type Taking = Generator<readonly Case[], number, readonly Trial[]>

/** Delta debugging: leaves out ever smaller parts. After each that could go, a shorter run is tried: it has fewer strikes, too. */
function* fewerStrikes(
  take: (options: readonly RunOptions[]) => Taking,
  left: () => readonly number[],
  shorter: () => Taking
): Generator<readonly Case[], boolean, readonly Trial[]> {
  if (left().length === 0) return false
  if ((yield* take([{ strikes: [] }])) >= 0) return true
  let shrunk = false
  let size = Math.ceil(left().length / 2)
  let from = 0 // Parts before it were needed when they were tried last.
  while (size >= 1 && left().length > 1) {
    const strikes = left()
    const starts = Array.from({ length: Math.ceil(strikes.length / size) }, (_, at) => at * size)
    const inTurn = [...starts.filter(start => start >= from), ...starts.filter(start => start < from)]
    const at = yield* take(inTurn.map(start => ({ strikes: [...strikes.slice(0, start), ...strikes.slice(start + size)] })))
    if (at >= 0) {
      shrunk = true
      from = inTurn[at] as number
      while ((yield* shorter()) >= 0);
      size = Math.min(size, Math.ceil(left().length / 2))
    } else {
      from = 0
      if (size === 1) break
      size = Math.ceil(size / 2)
    }
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
