// Listener: one listening socket of the grpc port, with TLS or without, its connections and the calls on them.
//
// Bounds: connections, streams of one, calls of all, time for the handshake. What is no HTTP/2 closes that connection only.
//
// It stands on node:http2, not on grpc-js's server: that costs 88 µs of processor a call, this 51 (ADR 0009).

import { constants as tlsConstants } from 'node:crypto'
import {
  createSecureServer,
  createServer,
  type Http2SecureServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream
} from 'node:http2'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { type GrpcListenOptions, grpcCodes } from '../../ports/index.js'
import { Call, type CallEvents } from './grpc-call.js'
import { acceptedBy, closed, opened, resetLimits } from './listening.js'

export interface ListenerEvents extends CallEvents {
  callId(): number
  /** A call whose messages follow (`message` is null), or one with its only message. */
  called(call: Call, message: Uint8Array | null, headers: IncomingHttpHeaders, client: string | null): void
}

export const callsMax = 65_536
const streamsPerConnectionMax = 4096
const handshakeTimeoutMs = 10_000
const sessionMemoryMib = 256
const streamWindowBytes = 1 << 20
const connectionWindowBytes = 1 << 24
const headersBytesMax = 16_384 // As grpc-go's default of settings that matter here.

export class GrpcListener {
  readonly server: Http2Server | Http2SecureServer
  readonly #options: GrpcListenOptions
  readonly #events: ListenerEvents
  readonly #sockets: ReadonlySet<Socket>
  readonly #clients = new WeakMap<object, string | null>()
  readonly #waiting = new Map<Call, IncomingHttpHeaders>() // Unary ones whose message is not there yet.
  #calls = 0

  constructor(options: GrpcListenOptions, events: ListenerEvents) {
    this.#options = options
    this.#events = events
    const settings = {
      ...resetLimits,
      maxSessionMemory: sessionMemoryMib,
      settings: { maxConcurrentStreams: streamsPerConnectionMax, initialWindowSize: streamWindowBytes, maxHeaderListSize: headersBytesMax }
    }
    this.server = options.tls === undefined ? createServer(settings) : secureServer(options.tls, settings)
    this.#sockets = acceptedBy(this.server)
    this.#prepare()
    opened(this)
  }

  get calls(): number {
    return this.#calls
  }

  close(): void {
    closed(this)
    this.server.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  #prepare(): void {
    const { server } = this
    server.on('sessionError', () => undefined)
    server.on('session', (session: ServerHttp2Session) => {
      session.on('error', () => session.destroy())
      session.setLocalWindowSize(connectionWindowBytes)
    })
    server.removeAllListeners('stream')
    server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => this.#stream(stream, headers))
  }

  #stream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    if (headers[':method'] !== 'POST' || headers['content-type']?.startsWith('application/grpc') !== true) {
      stream.on('error', () => undefined)
      stream.respond({ ':status': headers[':method'] === 'POST' ? 415 : 405 }, { endStream: true })
      return
    }
    const call = new Call(this.#events.callId(), stream, headers, this.#options.messageBytesMax, this.#callEvents)
    this.#calls++
    stream.on('close', () => this.#calls--)
    const { methods } = this.#options
    const method = Object.hasOwn(methods, call.method) ? methods[call.method] : undefined
    if (method === undefined) return call.finish(grpcCodes.unimplemented, unknownText(call.method, methods))
    if (this.#calls > callsMax) return call.finish(grpcCodes.resourceExhausted, `${callsMax} calls are open`)
    call.requestStream = method.requestStream
    if (method.requestStream) this.#events.called(call, null, headers, this.#clientOf(stream))
    else this.#waiting.set(call, headers)
    call.read()
  }

  /** Calls of one message are told with it. */
  readonly #callEvents: CallEvents = {
    message: (call, message) => {
      if (call.requestStream) return this.#events.message(call, message)
      const headers = this.#waiting.get(call)
      if (headers === undefined) return // More than one: as grpc-go, nobody looks.
      this.#waiting.delete(call)
      this.#events.called(call, message, headers, this.#clientOf(call.stream))
    },
    halfClosed: call => {
      if (call.requestStream) return this.#events.halfClosed(call)
      if (this.#waiting.delete(call)) call.finish(grpcCodes.internal, 'no message where one was expected')
    },
    closed: call => {
      if (!this.#waiting.delete(call)) this.#events.closed(call)
    },
    drained: call => this.#events.drained(call)
  }

  #clientOf(stream: ServerHttp2Stream): string | null {
    const { session } = stream
    if (session === undefined || this.#options.tls?.clientCaPem === undefined) return null
    const known = this.#clients.get(session)
    if (known !== undefined) return known
    const subject = (session.socket as TLSSocket).getPeerCertificate().subject as { CN?: string | string[] } | undefined
    const client = [subject?.CN ?? []].flat()[0] ?? null
    this.#clients.set(session, client)
    return client
  }
}

// As grpc-go says it.
function unknownText(path: string, methods: GrpcListenOptions['methods']): string {
  const [, service = '', method = ''] = path.split('/')
  const known = Object.keys(methods).some(one => one.startsWith(`/${service}/`))
  return known ? `unknown method ${method} for service ${service}` : `unknown service ${service}`
}

function secureServer(tls: NonNullable<GrpcListenOptions['tls']>, settings: object): Http2SecureServer {
  return createSecureServer({
    ...settings,
    cert: tls.certPem,
    key: tls.keyPem,
    minVersion: 'TLSv1.2',
    handshakeTimeout: handshakeTimeoutMs,
    secureOptions: tlsConstants.SSL_OP_NO_TICKET, // A resumed session would bring no certificate.
    ...(tls.clientCaPem === undefined ? {} : { ca: tls.clientCaPem, requestCert: true, rejectUnauthorized: true })
  })
}
