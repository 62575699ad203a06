// Listener: one listening socket of the http port, with TLS or without, and the connections it accepted.
//
// Bounds: connections, time for the handshake, the head and the body of a request, idle time. Over them connections are closed.

import { constants as tlsConstants } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import {
  createSecureServer,
  type Http2SecureServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream
} from 'node:http2'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { HttpListenOptions, HttpRequest } from '../../ports/index.js'
import { type BodyBudget, type Exchange, type ExchangeEvents, Http1Exchange, Http2Exchange, headersOf } from './http-exchange.js'
import { acceptedBy, closed, opened, resetLimits } from './listening.js'

export interface ListenerEvents {
  /** The next exchange's id. */
  exchangeId(): number
  request(exchange: Exchange, request: HttpRequest): void
  closed(exchange: Exchange): void
}

const handshakeTimeoutMs = 10_000
const headTimeoutMs = 32_000 // As kube-apiserver.
const bodyTimeoutMs = 60_000
const bodiesBytesMax = 256 << 20 // Of all that are being received.
const idleTimeoutMs = 90_000 // As Go's server there: connections without a request.
const sweepMs = 5_000
// client-go opens all its watches on one connection; node's defaults end it (ENHANCE_YOUR_CALM) or starve it.
const streamsPerConnectionMax = 4096
const sessionMemoryMib = 1024
const streamWindowBytes = 1 << 20
const connectionWindowBytes = 1 << 24

type Client = HttpRequest['client']
interface Peer {
  readonly client: Client
  readonly remoteAddress: string
  readonly localAddress: string
  exchanges: number
}

export class HttpListener {
  readonly server: Server | Http2SecureServer
  readonly #options: HttpListenOptions
  readonly #events: ListenerEvents
  readonly #sockets: ReadonlySet<Socket>
  readonly #incomplete = new Set<Exchange>()
  readonly #bodies: BodyBudget = { leftBytes: bodiesBytesMax }
  readonly #peers = new WeakMap<object, Peer>()
  readonly #sweep: NodeJS.Timeout

  constructor(options: HttpListenOptions, events: ListenerEvents) {
    this.#options = options
    this.#events = events
    this.server = options.tls === undefined ? createServer() : secureServer(options.tls)
    this.#sockets = acceptedBy(this.server)
    this.#prepare()
    this.#sweep = setInterval(() => this.#endSlow(), sweepMs)
    this.#sweep.unref()
    opened(this)
  }

  close(): void {
    closed(this)
    clearInterval(this.#sweep)
    this.server.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  #prepare(): void {
    const { server } = this
    Object.assign(server, { headersTimeout: headTimeoutMs, requestTimeout: bodyTimeoutMs, keepAliveTimeout: idleTimeoutMs })
    server.on('request', (request: IncomingMessage, response: ServerResponse) => this.#http1(request, response))
    if (this.#options.tls === undefined) return
    const secure = server as Http2SecureServer
    secure.removeAllListeners('stream') // Listening for `request` made node wrap every HTTP/2 stream as well.
    secure.on('stream', (stream, headers, flags) => this.#http2(stream, headers, flags))
    secure.on('sessionError', () => undefined)
    secure.on('session', session => this.#session(session))
  }

  #session(session: ServerHttp2Session): void {
    session.on('error', () => undefined)
    session.setLocalWindowSize(connectionWindowBytes)
    session.setTimeout(idleTimeoutMs, () => {
      if ((this.#peers.get(session)?.exchanges ?? 0) === 0) session.close()
    })
  }

  #http2(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, flags: number): void {
    const session = stream.session
    if (session === undefined) return
    const peer = this.#peer(session, () => session.socket)
    peer.exchanges++
    const events = this.#exchangeEvents(peer, headers[':method'] as string, headers[':path'] as string, headers)
    this.#began(new Http2Exchange(this.#events.exchangeId(), stream, headers, flags, this.#options.bodyBytesMax, this.#bodies, events))
  }

  #http1(request: IncomingMessage, response: ServerResponse): void {
    const peer = this.#peer(request.socket, () => request.socket)
    peer.exchanges++
    const events = this.#exchangeEvents(peer, request.method ?? '', request.url ?? '', request.headers)
    this.#began(new Http1Exchange(this.#events.exchangeId(), request, response, this.#options.bodyBytesMax, this.#bodies, events))
  }

  #began(exchange: Exchange): void {
    if (!exchange.complete && !exchange.closed) this.#incomplete.add(exchange)
  }

  #exchangeEvents(peer: Peer, method: string, path: string, headers: IncomingHttpHeaders): ExchangeEvents {
    return {
      complete: (exchange, body, fault) => {
        this.#incomplete.delete(exchange)
        this.#events.request(exchange, {
          id: exchange.id,
          method,
          path,
          headers: headersOf(headers),
          body,
          client: peer.client,
          remoteAddress: peer.remoteAddress,
          localAddress: peer.localAddress,
          ...(fault === undefined ? {} : { fault })
        })
      },
      closed: exchange => {
        peer.exchanges--
        this.#incomplete.delete(exchange)
        this.#events.closed(exchange)
      }
    }
  }

  #peer(connection: object, socketOf: () => Socket): Peer {
    const known = this.#peers.get(connection)
    if (known !== undefined) return known
    const socket = socketOf()
    const peer: Peer = {
      client: this.#options.tls?.clientCaPem === undefined ? null : clientOf(socket as TLSSocket),
      remoteAddress: socket.remoteAddress ?? '',
      localAddress: socket.localAddress ?? '',
      exchanges: 0
    }
    this.#peers.set(connection, peer)
    return peer
  }

  #endSlow(): void {
    const byMs = performance.now() - bodyTimeoutMs
    for (const exchange of this.#incomplete) if (exchange.startedMs < byMs) exchange.abort()
  }
}

function secureServer(tls: NonNullable<HttpListenOptions['tls']>): Http2SecureServer {
  return createSecureServer({
    allowHTTP1: true,
    cert: tls.certPem,
    key: tls.keyPem,
    minVersion: 'TLSv1.2',
    handshakeTimeout: handshakeTimeoutMs,
    secureOptions: tlsConstants.SSL_OP_NO_TICKET, // A resumed session would bring no certificate.
    ...(tls.clientCaPem === undefined ? {} : { ca: tls.clientCaPem, requestCert: true, rejectUnauthorized: false }),
    ...resetLimits,
    maxSessionMemory: sessionMemoryMib,
    settings: { maxConcurrentStreams: streamsPerConnectionMax, initialWindowSize: streamWindowBytes }
  })
}

/** The subject of the client's certificate, if one of ours signed it. */
function clientOf(socket: TLSSocket): Client {
  if (!socket.authorized) return null
  const subject = socket.getPeerCertificate().subject as { CN?: string | string[]; O?: string | string[] } | undefined
  const commonName = [subject?.CN ?? ''].flat()[0] ?? ''
  if (commonName === '') return null
  return { commonName, organizations: subject?.O === undefined ? [] : [subject.O].flat() }
}
