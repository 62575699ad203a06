// UdpListener: a UDP socket whose clients each have a session with one endpoint, as conntrack keeps it.
//
// A session ends after `sessionIdleMs` without a datagram, or when its endpoint refuses; the next datagram asks again.

import * as dgram from 'node:dgram'
import type { SocketAddress } from '../../ports/index.js'
import { localAddress, type Network } from './sockets-network.js'

export const sessionIdleMs = 30_000 // As nf_conntrack_udp_timeout.
const waitingMax = 16 // Datagrams kept while nobody said yet where they go.

export class UdpSession {
  readonly client: SocketAddress
  readonly listener: UdpListener
  endpoint: SocketAddress | undefined
  #socket: dgram.Socket | undefined
  #waiting: Buffer[] | undefined = []
  #timer: NodeJS.Timeout
  #over = false

  constructor(listener: UdpListener, client: SocketAddress) {
    this.listener = listener
    this.client = client
    this.#timer = setTimeout(() => this.end(), sessionIdleMs).unref()
  }

  send(bytes: Buffer): void {
    this.#timer.refresh()
    if (this.#waiting === undefined) this.#socket?.send(bytes)
    else if (this.#waiting.length < waitingMax) this.#waiting.push(bytes)
  }

  /** UDP has no refusal to wait for, so the first endpoint is the one. */
  connect(network: Network, endpoint: SocketAddress | undefined, from: string, machine: string | undefined): void {
    if (this.#over) return
    if (endpoint === undefined || network.isCut(network.machineOf(from) ?? machine, network.machineOf(endpoint.address))) return this.end()
    this.endpoint = endpoint
    const to = network.locate('UDP', endpoint)
    const socket = dgram.createSocket('udp4')
    this.#socket = socket
    socket.on('error', () => this.end())
    socket.on('message', bytes => {
      this.#timer.refresh()
      this.listener.reply(bytes, this.client)
    })
    const local = localAddress(from)
    socket.bind({ port: 0, ...(local !== undefined && { address: local }) }, () => {
      if (this.#over) return
      socket.connect(to.port, to.address, (error?: Error) => {
        if (error !== undefined) return this.end()
        if (this.#over) return
        for (const bytes of this.#waiting ?? []) socket.send(bytes)
        this.#waiting = undefined
      })
    })
  }

  end(): void {
    if (this.#over) return
    this.#over = true
    clearTimeout(this.#timer)
    this.#waiting = undefined
    this.#socket?.close()
    this.listener.forget(this)
  }
}

export class UdpListener {
  readonly asked: SocketAddress
  readonly sessions = new Map<string, UdpSession>()
  readonly #socket: dgram.Socket
  readonly #ended: (session: UdpSession) => void

  /** `begun` says whether a new client is taken. */
  constructor(
    socket: dgram.Socket,
    asked: SocketAddress,
    serves: 'echo' | Uint8Array | undefined,
    begun: (session: UdpSession) => boolean,
    ended: (session: UdpSession) => void
  ) {
    this.asked = asked
    this.#socket = socket
    this.#ended = ended
    socket.on('error', () => undefined)
    socket.on('message', (bytes, { address, port }) => {
      if (serves !== undefined) return this.reply(serves === 'echo' ? bytes : serves, { address, port })
      const key = `${address}:${port}`
      let session = this.sessions.get(key)
      if (session === undefined) {
        session = new UdpSession(this, { address, port })
        this.sessions.set(key, session)
        if (!begun(session)) return session.end()
      }
      session.send(bytes)
    })
  }

  reply(bytes: Uint8Array, client: SocketAddress): void {
    this.#socket.send(bytes, client.port, client.address, () => undefined)
  }

  forget(session: UdpSession): void {
    this.sessions.delete(`${session.client.address}:${session.client.port}`)
    this.#ended(session)
  }

  close(): void {
    for (const session of [...this.sessions.values()]) session.end()
    this.#socket.close()
  }
}

export const openUdp = (address: string) => (port: number) =>
  new Promise<{ socket: dgram.Socket; port: number }>((resolve, reject) => {
    const socket = dgram.createSocket('udp4')
    socket.once('error', error => {
      socket.close()
      reject(error)
    })
    socket.bind({ address, port, exclusive: true }, () => {
      socket.removeAllListeners('error')
      resolve({ socket, port: socket.address().port })
    })
  })
