// CrashBackOff: how long a failing container waits before it is started, or its image pulled, again. Pure.
//
// As client-go's flowcontrol.Backoff in the kubelet's use: the first restart is immediate, then 10 s after the exit, doubling to
// 5 min; a run that lasted more than 10 min since the last restart begins anew.

export interface BackOffEntry {
  readonly delayMs: number
  readonly updatedAtMs: number
}

export const backOffBaseMs = 10_000
export const backOffMaxMs = 300_000
const forgottenAfterMs = 2 * backOffMaxMs

const forgotten = (entry: BackOffEntry, atMs: number): boolean => atMs - entry.updatedAtMs > forgottenAfterMs

/** The earliest time for another try after a failure at `failedAtMs`. */
export function retryAtMs(entry: BackOffEntry | undefined, failedAtMs: number): number {
  return entry === undefined || forgotten(entry, failedAtMs) ? failedAtMs : failedAtMs + entry.delayMs
}

/** The entry once another try was made after a failure at `failedAtMs`. */
export function tried(entry: BackOffEntry | undefined, failedAtMs: number): BackOffEntry {
  if (entry === undefined || forgotten(entry, failedAtMs)) return { delayMs: backOffBaseMs, updatedAtMs: failedAtMs }
  return { delayMs: Math.min(2 * entry.delayMs, backOffMaxMs), updatedAtMs: failedAtMs }
}

/** As Go prints durations: `10s`, `1m20s`, `5m0s`, `1h0m0s`, `250ms`, `1.5s`. */
export function goDuration(ms: number): string {
  if (ms === 0) return '0s'
  if (ms < 1000) return `${ms}ms`
  const seconds = ms / 1000
  const hours = Math.floor(seconds / 3600)
  const minutes = Math.floor(seconds / 60) % 60
  const rest = Number((seconds % 60).toFixed(3))
  if (hours > 0) return `${hours}h${minutes}m${rest}s`
  return minutes > 0 ? `${minutes}m${rest}s` : `${rest}s`
}
