// Thread: the host of the actors of one thread, the main thread or a worker.
//
// It gives a Dispatcher what it needs: direct links to other threads, one timer on the earliest deadline, the
// two clocks, journals, ports. Of other threads it knows what the directory (the main thread) told it.

import { randomInt } from 'node:crypto'
import * as path from 'node:path'
import { getHeapStatistics } from 'node:v8'
import {
  type AnyActor,
  Dispatcher,
  downNotice,
  type Envelope,
  type Facts,
  machineOf,
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
  type NetworkFaults,
  noFaults,
  parkedAt,
  pauseAt,
  type SpawnRequest,
  type ThreadControl,
  type ThreadReport,
  turnsAt
} from './directory.js'
import { Journal, syncedBytes } from './journal.js'
import { Link, type LinkEvents, type LinkSide } from './wire.js'

/** What a port may use of the thread it lives in. */
export interface PortServices {
  journal(owner: string): Journal
  readonly faults: NetworkFaults
  /** Calls back whenever `faults` changed, until the function returned is called. */
  onFaults(changed: () => void): () => void
  readonly clock: ClusterClock
  readonly addresses: AddressTable
  log(address: string, event: string, fields: Readonly<Record<string, unknown>>): void
}
export type PortLoader = () => Promise<(services: PortServices) => PortFactory>

export interface ThreadOptions {
  readonly ordinal: number // No other thread of this process ever has it.
  readonly name: string
  readonly directory: Directory
  readonly clock: ClusterClock
  readonly addresses: AddressTable
  readonly control: SharedArrayBuffer
  readonly load: (actor: string) => Promise<AnyActor>
  readonly ports: Readonly<Record<string, PortLoader>>
  /** Where the journals of actors are kept, each in `machine/actor`. */
  readonly journalRoot: string
  readonly seed: number | undefined
  readonly log: (line: string) => void
  readonly heapBudgetBytes: number
  readonly exit: (reason: string) => void
}

const livesPerThread = 2 ** 24
const turnsPerDrain = 20_000 // Before sockets and timers of the thread have their turn.
const awaitingRouteMax = 4096 // Envelopes to one address whose thread is not known yet.
const earlyMax = 4096 // Envelopes to an actor whose code is being loaded.
const heapCheckTurns = 4096
const timerSlackMs = 0.5

export class Thread implements Shell, ThreadControl, PortServices, LinkEvents {
  readonly dispatcher = new Dispatcher(this)
  readonly clock: ClusterClock
  readonly addresses: AddressTable
  faults: NetworkFaults = noFaults
  readonly #faultListeners = new Set<() => void>()
  readonly #options: ThreadOptions
  readonly #control: Int32Array
  readonly #links = new Map<number, Link>()
  readonly #routes = new Map<string, Link>()
  readonly #starting = new Map<string, Envelope[]>()
  readonly #awaiting = new Map<string, Envelope[]>()
  readonly #journals = new Map<string, Journal>()
  readonly #portFactories = new Map<string, PortFactory>()
  #cuts: ReadonlySet<string> = new Set()
  #faulty = false
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
    const { seed } = this.#options
    return seededRandom(seed === undefined ? randomInt(2 ** 32) : (seed + this.newLife()) >>> 0)
  }

  send(envelope: Envelope): boolean {
    if (this.#faulty) {
      const between = `${machineOf(envelope.from)}>${machineOf(envelope.to)}`
      if (this.#cuts.has(between)) return true // Lost on the way, as a cut cable loses it.
      const delayMs = this.faults.slowMs[between]
      if (delayMs !== undefined && delayMs > 0) {
        setTimeout(() => this.#sendNow(envelope), delayMs)
        return true
      }
    }
    return this.#sendNow(envelope)
  }

  save(address: string, _life: number, bytes: Uint8Array, segment: number): boolean {
    this.#flush() // What was told before leaves first.
    this.journal(address).append(bytes, segment)
    return true
  }

  spawn(parent: string, { address, actor, args }: SpawnEffect, thread: string): void {
    const request: SpawnRequest = { address, actor: actor.name, args, thread, parent }
    const started = thread === this.#options.name ? this.start(request) : this.#options.directory.spawn(request)
    started.catch(error => this.#deliver(downNotice(address, parent, `not started: ${String(error)}`)))
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
    this.#options.log(`${JSON.stringify({ time: new Date(this.clusterMs()).toISOString(), actor: address, event, ...fields })}\n`)
  }

  posted(): void {
    this.#schedule()
  }

  paused(): boolean {
    const control = this.#control
    control[turnsAt] = ((control[turnsAt] as number) + 1) | 0
    if (--this.#turnsToHeapCheck <= 0) this.#checkHeap()
    if (Atomics.load(control, pauseAt) === 1) this.park()
    return false
  }

  port(kind: string): PortFactory | undefined {
    return this.#portFactories.get(kind)
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

  accept(envelope: Envelope): void {
    this.#deliver(envelope)
  }

  // What the main thread asks (ThreadControl) -------------------------------------------------------

  async start({ address, actor: name, args, parent }: SpawnRequest): Promise<void> {
    const early: Envelope[] = []
    this.#starting.set(address, early) // What comes while its code is loaded waits for it.
    try {
      const actor = await this.#options.load(name)
      for (const { name: kind } of actor.ports ?? []) await this.loadPort(kind)
      this.dispatcher.start(address, actor, args, parent)
    } finally {
      this.#starting.delete(address)
      for (const envelope of early) this.dispatcher.deliver(envelope)
    }
    this.#started = true
    this.#schedule()
  }

  async loadPort(kind: string): Promise<void> {
    if (this.#portFactories.has(kind)) return
    const loader = this.#options.ports[kind]
    if (loader === undefined) throw new Error(`this host has no port of kind ${kind}`)
    this.#portFactories.set(kind, (await loader())(this))
  }

  async link(peer: number, side: LinkSide): Promise<void> {
    this.#links.set(peer, new Link(peer, side, this))
  }

  async stop(address: string, reason: string): Promise<void> {
    this.dispatcher.stop(address, reason)
    this.#schedule()
  }

  async kill(address: string, reason: string): Promise<boolean> {
    const killed = this.dispatcher.kill(address, reason)
    this.#schedule()
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
    this.dispatcher.lost([address], reason)
    this.#schedule()
  }

  async inspect(): Promise<ThreadReport> {
    const { used_heap_size: heapUsedBytes, external_memory: externalBytes } = getHeapStatistics()
    return { actors: this.dispatcher.metrics(), counters: this.dispatcher.counters, heapUsedBytes, externalBytes }
  }

  async setFaults(faults: NetworkFaults): Promise<void> {
    this.faults = faults
    this.#cuts = new Set(faults.cut)
    this.#faulty = faults.cut.length > 0 || Object.keys(faults.slowMs).length > 0
    for (const changed of this.#faultListeners) changed()
  }

  onFaults(changed: () => void): () => void {
    this.#faultListeners.add(changed)
    return () => this.#faultListeners.delete(changed)
  }

  async hold(): Promise<void> {
    if (Atomics.load(this.#control, pauseAt) === 1) this.park()
  }

  async clockMoved(): Promise<void> {
    this.#wake()
    while (!this.dispatcher.idle) await new Promise<void>(resolve => setImmediate(resolve))
  }

  /** Holds the whole thread still until the flag is lifted. */
  park(): void {
    const control = this.#control
    Atomics.store(control, parkedAt, 1)
    Atomics.notify(control, parkedAt)
    while (Atomics.load(control, pauseAt) === 1) Atomics.wait(control, pauseAt, 1)
    Atomics.store(control, parkedAt, 0)
  }

  close(): void {
    clearTimeout(this.#timer)
    for (const link of this.#links.values()) link.close()
    for (const journal of this.#journals.values()) journal.close()
  }

  // Links -------------------------------------------------------------------------------------------

  received(envelopes: Envelope[], link: Link): void {
    this.#inside = true
    this.#busy(true)
    for (const envelope of envelopes) {
      if (this.#routes.get(envelope.from) !== link) this.#routes.set(envelope.from, link)
      this.#accept(envelope)
    }
    this.dispatcher.drain(turnsPerDrain)
    this.#ran()
  }

  #accept(envelope: Envelope): void {
    const early = this.#starting.size === 0 ? undefined : this.#starting.get(envelope.to)
    if (early === undefined || early.length >= earlyMax) this.dispatcher.deliver(envelope)
    else early.push(envelope)
  }

  pending(): void {
    if (!this.#inside) this.#schedule()
  }

  broken(link: Link, error: unknown): void {
    this.log(this.#options.name, 'link broken', { peer: link.peer, error: String(error) })
  }

  closed(link: Link): void {
    if (this.#links.get(link.peer) !== link) return
    this.#links.delete(link.peer)
    const lost = [...this.#routes].filter(([, route]) => route === link).map(([address]) => address)
    for (const address of lost) this.#routes.delete(address)
    const told = (reason: string): void => {
      this.dispatcher.lost(lost, reason)
      this.#schedule()
    }
    this.#options.directory.epitaph(link.peer).then(told, () => told('link closed'))
  }

  #sendNow(envelope: Envelope): boolean {
    const link = this.#routes.get(envelope.to)
    if (link !== undefined) return link.send(envelope)
    const awaiting = this.#awaiting.get(envelope.to)
    if (awaiting === undefined) {
      this.#awaiting.set(envelope.to, [envelope])
      void this.#findRoute(envelope.to)
      return true
    }
    if (awaiting.length >= awaitingRouteMax) return false
    awaiting.push(envelope)
    return true
  }

  async #findRoute(address: string): Promise<void> {
    const thread = await this.#options.directory.route(this.#options.ordinal, address).catch(() => null)
    const awaiting = this.#awaiting.get(address) ?? []
    this.#awaiting.delete(address)
    const link = thread === null ? undefined : this.#links.get(thread)
    if (link !== undefined) this.#routes.set(address, link)
    for (const envelope of awaiting) {
      if (link !== undefined) link.send(envelope)
      else if (!this.dispatcher.lives(address) || thread !== this.#options.ordinal) this.dispatcher.unreachable(envelope)
      else this.dispatcher.deliver(envelope)
    }
    this.#schedule()
  }

  // Turns of the event loop -------------------------------------------------------------------------

  #deliver(envelope: Envelope): void {
    this.dispatcher.deliver(envelope)
    this.#schedule()
  }

  #schedule(): void {
    if (this.#ticking) return
    this.#ticking = true
    setImmediate(() => this.#tick())
  }

  // The end of a turn of the event loop: what arrived in it is one batch.
  #tick(): void {
    this.#ticking = false
    this.#inside = true
    this.#busy(true)
    if (this.dispatcher.drain(turnsPerDrain)) this.dispatcher.settle(turnsPerDrain)
    this.#ran()
  }

  #wake(): void {
    this.#timerAtMs = Number.POSITIVE_INFINITY
    this.#inside = true
    this.#busy(true)
    this.dispatcher.wake('real', performance.now())
    this.dispatcher.wake('cluster', this.clock.nowMs())
    this.dispatcher.drain(turnsPerDrain)
    this.#ran()
  }

  #ran(): void {
    this.#inside = false
    this.#flush()
    this.#busy(false)
    if (!this.dispatcher.idle) this.#schedule()
    this.#armTimer()
    if (this.#started && this.dispatcher.size === 0) this.#options.exit('empty')
  }

  #flush(): void {
    for (const link of this.#links.values()) link.flush()
  }

  #armTimer(): void {
    const now = performance.now()
    const clusterAtMs = this.dispatcher.dueMs('cluster')
    const cluster = clusterAtMs === Number.POSITIVE_INFINITY ? clusterAtMs : now + this.clock.realDelayMs(clusterAtMs)
    const atMs = Math.min(this.dispatcher.dueMs('real'), cluster)
    if (atMs >= this.#timerAtMs - timerSlackMs) return // An early firing costs less than re-arming at every turn.
    clearTimeout(this.#timer)
    this.#timerAtMs = atMs
    this.#timer = setTimeout(() => this.#wake(), Math.min(Math.max(0, atMs - now), 2 ** 31 - 1))
  }

  #busy(busy: boolean): void {
    this.#control[busyAt] = busy ? 1 : 0
  }

  #checkHeap(): void {
    this.#turnsToHeapCheck = heapCheckTurns
    const { used_heap_size: heapBytes, external_memory: externalBytes } = getHeapStatistics()
    if (heapBytes + externalBytes > this.#options.heapBudgetBytes) this.#options.exit('memory')
  }
}
