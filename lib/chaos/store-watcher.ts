// Store watcher: watches, and when its stream ends goes on from the last revision it was sent, at another member if it roams.

import { type Flow, open, sleep } from '../actor/index.js'
import { integerBelow, type Random } from '../std/index.js'
import type { Member, Recorder } from './recorder.js'
import type { Running } from './store-client.js'
import type { StorePlan } from './store-plan.js'

const openTimeoutMs = 500
const pauseMs = 20
const roamMs = 4000 // A watcher that roams leaves its member after up to this long.
const slowMs = 200

export interface WatcherOptions {
  readonly name: string
  readonly key: string
  readonly end: string | undefined
  /** Stays with this member; else it goes from one to the next. */
  readonly member: Member | undefined
  readonly startRevision: number
  readonly window: number
  /** How often it does not read for a while, so that its stream runs out of credit. */
  readonly slowShare: number
}

export class StoreWatcher {
  resumed = 0
  compacted = 0
  readonly #options: WatcherOptions
  readonly #plan: StorePlan
  readonly #random: Random
  readonly #recorder: Recorder
  readonly #running: Running
  #next: number // The first revision it has not been sent.

  constructor(options: WatcherOptions, plan: StorePlan, random: Random, recorder: Recorder, running: Running) {
    this.#options = options
    this.#plan = plan
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
    const { name, key, end, member, window, slowShare } = this.#options
    const { members } = this.#plan
    const to = member ?? (members[integerBelow(this.#random, members.length)] as Member)
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
    const untilUs = member === undefined ? this.#recorder.nowUs + roamMs * 1000 * this.#random() : Number.POSITIVE_INFINITY
    for (;;) {
      const got = yield* opened.value.next(roamMs)
      if (got.kind === 'items') {
        for (const { revision, events } of got.items) {
          record.batches.push({ atUs: this.#recorder.nowUs, revision, events })
          this.#next = Math.max(this.#next, revision + 1)
        }
        if (this.#random() < slowShare) yield* sleep('real', slowMs)
      } else if (got.kind !== 'idle') {
        record.ended = got.kind === 'failed' ? got.error : 'closed'
        if (got.kind === 'failed' && got.error.code === 'compacted') this.#startAnew()
        return
      }
      if (this.#recorder.nowUs < untilUs || this.#running.stopping) continue
      opened.value.close()
      record.ended = 'closed'
      return
    }
  }

  /** As a client of etcd does, but for the list. */
  #startAnew(): void {
    this.compacted++
    this.#next = 0
  }
}
