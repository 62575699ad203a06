// Here: runs seeds in this thread, one after the other, so that the progress of a single long run can be told.

import type { RunListener, SeedAnswer, SeedOrder } from '../../lib/chaos/index.js'
import type { SeedFailure, SeedTask } from '../../lib/host/seed-pool.js'
import type { SeedRunner } from './search.js'

const everyMs = 2_000

export class Here implements SeedRunner {
  readonly #tell: (virtualMs: number) => void

  constructor(tell: (virtualMs: number) => void) {
    this.#tell = tell
  }

  async runAll<R>(tasks: Iterable<SeedTask>, onResult: (result: R, task: SeedTask) => void): Promise<readonly SeedFailure[]> {
    const failures: SeedFailure[] = []
    for (const task of tasks) {
      try {
        onResult((await this.#run(task)) as R, task)
      } catch (error) {
        failures.push({ task, error: error instanceof Error ? (error.stack ?? error.message) : String(error) })
      }
    }
    return failures
  }

  async #run({ module, seed, order }: SeedTask): Promise<SeedAnswer> {
    const { runSeed } = (await import(module)) as { runSeed: (seed: number, order: SeedOrder, logged: RunListener) => SeedAnswer }
    let toldMs = performance.now()
    return runSeed(seed, order as SeedOrder, ({ atUs }) => {
      if (performance.now() - toldMs < everyMs) return
      toldMs = performance.now()
      this.#tell(atUs / 1000)
    })
  }
}
