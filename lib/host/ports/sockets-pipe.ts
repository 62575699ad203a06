// Pipe: one TCP connection that was accepted, waits for a decision, and is then piped to an endpoint, both ways.
//
// Guarantee: a slow reader slows the writer down (at most 64 KiB wait each way in the process); a half-close is passed
// on; when one side breaks, the other is broken too, with a reset.

import type * as net from 'node:net'
import type { SocketAddress } from '../../ports/index.js'
import { connectTimeoutMs, type Network } from './sockets-network.js'

export class Pipe {
  readonly client: SocketAddress
  readonly listener: SocketAddress
  endpoint: SocketAddress | undefined
  readonly #socket: net.Socket
  readonly #ended: (pipe: Pipe, refused: boolean) => void
  #upstream: net.Socket | undefined
  #over = false

  /** `ended` is called once, when both sides are closed. `refused`: it never reached an endpoint. */
  constructor(socket: net.Socket, listener: SocketAddress, client: SocketAddress, ended: (pipe: Pipe, refused: boolean) => void) {
    this.#socket = socket
    this.listener = listener
    this.client = client
    this.#ended = ended
    socket.setNoDelay(true)
    socket.on('error', () => this.break())
    socket.on('close', () => this.#closed())
  }

  /** Tries the endpoints in turn; a client that finds none listening is reset. */
  connect(network: Network, endpoints: readonly SocketAddress[], from: string, machine: string | undefined): void {
    if (this.#over) return
    const [endpoint, ...others] = endpoints
    if (endpoint === undefined) return this.break()
    this.endpoint = endpoint
    this.#upstream = network.connect(endpoint, from, machine, connectTimeoutMs, (error, upstream) => {
      if (this.#over) upstream.destroy()
      else if (error !== undefined) {
        this.endpoint = undefined
        this.connect(network, others, from, machine)
      } else this.#join(upstream)
    })
  }

  /** As a cable that breaks, or an endpoint that refuses: a reset. */
  break(): void {
    if (this.#over) return
    this.#over = true
    reset(this.#socket)
    if (this.#upstream !== undefined) reset(this.#upstream)
    this.#ended(this, this.endpoint === undefined)
  }

  #join(upstream: net.Socket): void {
    upstream.on('error', () => this.break())
    upstream.on('close', () => this.#closed())
    this.#socket.pipe(upstream)
    upstream.pipe(this.#socket)
  }

  #closed(): void {
    if (this.#over || !this.#socket.closed) return
    if (this.#upstream !== undefined && !this.#upstream.closed) {
      if (!this.#socket.readableEnded || !this.#socket.writableFinished) this.break()
      return
    }
    this.#over = true
    this.#ended(this, this.endpoint === undefined)
  }
}

function reset(socket: net.Socket): void {
  if (socket.connecting) socket.destroy()
  else socket.resetAndDestroy()
}
