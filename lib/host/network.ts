// Network: how one thread reaches the actors of others: its links, which of them leads to whom, and the faults
// between machines.
//
// Guarantee: envelopes from this thread to one address leave in the order they were sent, also while its thread is
// being looked up. What cannot be taken is told to `NetworkEvents`; nothing is dropped in silence but by a cut.

import { type Envelope, machineOf } from '../actor/index.js'
import { DelayLine } from './delay-line.js'
import { type Directory, type NetworkFaults, noFaults } from './directory.js'
import { Link, type LinkEvents, type LinkSide } from './wire.js'

export interface NetworkEvents {
  received(envelopes: Envelope[]): void
  pending(): void
  /** The actor runs in this thread after all, or (`false`) nowhere. */
  routed(envelope: Envelope, here: boolean): void
  refused(envelope: Envelope): void
  unsendable(envelope: Envelope, error: unknown): void
  lost(addresses: readonly string[], reason: string): void
}

const awaitingRouteMax = 4096 // Envelopes to one address whose thread is not known yet.

export class Network implements LinkEvents {
  faults: NetworkFaults = noFaults
  readonly #ordinal: number
  readonly #directory: Directory
  readonly #events: NetworkEvents
  readonly #links = new Map<number, Link>()
  readonly #routes = new Map<string, Link>()
  readonly #awaiting = new Map<string, Envelope[]>()
  readonly #introductions = new Map<number, (() => void)[]>() // Who waits for the link to that thread.
  readonly #gone = new Set<number>() // The threads whose link has closed: no other ever has their number.
  readonly #lines = new Map<string, DelayLine>() // By `from>to`.
  #cuts: ReadonlySet<string> = new Set()
  #faulty = false

  constructor(ordinal: number, directory: Directory, events: NetworkEvents) {
    this.#ordinal = ordinal
    this.#directory = directory
    this.#events = events
  }

  /** Whether nothing is held back that is still to leave. */
  get quiet(): boolean {
    return this.#awaiting.size === 0 && [...this.#lines.values()].every(line => line.empty)
  }

  /** False: refused, the way there is full. */
  send(envelope: Envelope): boolean {
    return this.#faulty ? this.#sendFaulty(envelope) : this.#sendNow(envelope)
  }

  /** Whether something came that was not taken yet. */
  get waiting(): boolean {
    for (const link of this.#links.values()) if (link.waiting) return true
    return false
  }

  flush(): void {
    for (const link of this.#links.values()) link.flush()
  }

  link(peer: number, side: LinkSide): void {
    this.#links.set(peer, new Link(peer, side, this))
    for (const introduced of this.#introductions.get(peer) ?? []) introduced()
    this.#introductions.delete(peer)
  }

  setFaults(faults: NetworkFaults): void {
    this.faults = faults
    this.#cuts = new Set(faults.cut)
    const slow = Object.values(faults.slowMs).some(delayMs => delayMs > 0)
    this.#faulty = faults.cut.length > 0 || slow || [...this.#lines.values()].some(line => !line.empty)
  }

  close(): void {
    for (const line of this.#lines.values()) line.close()
    for (const link of this.#links.values()) link.close()
  }

  // What a link tells -------------------------------------------------------------------------------

  received(envelopes: Envelope[], link: Link): void {
    let last = ''
    for (const { kind, from } of envelopes) {
      if (kind === 'down') {
        this.#routes.delete(from) // It may come back in another thread.
        last = ''
      } else if (from !== last) {
        last = from
        if (this.#routes.get(from) !== link) this.#routes.set(from, link)
      }
    }
    // Also here: a thread that was paused when its side was cut does not know of it yet.
    this.#events.received(this.#cuts.size === 0 ? envelopes : envelopes.filter(envelope => !this.#cuts.has(between(envelope))))
  }

  pending(): void {
    this.#events.pending()
  }

  unsendable(envelope: Envelope, error: unknown): void {
    this.#events.unsendable(envelope, error)
  }

  closed(link: Link): void {
    if (this.#links.get(link.peer) !== link) return
    this.#links.delete(link.peer)
    this.#gone.add(link.peer)
    const known = [...this.#routes].filter(([, route]) => route === link).map(([address]) => address)
    for (const address of known) {
      this.#routes.delete(address)
      if (!this.#awaiting.has(address)) this.#awaiting.set(address, []) // What is for a next life waits until the last is told lost.
    }
    const told = (addresses: readonly string[], reason: string): void => {
      this.#events.lost([...new Set([...known, ...addresses])], reason)
      for (const address of known) void this.#findRoute(address)
    }
    this.#directory.epitaph(link.peer).then(
      ({ reason, addresses }) => told(addresses, reason),
      () => told([], 'link closed')
    )
  }

  // Inside ------------------------------------------------------------------------------------------

  #sendFaulty(envelope: Envelope): boolean {
    const way = between(envelope)
    if (this.#cuts.has(way)) return true // Lost on the way, as a cut cable loses it.
    const delayMs = this.faults.slowMs[way] ?? 0
    let line = this.#lines.get(way)
    if (line === undefined ? delayMs <= 0 : delayMs <= 0 && line.empty) return this.#sendNow(envelope)
    if (line === undefined) {
      line = new DelayLine(late => {
        if (!this.#sendNow(late)) this.#events.refused(late)
      })
      this.#lines.set(way, line)
    }
    return line.send(envelope, delayMs)
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
    if (this.#awaiting.get(address)?.length === 0) this.#awaiting.delete(address)
    if (!this.#awaiting.has(address)) return
    const thread = await this.#directory.route(this.#ordinal, address).catch(() => null)
    if (thread !== null && thread !== this.#ordinal) await this.#introduction(thread)
    const awaiting = this.#awaiting.get(address) ?? []
    this.#awaiting.delete(address)
    const link = thread === null ? undefined : this.#links.get(thread)
    if (link !== undefined) this.#routes.set(address, link)
    for (const envelope of awaiting) {
      if (link === undefined) this.#events.routed(envelope, thread === this.#ordinal)
      else if (!link.send(envelope)) this.#events.refused(envelope)
    }
    this.#events.pending()
  }

  /** The link comes on another way than the answer that names its thread, and may come after it. */
  #introduction(peer: number): Promise<void> | undefined {
    if (this.#links.has(peer) || this.#gone.has(peer)) return undefined
    return new Promise(resolve => {
      const waiting = this.#introductions.get(peer) ?? []
      this.#introductions.set(peer, [...waiting, resolve])
    })
  }
}

const between = ({ from, to }: Envelope): string => `${machineOf(from)}>${machineOf(to)}`
