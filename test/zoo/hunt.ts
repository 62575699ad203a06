// Hunt: runs seeds of one bundled runner on one thread, until something is found broken or all have been run.

import { runSeeds } from '../../lib/host/seed-pool.js'
import { type Finding, type Habitat, runners } from './habitats.js'

export interface Seen {
  readonly seed: number
  /** Without repetition, in the order of their reports. */
  readonly guarantees: readonly string[]
  readonly excerpt: string
}

export interface Hunt {
  /** The runs in which something was found broken, in order of their seeds. */
  readonly seen: readonly Seen[]
  readonly runs: number
  /** Runs that threw: neither a catch nor a pass. */
  readonly crashes: readonly { readonly seed: number; readonly error: string }[]
}

export async function hunt(module: string, { runner, overrides }: Habitat, seeds: Iterable<number>, untilSeen: boolean): Promise<Hunt> {
  const stop = new AbortController()
  const seen: Seen[] = []
  let runs = 0
  const crashes = await runSeeds<Finding>(
    { module, export: runners[runner].export, options: overrides, seeds, threads: 1, signal: stop.signal },
    ({ seed, result: { violations } }) => {
      runs++
      const [first] = violations
      if (first === undefined) return
      seen.push({ seed, guarantees: [...new Set(violations.map(({ guarantee }) => guarantee))], excerpt: first.excerpt })
      if (untilSeen) stop.abort()
    }
  )
  return { seen, runs, crashes }
}
