// Watchdog: finds threads that are stuck in one turn.
//
// A thread is hung if it has been busy with the same turn for `hungAfterMs`, while the main thread's own timers
// were on time (else the whole machine is slow) and no debugger is attached.

import * as inspector from 'node:inspector'
import { busyAt, pauseAt, turnsAt } from './directory.js'

interface Watched {
  readonly name: string
  turns: number
  sinceMs: number
}

const lateMsMax = 500

export class Watchdog {
  readonly #watched = new Map<SharedArrayBuffer, Watched>()
  readonly #timer: NodeJS.Timeout
  #lastMs = performance.now()

  constructor(hungAfterMs: number, hung: (name: string) => void) {
    const periodMs = Math.max(20, Math.min(1000, hungAfterMs / 5))
    this.#timer = setInterval(() => {
      const nowMs = performance.now()
      const late = nowMs - this.#lastMs - periodMs > lateMsMax
      this.#lastMs = nowMs
      for (const [shared, watched] of this.#watched) {
        const control = new Int32Array(shared)
        const turns = control[turnsAt] as number
        const idle = Atomics.load(control, busyAt) === 0 || Atomics.load(control, pauseAt) === 1
        if (late || idle || turns !== watched.turns || inspector.url() !== undefined) {
          watched.turns = turns
          watched.sinceMs = nowMs
        } else if (nowMs - watched.sinceMs > hungAfterMs) {
          watched.sinceMs = nowMs
          hung(watched.name)
        }
      }
    }, periodMs)
    this.#timer.unref()
  }

  watch(name: string, control: SharedArrayBuffer): void {
    this.#watched.set(control, { name, turns: 0, sinceMs: performance.now() })
  }

  forget(control: SharedArrayBuffer): void {
    this.#watched.delete(control)
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}
