// ThreadHandle: the main thread's hold on one thread, a worker or itself: its control words, what runs in it, its end.

import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads'
import { expose, remote } from './control.js'
import {
  controlBytes,
  type Directory,
  endingAt,
  endings,
  parkedAt,
  pauseAt,
  type ThreadControl,
  type ThreadReport,
  turnsAt
} from './directory.js'
import { withoutPreloads } from './preloads.js'
import type { WorkerSetup } from './worker.js'

export interface Placed {
  readonly actor: string
  readonly parent: string
}

const mib = 1 << 20
const reportAfterMs = 1000
const parkWithinMs = 1000
const endWithinMs = 500
const budgetShare = 0.7

export class ThreadHandle {
  readonly ordinal: number
  readonly name: string
  readonly control: SharedArrayBuffer
  readonly remote: ThreadControl
  readonly worker: Worker | undefined // None for the main thread.
  readonly actors = new Map<string, Placed>()
  readonly links = new Set<number>() // The threads it was introduced to.
  /** Resolves when it has ended, after `over` was called. */
  readonly ended: Promise<void>
  reason: string | undefined // Why it ends, once known.
  readonly #words: Int32Array
  readonly #pausing = new Set<() => void>() // Who no longer waits for it once it is paused.

  constructor(ordinal: number, name: string, control: SharedArrayBuffer, remote: ThreadControl, worker?: Worker, ended?: Promise<void>) {
    this.ordinal = ordinal
    this.name = name
    this.control = control
    this.#words = new Int32Array(control)
    this.remote = remote
    this.worker = worker
    this.ended = ended ?? new Promise(() => undefined)
  }

  /** Starts a worker. Its budget covers heap and what lies outside it. */
  static start(
    setup: Omit<WorkerSetup, 'directory' | 'control'>,
    workerUrl: string | URL,
    directory: Directory,
    over: (handle: ThreadHandle) => void
  ): ThreadHandle {
    const control = new SharedArrayBuffer(controlBytes)
    const { port1, port2 } = new MessageChannel()
    const { heapBudgetBytes } = setup
    const workerData: WorkerSetup = { ...setup, directory: port2, control, heapBudgetBytes: heapBudgetBytes * budgetShare }
    const worker = new Worker(new URL(workerUrl), {
      name: setup.name,
      workerData,
      transferList: [port2],
      ...withoutPreloads(),
      // V8's own limit lies well above the budget: hitting it can abort the whole process on Node 20.
      resourceLimits: { maxOldGenerationSizeMb: Math.ceil((heapBudgetBytes / mib) * 2) }
    })
    expose(directory, port1)
    const ended = new Promise<void>(resolve => {
      worker.on('error', (error: Error & { code?: string }) => {
        handle.reason ??= error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? 'memory' : `failed: ${error.message}`
      })
      worker.on('exit', () => {
        takeRest(port1)
        handle.reason ??= endings[Atomics.load(handle.#words, endingAt)] || 'ended'
        over(handle)
        resolve()
      })
    })
    const handle: ThreadHandle = new ThreadHandle(setup.ordinal, setup.name, control, remote<ThreadControl>(worker), worker, ended)
    return handle
  }

  /** Whether it takes no more actors: it ends, or has ended itself and the main thread has not heard of it yet. */
  get ending(): boolean {
    return this.reason !== undefined || Atomics.load(this.#words, endingAt) !== 0
  }

  get paused(): boolean {
    return Atomics.load(this.#words, pauseAt) === 1
  }

  /** Begun so far, modulo 2^32. */
  get turns(): number {
    return Atomics.load(this.#words, turnsAt)
  }

  /** Resolves when it holds still. False: it does not, being in the midst of a long turn; it will at its end. */
  async pause(): Promise<boolean> {
    Atomics.compareExchange(this.#words, pauseAt, 0, 1)
    for (const paused of this.#pausing) paused()
    void this.remote.hold().catch(() => undefined) // A busy thread sees the flag itself.
    const untilMs = performance.now() + parkWithinMs
    while (Atomics.load(this.#words, parkedAt) === 0 && !this.ending && performance.now() < untilMs) {
      await new Promise(resolve => setTimeout(resolve, 1))
    }
    return Atomics.load(this.#words, parkedAt) === 1
  }

  resume(): void {
    Atomics.compareExchange(this.#words, pauseAt, 1, 0)
    Atomics.notify(this.#words, pauseAt)
  }

  /** What it answers; undefined if it ends meanwhile, or the call fails. */
  unlessEnded<V>(call: (thread: ThreadControl) => Promise<V>): Promise<V | undefined> {
    return Promise.race([call(this.remote).catch(() => undefined), this.ended.then(() => undefined)])
  }

  /** Resolves when it has answered, ends, or is paused, now or meanwhile: then it does it when it goes on. */
  async unlessPaused(call: (thread: ThreadControl) => Promise<unknown>): Promise<void> {
    const done = this.unlessEnded(call)
    if (this.paused) return
    await new Promise<void>(resolve => {
      const over = (): void => {
        this.#pausing.delete(over)
        resolve()
      }
      this.#pausing.add(over)
      void done.then(over)
    })
  }

  /**
   * Ends it before its next turn; in the midst of a turn only if that takes long. Terminated while its HTTP/2 sessions read, a worker takes
   * the whole process with it: Node 20 still parses what comes, and asserts on a stream that no code was left to set up. A thread that
   * ends itself closes its sockets first (http-listener.ts).
   */
  async kill(reason: string): Promise<void> {
    this.reason ??= reason
    Atomics.store(this.#words, pauseAt, 2)
    Atomics.notify(this.#words, pauseAt)
    void this.remote.hold().catch(() => undefined) // One that is idle is told.
    const timer = setTimeout(() => void this.worker?.terminate(), endWithinMs)
    await this.ended
    clearTimeout(timer)
  }

  /** What it says of itself; without figures if it is paused, or stuck. */
  async report(): Promise<ThreadReport> {
    if (this.paused) return this.#silent()
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<ThreadReport>(resolve => {
      timer = setTimeout(() => resolve(this.#silent()), reportAfterMs)
    })
    try {
      return await Promise.race([this.remote.inspect(), late, this.ended.then(() => this.#silent())])
    } finally {
      clearTimeout(timer)
    }
  }

  #silent(): ThreadReport {
    const none = { life: 0, mailbox: 0, turns: 0, busyMs: 0, paused: false, facts: {} }
    const actors = [...this.actors].map(([address, { actor }]) => ({ address, actor, ...none }))
    return { actors, counters: { deadLetters: 0, refused: 0, expired: 0, failures: 0 }, heapUsedBytes: 0, externalBytes: 0 }
  }
}

/** What a thread had still said to the main thread when it ended is heard before its end. */
function takeRest(port: MessagePort): void {
  for (let rest = receiveMessageOnPort(port); rest !== undefined; rest = receiveMessageOnPort(port)) port.emit('message', rest.message)
  port.close()
}
