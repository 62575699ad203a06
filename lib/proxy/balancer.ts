// Balancer: which endpoint a new connection gets: round robin, or, with session affinity, the one its client had.

import type { SocketAddress } from '../ports/index.js'
import type { Rule } from './rules.js'

interface Affinity {
  readonly endpoint: SocketAddress
  untilMs: number
}

const clientsMax = 10_000 // Remembered for affinity; beyond it the oldest is forgotten.
const triesMax = 4 // Endpoints tried in turn before a connection is refused.

const same = (a: SocketAddress, b: SocketAddress): boolean => a.address === b.address && a.port === b.port

export class Balancer {
  readonly #next = new Map<string, number>()
  readonly #affinities = new Map<string, Affinity>()

  /** Endpoints in the order in which to try them; empty: refuse. `inside`: the client is a pod or a node. `nowMs`: the cluster's clock. */
  choose(rule: Rule, client: string, inside: boolean, nowMs: number): readonly SocketAddress[] {
    const { servicePort: name, affinityMs } = rule
    const endpoints = inside ? rule.endpointsInside : rule.endpoints
    if (endpoints.length === 0) return []
    const first = (this.#next.get(name) ?? 0) % endpoints.length
    const order = [...endpoints.slice(first), ...endpoints.slice(0, first)]
    if (affinityMs === 0) {
      this.#next.set(name, first + 1)
      return order.slice(0, triesMax)
    }
    const key = `${name} ${client}`
    const known = this.#affinities.get(key)
    const held = known !== undefined && known.untilMs > nowMs && endpoints.some(endpoint => same(endpoint, known.endpoint))
    const endpoint = held ? known.endpoint : (order[0] as SocketAddress)
    if (!held) this.#next.set(name, first + 1)
    this.#affinities.delete(key)
    this.#affinities.set(key, { endpoint, untilMs: nowMs + affinityMs })
    if (this.#affinities.size > clientsMax) this.#affinities.delete(this.#affinities.keys().next().value as string)
    return [endpoint, ...order.filter(other => !same(other, endpoint))].slice(0, triesMax)
  }

  forget(servicePort: string): void {
    this.#next.delete(servicePort)
  }
}
