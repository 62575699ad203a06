// Network: how long an envelope takes, and whether it arrives. Draws everything from one generator.

import { downNotice, type Envelope } from '../actor/index.js'
import { integerBelow, type Random } from '../std/index.js'
import { isSupervision, isUserMessage, Lane, type Link, linkMax } from './link.js'
import type { SimThread } from './thread.js'
import { Event, type Timeline } from './timeline.js'
import type { Trace } from './trace.js'

export interface NetworkOptions {
  /** The usual delay between two machines is drawn from this range, once for each direction. */
  readonly delayUsMin: number
  readonly delayUsMax: number
  /** Within a machine: from 1 to this. */
  readonly localUsMax: number
}

export const networkDefaults: NetworkOptions = { delayUsMin: 100, delayUsMax: 1000, localUsMax: 40 }

/** After this long a death behind a cut is taken for granted, as a missed keepalive would. */
export const detectionUs = 15_000_000

const tailShare = 0.01 // Of deliveries between machines that take ten times as long.
const reorderedTimes = 8 // How much later one may arrive that is overtaken.

export class Network {
  readonly #options: NetworkOptions
  readonly #random: Random
  readonly #timeline: Timeline
  readonly #trace: Trace
  readonly #lanes = new Map<string, Lane>()
  readonly #rootMachine: string
  readonly #lives: (address: string) => boolean

  constructor(
    options: NetworkOptions,
    random: Random,
    timeline: Timeline,
    trace: Trace,
    rootMachine: string,
    lives: (address: string) => boolean
  ) {
    this.#options = options
    this.#random = random
    this.#timeline = timeline
    this.#trace = trace
    this.#rootMachine = rootMachine
    this.#lives = lives
  }

  lanes(): IterableIterator<Lane> {
    return this.#lanes.values()
  }

  lane(from: string, to: string): Lane {
    const key = `${from}>${to}`
    let lane = this.#lanes.get(key)
    if (lane === undefined) {
      const { delayUsMin, delayUsMax } = this.#options
      const baseUs = delayUsMin + integerBelow(this.#random, delayUsMax - delayUsMin + 1)
      lane = new Lane(from, to, baseUs, from === this.#rootMachine || to === this.#rootMachine)
      this.#lanes.set(key, lane)
    }
    return lane
  }

  link(from: SimThread, to: SimThread): Link {
    let link = from.links.get(to)
    if (link === undefined) {
      const lane = from.machine === to.machine ? undefined : this.lane(from.machine.name, to.machine.name)
      link = { from, to, lane, lastUs: 0, inFlight: 0 }
      from.links.set(to, link)
    }
    return link
  }

  /** Puts an envelope on the wire. False: the link is full. */
  send(link: Link, envelope: Envelope, departUs: number): boolean {
    const { lane } = link
    if (link.inFlight >= linkMax && isUserMessage(envelope)) {
      this.#trace.add('network: refused')
      return false
    }
    if (lane === undefined || lane.exempt) {
      this.#arrive(link, envelope, departUs + this.#delayUs(lane), true)
      return true
    }
    if (isSupervision(envelope)) {
      this.convey(link, () => link.to.arrived(new Event(undefined, envelope, undefined)), departUs, this.#expiry(link, envelope))
      return true
    }
    if (lane.cut) this.#trace.add('network: cut off')
    else if (lane.loss > 0 && this.#random() < lane.loss) this.#trace.add('network: lost')
    else this.#transmit(link, lane, envelope, departUs)
    return true
  }

  /** Makes something happen at the other end, in order with what is sent before and after, however often it must be tried. */
  convey(link: Link, call: () => void, departUs: number, expired?: () => boolean): void {
    const { lane } = link
    if (lane?.cut !== true) {
      this.#timeline.call(this.#inOrder(link, departUs + this.#delayUs(lane)), call)
      return
    }
    const held = { link, call, expired, done: false }
    lane.held.push(held)
    if (expired === undefined) return
    this.#timeline.call(departUs + detectionUs, () => {
      if (!held.done && expired()) held.done = true
    })
  }

  heal(lane: Lane): void {
    lane.cut = false
    for (const held of lane.held.splice(0)) {
      if (held.done) continue
      held.done = true
      this.convey(held.link, held.call, this.#timeline.nowUs)
    }
  }

  #transmit(link: Link, lane: Lane, envelope: Envelope, departUs: number): void {
    let delayUs = this.#delayUs(lane)
    let inOrder = true
    if (lane.reorder > 0 && this.#random() < lane.reorder) {
      this.#trace.add('network: reordered')
      delayUs = Math.ceil(delayUs * reorderedTimes * this.#random())
      inOrder = false
    }
    this.#arrive(link, envelope, departUs + delayUs, inOrder)
    if (lane.duplicate > 0 && this.#random() < lane.duplicate) {
      this.#trace.add('network: duplicated')
      this.#arrive(link, envelope, departUs + delayUs + this.#delayUs(lane), inOrder)
    }
  }

  #arrive(link: Link, envelope: Envelope, atUs: number, inOrder: boolean): void {
    link.inFlight++
    this.#timeline.plan(new Event(link, envelope, undefined), inOrder ? this.#inOrder(link, atUs) : atUs)
  }

  #inOrder(link: Link, atUs: number): number {
    if (atUs > link.lastUs) link.lastUs = atUs
    return link.lastUs
  }

  #delayUs(lane: Lane | undefined): number {
    const chance = this.#random()
    if (lane === undefined) return 1 + Math.floor(chance * this.#options.localUsMax)
    const times = chance > 1 - tailShare ? 10 : 0.5 + chance
    return 1 + Math.floor(lane.baseUs * times * lane.slow)
  }

  // A death behind a cut is told when it is detected; who watches somebody dead behind a cut is told so then.
  #expiry(link: Link, envelope: Envelope): (() => boolean) | undefined {
    if (envelope.kind === 'down')
      return () => {
        link.to.arrived(new Event(undefined, envelope, undefined))
        return true
      }
    if (envelope.kind !== 'monitor') return undefined
    return () => {
      if (this.#lives(envelope.to)) return false
      link.from.arrived(new Event(undefined, downNotice(envelope.to, envelope.from, 'unreachable'), undefined))
      return true
    }
  }
}
