// Store watcher: watches, and when its stream ends goes on from the last revision it was sent, at another member if it roams.

import { type Flow, open, sleep } from '../actor/index.js'
import type { Random } from '../std/index.js'
import { pick } from './draw.js'
import type { Member, Recorder } from './recorder.js'
import { keyEnd, keyPrefix, type Running } from './store-client.js'
import type { WatcherMix } from './store-plan.js'

const openTimeoutMs = 500
const pauseMs = 20
const idleMs = 4000
const slowShare = 0.2 // How often one that is slow does not read for a while.

export interface WatcherOptions {
  readonly name: string
  readonly key: string
  readonly end: string | undefined
  /** Stays with this member; else it goes from one to the next. */
  readonly member: Member | undefined
  readonly startRevision: number
  readonly window: number
  /** Leaves its member after up to this long. */
  readonly roamMs: number | undefined
  /** How long it does not read now and then, so that its stream runs out of credit; 0: it always reads. */
  readonly slowMs: number
}

export function drawWatcher(name: string, members: readonly string[], mix: WatcherMix, random: Random): WatcherOptions {
  const narrow = random() < mix.narrow
  const roams = random() < mix.roaming
  const slow = random() < mix.slow
  const roamMs = pick(random, [500, 4000])
  return {
    name,
    key: `${keyPrefix}${narrow ? '01' : ''}`,
    end: narrow ? undefined : keyEnd,
    member: roams || random() < 0.5 ? undefined : (pick(random, members) as Member),
    startRevision: random() < mix.fromStart ? 1 : 0,
    window: pick(random, [2, 256]),
    roamMs: roams ? roamMs : undefined,
    slowMs: slow ? pick(random, [50, 200, 2000]) : 0
  }
}

export class StoreWatcher {
  resumed = 0
  compacted = 0
  failed = 0
  roamed = 0
  paused = 0
  readonly #options: WatcherOptions
  readonly #members: readonly string[]
  readonly #random: Random
  readonly #recorder: Recorder
  readonly #running: Running
  #next: number // The first revision it has not been sent.

  constructor(options: WatcherOptions, members: readonly string[], random: Random, recorder: Recorder, running: Running) {
    this.#options = options
    this.#members = members
    this.#random = random
    this.#recorder = recorder
    this.#running = running
    this.#next = options.startRevision
  }

  *run(): Flow<void> {
    for (;;) {
      yield* this.#session()
      yield* sleep('real', pauseMs)
    }
  }

  *#session(): Flow<void> {
    const { name, key, end, member, window, slowMs, roamMs } = this.#options
    const to = member ?? (pick(this.#random, this.#members) as Member)
    const request = { key, end, startRevision: this.#next, prevKv: true }
    const opened = yield* open(to, openTimeoutMs, 'watch', request, window)
    if (!opened.ok) {
      if (opened.error.code !== 'compacted') return
      const record = this.#recorder.watch(name, to, request)
      record.ended = opened.error
      return this.#startAnew()
    }
    const record = this.#recorder.watch(name, to, request)
    if (this.#next > 0) this.resumed++
    const untilUs = roamMs === undefined ? Number.POSITIVE_INFINITY : this.#recorder.nowUs + roamMs * 1000 * this.#random()
    for (;;) {
      const got = yield* opened.value.next(idleMs)
      if (got.kind === 'items') {
        for (const { revision, events } of got.items) {
          record.batches.push({ atUs: this.#recorder.nowUs, revision, events })
          this.#next = Math.max(this.#next, revision + 1)
        }
        if (slowMs > 0 && this.#random() < slowShare) {
          this.paused++
          yield* sleep('real', slowMs)
        }
      } else if (got.kind !== 'idle') {
        record.ended = got.kind === 'failed' ? got.error : 'closed'
        this.failed++
        if (got.kind === 'failed' && got.error.code === 'compacted') this.#startAnew()
        return
      }
      if (this.#recorder.nowUs < untilUs || this.#running.stopping) continue
      opened.value.close()
      record.ended = 'closed'
      this.roamed++
      return
    }
  }

  /** As a client of etcd does, but for the list. */
  #startAnew(): void {
    this.compacted++
    this.#next = 0
  }
}
