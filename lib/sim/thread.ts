// Thread: a simulated worker thread: the shell of a dispatcher. It exists, by name, before its dispatcher is started
// and after it ended; each start is a new generation.
//
// Guarantee: a batch is what arrived up to one instant; its turns take virtual time, and what arrives meanwhile waits.
// Nothing of a generation that was killed happens after it: its saves, its ports' events and its timers are void.

import {
  type AnyActor,
  Dispatcher,
  downNotice,
  type Envelope,
  failureFor,
  isPort,
  machineOf,
  type PortFactory,
  type Shell,
  type SpawnEffect
} from '../actor/index.js'
import { Chain, type ChainMember, forkSeed, type Random, seededRandom, unlink } from '../std/index.js'
import { freeze } from './detach.js'
import type { Link } from './link.js'
import type { Machine } from './machine.js'
import { Event } from './timeline.js'
import type { World } from './world.js'

const turnsPerBatch = 256 // Before other threads have their say.

export class SimThread implements Shell, ChainMember<SimThread> {
  readonly name: string
  readonly machine: Machine
  readonly links = new Map<SimThread, Link>()
  /** Actors that are to start here and have not: address -> what stands for this one start. */
  readonly expected = new Map<string, object>()
  dispatcher: Dispatcher | undefined
  generation = 0
  starting = false
  held = false // Paused.
  touched = false
  next: SimThread | undefined // Of those touched.
  /** When the last of those that can be reached has heard of the end of a generation: a notice that came
   * after the next one began would be taken for its end. */
  toldUs = 0
  readonly #inbox = new Chain<Event>()
  #spentUs = 0 // By the turns of this batch.
  #busyUntilUs = 0
  #armedReal = 0
  #armedCluster = 0
  #nowUs = -1
  #nowMs = 0
  #clusterMs = 0
  readonly #world: World
  readonly #alarm: Event

  constructor(world: World, machine: Machine, name: string) {
    this.#world = world
    this.machine = machine
    this.name = name
    this.#alarm = new Event(undefined, undefined, () => {
      this.#armedReal = -1
      this.#touch()
    })
  }

  // What comes in --------------------------------------------------------------------------------------

  /** An envelope, or a call to be made in order with envelopes. */
  arrived(event: Event): void {
    if (this.dispatcher !== undefined || this.starting) {
      this.#inbox.push(event)
      if (!this.starting) this.#touch()
      return
    }
    if (event.link !== undefined) event.link.inFlight--
    if (event.envelope !== undefined && this.machine.up) this.#refuse(event.envelope)
  }

  /** Makes a call in the next batch. */
  job(call: () => void): void {
    this.arrived(new Event(undefined, undefined, call))
  }

  /** Starts the thread if it does not run, and the actor in it. */
  host(token: object, address: string, actor: AnyActor, args: unknown, parent: string | undefined): void {
    const start = (): void => {
      if (this.expected.get(address) !== token) return // The thread was killed meanwhile.
      this.expected.delete(address)
      this.dispatcher?.start(address, actor, args, parent)
    }
    if (this.dispatcher === undefined && !this.starting) this.#boot()
    this.job(start)
  }

  #boot(): void {
    this.starting = true
    const generation = ++this.generation
    const { timeline } = this.#world
    timeline.call(Math.max(timeline.nowUs + this.#world.startUs(), this.toldUs + 1), () => {
      if (this.generation !== generation) return
      this.starting = false
      this.dispatcher = new Dispatcher(this)
      this.#busyUntilUs = 0
      this.#touch()
    })
  }

  /** Ends this generation at once. Answers the addresses that lived in it. */
  kill(): string[] {
    const addresses = [...this.expected.keys()]
    for (const address of this.dispatcher?.addresses() ?? []) if (!isPort(address)) addresses.push(address)
    this.#over()
    return addresses
  }

  #over(): void {
    this.generation++
    this.dispatcher = undefined
    this.starting = false
    this.held = false
    this.expected.clear()
    for (let event = this.#inbox.take(); event !== undefined; event = unlink(event)) if (event.link !== undefined) event.link.inFlight--
    this.#world.timeline.remove(this.#alarm)
  }

  pause(): void {
    if (this.dispatcher !== undefined || this.starting) this.held = true
  }

  resume(): void {
    if (!this.held) return
    this.held = false
    this.#touch()
  }

  /** A clock of the machine was changed. */
  clocksChanged(): void {
    this.#nowUs = -1
    this.#armedReal = -1
    if (this.dispatcher !== undefined) this.#arm(this.dispatcher)
  }

  // Batches --------------------------------------------------------------------------------------------

  #touch(): void {
    if (this.touched) return
    this.touched = true
    this.#world.touched.push(this)
  }

  /** Called at the end of each instant in which something came in. */
  step(): void {
    const { dispatcher } = this
    if (dispatcher === undefined || this.held) return
    const { timeline } = this.#world
    if (timeline.nowUs < this.#busyUntilUs) {
      this.#armedReal = -1
      timeline.plan(this.#alarm, this.#busyUntilUs)
      return
    }
    this.#spentUs = 0
    this.#takeInbox(dispatcher)
    if (dispatcher.dueMs('real') <= this.nowMs()) dispatcher.wake('real', this.nowMs())
    if (dispatcher.dueMs('cluster') <= this.clusterMs()) dispatcher.wake('cluster', this.clusterMs())
    dispatcher.drain(turnsPerBatch)
    const settled = dispatcher.settle(turnsPerBatch)
    this.#busyUntilUs = timeline.nowUs + Math.max(1, this.#spentUs)
    if (dispatcher.size === 0 && this.expected.size === 0 && this.#inbox.isEmpty) return this.#over()
    if (settled) this.#arm(dispatcher)
    else {
      this.#armedReal = -1
      timeline.plan(this.#alarm, this.#busyUntilUs)
    }
  }

  #takeInbox(dispatcher: Dispatcher): void {
    for (let event = this.#inbox.take(); event !== undefined; event = unlink(event)) {
      if (event.envelope === undefined) event.call?.()
      else {
        if (event.link !== undefined) event.link.inFlight--
        dispatcher.deliver(event.envelope)
      }
    }
  }

  #arm(dispatcher: Dispatcher): void {
    const real = dispatcher.dueMs('real')
    const cluster = dispatcher.dueMs('cluster')
    if (real === this.#armedReal && cluster === this.#armedCluster) return
    this.#armedReal = real
    this.#armedCluster = cluster
    const { timeline } = this.#world
    const atUs = Math.min(this.machine.real.when(real), this.machine.wall.when(cluster, timeline.nowUs))
    if (atUs === Number.POSITIVE_INFINITY) timeline.remove(this.#alarm)
    else timeline.plan(this.#alarm, Math.max(atUs, this.#busyUntilUs))
  }

  // What goes out --------------------------------------------------------------------------------------

  /** Answers for an actor that does not run here, as the dispatcher of a running thread does. */
  #refuse(envelope: Envelope): void {
    const detail = `no actor ${envelope.to}`
    switch (envelope.kind) {
      case 'ask':
      case 'open':
        return void this.send(failureFor(envelope, { code: 'unreachable', definite: true, detail }))
      case 'credit':
        return void this.send(failureFor(envelope, { code: 'down', definite: false, detail }))
      case 'monitor':
        return void this.send(downNotice(envelope.to, envelope.from, 'not running'))
      default:
        this.#world.trace.add('dead letters')
    }
  }

  // Shell ----------------------------------------------------------------------------------------------

  nowMs(): number {
    if (this.#nowUs !== this.#world.timeline.nowUs) this.#read()
    return this.#nowMs
  }

  clusterMs(): number {
    if (this.#nowUs !== this.#world.timeline.nowUs) this.#read()
    return this.#clusterMs
  }

  #read(): void {
    this.#nowUs = this.#world.timeline.nowUs
    this.#nowMs = this.machine.real.at(this.#nowUs)
    this.#clusterMs = this.machine.wall.at(this.#nowUs)
  }

  newLife(): number {
    return this.#world.newLife()
  }

  random(): Random {
    return seededRandom(forkSeed(this.#world.random))
  }

  started(address: string): void {
    this.#world.begun(address, this)
  }

  send(envelope: Envelope): boolean {
    const world = this.#world
    const to = world.place(envelope.to) ?? world.machineNamed(machineOf(envelope.to))?.kernel
    if (to === undefined) {
      this.#refuse(envelope)
      return true
    }
    const link = world.network.link(this, to)
    return world.network.send(link, world.onWire(envelope), this.departUs())
  }

  /** When what is sent now leaves: after the turns so far. */
  departUs(): number {
    return this.#world.timeline.nowUs + this.#spentUs
  }

  save(address: string, life: number, bytes: Uint8Array, segment: number): boolean {
    const { disk } = this.machine
    const volume = disk.volume(address)
    const wanted = bytes.length - volume.reservedBytes
    if (wanted > 0 && !disk.fits(wanted)) throw new Error('no space left on device')
    const durable = volume.append(bytes, segment)
    const { dispatcher } = this
    this.#world.timeline.call(this.departUs() + disk.syncUs(), () => {
      if (this.dispatcher !== dispatcher) return
      if (disk.fails()) {
        volume.crash(false, false)
        this.job(() => dispatcher?.saved(address, life, 'input/output error'))
      } else if (durable()) this.job(() => dispatcher?.saved(address, life))
    })
    return false
  }

  spawn(parent: string, spawn: SpawnEffect, thread: string): void {
    this.#world.spawned(this, parent, spawn, thread)
  }

  ended(address: string, life: number, reason: string): void {
    if (isPort(address)) return
    this.machine.disk.abandon(address)
    this.#world.ended(address, life, this, reason)
    this.#touch()
  }

  log(address: string, event: string, fields: Readonly<Record<string, unknown>>): void {
    this.#world.trace.log(this.#world.timeline.nowUs, address, event, fields)
  }

  posted(): void {
    this.#touch()
  }

  beforeTurn(): void {} // Pauses are faults, and faults happen between batches.

  port(kind: string): PortFactory | undefined {
    const make = this.#world.portMaker(kind)
    if (make === undefined) return undefined
    const { dispatcher } = this
    return (owner, post) => {
      const guarded = (type: string, body: unknown): void => {
        if (dispatcher !== undefined && this.dispatcher === dispatcher) post(type, body)
      }
      return make(owner, guarded, this.#world.services(this))
    }
  }

  trace(envelope: Envelope): void {
    const world = this.#world
    this.#spentUs += world.turnUs()
    if (world.freezes) freeze(envelope.body)
    world.trace.handled(world.timeline.nowUs, envelope)
  }
}
