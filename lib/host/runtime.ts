// Runtime: the main thread's side of a cluster on worker threads. It creates threads, knows which actor runs
// where, introduces threads to each other, and tells of deaths. It handles no envelope but its own actors'.

import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { MessageChannel } from 'node:worker_threads'
import { nanoid } from 'nanoid'
import {
  type Answer,
  type AnyActor,
  type AskName,
  type Body,
  type Envelope,
  type Facts,
  machineOf,
  type Outcome,
  ownerOf,
  type Ref
} from '../actor/index.js'
import { AddressTable, addressTableBytes } from './address-table.js'
import { calm } from './calm.js'
import { asking, client, clientAddress } from './client.js'
import { ClusterClock, clockBytes } from './clock.js'
import { moving } from './control.js'
import {
  controlBytes,
  type Directory,
  type Epitaph,
  type NetworkFaults,
  noFaults,
  type SpawnRequest,
  type ThreadReport
} from './directory.js'
import { FactsBoard } from './facts-board.js'
import { undoUnsynced } from './journal.js'
import { LogFile } from './log-file.js'
import { ports } from './ports/index.js'
import { Thread } from './thread.js'
import { ThreadHandle } from './thread-handle.js'
import { Watchdog } from './watchdog.js'
import { linkStateBytes } from './wire.js'
import type { RosterModule } from './worker.js'

export interface RuntimeOptions {
  /** Holds journals and logs. Undefined: a temporary directory, removed at the end. */
  readonly dataDir?: string
  readonly rosterUrl: string // Exports `load(actor)`, see RosterModule.
  /** What a worker thread runs that is started for that actor. Default: the host alone, which loads the roster. */
  readonly workerUrl?: string | ((actor: string) => string)
  readonly seed?: number
  readonly clusterMs?: number // Where cluster time starts; default: now.
  readonly scale?: number
  readonly heapBudgetBytes?: number // Of each thread.
  readonly hungAfterMs?: number
}

export interface ThreadStatus extends ThreadReport {
  readonly name: string
  readonly ordinal: number
  readonly threadId: number
  readonly paused: boolean
}

const heapBudgetDefault = 1 << 30
const mainThread = 'root/main'
const epitaphsKept = 1024
const clockStepMsMax = 1000

export class Runtime implements Directory {
  readonly id = nanoid()
  readonly dataDir: string
  readonly clock: ClusterClock
  readonly #clockShared = new SharedArrayBuffer(clockBytes)
  readonly #addressesShared = new SharedArrayBuffer(addressTableBytes)
  readonly addresses = new AddressTable(this.#addressesShared)
  readonly #options: RuntimeOptions
  readonly #threads = new Map<number, ThreadHandle>()
  readonly #byName = new Map<string, ThreadHandle>()
  readonly #places = new Map<string, ThreadHandle>() // actor -> its thread
  readonly #epitaphs = new Map<number, Epitaph>()
  readonly #starts = new Map<string, number>() // actor -> how often it was started
  readonly facts = new FactsBoard()
  readonly #journals = new Map<string, { directory: string; synced: SharedArrayBuffer }>()
  readonly #log: LogFile
  readonly #watchdog: Watchdog
  #faults: NetworkFaults = noFaults
  readonly #seed: number
  #ordinalLast = 0
  #stopping = false
  #clockMoves: Promise<unknown> = Promise.resolve()
  #main!: Thread

  private constructor(options: RuntimeOptions) {
    this.#options = options
    this.#seed = options.seed ?? Math.floor(Math.random() * 2 ** 32)
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
    runtime.#main = new Thread({
      ordinal,
      name: mainThread,
      directory: runtime,
      clock: runtime.clock,
      addresses: runtime.addresses,
      control,
      load: actor => roster.load(actor),
      ports: async () => ({ ...ports, ...roster.ports }),
      journalRoot: runtime.#journalRoot,
      seed: runtime.#seed,
      log: runtime.#log,
      heapBudgetBytes: Number.POSITIVE_INFINITY,
      isPatient: false,
      exit: () => undefined // The main thread ends with the process.
    })
    runtime.#add(new ThreadHandle(ordinal, mainThread, control, runtime.#main))
    return runtime
  }

  /** Starts a root actor. Resolves when its first turn has been taken, rejects if it did not survive it. */
  async startActor(address: string, actor: string, args: unknown, thread: string = mainThread): Promise<void> {
    const over = await this.#begin({ address, actor, args, thread, parent: '' })
    if (over !== undefined) throw new Error(`${address} did not start: ${over}`)
  }

  /** Asks an actor, wherever it runs. */
  call<Q, K extends AskName<Q>>(to: Ref<Q>, timeoutMs: number, type: K, ...body: Body<Q, K>): Promise<Outcome<Answer<Q, K>>> {
    const { dispatcher } = this.#main
    if (!dispatcher.lives(clientAddress)) dispatcher.start(clientAddress, client as unknown as AnyActor, undefined, undefined)
    const { flow, outcome } = asking(to, timeoutMs, type, body)
    this.deliver({ kind: 'tell', from: clientAddress, to: clientAddress, life: 0, id: 0, type: 'perform', body: flow, count: 0 })
    return outcome
  }

  /** Puts a message into the mailbox of an actor of the main thread: a supervisor. */
  deliver(envelope: Envelope): void {
    this.#main.accept(envelope)
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
    await this.#begin(request)
  }

  async started(thread: number, address: string, actor: string, parent: string): Promise<void> {
    const handle = this.#threads.get(thread)
    if (handle === undefined || handle.actors.has(address)) return
    this.#place(handle, address, actor, parent)
  }

  async shown(address: string, facts: Facts): Promise<void> {
    this.facts.show(address, facts)
  }

  async ended(thread: number, address: string, _reason: string): Promise<void> {
    const handle = this.#threads.get(thread)
    if (handle === undefined) return
    this.#forget(handle, address)
    this.#stopChildren(new Set([address]), handle)
  }

  async journalOpened(address: string, directory: string, synced: SharedArrayBuffer): Promise<void> {
    this.#journals.set(address, { directory, synced })
  }

  async epitaph(thread: number): Promise<Epitaph> {
    await this.#threads.get(thread)?.ended
    return this.#epitaphs.get(thread) ?? { reason: 'ended', addresses: [] }
  }

  // Threads -----------------------------------------------------------------------------------------

  /** Ends that thread at once, with all its actors. False: no such thread. */
  async killThread(name: string, reason: string): Promise<boolean> {
    const handle = this.#byName.get(name)
    if (handle?.worker === undefined) return false
    await handle.kill(reason)
    return true
  }

  /** The power of those actors' disks goes: what they had not synced is undone. Their threads must have ended. */
  async cutPower(actors: readonly string[]): Promise<number> {
    let undone = 0
    for (const actor of actors) {
      const journal = this.#journals.get(actor)
      if (journal !== undefined) undone += undoUnsynced(journal.directory, journal.synced)
    }
    return undone
  }

  /** False: no such thread, or it does not hold still yet. */
  async pauseThread(name: string): Promise<boolean> {
    const handle = this.#byName.get(name)
    return handle?.worker === undefined ? false : handle.pause()
  }

  resumeThread(name: string): boolean {
    const handle = this.#byName.get(name)
    handle?.resume()
    return handle !== undefined
  }

  async killActor(address: string, reason: string): Promise<boolean> {
    return (await this.#places.get(address)?.unlessEnded(thread => thread.kill(address, reason))) ?? false
  }

  async pauseActor(address: string): Promise<boolean> {
    return (await this.#places.get(address)?.unlessEnded(thread => thread.pause(address))) ?? false
  }

  async resumeActor(address: string): Promise<boolean> {
    return (await this.#places.get(address)?.unlessEnded(thread => thread.resume(address))) ?? false
  }

  async stopActor(address: string, reason: string): Promise<void> {
    await this.#places.get(address)?.unlessEnded(thread => thread.stop(address, reason))
  }

  async setFaults(faults: NetworkFaults): Promise<void> {
    this.#faults = faults
    await this.#everyThread(handle => handle.remote.setFaults(faults))
  }

  get faults(): NetworkFaults {
    return this.#faults
  }

  /** Sets how fast cluster time goes. */
  setClockScale(scale: number): Promise<void> {
    return this.#moveClock(() => this.clock.set(this.clock.nowMs(), scale))
  }

  /**
   * Moves the cluster clock forward; resolves when every thread has run what fell due. In small steps, so that what
   * one actor does at its time, and what comes of it, comes before what another does a step later.
   */
  async advanceClock(byMs: number): Promise<void> {
    if (!(byMs >= 0)) throw new RangeError(`cluster time never runs backwards: it cannot be advanced by ${byMs} ms`)
    for (let left = byMs; left > 0; left -= clockStepMsMax) {
      const step = Math.min(left, clockStepMsMax)
      const before = this.#turns()
      await this.#moveClock(() => this.clock.set(this.clock.nowMs() + step, this.clock.scale))
      await calm(this.#turns, before)
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

  restartsOf(actor: string): number {
    return Math.max(0, (this.#starts.get(actor) ?? 0) - 1)
  }

  /** What runs, thread by thread. A paused or hung thread cannot tell of its actors: they are listed without figures. */
  async status(): Promise<ThreadStatus[]> {
    return Promise.all(
      [...this.#byName.values()].map(async handle => {
        const { name, ordinal, paused } = handle
        return { ...(await handle.report()), name, ordinal, threadId: handle.worker?.threadId ?? 0, paused }
      })
    )
  }

  /** Ends every thread, in the reverse order of their start, and removes what was temporary. */
  async stop(): Promise<void> {
    if (this.#stopping) return
    this.#stopping = true
    this.#watchdog.stop()
    for (const handle of [...this.#threads.values()].reverse()) if (handle.worker !== undefined) await handle.kill('the cluster stops')
    // Those here, too: with a timer of theirs this process would never end. Whoever waits for an answer of `call` is still told.
    for (const address of [...this.#main.dispatcher.addresses()])
      if (address !== clientAddress) await this.#main.kill(address, 'the cluster stops')
    this.#main.close()
    this.#log.flush()
    if (this.#options.dataDir === undefined) fs.rmSync(this.dataDir, { recursive: true, force: true })
  }

  readonly #turns = (): number => [...this.#threads.values()].reduce((sum, { turns }) => sum + turns, 0)

  // Inside ------------------------------------------------------------------------------------------

  get #journalRoot(): string {
    return path.join(this.dataDir, 'disks')
  }

  #logFile(thread: string): string {
    return path.join(this.dataDir, 'logs', `${thread}.log`)
  }

  #add(handle: ThreadHandle): void {
    this.#threads.set(handle.ordinal, handle)
    this.#byName.set(handle.name, handle)
  }

  #createThread(name: string, actor: string): ThreadHandle {
    const { rosterUrl, heapBudgetBytes = heapBudgetDefault } = this.#options
    const { workerUrl: chosen = new URL('./worker-main.js', import.meta.url) } = this.#options
    const workerUrl = typeof chosen === 'function' ? chosen(actor) : chosen
    const ordinal = ++this.#ordinalLast
    const journalRoot = this.#journalRoot
    const setup = {
      ordinal,
      name,
      clock: this.#clockShared,
      addresses: this.#addressesShared,
      rosterUrl,
      journalRoot,
      logFile: this.#logFile(name),
      seed: this.#seed,
      heapBudgetBytes
    }
    const handle = ThreadHandle.start(setup, workerUrl, this, ended => this.#threadEnded(ended))
    this.#add(handle)
    this.#watchdog.watch(name, handle.control)
    if (this.#faults !== noFaults) void handle.remote.setFaults(this.#faults).catch(() => undefined)
    return handle
  }

  /** Undefined once `init` has run, or why the actor is over already. Throws if it never began. */
  async #begin(request: SpawnRequest): Promise<string | undefined> {
    const { address, actor, thread, parent } = request
    for (;;) {
      if (this.#stopping) throw new Error('the cluster is stopping')
      if (this.#places.has(address)) throw new Error(`${address} runs already`)
      const running = this.#byName.get(thread)
      const handle = running === undefined || running.ending ? this.#createThread(thread, actor) : running
      this.#place(handle, address, actor, parent)
      try {
        const over = await Promise.race([handle.remote.start(request), handle.ended.then(() => handle)])
        if (over !== handle) return over as string | undefined
      } catch (error) {
        this.#forget(handle, address)
        throw error
      }
      if (handle.reason !== 'empty') return handle.reason
      // What was about to start in a thread that was empty, and ending, starts in a new one.
    }
  }

  #place(handle: ThreadHandle, address: string, actor: string, parent: string): void {
    handle.actors.set(address, { actor, parent })
    this.#places.set(address, handle)
    this.#starts.set(address, (this.#starts.get(address) ?? 0) + 1)
  }

  #forget(handle: ThreadHandle, address: string): void {
    handle.actors.delete(address)
    if (this.#places.get(address) !== handle) return
    this.#places.delete(address)
    this.facts.forget(address)
  }

  #introduce(a: ThreadHandle, b: ThreadHandle): void {
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

  #threadEnded(handle: ThreadHandle): void {
    const reason = handle.reason ?? 'ended'
    this.#threads.delete(handle.ordinal)
    if (this.#byName.get(handle.name) === handle) this.#byName.delete(handle.name)
    this.#watchdog.forget(handle.control)
    const dead = new Map(handle.actors)
    this.#epitaphs.set(handle.ordinal, { reason, addresses: reason === 'empty' ? [] : [...dead.keys()] })
    if (this.#epitaphs.size > epitaphsKept) this.#epitaphs.delete(this.#epitaphs.keys().next().value as number)
    for (const other of this.#threads.values()) other.links.delete(handle.ordinal)
    for (const address of dead.keys()) this.#forget(handle, address)
    if (this.#stopping || reason === 'empty') return
    for (const [address, { parent }] of dead) {
      const home = this.#places.get(parent)
      // Where there is a link, its end tells: after the last message, and once.
      if (home !== undefined && !handle.links.has(home.ordinal)) void home.remote.down(address, reason).catch(() => undefined)
    }
    this.#stopChildren(new Set(dead.keys()), handle)
  }

  #stopChildren(parents: ReadonlySet<string>, except: ThreadHandle): void {
    for (const handle of this.#threads.values()) {
      if (handle === except) continue
      for (const [address, { parent }] of handle.actors) {
        if (parents.has(parent)) void handle.remote.stop(address, `parent ${parent} ended`).catch(() => undefined)
      }
    }
  }

  /** One change of the clock after the other: each is known everywhere before the next. */
  #moveClock(change: () => void): Promise<void> {
    const moved = this.#clockMoves.then(() => {
      change()
      return this.#everyThread(handle => handle.remote.clockMoved())
    })
    this.#clockMoves = moved.catch(() => undefined)
    return moved
  }

  /** Has every thread do that and waits for it, but not for threads that are paused, or end. */
  async #everyThread(call: (handle: ThreadHandle) => Promise<void>): Promise<void> {
    await Promise.all([...this.#threads.values()].map(handle => handle.unlessPaused(() => call(handle))))
  }
}
