// Listener: one listening socket of the grpc port, with TLS or without, its connections and the calls on them.
//
// Bounds: connections, streams of one, calls of all, time for a connection to begin. What is no HTTP/2 closes that connection only.

import { constants as tlsConstants } from 'node:crypto'
import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type TLSSocket } from 'node:tls'
import { type GrpcListenOptions, grpcCodes } from '../../ports/index.js'
import { Call, type CallEvents, type PartsBudget } from './grpc-call.js'
import { Connection } from './grpc-connection.js'
import type { Stream, StreamEvents } from './grpc-stream.js'

type Fields = ReadonlyMap<string, string>

export interface ListenerEvents extends CallEvents {
  callId(): number
  /** A call whose messages follow (`message` is null), or one with its only message. */
  called(call: Call, message: Uint8Array | null, fields: Fields, client: string | null): void
}

const connectionsMax = 4096
const callsMax = 65_536
const beginTimeoutMs = 10_000
const partsBytesMax = 256 << 20

/** Closed when the thread ends, for the reason that stands with the http port's. */
const open = new Set<GrpcListener>()
process.on('exit', () => {
  for (const listener of open) listener.close()
})

export class GrpcListener {
  readonly server: Server
  readonly #options: GrpcListenOptions
  readonly #events: ListenerEvents
  readonly #sockets = new Set<Socket>()
  readonly #waiting = new Map<Call, { readonly fields: Fields; readonly client: string | null }>() // Unary ones without their message yet.
  readonly #budget: PartsBudget = { leftBytes: partsBytesMax }
  #calls = 0

  constructor(options: GrpcListenOptions, events: ListenerEvents) {
    this.#options = options
    this.#events = events
    const { tls } = options
    this.server = tls === undefined ? createServer() : secureServer(tls)
    this.server.maxConnections = connectionsMax
    this.server.on('connection', (socket: Socket) => this.#keep(socket))
    this.server.on(tls === undefined ? 'connection' : 'secureConnection', (socket: Socket) => this.#connect(socket))
    this.server.on('tlsClientError', () => undefined)
    open.add(this)
  }

  close(): void {
    open.delete(this)
    this.server.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket)
    socket.setNoDelay(true)
    socket.on('error', () => undefined)
    socket.on('close', () => this.#sockets.delete(socket))
  }

  #connect(socket: Socket): void {
    const client = this.#options.tls?.clientCaPem === undefined ? null : clientOf(socket as TLSSocket)
    socket.on('error', () => undefined)
    const connection = new Connection(socket, { opened: (stream, fields) => this.#opened(stream, fields, client) })
    const timer = setTimeout(() => connection.hasPreface || socket.destroy(), beginTimeoutMs)
    socket.on('close', () => clearTimeout(timer))
  }

  #opened(stream: Stream, fields: Fields, client: string | null): StreamEvents {
    const call = new Call(this.#events.callId(), stream, fields, this.#options.messageBytesMax, this.#budget, this.#callEvents)
    const { methods } = this.#options
    if (fields.get(':method') !== 'POST') call.refuse(405)
    else if (fields.get('content-type')?.startsWith('application/grpc') !== true) call.refuse(415)
    else if (!Object.hasOwn(methods, call.method)) call.finish(grpcCodes.unimplemented, unknownText(call.method, methods))
    else if (this.#calls >= callsMax) call.finish(grpcCodes.resourceExhausted, `${callsMax} calls are open`)
    else this.#begin(call, fields, client)
    return call
  }

  #begin(call: Call, fields: Fields, client: string | null): void {
    this.#calls++
    call.whenOver = () => this.#calls--
    call.requestStream = this.#options.methods[call.method]?.requestStream === true
    if (call.requestStream) this.#events.called(call, null, fields, client)
    else this.#waiting.set(call, { fields, client })
    call.start()
  }

  /** Calls of one message are told with it. */
  readonly #callEvents: CallEvents = {
    message: (call, message) => {
      if (call.requestStream) return this.#events.message(call, message)
      const waiting = this.#waiting.get(call)
      if (waiting === undefined) return // More than one: as grpc-go, nobody looks.
      this.#waiting.delete(call)
      this.#events.called(call, message, waiting.fields, waiting.client)
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
}

/** The common name of a certificate that was verified. */
function clientOf(socket: TLSSocket): string | null {
  const subject = socket.getPeerCertificate().subject as { CN?: string | string[] } | undefined
  return [subject?.CN ?? []].flat()[0] ?? null
}

// As grpc-go says it.
function unknownText(path: string, methods: GrpcListenOptions['methods']): string {
  const [, service = '', method = ''] = path.split('/')
  const known = Object.keys(methods).some(one => one.startsWith(`/${service}/`))
  return known ? `unknown method ${method} for service ${service}` : `unknown service ${service}`
}

function secureServer(tls: NonNullable<GrpcListenOptions['tls']>): Server {
  return createTlsServer({
    ALPNProtocols: ['h2'],
    cert: tls.certPem,
    key: tls.keyPem,
    minVersion: 'TLSv1.2',
    handshakeTimeout: beginTimeoutMs,
    secureOptions: tlsConstants.SSL_OP_NO_TICKET, // A resumed session would bring no certificate.
    ...(tls.clientCaPem === undefined ? {} : { ca: tls.clientCaPem, requestCert: true, rejectUnauthorized: true })
  })
}
