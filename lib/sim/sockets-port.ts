// SimulatedSockets: one loopback network for a world, and the simulated sockets port of each actor on it.
//
// A connection is one exchange: its bytes go there and back as messages between ports, so delay, loss and cuts of the
// world's network befall them. Nothing stays open, so there is nothing to sever, and UDP loses what is refused. What
// answers HTTP is an actor that was put at an address (`serve`).

import { type Actor, type AnyActor, ask, type Flow, type Outcome, type Ref, type Refusal, refuse } from '../actor/index.js'
import {
  decisionTimeoutMs,
  type FetchRequest,
  type FetchResponse,
  type Listener,
  type SocketAddress,
  type SocketsOwner,
  type SocketsProtocol
} from '../ports/index.js'

/** What an actor accepts that is put at an address. */
export interface SimulatedServer {
  serveFetch(request: FetchRequest): FetchResponse
}

interface Entry {
  readonly port: Ref<ReachProtocol> // Of the actor that listens.
  readonly asked: SocketAddress
  readonly serves: 'echo' | Uint8Array | undefined
}

type Payload =
  | { readonly kind: 'dial' }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'fetch'; readonly request: FetchRequest }

interface Reach {
  readonly listener: Listener // Where it really listens.
  readonly client: SocketAddress
  readonly payload: Payload
  readonly timeoutMs: number
}

interface ReachProtocol {
  /** A connection comes in; what it is answered with. */
  reach(connection: Reach): FetchResponse | Uint8Array | undefined
}

type Answered = FetchResponse | Uint8Array | undefined | Refusal

const ephemeralFirst = 40_000
const movedBy = 20_000
const nameOf = ({ transport, address, port }: Listener): string => `${transport} ${address}:${port}`

export class SimulatedSockets {
  /** Ports that another process has, as `127.0.0.1:80`: listeners there are moved. */
  readonly taken = new Set<string>()
  readonly #listeners = new Map<string, Entry>()
  readonly #servers = new Map<string, Ref<SimulatedServer>>()
  readonly #moved = new Map<string, number>()
  #portLast = ephemeralFirst

  /** HTTP at that address is answered by that actor. */
  serve({ address, port }: SocketAddress, actor: Ref<SimulatedServer>): void {
    this.#servers.set(`TCP ${address}:${port}`, actor)
  }

  unserve({ address, port }: SocketAddress): void {
    this.#servers.delete(`TCP ${address}:${port}`)
  }

  /** For `WorldOptions.ports`. */
  readonly port = (owner: string): AnyActor => this.#actor(owner as Ref<SocketsOwner>) as unknown as AnyActor

  #actor(owner: Ref<SocketsOwner>): Actor<SocketsProtocol & ReachProtocol, void, Map<string, string>> {
    return {
      name: 'sockets',
      init: () => new Map(), // What this life listens on: as asked -> as it is.
      on: {
        listen: (ctx, mine, options) => {
          if (!/^\d+\.\d+\.\d+\.\d+$/.test(options.address) || !(options.port >= 0 && options.port <= 65_535)) {
            return refuse('invalid', `cannot listen on ${options.address}:${options.port}: not an IPv4 address and a port`)
          }
          const { transport, address, mayMove = true } = options
          const asked = { address, port: options.port === 0 ? ++this.#portLast : options.port }
          const moved = this.taken.has(`${address}:${asked.port}`)
          const port = moved ? (asked.port + movedBy <= 65_535 ? asked.port + movedBy : ++this.#portLast) : asked.port
          const name = nameOf({ transport, address, port })
          if (this.#listeners.has(name) || (moved && !mayMove))
            return refuse('EADDRINUSE', `address already in use ${address}:${asked.port}`)
          this.#listeners.set(name, { port: ctx.self as string as Ref<ReachProtocol>, asked, serves: options.serves })
          mine.set(nameOf({ transport, ...asked }), name)
          if (moved) this.#moved.set(nameOf({ transport, ...asked }), port)
          return { address, port, moved }
        },
        closeListener: (_ctx, mine, listener) => this.#close(mine, nameOf(listener)),
        probe: (_ctx, _mine, listener) => !this.#listeners.has(nameOf(listener)) && !this.taken.has(`${listener.address}:${listener.port}`),
        locate: (_ctx, _mine, listener) => this.#locate(listener),
        moved: (_ctx, _mine, { from, to }) => {
          if (to === null) this.#moved.delete(nameOf(from))
          else this.#moved.set(nameOf(from), to)
        },
        place: () => undefined, // The world knows where everything is.
        dial: (_ctx, _mine, { address, port, from = '127.0.0.1', timeoutMs }) =>
          this.#go({ transport: 'TCP', address, port }, { kind: 'dial' }, from, timeoutMs) as Flow<undefined | Refusal>,
        fetch: (_ctx, _mine, request) =>
          this.#go(
            { ...request, transport: 'TCP' },
            { kind: 'fetch', request },
            request.from ?? '127.0.0.1',
            request.timeoutMs
          ) as Flow<FetchResponse>,
        exchange: (_ctx, _mine, { bytes, timeoutMs, from = '127.0.0.1', ...to }) =>
          this.#go(to, { kind: 'bytes', bytes }, from, timeoutMs) as Flow<Uint8Array>,
        sever: () => 0,
        metrics: () => ({ connections: 0, accepted: 0, refused: 0, broken: 0 }),
        reach: (_ctx, _mine, connection) => this.#reached(owner, connection)
      },
      stopping: (_ctx, mine) => {
        for (const name of [...mine.keys()]) this.#close(mine, name)
      }
    }
  }

  #close(mine: Map<string, string>, asked: string): void {
    const name = mine.get(asked)
    if (name === undefined) return
    mine.delete(asked)
    this.#listeners.delete(name)
    this.#moved.delete(asked)
  }

  #locate(listener: Listener): SocketAddress {
    return { address: listener.address, port: this.#moved.get(nameOf(listener)) ?? listener.port }
  }

  /** Carries one exchange to whoever listens there. */
  *#go(to: Listener, payload: Payload, from: string, timeoutMs: number): Flow<Answered> {
    const at = { transport: to.transport, ...this.#locate(to) }
    const server = this.#servers.get(nameOf(at))
    const entry = this.#listeners.get(nameOf(at))
    if (entry !== undefined) {
      const connection = { listener: at, client: { address: from, port: ++this.#portLast }, payload, timeoutMs }
      return settled(to, yield* ask(entry.port, timeoutMs, 'reach', connection))
    }
    if (server === undefined) return refuse('ECONNREFUSED', `connect ECONNREFUSED ${to.address}:${to.port}`)
    if (payload.kind === 'dial') return undefined
    if (payload.kind === 'bytes') return new Uint8Array()
    return settled(to, yield* ask(server, timeoutMs, 'serveFetch', { ...payload.request, from }))
  }

  *#reached(owner: Ref<SocketsOwner>, { listener, client, payload, timeoutMs }: Reach): Flow<Answered> {
    const entry = this.#listeners.get(nameOf(listener))
    if (entry === undefined) return refuse('ECONNREFUSED', `connect ECONNREFUSED ${listener.address}:${listener.port}`)
    if (entry.serves !== undefined) return answered(entry.serves, payload)
    const request = { transport: listener.transport, listener: entry.asked, client }
    const decision = yield* ask(owner, decisionTimeoutMs, 'connection', request)
    const { endpoints, from = client.address } = decision.ok ? decision.value : { endpoints: [] }
    for (const endpoint of endpoints) {
      const answer = yield* this.#go({ ...endpoint, transport: listener.transport }, payload, from, timeoutMs)
      if (!isRefusal(answer) || answer.code !== 'ECONNREFUSED') return answer
    }
    // The listener took the connection before it knew that nobody would: as a real one, it resets it.
    return payload.kind === 'dial' ? undefined : refuse('ECONNRESET', 'read ECONNRESET')
  }
}

function answered(serves: 'echo' | Uint8Array, payload: Payload): Answered {
  if (payload.kind === 'dial') return undefined
  if (payload.kind === 'fetch') return refuse('ECONNRESET', 'it does not speak HTTP')
  return serves === 'echo' ? payload.bytes : serves
}

const isRefusal = (answer: Answered): answer is Refusal => typeof answer === 'object' && 'code' in answer && 'detail' in answer

function settled(to: SocketAddress, outcome: Outcome<FetchResponse | Uint8Array | undefined>): Answered {
  if (outcome.ok) return outcome.value
  const { code, detail } = outcome.error
  if (code === 'timeout') return refuse('ETIMEDOUT', `connect ETIMEDOUT ${to.address}:${to.port}`)
  // Whoever listened there died without a word.
  if (code === 'unreachable' || code === 'down') return refuse('ECONNREFUSED', `connect ECONNREFUSED ${to.address}:${to.port}`)
  return refuse(code, detail)
}
