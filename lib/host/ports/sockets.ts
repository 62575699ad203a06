// sockets: the real implementation. An actor of the host's own, one for each owner; see lib/ports/sockets.ts.
//
// A handler starts the work and defers its answer; what happens on a socket comes back as a message to itself.

import * as net from 'node:net'
import { type AnyActor, ask, type Context, type Flow, type Later, machineOf, type Ref, Refusal, refuse } from '../../actor/index.js'
import {
  connectionsMax,
  decisionTimeoutMs,
  type ExchangeRequest,
  type FetchRequest,
  type Listener,
  type ListenOptions,
  type SocketAddress,
  type SocketsMetrics,
  type SocketsOwner,
  type SocketsProtocol,
  type Transport
} from '../../ports/index.js'
import type { PortLoader, PortServices } from '../port-services.js'
import { bind } from './sockets-bind.js'
import { dial, exchange, fetchOnce, type Work } from './sockets-client.js'
import { Network, plainAddress, refusalOf } from './sockets-network.js'
import { Pipe } from './sockets-pipe.js'
import { openUdp, UdpListener, type UdpSession } from './sockets-udp.js'

export const loadSockets: PortLoader = async () => services => (owner, post) => socketsActor(new Sockets(services, owner, post), owner)

/** What the port tells itself. */
interface Notices {
  worked(work: { readonly id: number; readonly outcome: unknown }): void
  arrived(arrival: {
    readonly id: number
    readonly transport: Transport
    readonly listener: SocketAddress
    readonly client: SocketAddress
  }): void
}

type Handlers = {
  [K in keyof SocketsProtocol]: (ctx: Context<Notices>, state: undefined, ...body: Parameters<SocketsProtocol[K]>) => unknown
}

// Every message is bounded elsewhere: connections by connectionsMax, work by worksMax; none may be lost.
const mailboxMax = 1 << 18
const worksMax = 8192

function socketsActor(sockets: Sockets, owner: string): AnyActor {
  const on: Handlers & Record<keyof Notices, unknown> = {
    listen: (ctx, _, options) => sockets.begin(ctx, sockets.listen(options)),
    closeListener: (_, __, listener) => sockets.closeListener(listener),
    probe: (ctx, _, listener) => sockets.begin(ctx, sockets.probe(listener)),
    locate: (_, __, { transport, ...at }) => sockets.network.locate(transport, at),
    moved: (_, __, { from, to }) => void sockets.network.services.addresses.note(from.transport, from.address, from.port, to),
    place: (_, __, { address, machine }) => void sockets.network.services.addresses.place(address, machine),
    dial: (ctx, _, options) => sockets.begin(ctx, dial(sockets.network, sockets.machine, options)),
    fetch: (ctx, _, request: FetchRequest) => sockets.begin(ctx, fetchOnce(sockets.network, sockets.machine, request)),
    exchange: (ctx, _, request: ExchangeRequest) => sockets.begin(ctx, exchange(sockets.network, sockets.machine, request)),
    sever: (_, __, { from, to }) => sockets.sever(from, to),
    metrics: () => sockets.metrics(),
    worked: (ctx: Context<Notices>, _: unknown, { id, outcome }: { id: number; outcome: unknown }) => sockets.worked(ctx, id, outcome),
    *arrived(_: unknown, __: unknown, { id, ...request }: { id: number } & Parameters<SocketsOwner['connection']>[0]): Flow<void> {
      const answer = yield* ask(owner as Ref<SocketsOwner>, decisionTimeoutMs, 'connection', request)
      const { endpoints, from } = answer.ok ? answer.value : { endpoints: [] }
      sockets.decided(id, endpoints, from ?? request.client.address)
    }
  }
  return {
    name: 'sockets',
    init: () => undefined,
    on: on as AnyActor['on'],
    stopping: () => sockets.close(),
    mailboxMax
  }
}

class Sockets {
  readonly network: Network
  readonly machine: string
  readonly #post: (type: keyof Notices & string, body: unknown) => void
  readonly #works = new Map<number, { readonly later: Later<unknown>; cancel: () => void }>()
  readonly #servers = new Map<string, { readonly asked: Listener; close(): void }>()
  readonly #pipes = new Map<number, Pipe>()
  readonly #sessions = new Map<number, UdpSession>()
  readonly #served = new Set<net.Socket>()
  readonly #unsubscribe: () => void
  #accepted = 0
  #refused = 0
  #broken = 0
  #idLast = 0
  #closed = false

  constructor(services: PortServices, owner: string, post: (type: string, body: unknown) => void) {
    this.network = new Network(services)
    this.machine = machineOf(owner)
    this.#post = post
    this.#unsubscribe = services.onFaults(() => this.#breakCut())
  }

  begin(ctx: Context<Notices>, work: Work<unknown>): unknown {
    if (this.#works.size >= worksMax) return refuse('overloaded', `${worksMax} requests are under way`)
    const id = ++this.#idLast
    const entry = { later: (ctx as unknown as { defer(): Later<unknown> }).defer(), cancel: (): void => undefined }
    this.#works.set(id, entry)
    entry.cancel = work((error, value) => {
      if (this.#closed) return
      const refusal = error === undefined ? undefined : refusalOf(error)
      this.#post('worked', { id, outcome: refusal === undefined ? value : new Refusal(refusal.code, refusal.detail) })
    })
    return undefined
  }

  worked(ctx: Context<Notices>, id: number, outcome: unknown): void {
    const work = this.#works.get(id)
    this.#works.delete(id)
    if (work !== undefined) ctx.answer(work.later, outcome)
  }

  listen(options: ListenOptions): Work<SocketAddress & { readonly moved: boolean }> {
    return fromPromise(async () => {
      const { transport, address } = options
      if (!net.isIPv4(address) || !(options.port >= 0 && options.port <= 65_535)) throw invalid(options)
      const opened = transport === 'TCP' ? await this.#listenTcp(options) : await this.#listenUdp(options)
      if (this.#closed) opened.close()
      return { address, port: opened.port, moved: opened.moved }
    })
  }

  closeListener(listener: Listener): void {
    const key = listenerKey(listener)
    this.#servers.get(key)?.close()
  }

  probe({ transport, address, port }: Listener): Work<boolean> {
    return fromPromise(async () => {
      try {
        const { socket } = transport === 'TCP' ? await openTcp(address)(port) : await openUdp(address)(port)
        socket.close()
        return true
      } catch {
        return false
      }
    })
  }

  decided(id: number, endpoints: readonly SocketAddress[], from: string): void {
    const machine = undefined // A client that is on no machine of the cluster is cut off from none.
    this.#pipes.get(id)?.connect(this.network, endpoints, from, machine)
    this.#sessions.get(id)?.connect(this.network, endpoints[0], from, machine)
  }

  sever(from: string | null, to: string | null): number {
    const matches = (a: string, b: string): boolean => (from === null || from === a) && (to === null || to === b)
    return this.#break((client, endpoint) => matches(client, endpoint) || matches(endpoint, client))
  }

  metrics(): SocketsMetrics {
    const connections = this.#pipes.size + this.#sessions.size + this.#served.size
    return { connections, accepted: this.#accepted, refused: this.#refused, broken: this.#broken }
  }

  close(): void {
    this.#closed = true
    this.#unsubscribe()
    for (const { cancel } of this.#works.values()) cancel()
    for (const server of [...this.#servers.values()]) server.close()
    for (const pipe of [...this.#pipes.values()]) pipe.break()
    for (const session of [...this.#sessions.values()]) session.end()
    for (const socket of this.#served) socket.resetAndDestroy()
  }

  // Listeners ---------------------------------------------------------------------------------------

  async #listenTcp(options: ListenOptions): Promise<Opened> {
    const { address, serves } = options
    const { socket: server, port, moved } = await bind(this.network.services.addresses, options, openTcp(address))
    const asked = { address, port: options.port === 0 ? port : options.port }
    server.on('connection', socket => (serves === undefined ? this.#accept(socket, asked) : this.#serve(socket, serves)))
    return this.#opened({ ...asked, transport: 'TCP' }, port, moved, () => server.close())
  }

  async #listenUdp(options: ListenOptions): Promise<Opened> {
    const { address, serves } = options
    const { socket, port, moved } = await bind(this.network.services.addresses, options, openUdp(address))
    const asked = { address, port: options.port === 0 ? port : options.port }
    const ids = new Map<UdpSession, number>()
    const begun = (session: UdpSession): boolean => {
      if (this.#sessions.size >= connectionsMax) return false
      const id = ++this.#idLast
      ids.set(session, id)
      this.#sessions.set(id, session)
      this.#accepted++
      this.#post('arrived', { id, transport: 'UDP', listener: asked, client: session.client })
      return true
    }
    const ended = (session: UdpSession): void => {
      if (session.endpoint === undefined) this.#refused++
      this.#sessions.delete(ids.get(session) ?? 0)
      ids.delete(session)
    }
    const listener = new UdpListener(socket, asked, serves, begun, ended)
    return this.#opened({ ...asked, transport: 'UDP' }, port, moved, () => listener.close())
  }

  #opened(asked: Listener, port: number, moved: boolean, close: () => void): Opened {
    const key = listenerKey(asked)
    const closeOnce = (): void => {
      if (!this.#servers.delete(key)) return
      this.network.services.addresses.note(asked.transport, asked.address, asked.port, null)
      close()
    }
    this.#servers.set(key, { asked, close: closeOnce })
    return { port, moved, close: closeOnce }
  }

  #accept(socket: net.Socket, listener: SocketAddress): void {
    if (this.#pipes.size >= connectionsMax) {
      this.#refused++
      socket.resetAndDestroy()
      return
    }
    const id = ++this.#idLast
    const client = { address: plainAddress(socket.remoteAddress), port: socket.remotePort ?? 0 }
    const ended = (_: Pipe, refused: boolean): void => {
      this.#pipes.delete(id)
      if (refused) this.#refused++
    }
    this.#pipes.set(id, new Pipe(socket, listener, client, ended))
    this.#accepted++
    this.#post('arrived', { id, transport: 'TCP', listener, client })
  }

  #serve(socket: net.Socket, serves: 'echo' | Uint8Array): void {
    if (this.#served.size >= connectionsMax) return void socket.resetAndDestroy()
    this.#accepted++
    this.#served.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => this.#served.delete(socket))
    if (serves === 'echo') socket.pipe(socket)
    else {
      socket.resume()
      socket.end(serves)
    }
  }

  // Faults ------------------------------------------------------------------------------------------

  #breakCut(): void {
    if (this.network.services.faults.cut.length === 0) return
    const { network } = this
    this.#break((client, endpoint) => network.isCut(network.machineOf(client), network.machineOf(endpoint)))
  }

  #break(matches: (client: string, endpoint: string) => boolean): number {
    let broken = 0
    for (const open of [...this.#pipes.values(), ...this.#sessions.values()]) {
      if (open.endpoint === undefined || !matches(open.client.address, open.endpoint.address)) continue
      if (open instanceof Pipe) open.break()
      else open.end()
      broken++
    }
    this.#broken += broken
    return broken
  }
}

interface Opened {
  readonly port: number
  readonly moved: boolean
  close(): void
}

const listenerKey = ({ transport, address, port }: Listener): string => `${transport} ${address}:${port}`

const invalid = ({ address, port }: SocketAddress): Error =>
  Object.assign(new Error(`cannot listen on ${address}:${port}: not an IPv4 address and a port`), { code: 'invalid' })

function fromPromise<T>(start: () => Promise<T>): Work<T> {
  return done => {
    start().then(
      value => done(undefined, value),
      (error: Error) => done(error)
    )
    return () => undefined
  }
}

const openTcp = (address: string) => (port: number) =>
  new Promise<{ socket: net.Server; port: number }>((resolve, reject) => {
    const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: false })
    server.once('error', reject)
    server.listen({ host: address, port, exclusive: true, backlog: 1024 }, () => {
      server.removeAllListeners('error')
      server.on('error', () => undefined) // EMFILE on accept: the client waits in the backlog.
      resolve({ socket: server, port: (server.address() as net.AddressInfo).port })
    })
  })
