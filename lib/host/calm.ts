// Calm: waits until what a step of the cluster clock set off has come to its end: messages under way, saves, answers.
//
// Without it a minute of cluster time is over in less real time than a heartbeat takes to be stored, and nodes that do all
// they should count as silent. Threads publish how many turns they began; when that stands still for `quietMs`, nothing is
// under way but what waits for time. A guess, not a guarantee: what acts by the real clock takes turns too, so the wait ends
// after `calmMsMax` in any case.

import { setTimeout as sleep } from 'node:timers/promises'

const quietMs = 4 // Above the time of a save: a store that syncs takes no turn.
const calmMsMax = 50

/** `turns`: all that were begun so far, `before`: as many as before the step. At once if it set off none. */
export async function calm(turns: () => number, before: number): Promise<void> {
  const untilMs = performance.now() + calmMsMax
  for (let last = before, now = turns(); now !== last && performance.now() < untilMs; now = turns()) {
    last = now
    await sleep(quietMs)
  }
}
