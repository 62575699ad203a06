// Hunt: runs seeds of one bundled runner on one thread, until something is found broken or all have been run.

import { SeedPool } from '../../lib/host/seed-pool.js'
import type { Finding, Habitat } from './habitats.js'

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

export async function hunt(module: string, { overrides }: Habitat, seeds: Iterable<number>, untilSeen: boolean): Promise<Hunt> {
  const pool = new SeedPool({ threads: 1 })
  const seen: Seen[] = []
  const crashes: { seed: number; error: string }[] = []
  let runs = 0
  for (const seed of seeds) {
    try {
      const { violations } = await pool.run<Finding>({ module, seed, order: overrides })
      runs++
      const [first] = violations
      if (first === undefined) continue
      seen.push({ seed, guarantees: [...new Set(violations.map(({ guarantee }) => guarantee))], excerpt: first.excerpt })
      if (untilSeen) break
    } catch (error) {
      crashes.push({ seed, error: error instanceof Error ? (error.stack ?? error.message) : String(error) })
    }
  }
  await pool.close()
  return { seen, runs, crashes }
}
