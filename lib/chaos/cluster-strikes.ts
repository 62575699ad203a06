// Cluster strikes: what a person breaks on the journey, drawn from the seed: each strike finds its target by what it is.
//
// They run beside the nemesis of lib/sim, which knows machines and actors but not what they are for; when it heals, they end too.

import { type Fault, inflict, type World } from '../sim/index.js'
import { integerBelow, type Random, unreachable } from '../std/index.js'
import type { ClusterRunPlan, Strike } from './cluster-plan.js'

const longDownMs = { min: 17_000, max: 28_000 } // Longer than a node's grace and its pods' toleration together.
const shortDownMs = { min: 200, max: 6_000 }
const longShare = 0.9

export class ClusterStrikes {
  count = 0
  /** The store's leader as far as it was heard. */
  leader: string | undefined
  readonly #world: World
  readonly #plan: ClusterRunPlan
  readonly #random: Random
  #active = true

  constructor(world: World, plan: ClusterRunPlan, random: Random) {
    this.#world = world
    this.#plan = plan
    this.#random = random
  }

  /** Every kind in its turn, in an order of the seed's, so that each of them comes early in some runs and late in others. */
  start(): void {
    const { strikeEveryMs } = this.#plan
    const strikes = this.#shuffled(this.#plan.strikes)
    const next = (): void => {
      this.#world.at(this.#world.nowMs + strikeEveryMs * 2 * this.#random(), () => {
        if (!this.#active) return
        this.#strike(strikes[this.count % strikes.length] as Strike)
        next()
      })
    }
    if (strikes.length > 0) next()
  }

  stop(): void {
    this.#active = false
  }

  #strike(strike: Strike): void {
    this.count++
    this.#world.trace.log(this.#world.timeline.nowUs, 'nemesis', 'strike', { strike })
    switch (strike) {
      case 'kill store leader':
        return this.#kill(address => address === this.leader)
      case 'power off store leader':
        if (this.leader !== undefined) this.#crash(this.leader.split('/')[0] as string, true, shortDownMs)
        return
      case 'kill apiserver':
      case 'kill scheduler':
      case 'kill controller-manager':
      case 'kill kubelet':
        return this.#kill(address => address.endsWith(strike.slice('kill '.length)))
      case 'kill controller':
        return this.#kill(address => address.startsWith('control-') && address.endsWith('-controller'))
      case 'kill worker':
        return this.#crash(this.#worker(), this.#random() < 0.5, this.#random() < longShare ? longDownMs : shortDownMs)
      case 'kill control machine':
        return this.#crash(`control-${integerBelow(this.#random, this.#plan.shape.stores)}`, this.#random() < 0.5, shortDownMs)
      default:
        return unreachable(strike)
    }
  }

  #shuffled<V>(of: readonly V[]): V[] {
    const left = [...of]
    return of.map(() => left.splice(integerBelow(this.#random, left.length), 1)[0] as V)
  }

  #worker(): string {
    return `worker-${1 + integerBelow(this.#random, this.#plan.shape.nodes)}`
  }

  #pick<V>(of: readonly V[]): V | undefined {
    return of[integerBelow(this.#random, of.length)]
  }

  #kill(is: (address: string) => boolean): void {
    const actor = this.#pick([...this.#world.addresses()].filter(is))
    if (actor === undefined) return
    inflict(this.#world, this.#random() < 0.5 ? { fault: 'crashActor', actor } : { fault: 'crashThread', thread: actor })
  }

  #crash(machine: string, power: boolean, downMs: { readonly min: number; readonly max: number }): void {
    const faults: Fault[] = power && this.#random() < 0.5 ? [{ fault: 'tearDisk', machine }] : []
    for (const fault of [...faults, { fault: 'crashMachine', machine, power } as const]) inflict(this.#world, fault)
    this.#world.at(this.#world.nowMs + downMs.min + (downMs.max - downMs.min) * this.#random(), () => {
      if (this.#active) inflict(this.#world, { fault: 'restartMachine', machine })
    })
  }
}
