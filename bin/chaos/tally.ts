// Tally: what a run of chaos exercised, and how far it is.

import { isInDoubt } from '../../lib/check/index.js'
import { type ClusterStatus, formatDuration } from '../../lib/cli/index.js'
import type { Round } from './round.js'

export interface Counts {
  readonly operations: number
  readonly acknowledged: number
  readonly inDoubt: number
  readonly recoveredMs: number
  readonly exercised: Readonly<Record<string, number>>
}

export class Tally {
  #operations = 0
  #acknowledged = 0
  #inDoubt = 0
  #recoveredMs = 0
  readonly #exercised = new Map<string, number>()
  #leaders: Readonly<Record<string, string>> | undefined
  #term = 0
  #restarts = 0

  look({ leaders, actors }: ClusterStatus): void {
    const term = actors.reduce((most, actor) => Math.max(most, Number(actor.term ?? 0)), 0)
    const restarts = actors.reduce((sum, actor) => sum + actor.restarts, 0)
    if (this.#leaders !== undefined) {
      this.#count('election', term > this.#term ? 1 : 0)
      for (const what of ['controller-manager', 'scheduler'])
        this.#count(
          `${what} failover`,
          leaders[what] !== undefined && this.#leaders[what] !== undefined && leaders[what] !== this.#leaders[what] ? 1 : 0
        )
      this.#count('restart', Math.max(0, restarts - this.#restarts))
    }
    // Who led last, while nobody does.
    this.#leaders = { ...this.#leaders, ...leaders }
    this.#term = Math.max(this.#term, term)
    this.#restarts = restarts
  }

  add({ recorder, watchers, recoveredMs }: Round): void {
    const { operations } = recorder
    const writes = operations.filter(({ verb }) => verb !== 'get' && verb !== 'list')
    const inDoubt = writes.filter(isInDoubt).length
    this.#operations += operations.length
    this.#acknowledged += writes.filter(({ outcome }) => outcome !== undefined && outcome.kind !== 'failed').length
    this.#inDoubt += inDoubt
    this.#recoveredMs = Math.max(this.#recoveredMs, Math.round(recoveredMs))
    this.#count('indefinite write', inDoubt)
    this.#count('conflict', operations.filter(({ outcome }) => outcome?.kind === 'failed' && outcome.reason === 'Conflict').length)
    this.#count('page of a list', operations.filter(({ firstPage }) => firstPage !== undefined).length)
    for (const { resumed, relisted, bookmarks } of watchers) {
      this.#count('watch resumed', resumed)
      this.#count('watch relisted', relisted)
      this.#count('bookmark', bookmarks)
    }
  }

  counts(): Counts {
    return {
      operations: this.#operations,
      acknowledged: this.#acknowledged,
      inDoubt: this.#inDoubt,
      recoveredMs: this.#recoveredMs,
      exercised: Object.fromEntries(this.#exercised)
    }
  }

  #count(what: string, by: number): void {
    this.#exercised.set(what, (this.#exercised.get(what) ?? 0) + by)
  }
}

/** One line that is written over, and only where somebody looks. */
export class Progress {
  readonly #forMs: number
  readonly #startedMs = performance.now()

  constructor(forMs: number) {
    this.#forMs = forMs
  }

  show(text: string, operations: number): void {
    if (!process.stderr.isTTY) return
    const at = `${formatDuration(performance.now() - this.#startedMs)} of ${formatDuration(this.#forMs)}`
    process.stderr.write(`\r\x1b[K${at}, ${operations} operations: ${text}`)
  }

  clear(): void {
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')
  }
}
