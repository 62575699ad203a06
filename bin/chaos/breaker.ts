// Breaker: breaks parts of a running cluster, one after the other and several at once, until it is told to stop; then heals all.

import { setTimeout as sleep } from 'node:timers/promises'
import { type ControlCall, drawLiveFault, type LiveFault, type LiveFaultKind } from '../../lib/chaos/index.js'
import { type Random, seededRandom } from '../../lib/std/index.js'
import { insist, statusOf, type Target, targetsOf } from './target.js'

const everyMs = 900 // On average.
const activeMax = 3
const healAll: ControlCall = { method: 'chaos', params: { action: 'heal', targets: [] } }

export class Breaker {
  /** How often each kind befell it. */
  readonly counts = new Map<LiveFaultKind, number>()
  last = ''
  readonly #target: Target
  readonly #kinds: readonly LiveFaultKind[]
  readonly #random: Random
  readonly #active = new Map<LiveFault, Promise<unknown>>() // With when it has begun.
  readonly #ending = new AbortController()
  #scale = 1
  #done: Promise<unknown> = Promise.resolve()

  constructor(target: Target, kinds: readonly LiveFaultKind[], seed: number) {
    this.#target = target
    this.#kinds = kinds
    this.#random = seededRandom(seed ^ 0x62726561)
  }

  start(): void {
    this.#done = this.#run()
  }

  /** Heals all that is broken. Again: it has been done. */
  async stop(): Promise<void> {
    this.#ending.abort()
    // Side by side: one may not have begun for what another holds still. What has not begun cannot be ended.
    const ends = [...this.#active].map(async ([{ end }, begun]) => {
      await begun
      if (end !== undefined) await insist(this.#target, end)
    })
    await Promise.all(ends)
    this.#active.clear()
    await this.#done
    await insist(this.#target, healAll)
  }

  async #run(): Promise<void> {
    const { signal } = this.#ending
    this.#scale = (await statusOf(this.#target)).timeScale
    const lasting: Promise<void>[] = []
    while (!signal.aborted) {
      await this.#pause(-Math.log(1 - this.#random()) * everyMs)
      if (signal.aborted || this.#active.size >= activeMax) continue
      const targets = targetsOf(await statusOf(this.#target))
      const fault = drawLiveFault(this.#random, this.#kinds, targets, this.#scale)
      lasting.push(this.#befall(fault))
    }
    await Promise.all(lasting)
  }

  async #befall(fault: LiveFault): Promise<void> {
    const { kind, begin, end, text, lastsMs } = fault
    this.last = text
    const begun = this.#target.call(begin).then(
      () => void this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1),
      // What it names ended meanwhile: nothing is broken then, and to end it does no harm.
      () => undefined
    )
    this.#active.set(fault, begun)
    await begun
    await this.#pause(lastsMs)
    if (this.#ending.signal.aborted) return // `stop` ends it.
    if (end !== undefined) await insist(this.#target, end).catch(() => undefined)
    this.#active.delete(fault)
  }

  #pause(ms: number): Promise<void> {
    return sleep(ms, undefined, { signal: this.#ending.signal }).catch(() => undefined)
  }
}
