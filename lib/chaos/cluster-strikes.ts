// Cluster strikes: what a person breaks on the journey, drawn from the seed: each strike finds its target by what it is.
//
// They run beside the nemesis of lib/sim, which knows machines and actors but not what they are for; when it heals, they end too.

import { chosen, type Fault, inflict, type StrikeLog, type World } from '../sim/index.js'
import { forkSeed, integerBelow, type Random, seededRandom, unreachable } from '../std/index.js'
import type { ClusterRunPlan, JourneyTrouble } from './cluster-plan.js'

const longDownMs = { min: 17_000, max: 28_000 } // Longer than a node's grace and its pods' toleration together.
const shortDownMs = { min: 200, max: 6_000 }
const longShare = 0.9

interface Blow {
  readonly faults: readonly Fault[]
  readonly ends: readonly Fault[]
  readonly lastsMs: number
}

const endsOf: Partial<Record<JourneyTrouble, string>> = {
  killApiserver: '/apiserver',
  killScheduler: '/scheduler',
  killControllerManager: '/controller-manager',
  killKubelet: '/kubelet'
}

export class ClusterStrikes {
  /** The store's leader as far as it was heard. */
  leader: string | undefined
  readonly #world: World
  readonly #plan: ClusterRunPlan
  readonly #random: Random
  readonly #log: StrikeLog
  #count = 0
  #active = true

  constructor(world: World, plan: ClusterRunPlan, random: Random, log: StrikeLog) {
    this.#world = world
    this.#plan = plan
    this.#random = random
    this.#log = log
  }

  /** Every kind in its turn, in an order of the seed's, so that each of them comes early in some runs and late in others. */
  start(): void {
    const { journeyEveryMs } = this.#plan
    const kinds = this.#shuffled(this.#plan.journey)
    const next = (): void => {
      this.#world.at(this.#world.nowMs + journeyEveryMs * 2 * this.#random(), () => {
        if (!this.#active) return
        this.#strike(kinds[this.#count++ % kinds.length] as JourneyTrouble, seededRandom(forkSeed(this.#random)))
        next()
      })
    }
    if (kinds.length > 0) next()
  }

  stop(): void {
    this.#active = false
  }

  #strike(kind: JourneyTrouble, random: Random): void {
    const world = this.#world
    const number = this.#log.next()
    if (!this.#log.isChosen(number)) return
    const { faults, ends, lastsMs } = this.#blow(kind, random)
    if (faults.length === 0) return
    this.#log.add({ number, atMs: world.nowMs, kind, faults, lastsMs })
    for (const fault of faults) inflict(world, fault)
    if (ends.length === 0) return
    world.at(world.nowMs + lastsMs, () => {
      if (this.#active) for (const end of ends) inflict(world, end)
    })
  }

  #blow(kind: JourneyTrouble, random: Random): Blow {
    switch (kind) {
      case 'killStoreLeader':
        return this.#kill(random, address => address === this.leader)
      case 'powerOffStoreLeader':
        return crash(random, this.leader?.split('/')[0], true, shortDownMs)
      case 'killApiserver':
      case 'killScheduler':
      case 'killControllerManager':
      case 'killKubelet':
        return this.#kill(random, address => address.endsWith(endsOf[kind] as string))
      case 'killController':
        return this.#kill(random, address => address.startsWith('control-') && address.endsWith('-controller'))
      case 'killWorker':
        return crash(
          random,
          `worker-${1 + integerBelow(random, this.#plan.shape.nodes)}`,
          random() < 0.5,
          random() < longShare ? longDownMs : shortDownMs
        )
      case 'killControlMachine':
        return crash(random, `control-${integerBelow(random, this.#plan.shape.stores)}`, random() < 0.5, shortDownMs)
      default:
        return unreachable(kind)
    }
  }

  #shuffled<V>(of: readonly V[]): V[] {
    const left = [...of]
    return of.map(() => left.splice(integerBelow(this.#random, left.length), 1)[0] as V)
  }

  /** Who supervises it starts it again. */
  #kill(random: Random, is: (address: string) => boolean): Blow {
    const actor = chosen(random, [...this.#world.addresses()].filter(is))
    const fault: Fault[] =
      actor === undefined ? [] : [random() < 0.5 ? { fault: 'crashActor', actor } : { fault: 'crashThread', thread: actor }]
    return { faults: fault, ends: [], lastsMs: Number.POSITIVE_INFINITY }
  }
}

function crash(random: Random, machine: string | undefined, power: boolean, downMs: { readonly min: number; readonly max: number }): Blow {
  if (machine === undefined) return { faults: [], ends: [], lastsMs: 0 }
  const torn: Fault[] = power && random() < 0.5 ? [{ fault: 'tearDisk', machine }] : []
  return {
    faults: [...torn, { fault: 'crashMachine', machine, power }],
    ends: [{ fault: 'restartMachine', machine }],
    lastsMs: downMs.min + (downMs.max - downMs.min) * random()
  }
}
