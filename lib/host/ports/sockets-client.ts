// What a socket does for one caller and then is over: dial, fetch, exchange. Each calls back exactly once.

import * as dgram from 'node:dgram'
import * as http from 'node:http'
import * as https from 'node:https'
import type { ExchangeRequest, FetchRequest, FetchResponse, SocketAddress } from '../../ports/index.js'
import { localAddress, type Network, socketError } from './sockets-network.js'

/** `cancel` gives the work up; nothing is called back then. */
export type Work<T> = (done: (error: Error | undefined, value?: T) => void) => () => void

export function dial(
  network: Network,
  machine: string,
  options: SocketAddress & { readonly from?: string; readonly timeoutMs: number }
): Work<undefined> {
  return done => {
    const socket = network.connect(options, options.from, machine, options.timeoutMs, error => {
      socket.destroy()
      done(error)
    })
    return () => socket.destroy()
  }
}

export function fetchOnce(network: Network, machine: string, request: FetchRequest): Work<FetchResponse> {
  return once(request.timeoutMs, 'fetch', finish => {
    const { scheme, method, path, headers, body, from, bodyBytesMax } = request
    if (network.isCut(network.machineOf(from) ?? machine, network.machineOf(request.address))) {
      finish(socketError('EHOSTUNREACH', `connect ${request.address}:${request.port}`))
      return () => undefined
    }
    const { address: host, port } = network.locate('TCP', request)
    const local = localAddress(from)
    const secure = scheme === 'https'
    const call = (secure ? https : http).request({
      host,
      port,
      method,
      path,
      headers: { host: hostHeader(request, secure), ...headers, connection: 'close' },
      agent: false,
      ...(local !== undefined && { localAddress: local }),
      ...(secure && { rejectUnauthorized: false })
    })
    call.on('error', finish)
    call.on('response', response => {
      const chunks: Buffer[] = []
      let left = bodyBytesMax
      const complete = (): void => finish(undefined, { status: response.statusCode ?? 0, headers: flat(response), body: joined(chunks) })
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk.subarray(0, left))
        left -= chunk.length
        if (left > 0) return
        complete()
        response.destroy()
      })
      response.on('end', complete)
      response.on('error', finish)
    })
    call.end(body)
    return () => call.destroy()
  })
}

export function exchange(network: Network, machine: string, request: ExchangeRequest): Work<Uint8Array> {
  return request.transport === 'UDP' ? exchangeUdp(network, machine, request) : exchangeTcp(network, machine, request)
}

function exchangeTcp(network: Network, machine: string, request: ExchangeRequest): Work<Uint8Array> {
  return done => {
    const chunks: Buffer[] = []
    let left = request.bodyBytesMax
    let over = false
    const finish = (error?: Error): void => {
      if (over) return
      over = true
      clearTimeout(timer)
      socket.destroy()
      if (error === undefined || chunks.length > 0) done(undefined, joined(chunks))
      else done(error)
    }
    const timer = setTimeout(() => finish(), request.timeoutMs)
    const socket = network.connect(request, request.from, machine, request.timeoutMs, error => {
      if (error !== undefined) return finish(error)
      socket.on('error', finish)
      socket.on('data', (chunk: Buffer) => {
        chunks.push(chunk.subarray(0, left))
        left -= chunk.length
        if (left <= 0) finish()
      })
      socket.on('end', () => finish())
      socket.end(request.bytes)
    })
    return () => {
      over = true
      clearTimeout(timer)
      socket.destroy()
    }
  }
}

function exchangeUdp(network: Network, machine: string, request: ExchangeRequest): Work<Uint8Array> {
  return once(request.timeoutMs, 'no answer', finish => {
    const socket = dgram.createSocket('udp4')
    let closed = false
    const close = (): void => {
      if (closed) return
      closed = true
      socket.close()
    }
    if (network.isCut(network.machineOf(request.from) ?? machine, network.machineOf(request.address))) return close // Lost on the way.
    const to = network.locate('UDP', request)
    socket.on('error', finish)
    socket.on('message', bytes => finish(undefined, bytes.subarray(0, request.bodyBytesMax)))
    const local = localAddress(request.from)
    socket.bind({ port: 0, ...(local !== undefined && { address: local }) }, () => {
      if (closed) return
      socket.connect(to.port, to.address, (error?: Error) => {
        if (error !== undefined) finish(error)
        else if (!closed) socket.send(request.bytes)
      })
    })
    return close
  })
}

/** One call back, at most `timeoutMs` from now, and everything released by it. */
function once<T>(timeoutMs: number, what: string, start: (finish: (error?: Error, value?: T) => void) => () => void): Work<T> {
  return done => {
    let over = false
    let release: (() => void) | undefined
    const end = (): void => {
      over = true
      clearTimeout(timer)
      release?.()
    }
    const timer = setTimeout(() => finish(socketError('ETIMEDOUT', `${what} within ${timeoutMs} ms`)), timeoutMs)
    const finish = (error?: Error, value?: T): void => {
      if (over) return
      end()
      done(error, value)
    }
    release = start(finish)
    if (over) release()
    return () => {
      if (!over) end()
    }
  }
}

const hostHeader = ({ address, port }: SocketAddress, secure: boolean): string =>
  port === (secure ? 443 : 80) ? address : `${address}:${port}`

const joined = (chunks: readonly Buffer[]): Uint8Array => new Uint8Array(Buffer.concat(chunks))

function flat(response: http.IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(response.headers)) headers[name] = Array.isArray(value) ? value.join(', ') : (value ?? '')
  return headers
}
