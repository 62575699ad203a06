// Chaos: breaks a running cluster on purpose: actors, threads, machines, the links between machines.
//
// What is killed comes back by its supervisor's back-off, after `forMs`, or, with `stayDown`, when it is resumed.

import { type Envelope, machineOf } from '../actor/index.js'
import type { Runtime } from './runtime.js'

export interface KillOptions {
  readonly forMs?: number
  readonly stayDown?: boolean
  /** Also undoes what the disks of the killed had not synced. */
  readonly power?: boolean
}

export interface ChaosOptions {
  readonly runtime: Runtime
  readonly machines: readonly string[]
  /** The supervisor of a machine. */
  readonly supervisorOf: (machine: string) => string
  /** Every component a supervisor is to keep alive: actor -> thread. */
  readonly components: ReadonlyMap<string, string>
}

type Target =
  | { readonly kind: 'machine'; readonly name: string }
  | { readonly kind: 'thread'; readonly name: string; readonly actors: readonly string[] }
  | { readonly kind: 'actor'; readonly name: string }

export class Chaos {
  readonly #options: ChaosOptions
  readonly #held = new Set<string>() // Components that are to stay down.
  readonly #timers = new Set<NodeJS.Timeout>()

  constructor(options: ChaosOptions) {
    this.#options = options
  }

  /** What was done, in words. */
  async kill(name: string, { forMs, stayDown, power }: KillOptions): Promise<string> {
    const target = this.#target(name)
    const components = this.#componentsOf(target)
    const hold = stayDown === true || forMs !== undefined
    if (hold) this.#hold(components)
    const journals = power === true ? this.#journalsOf(target) : []
    await this.#end(target, power === true ? 'power lost' : 'killed')
    const undone = power === true ? await this.#options.runtime.cutPower(journals) : 0
    if (forMs !== undefined && stayDown !== true) this.#later(forMs, () => this.#release(components))
    const back =
      stayDown === true
        ? `stays down until \`kabuki chaos resume ${name}\``
        : forMs !== undefined
          ? `comes back in ${forMs} ms`
          : 'comes back by its supervisor'
    return `killed ${target.kind} ${name}${power === true ? `, ${undone} unsynced bytes undone` : ''}; it ${back}`
  }

  async pause(name: string, forMs: number | undefined): Promise<string> {
    const { runtime } = this.#options
    const target = this.#target(name)
    if (target.kind === 'actor') await runtime.pauseActor(target.name)
    else for (const thread of this.#threadsOf(target)) await runtime.pauseThread(thread)
    if (forMs !== undefined) this.#later(forMs, () => void this.resume(name))
    return `paused ${target.kind} ${name}`
  }

  async resume(name: string): Promise<string> {
    const { runtime } = this.#options
    const target = this.#target(name)
    this.#release(this.#componentsOf(target).filter(component => this.#held.has(component)))
    if (target.kind === 'actor') await runtime.resumeActor(target.name)
    else for (const thread of this.#threadsOf(target)) runtime.resumeThread(thread)
    return `resumed ${target.kind} ${name}`
  }

  /** Between two machines, or, without the second, between one and all others. Both ways. */
  async cut(a: string, b: string | undefined): Promise<string> {
    const { runtime } = this.#options
    const pairs = this.#pairs(a, b)
    await runtime.setFaults({ ...runtime.faults, cut: [...new Set([...runtime.faults.cut, ...pairs])] })
    return `cut ${a} off from ${b ?? 'all others'}`
  }

  /** Between two machines, or, without the second, between one and all others. Both ways. */
  async slow(a: string, b: string | undefined, delayMs: number): Promise<string> {
    const { runtime } = this.#options
    const slowMs = Object.fromEntries(this.#pairs(a, b).map(pair => [pair, delayMs]))
    await runtime.setFaults({ ...runtime.faults, slowMs: { ...runtime.faults.slowMs, ...slowMs } })
    return `slowed ${a} and ${b ?? 'all others'} by ${delayMs} ms`
  }

  async heal(a: string | undefined, b: string | undefined): Promise<string> {
    const { runtime } = this.#options
    const pairs = a === undefined ? undefined : new Set(this.#pairs(a, b))
    const stays = (pair: string): boolean => pairs !== undefined && !pairs.has(pair)
    const slowMs = Object.fromEntries(Object.entries(runtime.faults.slowMs).filter(([pair]) => stays(pair)))
    await runtime.setFaults({ cut: runtime.faults.cut.filter(stays), slowMs })
    return a === undefined ? 'healed all links' : `healed ${a} and ${b ?? 'all others'}`
  }

  isHeld(component: string): boolean {
    return this.#held.has(component)
  }

  stop(): void {
    for (const timer of this.#timers) clearTimeout(timer)
  }

  #target(name: string): Target {
    const { runtime, machines, components } = this.#options
    if (machines.includes(name)) return { kind: 'machine', name }
    const inThread = [...components].filter(([, thread]) => thread === name).map(([actor]) => actor)
    if (runtime.hasThread(name) || inThread.length > 0) return { kind: 'thread', name, actors: inThread }
    if (runtime.threadOf(name) !== undefined || components.has(name)) return { kind: 'actor', name }
    throw new Error(`there is no actor, thread or machine ${JSON.stringify(name)}: \`kabuki status\` lists them`)
  }

  #componentsOf(target: Target): string[] {
    const { components } = this.#options
    if (target.kind === 'actor') return components.has(target.name) ? [target.name] : []
    if (target.kind === 'thread') return [...target.actors]
    return [...components.keys()].filter(actor => machineOf(actor) === target.name)
  }

  #threadsOf(target: Target): string[] {
    return target.kind === 'machine' ? this.#options.runtime.threadsOf(target.name) : [target.name]
  }

  #journalsOf(target: Target): string[] {
    const { runtime } = this.#options
    return target.kind === 'actor' ? [target.name] : this.#threadsOf(target).flatMap(thread => runtime.actorsIn(thread))
  }

  async #end(target: Target, reason: string): Promise<void> {
    const { runtime } = this.#options
    if (target.kind === 'actor') await runtime.killActor(target.name, reason)
    else await Promise.all(this.#threadsOf(target).map(thread => runtime.killThread(thread, reason)))
  }

  #hold(components: readonly string[]): void {
    for (const component of components) this.#held.add(component)
    this.#supervise('hold', components)
  }

  #release(components: readonly string[]): void {
    for (const component of components) this.#held.delete(component)
    this.#supervise('release', components)
  }

  #supervise(type: 'hold' | 'release', components: readonly string[]): void {
    for (const machine of new Set(components.map(machineOf))) {
      const addresses = components.filter(component => machineOf(component) === machine)
      const to = this.#options.supervisorOf(machine)
      const envelope: Envelope = { kind: 'tell', from: 'root/control', to, life: 0, id: 0, type, body: { addresses }, count: 0 }
      this.#options.runtime.deliver(envelope)
    }
  }

  #pairs(a: string, b: string | undefined): string[] {
    const { machines } = this.#options
    for (const name of [a, b]) {
      if (name !== undefined && !machines.includes(name))
        throw new Error(`there is no machine ${JSON.stringify(name)}: ${machines.join(', ')}`)
    }
    const others = b === undefined ? machines.filter(machine => machine !== a) : [b]
    return others.flatMap(other => [`${a}>${other}`, `${other}>${a}`])
  }

  #later(ms: number, body: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      body()
    }, ms)
    this.#timers.add(timer)
  }
}
