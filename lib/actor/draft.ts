// Draft: what a turn changed in its own cell, until the turn is over. A turn that throws has changed nothing:
// timers are as they were, closed requests are open again, flows it began are ended, what it pushed was never pushed.
//
// It says nothing about the actor's own state: a guarded actor keeps that consistent itself.

import type { Served, Service } from './served.js'
import type { SinkState } from './stream.js'
import type { Run, Wait, Waits } from './waits.js'

export class Draft {
  /** Whether there is anything to keep or to discard; most turns change nothing of this kind. */
  dirty = false
  #sinks: SinkState[] = []
  #begun: Run[] = []
  #taken: Service[] = []
  #timers: { readonly name: string; readonly before: Wait | undefined }[] = []

  touched(sink: SinkState): void {
    this.dirty = true
    if (this.#sinks.length === 0)
      this.#sinks = [sink] // Mostly the only one, as of the others.
    else this.#sinks.push(sink)
  }

  begun(run: Run): void {
    this.dirty = true
    this.#begun.push(run)
  }

  taken(service: Service): void {
    this.dirty = true
    if (this.#taken.length === 0) this.#taken = [service]
    else this.#taken.push(service)
  }

  timer(name: string, before: Wait | undefined): void {
    this.dirty = true
    const timer = { name, before }
    if (this.#timers.length === 0) this.#timers = [timer]
    else this.#timers.push(timer)
  }

  keep(): void {
    for (const sink of this.#sinks) sink.keep()
    this.#clear()
  }

  /** `end` ends a flow through its `finally` blocks. */
  discard(served: Served, waits: Waits, end: (run: Run) => void): void {
    for (const run of this.#begun) end(run) // Its `finally` blocks may change more: before the rest.
    for (const sink of this.#sinks) sink.discard()
    for (const service of this.#taken) {
      served.put(service)
      if (service.deadline !== undefined) waits.rearm(service.deadline)
    }
    for (const { name, before } of this.#timers.reverse()) waits.restoreTimer(name, before)
    this.#clear()
  }

  #clear(): void {
    this.dirty = false
    if (this.#sinks.length > 0) this.#sinks = []
    if (this.#begun.length > 0) this.#begun = []
    if (this.#taken.length > 0) this.#taken = []
    if (this.#timers.length > 0) this.#timers = []
  }
}
