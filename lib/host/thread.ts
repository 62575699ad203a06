// Thread: the host of the actors of one thread, the main thread or a worker.
//
// It gives a Dispatcher what it needs: a network to other threads, one timer on the earliest deadline, the two
// clocks, journals, ports. Of other threads it knows what the directory (the main thread) told it.

import * as path from 'node:path'
import { getHeapStatistics } from 'node:v8'
import {
  type AnyActor,
  Dispatcher,
  downNotice,
  type Envelope,
  type Facts,
  type PortFactory,
  type Shell,
  type SpawnEffect
} from '../actor/index.js'
import { type Random, seededRandom } from '../std/index.js'
import type { AddressTable } from './address-table.js'
import type { ClusterClock } from './clock.js'
import {
  busyAt,
  type Directory,
  type Ending,
  type NetworkFaults,
  parkedAt,
  pauseAt,
  type SpawnRequest,
  type ThreadControl,
  type ThreadReport,
  turnsAt
} from './directory.js'
import { Journal, syncedBytes } from './journal.js'
import { Network, type NetworkEvents } from './network.js'
import { Patience } from './patience.js'
import type { PortLoader, PortServices } from './port-services.js'
import type { LinkSide } from './wire.js'

export interface ThreadOptions {
  readonly ordinal: number // No other thread of this process ever has it.
  readonly name: string
  readonly directory: Directory
  readonly clock: ClusterClock
  readonly addresses: AddressTable
  readonly control: SharedArrayBuffer
  readonly load: (actor: string) => Promise<AnyActor>
  readonly ports: () => Promise<Readonly<Record<string, PortLoader>>>
  /** Where the journals of actors are kept, each in `machine/actor`. */
  readonly journalRoot: string
  readonly seed: number
  readonly log: { write(line: string): void; flush(): void }
  readonly heapBudgetBytes: number
  /** Whether it may wait for messages awake: there are other processors, and nothing but actors runs here. */
  readonly isPatient: boolean
  /** Ends the thread at once. */
  readonly exit: (ending: Ending) => void
}

const livesPerThread = 2 ** 24
const turnsPerDrain = 20_000 // Before sockets and timers of the thread have their turn.
const earlyMax = 4096 // Envelopes to an actor whose code is being loaded.
const heapCheckTurns = 512
const timerSlackMs = 0.5
const unsentMax = 1024

export class Thread implements Shell, ThreadControl, PortServices, NetworkEvents {
  readonly dispatcher = new Dispatcher(this)
  readonly clock: ClusterClock
  readonly addresses: AddressTable
  readonly #faultListeners = new Set<() => void>()
  readonly #options: ThreadOptions
  readonly #control: Int32Array
  readonly #network: Network
  readonly #starting = new Map<string, Envelope[]>()
  readonly #journals = new Map<string, Journal>()
  readonly #portFactories = new Map<string, PortFactory>()
  #unsent: { readonly envelope: Envelope; readonly detail: string }[] = []
  readonly #patience = new Patience()
  readonly #isWaiting = (): boolean => this.#network.waiting
  #isPatient: boolean
  #lifeLast = 0
  #started = false
  #inside = false
  #ticking = false
  #timer: NodeJS.Timeout | undefined
  #timerAtMs = Number.POSITIVE_INFINITY
  #turnsToHeapCheck = heapCheckTurns

  constructor(options: ThreadOptions) {
    this.#options = options
    this.clock = options.clock
    this.addresses = options.addresses
    this.#control = new Int32Array(options.control)
    this.#isPatient = options.isPatient
    this.#network = new Network(options.ordinal, options.directory, this)
  }

  // What the dispatcher asks (Shell) ----------------------------------------------------------------

  nowMs(): number {
    return performance.now()
  }

  clusterMs(): number {
    return this.clock.nowMs()
  }

  newLife(): number {
    return this.#options.ordinal * livesPerThread + ++this.#lifeLast
  }

  random(_address: string): Random {
    return seededRandom((this.#options.seed + this.newLife()) >>> 0)
  }

  send(envelope: Envelope): boolean {
    if (this.#starting.size > 0 && this.#early(envelope)) return true
    return this.#network.send(envelope)
  }

  save(address: string, _life: number, bytes: Uint8Array, segment: number): boolean {
    this.#leave() // What was told before leaves first.
    this.journal(address).append(bytes, segment)
    return true
  }

  spawn(parent: string, { address, actor, args }: SpawnEffect, thread: string): void {
    const request: SpawnRequest = { address, actor: actor.name, args, thread, parent }
    this.#options.directory.spawn(request).catch(error => {
      this.dispatcher.deliver(downNotice(address, parent, `not started: ${error instanceof Error ? error.message : String(error)}`))
      this.#schedule()
    })
  }

  started(address: string, actor: string, parent: string | undefined): void {
    void this.#options.directory.started(this.#options.ordinal, address, actor, parent ?? '').catch(() => undefined)
  }

  shown(address: string, facts: Facts): void {
    void this.#options.directory.shown(address, facts).catch(() => undefined)
  }

  ended(address: string, _life: number, reason: string): void {
    this.#journals.get(address)?.close()
    this.#journals.delete(address)
    void this.#options.directory.ended(this.#options.ordinal, address, reason).catch(() => undefined)
  }

  log(address: string, event: string, fields: Readonly<Record<string, unknown>>): void {
    this.#options.log.write(`${JSON.stringify({ time: new Date(this.clusterMs()).toISOString(), actor: address, event, fields })}\n`)
  }

  posted(): void {
    this.#schedule()
  }

  beforeTurn(): void {
    const control = this.#control
    control[turnsAt] = ((control[turnsAt] as number) + 1) | 0
    if (--this.#turnsToHeapCheck <= 0) this.#checkHeap()
    if (Atomics.load(control, pauseAt) !== 0) this.park()
  }

  port(kind: string): PortFactory | undefined {
    return this.#portFactories.get(kind)
  }

  // What ports ask (PortServices) -------------------------------------------------------------------

  get faults(): NetworkFaults {
    return this.#network.faults
  }

  journal(owner: string): Journal {
    let journal = this.#journals.get(owner)
    if (journal === undefined) {
      const synced = new SharedArrayBuffer(syncedBytes)
      journal = new Journal(path.join(this.#options.journalRoot, owner), synced)
      this.#journals.set(owner, journal)
      void this.#options.directory.journalOpened(owner, journal.directory, synced).catch(() => undefined)
    }
    return journal
  }

  // What the main thread asks (ThreadControl) -------------------------------------------------------

  async start({ address, actor: name, args, parent }: SpawnRequest): Promise<string | undefined> {
    const early: Envelope[] = []
    this.#starting.set(address, early) // What comes while its code is loaded waits for it.
    let over: string | undefined
    try {
      const actor = await this.#options.load(name)
      for (const { name: kind } of actor.ports ?? []) await this.loadPort(kind)
      this.#batch(() => {
        this.#starting.delete(address)
        over = this.dispatcher.start(address, actor, args, parent)
        this.#started = true
        for (const envelope of early) this.dispatcher.deliver(envelope)
      })
    } catch (error) {
      this.#starting.delete(address)
      this.#started = true
      for (const envelope of early) this.dispatcher.deliver(envelope)
      this.#schedule()
      throw error
    }
    return over
  }

  async loadPort(kind: string): Promise<void> {
    if (this.#portFactories.has(kind)) return
    const loader = (await this.#options.ports())[kind]
    if (loader === undefined) throw new Error(`this host has no port of kind ${kind}`)
    this.#portFactories.set(kind, (await loader())(this))
    if (loader.isImmediate !== true) this.#isPatient = false // What comes from outside is not seen awake.
  }

  async link(peer: number, side: LinkSide): Promise<void> {
    this.#network.link(peer, side)
  }

  async stop(address: string, reason: string): Promise<void> {
    this.dispatcher.stop(address, reason)
    this.#schedule()
  }

  async kill(address: string, reason: string): Promise<boolean> {
    let killed = false
    this.#batch(() => {
      killed = this.dispatcher.kill(address, reason)
    })
    return killed
  }

  async pause(address: string): Promise<boolean> {
    return this.dispatcher.pause(address)
  }

  async resume(address: string): Promise<boolean> {
    const resumed = this.dispatcher.resume(address)
    this.#schedule()
    return resumed
  }

  async down(address: string, reason: string): Promise<void> {
    this.lost([address], reason)
  }

  async inspect(): Promise<ThreadReport> {
    const { used_heap_size: heapUsedBytes, external_memory: externalBytes } = getHeapStatistics()
    return { actors: this.dispatcher.metrics(), counters: this.dispatcher.counters, heapUsedBytes, externalBytes }
  }

  async setFaults(faults: NetworkFaults): Promise<void> {
    this.#network.setFaults(faults)
    for (const changed of this.#faultListeners) changed()
  }

  onFaults(changed: () => void): () => void {
    this.#faultListeners.add(changed)
    return () => this.#faultListeners.delete(changed)
  }

  async hold(): Promise<void> {
    if (Atomics.load(this.#control, pauseAt) !== 0) this.park()
  }

  async clockMoved(): Promise<void> {
    this.#wake()
    while (this.#ticking) await new Promise<void>(resolve => setImmediate(resolve))
  }

  /** Holds the whole thread still until the flag is lifted; or ends it, if that is what the flag says. */
  park(): void {
    const control = this.#control
    Atomics.store(control, parkedAt, 1)
    while (Atomics.load(control, pauseAt) === 1) Atomics.wait(control, pauseAt, 1)
    Atomics.store(control, parkedAt, 0)
    if (Atomics.load(control, pauseAt) === 2) this.#options.exit('killed')
  }

  /** Puts an envelope into the mailbox of an actor of this thread. */
  accept(envelope: Envelope): void {
    this.dispatcher.deliver(envelope)
    this.#schedule()
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#network.close()
    for (const journal of this.#journals.values()) journal.close()
  }

  // What the network tells --------------------------------------------------------------------------

  received(envelopes: Envelope[]): void {
    this.#inside = true
    this.#control[busyAt] = 1
    if (this.#isPatient) this.#patience.came()
    const { dispatcher } = this
    if (this.#starting.size === 0) for (const envelope of envelopes) dispatcher.deliver(envelope)
    else for (const envelope of envelopes) if (!this.#early(envelope)) dispatcher.deliver(envelope)
    dispatcher.drain(turnsPerDrain)
    this.#ran()
  }

  pending(): void {
    if (!this.#inside) this.#schedule()
  }

  routed(envelope: Envelope, here: boolean): void {
    if (here) this.dispatcher.deliver(envelope)
    else this.dispatcher.undeliverable(envelope, 'unreachable', `no actor ${envelope.to}`)
  }

  refused(envelope: Envelope): void {
    this.dispatcher.undeliverable(envelope, 'overloaded', `the link to ${envelope.to} is full`)
    this.#schedule()
  }

  // In the midst of its sender's turn, maybe: it is told of at the end of the batch.
  unsendable(envelope: Envelope, error: unknown): void {
    if (this.#unsent.length >= unsentMax) return
    this.#unsent.push({ envelope, detail: error instanceof Error ? error.message : String(error) })
    this.#schedule()
  }

  lost(addresses: readonly string[], reason: string): void {
    // A thread ends empty after its last actor did, and told so: what was still under way to it was never handled.
    this.dispatcher.lost(addresses, reason, reason === 'empty')
    this.#schedule()
  }

  // Turns of the event loop -------------------------------------------------------------------------

  #early(envelope: Envelope): boolean {
    const early = this.#starting.get(envelope.to)
    if (early === undefined || early.length >= earlyMax) return false
    early.push(envelope)
    return true
  }

  #schedule(): void {
    if (this.#ticking) return
    this.#ticking = true
    setImmediate(this.#tick)
  }

  // The end of a turn of the event loop: what arrived in it is one batch.
  readonly #tick = (): void => {
    this.#ticking = false
    this.#batch(() => {
      if (this.dispatcher.drain(turnsPerDrain)) this.dispatcher.settle(turnsPerDrain)
    })
    if (this.#isPatient && !this.#ticking) this.#patience.rest(this.#isWaiting)
  }

  #wake(): void {
    this.#timerAtMs = Number.POSITIVE_INFINITY
    this.#batch(() => {
      this.dispatcher.wake('real', performance.now())
      this.dispatcher.wake('cluster', this.clock.nowMs())
      this.dispatcher.drain(turnsPerDrain)
    })
  }

  #batch(turns: () => void): void {
    this.#inside = true
    this.#control[busyAt] = 1
    turns()
    this.#ran()
  }

  #ran(): void {
    const { dispatcher } = this
    this.#inside = false
    this.#leave()
    if (this.#unsent.length > 0) this.#tellUnsent()
    this.#control[busyAt] = 0
    if (dispatcher.runnable) this.#schedule()
    this.#armTimer()
    if (this.#empty) setImmediate(() => this.#empty && this.#options.exit('empty')) // After the main thread was answered.
  }

  get #empty(): boolean {
    return this.dispatcher.size === 0 && this.#started && this.#starting.size === 0 && this.#network.quiet
  }

  #tellUnsent(): void {
    const unsent = this.#unsent
    this.#unsent = []
    for (const { envelope, detail } of unsent) this.dispatcher.unsendable(envelope, detail)
    this.#leave()
  }

  // The log first: who acts on a message finds what was logged before it.
  #leave(): void {
    this.#options.log.flush()
    this.#network.flush()
  }

  #armTimer(): void {
    const { dispatcher } = this
    const clusterAtMs = dispatcher.dueMs('cluster')
    const realAtMs = dispatcher.dueMs('real')
    if (clusterAtMs === Number.POSITIVE_INFINITY && realAtMs >= this.#timerAtMs - timerSlackMs) return
    const now = performance.now()
    const cluster = clusterAtMs === Number.POSITIVE_INFINITY ? clusterAtMs : now + this.clock.realDelayMs(clusterAtMs)
    const atMs = Math.min(realAtMs, cluster)
    if (atMs >= this.#timerAtMs - timerSlackMs) return // An early firing costs less than re-arming at every turn.
    clearTimeout(this.#timer)
    this.#timerAtMs = atMs
    this.#timer = setTimeout(() => this.#wake(), Math.min(Math.max(0, Math.ceil(atMs - now)), 2 ** 31 - 1))
  }

  #checkHeap(): void {
    this.#turnsToHeapCheck = heapCheckTurns
    const { used_heap_size: heapBytes, external_memory: externalBytes } = getHeapStatistics()
    if (heapBytes + externalBytes > this.#options.heapBudgetBytes) this.#options.exit('memory')
  }
}
