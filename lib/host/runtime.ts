// Runtime: the main thread's side of a cluster on worker threads. It creates threads, knows which actor runs
// where, introduces threads to each other, and tells of deaths. It handles no envelope but its own actors'.

import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { MessageChannel, Worker } from 'node:worker_threads'
import { nanoid } from 'nanoid'
import { type Envelope, type Facts, machineOf, ownerOf } from '../actor/index.js'
import { AddressTable, addressTableBytes } from './address-table.js'
import { ClusterClock, clockBytes } from './clock.js'
import { expose, moving, remote } from './control.js'
import {
  controlBytes,
  type Directory,
  type NetworkFaults,
  noFaults,
  parkedAt,
  pauseAt,
  type SpawnRequest,
  type ThreadControl,
  type ThreadReport
} from './directory.js'
import { undoUnsynced } from './journal.js'
import { LogFile } from './log-file.js'
import { ports } from './ports/index.js'
import { Thread } from './thread.js'
import { Watchdog } from './watchdog.js'
import { linkStateBytes } from './wire.js'
import type { RosterModule, WorkerSetup } from './worker.js'

export interface RuntimeOptions {
  /** Holds journals and logs. Undefined: a temporary directory, removed at the end. */
  readonly dataDir?: string
  readonly rosterUrl: string // Exports `load(actor)`, see RosterModule.
  readonly workerUrl?: string
  readonly seed?: number
  readonly clusterMs?: number // Where cluster time starts; default: now.
  readonly scale?: number
  readonly heapBudgetBytes?: number // Of each thread.
  readonly hungAfterMs?: number
}

interface ThreadRecord {
  readonly ordinal: number
  readonly name: string
  readonly worker: Worker | undefined // None for the main thread.
  readonly control: SharedArrayBuffer
  readonly remote: ThreadControl
  readonly actors: Map<string, { readonly actor: string; readonly parent: string }>
  readonly starting: Set<SpawnRequest>
  readonly links: Set<number>
  reason: string | undefined // Why it ends, once known.
  ended: Promise<void>
}

export interface ThreadStatus extends ThreadReport {
  readonly name: string
  readonly ordinal: number
  readonly threadId: number
  readonly paused: boolean
}

const mib = 1 << 20
const heapBudgetDefault = 256 * mib
const mainThread = 'root/main'
const epitaphsKept = 1024
const clockStepMs = 1000

export class Runtime implements Directory {
  readonly id = nanoid()
  readonly dataDir: string
  readonly clock: ClusterClock
  readonly #clockShared = new SharedArrayBuffer(clockBytes)
  readonly #addressesShared = new SharedArrayBuffer(addressTableBytes)
  readonly addresses = new AddressTable(this.#addressesShared)
  readonly #options: RuntimeOptions
  readonly #threads = new Map<number, ThreadRecord>()
  readonly #byName = new Map<string, ThreadRecord>()
  readonly #places = new Map<string, ThreadRecord>() // actor -> its thread
  readonly #epitaphs = new Map<number, string>()
  readonly #starts = new Map<string, number>() // actor -> how often it was started
  readonly #facts = new Map<string, Facts>()
  readonly #factsListeners = new Set<(address: string, facts: Facts) => void>()
  readonly #journals = new Map<string, { directory: string; synced: SharedArrayBuffer }>()
  readonly #log: LogFile
  readonly #watchdog: Watchdog
  #faults: NetworkFaults = noFaults
  #ordinalLast = 0
  #stopping = false
  #main!: ThreadRecord

  private constructor(options: RuntimeOptions) {
    this.#options = options
    this.dataDir = options.dataDir ?? fs.mkdtempSync(path.join(os.tmpdir(), 'kabuki-'))
    this.#log = new LogFile(this.#logFile(mainThread))
    this.clock = new ClusterClock(this.#clockShared)
    this.clock.set(options.clusterMs ?? Date.now(), options.scale ?? 1)
    this.#watchdog = new Watchdog(options.hungAfterMs ?? 10_000, name => void this.killThread(name, 'hung'))
  }

  static async start(options: RuntimeOptions): Promise<Runtime> {
    const runtime = new Runtime(options)
    const roster: RosterModule = await import(options.rosterUrl)
    const ordinal = ++runtime.#ordinalLast
    const control = new SharedArrayBuffer(controlBytes)
    const thread = new Thread({
      ordinal,
      name: mainThread,
      directory: runtime,
      clock: runtime.clock,
      addresses: runtime.addresses,
      control,
      load: actor => roster.load(actor),
      ports,
      journalRoot: runtime.#journalRoot,
      seed: options.seed,
      log: runtime.#log.write,
      heapBudgetBytes: Number.POSITIVE_INFINITY,
      exit: () => undefined // The main thread ends with the process.
    })
    runtime.#main = {
      ordinal,
      name: mainThread,
      worker: undefined,
      control,
      remote: thread,
      actors: new Map(),
      starting: new Set(),
      links: new Set(),
      reason: undefined,
      ended: Promise.resolve()
    }
    runtime.#add(runtime.#main)
    return runtime
  }

  /** Starts a root actor. Resolves when its first turn has been taken. */
  async startActor(address: string, actor: string, args: unknown, thread: string = mainThread): Promise<void> {
    await this.spawn({ address, actor, args, thread, parent: '' })
  }

  /** Puts a message into the mailbox of an actor of the main thread: a supervisor. */
  deliver(envelope: Envelope): void {
    ;(this.#main.remote as Thread).accept(envelope)
  }

  // Directory ---------------------------------------------------------------------------------------

  async route(from: number, address: string): Promise<number | null> {
    const place = this.#places.get(ownerOf(address))
    const asker = this.#threads.get(from)
    if (place === undefined || asker === undefined || place.reason !== undefined) return null
    if (place !== asker && !asker.links.has(place.ordinal)) this.#introduce(asker, place)
    return place.ordinal
  }

  async spawn(request: SpawnRequest): Promise<void> {
    if (this.#stopping) throw new Error('the cluster is stopping')
    const { address, actor, parent } = request
    if (this.#places.has(address)) throw new Error(`${address} runs already`)
    const record = this.#byName.get(request.thread) ?? this.#createThread(request.thread)
    record.actors.set(address, { actor, parent })
    record.starting.add(request)
    this.#places.set(address, record)
    this.#starts.set(address, (this.#starts.get(address) ?? 0) + 1)
    try {
      await record.remote.start(request)
    } catch (error) {
      this.#forget(record, address)
      throw error
    } finally {
      record.starting.delete(request)
    }
  }

  async started(thread: number, address: string, actor: string, parent: string): Promise<void> {
    const record = this.#threads.get(thread)
    if (record === undefined || record.actors.has(address)) return
    record.actors.set(address, { actor, parent })
    this.#places.set(address, record)
    this.#starts.set(address, (this.#starts.get(address) ?? 0) + 1)
  }

  async shown(address: string, facts: Facts): Promise<void> {
    this.#facts.set(address, facts)
    for (const listener of this.#factsListeners) listener(address, facts)
  }

  async ended(thread: number, address: string, _reason: string): Promise<void> {
    const record = this.#threads.get(thread)
    if (record === undefined) return
    this.#forget(record, address)
    this.#stopChildren(new Set([address]), record)
  }

  async exiting(thread: number, reason: string): Promise<void> {
    const record = this.#threads.get(thread)
    if (record === undefined) return
    record.reason ??= reason
    if (this.#byName.get(record.name) === record) this.#byName.delete(record.name)
  }

  async journalOpened(address: string, directory: string, synced: SharedArrayBuffer): Promise<void> {
    this.#journals.set(address, { directory, synced })
  }

  async epitaph(thread: number): Promise<string> {
    await this.#threads.get(thread)?.ended
    return this.#epitaphs.get(thread) ?? 'ended'
  }

  // Threads -----------------------------------------------------------------------------------------

  /** Ends that thread at once, with all its actors. False: no such thread. */
  async killThread(name: string, reason: string): Promise<boolean> {
    const record = this.#byName.get(name)
    if (record?.worker === undefined) return false
    record.reason ??= reason
    this.#unpause(record)
    await record.worker.terminate()
    await record.ended
    return true
  }

  /** The power of a machine goes: its threads end and what their disks had not synced is undone. */
  async cutPower(actors: readonly string[]): Promise<number> {
    let undone = 0
    for (const actor of actors) {
      const journal = this.#journals.get(actor)
      if (journal !== undefined) undone += undoUnsynced(journal.directory, journal.synced)
    }
    return undone
  }

  async pauseThread(name: string): Promise<boolean> {
    const record = this.#byName.get(name)
    if (record?.worker === undefined) return false
    const control = new Int32Array(record.control)
    Atomics.store(control, pauseAt, 1)
    void record.remote.hold().catch(() => undefined)
    for (let i = 0; i < 1000 && Atomics.load(control, parkedAt) === 0 && record.reason === undefined; i++) {
      await new Promise(resolve => setTimeout(resolve, 1))
    }
    return Atomics.load(control, parkedAt) === 1
  }

  resumeThread(name: string): boolean {
    const record = this.#byName.get(name)
    if (record === undefined) return false
    this.#unpause(record)
    return true
  }

  killActor(address: string, reason: string): Promise<boolean> {
    return this.#places.get(address)?.remote.kill(address, reason) ?? Promise.resolve(false)
  }

  pauseActor(address: string): Promise<boolean> {
    return this.#places.get(address)?.remote.pause(address) ?? Promise.resolve(false)
  }

  resumeActor(address: string): Promise<boolean> {
    return this.#places.get(address)?.remote.resume(address) ?? Promise.resolve(false)
  }

  stopActor(address: string, reason: string): Promise<void> {
    return this.#places.get(address)?.remote.stop(address, reason) ?? Promise.resolve()
  }

  async setFaults(faults: NetworkFaults): Promise<void> {
    this.#faults = faults
    await Promise.all([...this.#threads.values()].filter(record => !this.#isPaused(record)).map(record => record.remote.setFaults(faults)))
  }

  get faults(): NetworkFaults {
    return this.#faults
  }

  /** Moves the cluster clock; resolves when every thread has run what fell due. */
  async setClock(clusterMs: number, scale: number): Promise<void> {
    this.clock.set(clusterMs, scale)
    const running = [...this.#threads.values()].filter(record => !this.#isPaused(record))
    await Promise.all(running.map(record => Promise.race([record.remote.clockMoved(), record.ended.then(() => undefined)])))
  }

  /** Moves cluster time on by that much, in steps, each waiting until what fell due has run. */
  async advanceClock(byMs: number): Promise<void> {
    for (let leftMs = byMs; leftMs > 0; leftMs -= clockStepMs) {
      await this.setClock(this.clock.nowMs() + Math.min(leftMs, clockStepMs), this.clock.scale)
    }
  }

  threadsOf(machine: string): string[] {
    return [...this.#byName.keys()].filter(name => machineOf(name) === machine)
  }

  actorsIn(thread: string): string[] {
    return [...(this.#byName.get(thread)?.actors.keys() ?? [])]
  }

  threadOf(actor: string): string | undefined {
    return this.#places.get(actor)?.name
  }

  hasThread(name: string): boolean {
    return this.#byName.has(name)
  }

  /** What that actor last showed of itself, in this life; undefined if it does not run. */
  factsOf(actor: string): Facts | undefined {
    return this.#facts.get(actor)
  }

  /** Calls `listener` at every change of what an actor shows; returns how to stop. */
  onFacts(listener: (address: string, facts: Facts) => void): () => void {
    this.#factsListeners.add(listener)
    return () => this.#factsListeners.delete(listener)
  }

  restartsOf(actor: string): number {
    return Math.max(0, (this.#starts.get(actor) ?? 0) - 1)
  }

  /** What runs, thread by thread. A paused or hung thread cannot tell of its actors: they are listed without figures. */
  async status(): Promise<ThreadStatus[]> {
    return Promise.all(
      [...this.#byName.values()].map(async record => {
        const paused = this.#isPaused(record)
        const report = paused ? silentReport(record) : await Promise.race([record.remote.inspect(), lateReport(record)])
        return { ...report, name: record.name, ordinal: record.ordinal, threadId: record.worker?.threadId ?? 0, paused }
      })
    )
  }

  /** Ends every thread, in the reverse order of their start, and removes what was temporary. */
  async stop(): Promise<void> {
    if (this.#stopping) return
    this.#stopping = true
    this.#watchdog.stop()
    for (const record of [...this.#threads.values()].reverse()) await this.killThread(record.name, 'the cluster stops')
    ;(this.#main.remote as Thread).close()
    this.#log.flush()
    if (this.#options.dataDir === undefined) fs.rmSync(this.dataDir, { recursive: true, force: true })
  }

  // Inside ------------------------------------------------------------------------------------------

  get #journalRoot(): string {
    return path.join(this.dataDir, 'disks')
  }

  #logFile(thread: string): string {
    return path.join(this.dataDir, 'logs', `${thread}.log`)
  }

  #add(record: ThreadRecord): void {
    this.#threads.set(record.ordinal, record)
    this.#byName.set(record.name, record)
  }

  #createThread(name: string): ThreadRecord {
    const { rosterUrl, seed, heapBudgetBytes = heapBudgetDefault } = this.#options
    const ordinal = ++this.#ordinalLast
    const control = new SharedArrayBuffer(controlBytes)
    const { port1, port2 } = new MessageChannel()
    const setup: WorkerSetup = {
      ordinal,
      name,
      directory: port2,
      clock: this.#clockShared,
      addresses: this.#addressesShared,
      control,
      rosterUrl,
      journalRoot: this.#journalRoot,
      logFile: this.#logFile(name),
      seed,
      heapBudgetBytes: heapBudgetBytes * 0.7
    }
    const worker = new Worker(new URL(this.#options.workerUrl ?? new URL('./worker.js', import.meta.url)), {
      name,
      workerData: setup,
      transferList: [port2],
      // V8's own limit lies well above the budget: hitting it can abort the whole process on Node 20.
      resourceLimits: { maxOldGenerationSizeMb: Math.ceil((heapBudgetBytes / mib) * 2) }
    })
    expose(this, port1)
    const record: ThreadRecord = {
      ordinal,
      name,
      worker,
      control,
      remote: remote<ThreadControl>(worker),
      actors: new Map(),
      starting: new Set(),
      links: new Set(),
      reason: undefined,
      ended: Promise.resolve()
    }
    record.ended = new Promise(resolve => {
      worker.on('error', (error: Error & { code?: string }) => {
        record.reason ??= error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? 'memory' : `failed: ${error.message}`
      })
      worker.on('exit', () => {
        port1.close()
        this.#threadEnded(record)
        resolve()
      })
    })
    this.#add(record)
    this.#watchdog.watch(name, control)
    if (this.#faults !== noFaults) void record.remote.setFaults(this.#faults).catch(() => undefined)
    return record
  }

  #introduce(a: ThreadRecord, b: ThreadRecord): void {
    const { port1, port2 } = new MessageChannel()
    const state = new SharedArrayBuffer(linkStateBytes)
    a.links.add(b.ordinal)
    b.links.add(a.ordinal)
    for (const [from, to, port, side] of [
      [a, b, port1, 0],
      [b, a, port2, 1]
    ] as const) {
      const link = { port, state, side }
      const sent = from.worker === undefined ? from.remote.link(to.ordinal, link) : from.remote.link(to.ordinal, moving(link, port))
      void sent.catch(() => undefined)
    }
  }

  #forget(record: ThreadRecord, address: string): void {
    record.actors.delete(address)
    if (this.#places.get(address) !== record) return
    this.#places.delete(address)
    this.#facts.delete(address)
  }

  #threadEnded(record: ThreadRecord): void {
    const reason = record.reason ?? 'ended'
    record.reason = reason
    this.#threads.delete(record.ordinal)
    if (this.#byName.get(record.name) === record) this.#byName.delete(record.name)
    this.#watchdog.forget(record.control)
    this.#epitaphs.set(record.ordinal, reason)
    if (this.#epitaphs.size > epitaphsKept) this.#epitaphs.delete(this.#epitaphs.keys().next().value as number)
    for (const other of this.#threads.values()) other.links.delete(record.ordinal)
    const dead = new Map(record.actors)
    for (const address of dead.keys()) this.#forget(record, address)
    if (this.#stopping) return
    for (const [address, { parent }] of dead) {
      // What was only about to start in a thread that was empty and ending starts in a new one.
      const unborn = [...record.starting].find(request => request.address === address)
      if (unborn !== undefined && reason === 'empty') void this.spawn(unborn).catch(() => undefined)
      else if (!dead.has(parent))
        void this.#places
          .get(parent)
          ?.remote.down(address, reason)
          .catch(() => undefined)
    }
    this.#stopChildren(new Set(dead.keys()), record)
  }

  #stopChildren(parents: ReadonlySet<string>, except: ThreadRecord): void {
    for (const record of this.#threads.values()) {
      if (record === except) continue
      for (const [address, { parent }] of record.actors) {
        if (parents.has(parent)) void record.remote.stop(address, `parent ${parent} ended`).catch(() => undefined)
      }
    }
  }

  #isPaused(record: ThreadRecord): boolean {
    return Atomics.load(new Int32Array(record.control), pauseAt) === 1
  }

  #unpause(record: ThreadRecord): void {
    const control = new Int32Array(record.control)
    Atomics.store(control, pauseAt, 0)
    Atomics.notify(control, pauseAt)
  }
}

const reportAfterMs = 1000

function silentReport(record: ThreadRecord): ThreadReport {
  const actors = [...record.actors].map(([address, { actor }]) => ({
    address,
    actor,
    life: 0,
    mailbox: 0,
    turns: 0,
    busyMs: 0,
    paused: false,
    facts: {}
  }))
  return { actors, counters: { deadLetters: 0, refused: 0, expired: 0, failures: 0 }, heapUsedBytes: 0, externalBytes: 0 }
}

const lateReport = (record: ThreadRecord): Promise<ThreadReport> =>
  new Promise(resolve => setTimeout(() => resolve(silentReport(record)), reportAfterMs).unref())
