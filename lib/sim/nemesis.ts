// Nemesis: draws faults from the seed. A run has a safety phase, in which anything may break, and then, everything
// healed, a liveness phase, in which the system must find its way back.
//
// Some kinds are off altogether in some runs, and rates differ between runs: a mixture of everything, always the
// same, would never let one fault go far enough.

import { integerBelow, type Random, seededRandom } from '../std/index.js'
import { type Fault, heal, inflict } from './fault.js'
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
  readonly machines?: readonly string[]
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
  count = 0
  readonly #world: World
  readonly #options: NemesisOptions
  readonly #random: Random
  #active = false

  constructor(world: World, options: NemesisOptions) {
    this.#world = world
    this.#options = options
    const random = seededRandom(options.seed)
    this.#random = random
    const may = options.troubles ?? troubles.filter(trouble => trouble !== 'corrupt' && trouble !== 'duplicate')
    let on = may.filter(() => random() < onShare)
    while (on.length < Math.min(options.kindsMin ?? 1, may.length)) on = may.filter(trouble => on.includes(trouble) || random() < onShare)
    this.on = on
    this.everyMs = (options.everyMs ?? 2000) * 5 ** (2 * random() - 1)
  }

  /** Both phases, from now on. */
  run(safetyMs: number, livenessMs: number): void {
    const world = this.#world
    this.#active = true
    this.#plan()
    world.run(world.nowMs + safetyMs)
    this.#active = false
    heal(world)
    world.run(world.nowMs + livenessMs)
  }

  #plan(): void {
    const world = this.#world
    if (this.on.length === 0) return
    world.at(world.nowMs + this.everyMs * 2 * this.#random(), () => {
      if (!this.#active) return
      this.#strike()
      this.#plan()
    })
  }

  #strike(): void {
    const world = this.#world
    const { faults, ends } = this.#draw(this.#pick(this.on) as Trouble)
    if (faults.length === 0) return
    this.count++
    for (const fault of faults) inflict(world, fault)
    const lastsMs = (this.#options.lastsMsMax ?? 10_000) * this.#random() ** 2 // Most are short.
    world.at(world.nowMs + lastsMs, () => {
      if (this.#active) for (const end of ends) inflict(world, end)
    })
  }

  #pick<M>(of: readonly M[]): M | undefined {
    return of[integerBelow(this.#random, of.length)]
  }

  #machines(): readonly string[] {
    return this.#options.machines ?? [...this.#world.machines.keys()].filter(name => name !== rootMachine)
  }

  #machine(): string | undefined {
    const { aim, aimShare = 0 } = this.#options
    const aimed = aimShare > 0 && this.#random() < aimShare ? aim?.() : undefined
    return aimed ?? this.#pick(this.#machines())
  }

  #actor(): string | undefined {
    const machines = new Set(this.#machines())
    const may = this.#options.actors ?? (() => true)
    return this.#pick([...this.#world.addresses()].filter(address => machines.has(address.split('/')[0] as string) && may(address)))
  }

  #thread(): string | undefined {
    const running = this.#machines().flatMap(name => [...this.#world.machine(name).threads.values()])
    return this.#pick(running.filter(thread => thread.dispatcher !== undefined))?.name
  }

  #draw(trouble: Trouble): Draw {
    switch (trouble) {
      case 'crashActor':
      case 'pauseActor': {
        const actor = this.#actor()
        if (actor === undefined) return nothing
        return one({ fault: trouble, actor }, { fault: trouble === 'crashActor' ? 'restartActor' : 'resumeActor', actor })
      }
      case 'crashThread':
      case 'pauseThread': {
        const thread = this.#thread()
        if (thread === undefined) return nothing
        return one({ fault: trouble, thread }, { fault: trouble === 'crashThread' ? 'restartThread' : 'resumeThread', thread })
      }
      case 'isolate':
      case 'partition':
      case 'oneWay':
        return this.#cut(trouble)
      case 'slow':
      case 'lose':
      case 'duplicate':
      case 'reorder':
        return this.#disturb(trouble)
      default:
        return this.#atMachine(trouble)
    }
  }

  #cut(trouble: 'isolate' | 'partition' | 'oneWay'): Draw {
    const machines = this.#machines()
    const left =
      trouble === 'partition' ? machines.filter(() => this.#random() < 0.5) : [this.#machine()].filter(machine => machine !== undefined)
    const right = trouble === 'oneWay' ? [this.#pick(machines)].filter(machine => machine !== undefined) : machines
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

  #disturb(trouble: 'slow' | 'lose' | 'duplicate' | 'reorder'): Draw {
    const everywhere = this.#random() < 0.5
    const from = everywhere ? '*' : this.#pick(this.#machines())
    const to = everywhere ? '*' : this.#pick(this.#machines())
    if (from === undefined || to === undefined) return nothing
    if (trouble === 'slow') {
      const factor = 10 ** (1 + 2 * this.#random())
      return one({ fault: 'slow', from, to, factor }, { fault: 'slow', from, to, factor: 1 })
    }
    const share = this.#random() ** 2 * 0.5
    return one({ fault: trouble, from, to, share }, { fault: trouble, from, to, share: 0 })
  }

  #atMachine(trouble: Trouble): Draw {
    const machine = trouble === 'corrupt' ? this.#pick(this.#options.corruptible ?? []) : this.#machine()
    if (machine === undefined) return nothing
    const chance = this.#random()
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
