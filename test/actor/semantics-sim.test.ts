import { Packr, Unpackr } from 'msgpackr'
import { machineOf, type Outcome } from '../../lib/actor/index.js'
import { inflict, World } from '../../lib/sim/index.js'
import { type Act, cast, jarPort, type PuppetArgs, type PuppetProtocol, type PuppetRef } from './cast.js'
import type { Harness, Line, Target } from './harness.js'
import { semantics } from './semantics.js'

const limitMs = 60_000
const packr = new Packr({ sequential: true })
const unpackr = new Unpackr({ sequential: true, structures: [] })

/** A world behind the face of the suite; every case has a seed of its own, and half of them copy as the wire does. */
class SimHarness implements Harness {
  readonly #world: World
  readonly #lines: Line[] = []

  constructor(seed: number) {
    this.#world = new World({
      seed,
      handover: { wireCopy: body => unpackr.unpack(packr.pack(body)), wireCopyShare: 0.5 },
      ports: { jar: jarPort }
    })
    this.#world.onLog(line => this.#lines.push(line))
  }

  async start(address: string, actor = 'puppet', args?: PuppetArgs, thread?: string): Promise<void> {
    const before = this.#started(address)
    this.#world.start(address, cast[actor] as NonNullable<(typeof cast)[string]>, args, thread)
    await this.until(`${address} started`, () => this.#started(address) > before)
  }

  async ask<K extends keyof PuppetProtocol>(
    to: string,
    type: K,
    body?: Parameters<PuppetProtocol[K]>[0],
    timeoutMs = limitMs
  ): Promise<Outcome<ReturnType<PuppetProtocol[K]>>> {
    const outcome = this.#world.client.call(to as PuppetRef, timeoutMs, type as 'play', body as Act[])
    return outcome as unknown as Outcome<ReturnType<PuppetProtocol[K]>>
  }

  async kill(target: Target, power = false): Promise<void> {
    if ('actor' in target) inflict(this.#world, { fault: 'crashActor', ...target })
    else if ('thread' in target) inflict(this.#world, { fault: 'crashThread', ...target })
    else inflict(this.#world, { fault: 'crashMachine', ...target, power })
  }

  async pause(target: Target): Promise<void> {
    if ('actor' in target) inflict(this.#world, { fault: 'pauseActor', ...target })
    else if ('thread' in target) inflict(this.#world, { fault: 'pauseThread', ...target })
    else inflict(this.#world, { fault: 'pauseMachine', ...target })
  }

  async resume(target: Target): Promise<void> {
    if ('actor' in target) inflict(this.#world, { fault: 'resumeActor', ...target })
    else if ('thread' in target) inflict(this.#world, { fault: 'resumeThread', ...target })
    else inflict(this.#world, { fault: 'resumeMachine', ...target })
  }

  lines(): readonly Line[] {
    return this.#lines
  }

  async until(what: string, predicate: () => boolean | Promise<boolean>): Promise<void> {
    if (!this.#world.runUntil(() => predicate() === true, this.#world.nowMs + limitMs)) throw new Error(`in vain: ${what}`)
  }

  async pass(ms: number): Promise<void> {
    this.#world.run(this.#world.nowMs + ms)
  }

  async advanceCluster(ms: number): Promise<void> {
    this.#world.advanceCluster(ms)
  }

  async counters(thread: string): Promise<{ deadLetters: number; refused: number; expired: number }> {
    const counters = this.#world.machine(machineOf(thread)).thread(thread).dispatcher?.counters
    if (counters === undefined) throw new Error(`${thread} does not run`)
    return counters
  }

  async lose(from: string, to: string, share: number): Promise<void> {
    inflict(this.#world, { fault: 'lose', from, to, share })
  }

  async fillDisk(machine: string, full: boolean): Promise<void> {
    inflict(this.#world, { fault: 'fullDisk', machine, full })
  }

  async slowDisk(machine: string, ms: number): Promise<void> {
    inflict(this.#world, { fault: 'slowDisk', machine, factor: ms * 10 }) // A sync takes at least half of 200 µs times that.
  }

  async close(): Promise<void> {}

  #started(address: string): number {
    return this.#lines.filter(line => line.address === address && line.event === 'started').length
  }
}

let seed = 0
const rounds = 3
for (let round = 1; round <= rounds; round++) semantics(`simulator, round ${round}`, async () => new SimHarness(++seed))
