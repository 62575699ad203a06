// Seed pool: runs simulations side by side on worker threads, one a seed. Simulations are pure computation: nothing here may
// host an actor on real clocks, since an idle worker of the pool is frozen, timers and all (piscina waits in Atomics).
//
// The module to run is given by its URL: it exports `runSeed`, from a seed and an order to plain data. A worker imports it once.

import { availableParallelism } from 'node:os'
import { Piscina } from 'piscina'
import { withoutPreloads } from './preloads.js'

export interface SeedPoolOptions {
  /** Default: one for each core. */
  readonly threads?: number
  /** URL of this module as a worker loads it; to be given where it was bundled. */
  readonly worker?: string
}

export interface SeedTask {
  /** URL of the module that exports `runSeed(seed: number, order: unknown)`. */
  readonly module: string
  readonly seed: number
  /** Handed to the function with the seed; plain data. */
  readonly order?: unknown
}

export interface SeedFailure {
  readonly task: SeedTask
  readonly error: string
}

const heapMbMax = 1024 // Of a worker.
/** A run keeps most of what it makes until it is judged: in V8's default of 48 it would be copied again and again, a seventh of the time. */
const youngHeapMbMax = 192

export class SeedPool {
  readonly threads: number
  readonly #pool: Piscina

  constructor(options: SeedPoolOptions = {}) {
    this.threads = Math.max(1, options.threads ?? availableParallelism())
    this.#pool = new Piscina({
      filename: options.worker ?? import.meta.url,
      minThreads: this.threads,
      maxThreads: this.threads,
      ...withoutPreloads(),
      resourceLimits: { maxOldGenerationSizeMb: heapMbMax, maxYoungGenerationSizeMb: youngHeapMbMax }
    })
  }

  /** Rejects if the run throws or its worker dies. */
  async run<R>(task: SeedTask): Promise<R> {
    return (await this.#pool.run(task)) as R
  }

  /** Calls `onResult` as runs end, in whatever order, and gives those that threw or whose worker died. */
  async runAll<R>(tasks: Iterable<SeedTask>, onResult: (result: R, task: SeedTask) => void): Promise<readonly SeedFailure[]> {
    const failures: SeedFailure[] = []
    const left = tasks[Symbol.iterator]()
    // As many lanes as threads: what is queued is bounded, however many seeds there are.
    const lane = async (): Promise<void> => {
      for (let next = left.next(); next.done !== true; next = left.next()) {
        try {
          onResult(await this.run<R>(next.value), next.value)
        } catch (error) {
          failures.push({ task: next.value, error: error instanceof Error ? (error.stack ?? error.message) : String(error) })
        }
      }
    }
    await Promise.all(Array.from({ length: this.threads }, lane))
    return failures
  }

  async close(): Promise<void> {
    await this.#pool.destroy()
  }
}

/** In the worker. */
export default async function runTask({ module, seed, order }: SeedTask): Promise<unknown> {
  const { runSeed } = (await import(module)) as Readonly<Record<string, unknown>>
  if (typeof runSeed !== 'function') throw new TypeError(`${module} exports no function runSeed`)
  return runSeed(seed, order)
}
