// Seed pool: runs one simulation a seed, side by side on worker threads. Simulations are pure computation: nothing here may
// host an actor on real clocks, since an idle worker of the pool is frozen, timers and all (piscina waits in Atomics).
//
// The module to run is given by its URL: it exports a function from a seed to plain data. A worker imports it once.

import { availableParallelism } from 'node:os'
import { Piscina } from 'piscina'
import { withoutPreloads } from './preloads.js'

export interface SeedPoolOptions {
  /** URL of the module, and the name of its function `(seed: number, options: unknown) => plain data`. */
  readonly module: string
  readonly export: string
  /** Handed to the function with every seed; plain data. */
  readonly options?: unknown
  readonly seeds: Iterable<number>
  /** Default: one for each core. */
  readonly threads?: number
  /** URL of this module as a worker loads it; to be given where it was bundled. */
  readonly worker?: string
  readonly signal?: AbortSignal
}

export interface SeedFailure {
  readonly seed: number
  readonly error: string
}

export interface SeedProgress<R> {
  readonly seed: number
  readonly result: R
  readonly done: number
}

interface Task {
  readonly module: string
  readonly name: string
  readonly seed: number
  readonly options: unknown
}

const heapMbMax = 1024 // Of a worker.

/** Calls `onResult` as seeds finish, in whatever order, and gives those whose run threw or whose worker died. */
export async function runSeeds<R>(
  options: SeedPoolOptions,
  onResult: (progress: SeedProgress<R>) => void
): Promise<readonly SeedFailure[]> {
  const threads = Math.max(1, options.threads ?? availableParallelism())
  const pool = new Piscina({
    filename: options.worker ?? import.meta.url,
    minThreads: threads,
    maxThreads: threads,
    ...withoutPreloads(),
    resourceLimits: { maxOldGenerationSizeMb: heapMbMax }
  })
  const failures: SeedFailure[] = []
  const seeds = options.seeds[Symbol.iterator]()
  let done = 0
  // As many lanes as threads: what is queued is bounded, however many seeds there are.
  const lane = async (): Promise<void> => {
    for (let next = seeds.next(); next.done !== true && options.signal?.aborted !== true; next = seeds.next()) {
      const seed = next.value
      try {
        const task: Task = { module: options.module, name: options.export, seed, options: options.options }
        const result = (await pool.run(task)) as R
        onResult({ seed, result, done: ++done })
      } catch (error) {
        done++
        failures.push({ seed, error: error instanceof Error ? (error.stack ?? error.message) : String(error) })
      }
    }
  }
  try {
    await Promise.all(Array.from({ length: threads }, lane))
  } finally {
    await pool.destroy()
  }
  return failures
}

/** In the worker. */
export default async function runSeed({ module, name, seed, options }: Task): Promise<unknown> {
  const loaded = (await import(module)) as Readonly<Record<string, unknown>>
  const run = loaded[name]
  if (typeof run !== 'function') throw new TypeError(`${module} exports no function ${name}`)
  return run(seed, options)
}
