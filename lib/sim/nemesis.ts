// Nemesis: draws faults from the seed. A run has a safety phase, in which anything may break, and then a liveness phase, in
// which the system must find its way back: with everything healed, or with some machines left behind.
//
// Some kinds are off altogether in some runs, and rates differ between runs: a mixture of everything, always the
// same, would never let one fault go far enough.

import { forkSeed, type Random, seededRandom } from '../std/index.js'
import { type Fault, heal, inflict } from './fault.js'
import { chosen, StrikeLog } from './strike.js'
import { rootMachine, type World } from './world.js'

/** Kinds of trouble. Each but `corrupt` ends by itself after a while. */
export const troubles = [
  'crashActor',
  'crashThread',
  'crashMachine',
  'powerLoss',
  'pauseActor',
  'pauseThread',
  'pauseMachine',
  'isolate',
  'partition',
  'oneWay',
  'slow',
  'lose',
  'duplicate',
  'reorder',
  'drift',
  'jump',
  'skew',
  'slowDisk',
  'fullDisk',
  'failDisk',
  'corrupt'
] as const
export type Trouble = (typeof troubles)[number]

export interface NemesisOptions {
  readonly seed: number
  /**
   * What may happen at all. Default: everything but `corrupt`, which breaks the promises of a disk, and `duplicate`, which
   * no link of ours does and under which no failure is definite: the copy refused may follow one that was handled.
   */
  readonly troubles?: readonly Trouble[]
  /** At least this many kinds of trouble are on; default 1. */
  readonly kindsMin?: number
  /** Machines it may touch; default: all but root. */
  readonly machines?: () => readonly string[]
  /** Actors it may kill and pause one by one; default: any on those machines. */
  readonly actors?: (address: string) => boolean
  /** Between two troubles, on average; drawn for a run from a fifth to five times of this. */
  readonly everyMs?: number
  /** How long one lasts at most. */
  readonly lastsMsMax?: number
  /** A machine that troubles of one machine are to befall before others, such as the leader's: on that share of them. */
  readonly aim?: () => string | undefined
  readonly aimShare?: number
  /** Whose disks may decay. A minority, or acknowledged writes are lost and rightly so. */
  readonly corruptible?: readonly string[]
  /** Numbers the strikes, and says which are inflicted. */
  readonly log?: StrikeLog
}

/** What may break, and what ends it. */
interface Draw {
  readonly faults: readonly Fault[]
  readonly ends: readonly Fault[]
}

const nothing: Draw = { faults: [], ends: [] }
const one = (fault: Fault, end?: Fault): Draw => ({ faults: [fault], ends: end === undefined ? [] : [end] })
const onShare = 0.5 // Of kinds in a run.

export class Nemesis {
  readonly on: readonly Trouble[]
  readonly everyMs: number
  readonly log: StrikeLog
  readonly #world: World
  readonly #options: NemesisOptions
  readonly #random: Random
  readonly #strandRandom: Random
  #active = false

  constructor(world: World, options: NemesisOptions) {
    this.#world = world
    this.#options = options
    this.log = options.log ?? new StrikeLog()
    const random = seededRandom(options.seed)
    this.#random = random
    this.#strandRandom = seededRandom(forkSeed(random))
    const may = options.troubles ?? troubles.filter(trouble => trouble !== 'corrupt' && trouble !== 'duplicate')
    let on = may.filter(() => random() < onShare)
    while (on.length < Math.min(options.kindsMin ?? 1, may.length)) on = may.filter(trouble => on.includes(trouble) || random() < onShare)
    this.on = on
    this.everyMs = (options.everyMs ?? 2000) * 5 ** (2 * random() - 1)
  }

  /** Both phases, from now on. */
  run(safetyMs: number, livenessMs: number): void {
    this.rage(safetyMs)
    this.heal()
    this.#world.run(this.#world.nowMs + livenessMs)
  }

  /** The safety phase. */
  rage(forMs: number): void {
    const world = this.#world
    this.#active = true
    this.#plan()
    world.run(world.nowMs + forMs)
    this.#active = false
  }

  /** Ends all faults, but for those of the machines left behind: these get one more each. Gives those that were. */
  heal(behind: readonly string[] = []): readonly string[] {
    const left = behind.filter(machine => this.#strand(machine))
    heal(this.#world, left)
    return left
  }

  #strand(machine: string): boolean {
    const log = this.log
    const number = log.next()
    const random = seededRandom(forkSeed(this.#strandRandom))
    if (!log.isChosen(number)) return false
    const chance = random()
    const others = [...this.#world.machines.keys()].filter(name => name !== rootMachine && name !== machine)
    const cuts = others.flatMap(name => [
      { fault: 'cut', from: machine, to: name } as const,
      { fault: 'cut', from: name, to: machine } as const
    ])
    const faults: readonly Fault[] =
      chance < 0.3 ? [{ fault: 'pauseMachine', machine }] : chance < 0.6 ? cuts : [{ fault: 'crashMachine', machine, power: chance < 0.8 }]
    for (const fault of faults) inflict(this.#world, fault)
    log.add({ number, atMs: this.#world.nowMs, kind: 'strand', faults, lastsMs: Number.POSITIVE_INFINITY })
    return true
  }

  #plan(): void {
    const world = this.#world
    if (this.on.length === 0) return
    world.at(world.nowMs + this.everyMs * 2 * this.#random(), () => {
      if (!this.#active) return
      this.#strike(seededRandom(forkSeed(this.#random)))
      this.#plan()
    })
  }

  #strike(random: Random): void {
    const { log } = this
    const world = this.#world
    const number = log.next()
    const kind = chosen(random, this.on) as Trouble
    const lastsMs = (this.#options.lastsMsMax ?? 10_000) * random() ** 2 // Most are short.
    if (!log.isChosen(number)) return
    const { faults, ends } = this.#draw(kind, random)
    if (faults.length === 0) return
    log.add({ number, atMs: world.nowMs, kind, faults, lastsMs: ends.length === 0 ? Number.POSITIVE_INFINITY : lastsMs })
    for (const fault of faults) inflict(world, fault)
    world.at(world.nowMs + lastsMs, () => {
      if (this.#active) for (const end of ends) inflict(world, end)
    })
  }

  #machines(): readonly string[] {
    return this.#options.machines?.() ?? [...this.#world.machines.keys()].filter(name => name !== rootMachine)
  }

  #machine(random: Random): string | undefined {
    const { aim, aimShare = 0 } = this.#options
    const aimed = aimShare > 0 && random() < aimShare ? aim?.() : undefined
    return aimed ?? chosen(random, this.#machines())
  }

  #actor(random: Random): string | undefined {
    const machines = new Set(this.#machines())
    const may = this.#options.actors ?? (() => true)
    return chosen(
      random,
      [...this.#world.addresses()].filter(address => machines.has(address.split('/')[0] as string) && may(address))
    )
  }

  #thread(random: Random): string | undefined {
    const running = this.#machines().flatMap(name => [...this.#world.machine(name).threads.values()])
    return chosen(
      random,
      running.filter(thread => thread.dispatcher !== undefined).map(({ name }) => name)
    )
  }

  #draw(trouble: Trouble, random: Random): Draw {
    switch (trouble) {
      case 'crashActor':
      case 'pauseActor': {
        const actor = this.#actor(random)
        if (actor === undefined) return nothing
        return one({ fault: trouble, actor }, { fault: trouble === 'crashActor' ? 'restartActor' : 'resumeActor', actor })
      }
      case 'crashThread':
      case 'pauseThread': {
        const thread = this.#thread(random)
        if (thread === undefined) return nothing
        return one({ fault: trouble, thread }, { fault: trouble === 'crashThread' ? 'restartThread' : 'resumeThread', thread })
      }
      case 'isolate':
      case 'partition':
      case 'oneWay':
        return this.#cut(trouble, random)
      case 'slow':
      case 'lose':
      case 'duplicate':
      case 'reorder':
        return this.#disturb(trouble, random)
      default:
        return this.#atMachine(trouble, random)
    }
  }

  #cut(trouble: 'isolate' | 'partition' | 'oneWay', random: Random): Draw {
    const machines = this.#machines()
    const left =
      trouble === 'partition' ? machines.filter(() => random() < 0.5) : [this.#machine(random)].filter(machine => machine !== undefined)
    const right = trouble === 'oneWay' ? [chosen(random, machines)].filter(machine => machine !== undefined) : machines
    const ways = left.flatMap(a => right.filter(b => !left.includes(b)).map(b => ({ from: a, to: b })))
    const both =
      trouble === 'oneWay'
        ? ways
        : ways.flatMap(({ from, to }) => [
            { from, to },
            { from: to, to: from }
          ])
    return { faults: both.map(way => ({ fault: 'cut', ...way })), ends: both.map(way => ({ fault: 'heal', ...way })) }
  }

  #disturb(trouble: 'slow' | 'lose' | 'duplicate' | 'reorder', random: Random): Draw {
    const everywhere = random() < 0.5
    const from = everywhere ? '*' : chosen(random, this.#machines())
    const to = everywhere ? '*' : chosen(random, this.#machines())
    if (from === undefined || to === undefined) return nothing
    if (trouble === 'slow') {
      const factor = 10 ** (1 + 2 * random())
      return one({ fault: 'slow', from, to, factor }, { fault: 'slow', from, to, factor: 1 })
    }
    const share = random() ** 2 * 0.5
    return one({ fault: trouble, from, to, share }, { fault: trouble, from, to, share: 0 })
  }

  #atMachine(trouble: Trouble, random: Random): Draw {
    const machine = trouble === 'corrupt' ? chosen(random, this.#options.corruptible ?? []) : this.#machine(random)
    if (machine === undefined) return nothing
    const chance = random()
    switch (trouble) {
      case 'crashMachine':
        return one({ fault: 'crashMachine', machine, power: false }, { fault: 'restartMachine', machine })
      case 'powerLoss':
        return {
          faults: [...(chance < 0.5 ? [{ fault: 'tearDisk', machine } as const] : []), { fault: 'crashMachine', machine, power: true }],
          ends: [{ fault: 'restartMachine', machine }]
        }
      case 'pauseMachine':
        return one({ fault: 'pauseMachine', machine }, { fault: 'resumeMachine', machine })
      case 'drift': // A little off, or slow up to ten times: then leases and timeouts are worth nothing.
        return one(
          { fault: 'drift', machine, rate: chance < 0.5 ? 0.8 + 0.8 * chance : 0.1 ** (2 * chance - 1) },
          { fault: 'drift', machine, rate: 1 }
        )
      case 'jump':
        return one({ fault: 'jump', machine, byMs: Math.ceil(5000 * chance ** 2) })
      case 'skew':
        return one({ fault: 'skew', machine, byMs: Math.ceil(60_000 * (chance - 0.5)) }, { fault: 'skew', machine, byMs: 0 })
      case 'slowDisk':
        return one({ fault: 'slowDisk', machine, factor: 10 ** (3 * chance) }, { fault: 'slowDisk', machine, factor: 1 })
      case 'fullDisk':
        return one({ fault: 'fullDisk', machine, full: true }, { fault: 'fullDisk', machine, full: false })
      case 'failDisk':
        return one({ fault: 'failDisk', machine, share: chance ** 2 }, { fault: 'failDisk', machine, share: 0 })
      default: {
        // Decay shows when the disk is read: mostly at once, sometimes when more has happened.
        const decay = { fault: 'corruptDisk', machine } as const
        if (chance < 0.3) return one(decay)
        return { faults: [decay, { fault: 'crashMachine', machine, power: chance < 0.6 }], ends: [{ fault: 'restartMachine', machine }] }
      }
    }
  }
}
