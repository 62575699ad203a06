// Supervision: what a supervisor decides when a child dies. Pure.
//
// After OTP: a restart after a delay that grows with each death and shrinks back once the child stays up; more
// than `restartsMax` deaths within `withinMs` mean that restarting does not help, and the supervisor gives up.

export interface RestartPolicy {
  readonly strategy: 'one-for-one' | 'one-for-all'
  readonly firstDelayMs: number
  readonly delayMsMax: number
  readonly stableAfterMs: number // Up this long, a child's next death is its first again.
  readonly restartsMax: number
  readonly withinMs: number
}

export const restartPolicyDefault: RestartPolicy = {
  strategy: 'one-for-one',
  firstDelayMs: 20,
  delayMsMax: 5_000,
  stableAfterMs: 10_000,
  restartsMax: 50,
  withinMs: 60_000
}

/** The deaths of one child that still count, in milliseconds of the real clock, oldest first. */
export interface Deaths {
  readonly atMs: readonly number[]
  readonly streak: number // Deaths in a row without a stable life between.
}

export const noDeaths: Deaths = { atMs: [], streak: 0 }

export type Verdict = { readonly action: 'restart'; readonly delayMs: number } | { readonly action: 'give up' }

/** What to do about a child that died at `nowMs`, having been up since `upSinceMs`; `jitter` is in [0, 1). */
export function afterDeath(
  policy: RestartPolicy,
  deaths: Deaths,
  upSinceMs: number,
  nowMs: number,
  jitter: number
): { deaths: Deaths; verdict: Verdict } {
  const atMs = [...deaths.atMs.filter(death => nowMs - death < policy.withinMs), nowMs]
  const streak = nowMs - upSinceMs >= policy.stableAfterMs ? 1 : deaths.streak + 1
  if (atMs.length > policy.restartsMax) return { deaths: { atMs, streak }, verdict: { action: 'give up' } }
  const delayMs = Math.min(policy.firstDelayMs * 2 ** (streak - 1), policy.delayMsMax)
  return { deaths: { atMs, streak }, verdict: { action: 'restart', delayMs: delayMs * (0.75 + jitter / 2) } }
}
