// Network: what one thread knows of the cluster's network: where moved ports are, which machines are cut off from
// each other, and how a socket is bound to its owner's address.

import * as net from 'node:net'
import type { Failure } from '../../actor/index.js'
import type { SocketAddress, Transport } from '../../ports/index.js'
import { isLoopback } from '../address-table.js'
import type { PortServices } from '../port-services.js'

/** Of a dial; more are worth no wait on loopback. */
export const connectTimeoutMs = 5000

export class Network {
  readonly services: PortServices

  constructor(services: PortServices) {
    this.services = services
  }

  /** Where that address is really served. */
  locate(transport: Transport, { address, port }: SocketAddress): SocketAddress {
    return { address, port: this.services.addresses.boundAt(transport, address, port) ?? port }
  }

  machineOf(address: string | undefined): string | undefined {
    return address === undefined ? undefined : this.services.addresses.machineOf(address)
  }

  /** Whether bytes cannot pass between those machines: a connection needs both directions. */
  isCut(from: string | undefined, to: string | undefined): boolean {
    const { cut } = this.services.faults
    if (cut.length === 0 || from === undefined || to === undefined) return false
    return cut.includes(`${from}>${to}`) || cut.includes(`${to}>${from}`)
  }

  /** Opens a connection from `from`, through the table; `machine` is where the dialler is if its address does not say. */
  connect(to: SocketAddress, from: string | undefined, machine: string | undefined, timeoutMs: number, done: Connected): net.Socket {
    const { address, port } = this.locate('TCP', to)
    const cut = this.isCut(this.machineOf(from) ?? machine, this.machineOf(to.address))
    const local = localAddress(from)
    const socket = new net.Socket({ allowHalfOpen: true })
    let open = true
    const finish = (error?: NodeJS.ErrnoException): void => {
      if (!open) return
      open = false
      clearTimeout(timer)
      socket.off('error', finish)
      if (error !== undefined) {
        socket.on('error', () => undefined)
        socket.destroy()
      }
      done(error, socket)
    }
    const timer = setTimeout(() => finish(socketError('ETIMEDOUT', `connect ${address}:${port}`)), Math.min(timeoutMs, connectTimeoutMs))
    socket.on('error', finish)
    // A cable that is cut swallows the first packet: the dialler waits out its deadline.
    if (cut) setImmediate(() => finish(socketError('EHOSTUNREACH', `connect ${to.address}:${to.port}`)))
    else socket.connect({ host: address, port, ...(local !== undefined && { localAddress: local }), noDelay: true }, () => finish())
    return socket
  }
}

export type Connected = (error: NodeJS.ErrnoException | undefined, socket: net.Socket) => void

/** What to bind before dialling: a loopback address can only be dialled from another, and the default needs no bind. */
export const localAddress = (from: string | undefined): string | undefined =>
  from !== undefined && from !== '127.0.0.1' && isLoopback(from) ? from : undefined

export function socketError(code: string, detail: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${detail}`), { code })
}

/** As a definite failure: nothing was sent. */
export function refusalOf(error: unknown): Pick<Failure, 'code' | 'detail'> {
  const { code, message } = error as NodeJS.ErrnoException
  return { code: code ?? 'failed', detail: message ?? String(error) }
}

/** IPv4 in the form the cluster uses, whatever form the socket gives. */
export const plainAddress = (address: string | undefined): string => (address ?? '').replace(/^::ffff:/, '')
