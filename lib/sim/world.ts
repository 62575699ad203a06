// World: a whole cluster in one thread, under virtual time, from one seed.
//
// Guarantee: the same seed, options and calls give the same run, and so the same `trace.hash`, on every machine.
// It runs the same dispatcher as the real host does. What it does not do: run two turns at once, hang, or run out of memory.

import { type AnyActor, downNotice, type Envelope, isPort, machineOf, ownerOf, type SpawnEffect } from '../actor/index.js'
import { Chain, forkSeed, integerBelow, type Random, seededRandom, unlink } from '../std/index.js'
import { Client } from './client.js'
import { ClusterClock } from './clock.js'
import { detach, freeze } from './detach.js'
import { type DiskOptions, diskDefaults } from './disk.js'
import { diskPort } from './disk-port.js'
import { Machine } from './machine.js'
import { Network, type NetworkOptions, networkDefaults } from './network.js'
import { secretsPortOf } from './secrets-port.js'
import type { SimThread } from './thread.js'
import { Timeline } from './timeline.js'
import { type LogListener, Trace } from './trace.js'

/** What a simulated port may use. All of it ends with the generation of the thread. */
export interface PortServices {
  readonly random: Random
  readonly world: World
  readonly machine: Machine
  nowUs(): number
  after(delayUs: number, call: () => void): void
}

/** Makes the port of an actor. `post` brings a message to the port from outside any turn. */
export type PortMaker = (owner: string, post: (type: string, body: unknown) => void, services: PortServices) => AnyActor

/** How bodies go from actor to actor; drawn for a run, which is the same in each way unless somebody changes what was sent. */
export interface Handover {
  /** Packs and unpacks a body as the wire does. Absent: bodies are frozen, and what does not freeze is copied. */
  readonly wireCopy?: (body: unknown) => unknown
  /** Of seeds in which all bodies between threads are copied so, and frozen. Default: a tenth. */
  readonly wireCopyShare?: number
  /** Of seeds in which bodies are handed over frozen; in the rest as they are, which is fastest. Default: a fifth. */
  readonly freezeShare?: number
}

export interface WorldOptions {
  readonly seed: number
  readonly handover?: Handover
  readonly ports?: Readonly<Record<string, PortMaker>>
  readonly network?: Partial<NetworkOptions>
  readonly disk?: Partial<DiskOptions>
  /** What a turn costs, drawn from this range, at least 1. */
  readonly turnUsMin?: number
  readonly turnUsMax?: number
  /** How long a thread takes to start. */
  readonly startUsMin?: number
  readonly startUsMax?: number
  readonly clusterStartMs?: number
  /** How many lines of text the trace keeps; none by default. */
  readonly traceLinesMax?: number
}

/** The machine of supervisors and clients: no fault befalls it, and nothing is lost on the way to it. */
export const rootMachine = 'root'

const clusterStartMsDefault = 1_767_225_600_000 // 2026-01-01T00:00:00Z
const advanceStepMs = 1000
const lostUs = 400 // Until a thread hears that another one died, as measured on worker threads.

interface Root {
  readonly address: string
  readonly actor: AnyActor
  readonly args: unknown
  readonly thread: string
}

export class World {
  readonly options: WorldOptions
  readonly timeline = new Timeline()
  readonly trace: Trace
  readonly network: Network
  readonly cluster: ClusterClock
  readonly machines = new Map<string, Machine>()
  readonly random: Random
  /** Whoever changes what was sent fails. */
  readonly freezes: boolean
  readonly touched = new Chain<SimThread>()
  readonly #places = new Map<string, SimThread>()
  readonly #roots = new Map<string, Root>()
  readonly #wireCopy: ((body: unknown) => unknown) | undefined
  readonly #turnRandom: Random
  readonly #turnUsMin: number
  readonly #turnUsSpan: number
  #lives = 0
  #client: Client | undefined

  constructor(options: WorldOptions) {
    this.options = options
    this.random = seededRandom(options.seed)
    this.trace = new Trace(options.traceLinesMax ?? 0)
    this.cluster = new ClusterClock(options.clusterStartMs ?? clusterStartMsDefault)
    const network = { ...networkDefaults, ...options.network }
    const lives = (address: string): boolean => this.lives(address)
    this.network = new Network(network, seededRandom(forkSeed(this.random)), this.timeline, this.trace, rootMachine, lives)
    this.#turnRandom = seededRandom(forkSeed(this.random))
    this.#turnUsMin = Math.max(1, options.turnUsMin ?? 2)
    this.#turnUsSpan = Math.max(1, (options.turnUsMax ?? 20) - this.#turnUsMin + 1)
    const { wireCopy, wireCopyShare = 0.1, freezeShare = 0.2 } = options.handover ?? {}
    const chance = this.random()
    this.#wireCopy = chance < wireCopyShare ? wireCopy : undefined
    this.freezes = wireCopy === undefined || chance < wireCopyShare + freezeShare
  }

  // Time -----------------------------------------------------------------------------------------------

  /** Milliseconds of virtual time so far. */
  get nowMs(): number {
    return this.timeline.nowUs / 1000
  }

  /** Runs everything that happens until then. */
  run(untilMs: number): void {
    const untilUs = Math.round(untilMs * 1000)
    this.#step()
    while (this.timeline.nextUs <= untilUs) this.#instant()
    if (this.timeline.nowUs < untilUs) this.timeline.nowUs = untilUs
  }

  /** Runs until the predicate holds; false if it did not by then. It is asked after every instant. */
  runUntil(predicate: () => boolean, limitMs: number): boolean {
    const limitUs = Math.round(limitMs * 1000)
    this.#step()
    while (!predicate()) {
      if (this.timeline.nextUs > limitUs) {
        this.timeline.nowUs = Math.max(this.timeline.nowUs, limitUs)
        return predicate()
      }
      this.#instant()
    }
    return true
  }

  /** Has the call made at that time, or now if it has passed. */
  at(ms: number, call: () => void): void {
    this.timeline.call(Math.round(ms * 1000), call)
  }

  #instant(): void {
    const { timeline } = this
    const nowUs = timeline.nextUs
    do {
      const event = timeline.next()
      if (event.link !== undefined) event.link.to.arrived(event)
      else event.call?.()
    } while (timeline.nextUs === nowUs)
    this.#step()
  }

  #step(): void {
    for (let thread = this.touched.take(); thread !== undefined; ) {
      const following = unlink(thread)
      thread.touched = false
      thread.step()
      thread = following
    }
  }

  scaleCluster(factor: number): void {
    this.cluster.scale(factor, this.timeline.nowUs)
    this.clocksChanged()
  }

  /** Advances the cluster clock in steps, so that what falls due on the way runs in its order. */
  advanceCluster(byMs: number): void {
    if (byMs <= 0) return
    this.cluster.advance(Math.min(byMs, advanceStepMs))
    this.clocksChanged()
    if (byMs > advanceStepMs) this.timeline.call(this.timeline.nowUs + 1000, () => this.advanceCluster(byMs - advanceStepMs))
  }

  clocksChanged(): void {
    for (const machine of this.machines.values()) for (const thread of machine.threads.values()) thread.clocksChanged()
  }

  // Machines and actors --------------------------------------------------------------------------------

  machine(name: string): Machine {
    let machine = this.machines.get(name)
    if (machine === undefined) {
      const disk = { ...diskDefaults, ...this.options.disk }
      machine = new Machine(this, name, seededRandom(forkSeed(this.random)), this.cluster, disk, name === rootMachine)
      this.machines.set(name, machine)
    }
    return machine
  }

  machineNamed(name: string): Machine | undefined {
    return this.machines.get(name)
  }

  /** Starts an actor without a parent. It is started again when its thread or machine is restarted. */
  start(address: string, actor: AnyActor, args?: unknown, thread: string = address): void {
    if (this.#places.has(address)) throw new Error(`${address} runs already`)
    const root = { address, actor, args, thread }
    this.#roots.set(address, root)
    this.#startRoot(root)
  }

  /** Starts again what `start` started there and what does not run. */
  restart(where: (root: { readonly address: string; readonly thread: string }) => boolean): void {
    for (const root of this.#roots.values()) {
      if (where(root) && !this.#places.has(root.address) && this.machine(machineOf(root.thread)).up) this.#startRoot(root)
    }
  }

  #startRoot({ address, actor, args, thread: name }: Root): void {
    const thread = this.machine(machineOf(name)).thread(name)
    const token = {}
    this.#places.set(address, thread)
    thread.expected.set(address, token)
    thread.host(token, address, actor, args, undefined)
  }

  lives(address: string): boolean {
    return this.#places.has(address)
  }

  /** Where that actor, or the owner of that port, runs or is about to. */
  place(address: string): SimThread | undefined {
    const thread = this.#places.get(address)
    return thread === undefined && isPort(address) ? this.#places.get(ownerOf(address)) : thread
  }

  addresses(): IterableIterator<string> {
    return this.#places.keys()
  }

  stop(address: string, reason: string): void {
    const thread = this.#places.get(address)
    thread?.job(() => thread.dispatcher?.stop(address, reason))
  }

  /** Sends from outside, as an actor that no fault befalls. */
  get client(): Client {
    this.#client ??= this.newClient(`${rootMachine}/client`)
    return this.#client
  }

  newClient(address: string, thread?: string): Client {
    return new Client(this, address, thread)
  }

  count(event: string): number {
    return this.trace.count(event)
  }

  onLog(listener: LogListener): void {
    this.trace.listen(listener)
  }

  // Death ----------------------------------------------------------------------------------------------

  killActor(address: string, reason = 'killed'): void {
    const thread = this.#places.get(address)
    if (thread === undefined) return
    if (thread.dispatcher?.kill(address, reason) === true) thread.job(() => {})
  }

  killThread(name: string, reason = 'killed'): void {
    const thread = this.machine(machineOf(name)).threads.get(name)
    if (thread === undefined) return
    const addresses = thread.kill()
    for (const address of addresses) thread.machine.disk.abandon(address)
    this.#lost(thread, addresses, reason)
  }

  killMachine(name: string, power: boolean, reason = power ? 'power lost' : 'machine crashed'): void {
    const machine = this.machine(name)
    machine.up = false
    machine.disk.crash(power)
    const died = [...machine.threads.values()].map(thread => [thread, thread.kill()] as const)
    for (const [thread, addresses] of died) this.#lost(thread, addresses, reason)
  }

  restartMachine(name: string): void {
    const machine = this.machine(name)
    if (machine.up) return
    machine.up = true
    this.restart(root => machineOf(root.thread) === name)
  }

  #lost(thread: SimThread, addresses: readonly string[], reason: string): void {
    for (const address of addresses) if (this.#places.get(address) === thread) this.#places.delete(address)
    if (addresses.length === 0) return
    for (const machine of this.machines.values()) {
      for (const other of machine.threads.values()) {
        if (other.dispatcher === undefined && !other.starting) continue
        const tell = (): void => other.job(() => other.dispatcher?.lost(addresses, reason))
        const expired = (): boolean => {
          tell()
          return true
        }
        const link = this.network.link(thread, other)
        this.network.convey(link, tell, this.timeline.nowUs + lostUs, expired)
        thread.toldUs = Math.max(thread.toldUs, link.lastUs)
      }
    }
  }

  // What threads call ----------------------------------------------------------------------------------

  newLife(): number {
    return ++this.#lives
  }

  startUs(): number {
    const { startUsMin = 1000, startUsMax = 20_000 } = this.options
    return startUsMin + integerBelow(this.random, startUsMax - startUsMin + 1)
  }

  turnUs(): number {
    return this.#turnUsMin + integerBelow(this.#turnRandom, this.#turnUsSpan)
  }

  onWire(envelope: Envelope): Envelope {
    const { body } = envelope
    if (typeof body !== 'object' || body === null) return envelope
    const own = this.#leaving(body)
    return own === body ? envelope : { ...envelope, body: own }
  }

  /** What arrives of it elsewhere. */
  #leaving(value: unknown): unknown {
    if (this.#wireCopy !== undefined) return detach(this.#wireCopy(value))
    if (this.options.handover?.wireCopy === undefined) return detach(value)
    if (this.freezes) freeze(value)
    return value
  }

  begun(address: string, thread: SimThread): void {
    const other = this.#places.get(address)
    if (other !== undefined && other !== thread) throw new Error(`${address} was started in ${thread.name} and runs in ${other.name}`)
    this.#places.set(address, thread)
  }

  ended(address: string, life: number, thread: SimThread, reason: string): void {
    if (this.#places.get(address) === thread) this.#places.delete(address)
    this.trace.log(this.timeline.nowUs, address, 'ended', { life, reason })
  }

  spawned(from: SimThread, parent: string, spawn: SpawnEffect, name: string): void {
    const { address, actor, args } = spawn
    const machine = this.machine(machineOf(name))
    const refuse = (reason: string): void => void machine.kernel.send(downNotice(address, parent, reason))
    if (machineOf(address) !== machine.name) return refuse(`${name} is not a thread of its machine`)
    if (this.#places.has(address)) return refuse('runs already')
    const thread = machine.thread(name)
    const token = {}
    const own = this.#leaving(args)
    this.#places.set(address, thread)
    thread.expected.set(address, token)
    const arrive = (): void => {
      if (thread.expected.get(address) !== token) return
      if (machine.up) return thread.host(token, address, actor, own, parent)
      thread.expected.delete(address)
      this.#places.delete(address)
      refuse('machine down')
    }
    this.network.convey(this.network.link(from, thread), arrive, from.departUs())
  }

  portMaker(kind: string): PortMaker | undefined {
    if (kind === 'disk') return this.options.ports?.disk ?? ((owner, _post, { machine }) => diskPort(machine.disk, owner))
    if (kind === 'secrets') return this.options.ports?.secrets ?? ((() => secretsPortOf()) as PortMaker)
    return this.options.ports?.[kind]
  }

  services(thread: SimThread): PortServices {
    const { generation } = thread
    const { timeline } = this
    return {
      random: seededRandom(forkSeed(this.random)),
      world: this,
      machine: thread.machine,
      nowUs: () => timeline.nowUs,
      after: (delayUs, call) => {
        timeline.call(timeline.nowUs + Math.max(0, Math.round(delayUs)), () => {
          if (thread.generation === generation) call()
        })
      }
    }
  }
}
