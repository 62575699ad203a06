// Exchange: one request and its answer on a socket, the same over HTTP/1.1 and HTTP/2.
//
// It knows nothing of its owner: what happens is told to `events`. Bodies are read up to a limit and then thrown away.

import type { EventEmitter } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2'
import type { HttpRequest } from '../../ports/index.js'

export interface ExchangeEvents {
  complete(exchange: Exchange, body: Uint8Array, fault: 'too large' | undefined): void
  closed(exchange: Exchange): void
}

/** What all bodies that are not yet whole may take together. */
export interface BodyBudget {
  leftBytes: number
}

type Head = Readonly<Record<string, string>>

const none = new Uint8Array(0)

export abstract class Exchange {
  readonly id: number
  /** When it began, to end bodies that never arrive. */
  readonly startedMs: number
  /** The whole request was handed over. */
  complete = false
  answered = false
  closed = false
  stalled = false
  readonly #events: ExchangeEvents
  readonly #bodyBytesMax: number
  readonly #budget: BodyBudget
  #chunks: Uint8Array[] = []
  #bytes = 0

  constructor(id: number, bodyBytesMax: number, budget: BodyBudget, events: ExchangeEvents) {
    this.id = id
    this.#budget = budget
    this.startedMs = performance.now()
    this.#bodyBytesMax = bodyBytesMax
    this.#events = events
  }

  abstract respond(status: number, headers: Head, body: Uint8Array): void
  abstract begin(status: number, headers: Head): void
  /** False: what was written waits for the client. */
  abstract write(bytes: Uint8Array): boolean
  abstract end(): void
  abstract abort(): void
  abstract get bufferedBytes(): number
  abstract onDrained(drained: () => void): void

  protected announce(contentLength: string | undefined): void {
    if (contentLength !== undefined && Number(contentLength) > this.#bodyBytesMax) this.received('too large')
  }

  protected chunk(bytes: Uint8Array): void {
    if (this.complete) return // The rest of a body that is too large.
    if (this.#bytes + bytes.length > this.#bodyBytesMax) return this.received('too large')
    if (bytes.length > this.#budget.leftBytes) return this.abort()
    this.#bytes += bytes.length
    this.#budget.leftBytes -= bytes.length
    this.#chunks.push(bytes)
  }

  protected received(fault?: 'too large'): void {
    if (this.complete || this.closed) return
    this.complete = true
    const chunks = this.#chunks
    this.#forget()
    const body = fault !== undefined || chunks.length === 0 ? none : chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks)
    this.#events.complete(this, body, fault)
  }

  protected gone(): void {
    if (this.closed) return
    this.closed = true
    this.#forget()
    this.#events.closed(this)
  }

  #forget(): void {
    this.#budget.leftBytes += this.#bytes
    this.#bytes = 0
    this.#chunks = []
  }
}

/** Once, and nothing of it stays: a watch whose client is slow waits again and again on one stream. */
export function onceDrained(stream: Pick<EventEmitter, 'on' | 'off'>, drained: () => void): void {
  const done = (): void => {
    stream.off('drain', done)
    stream.off('close', done)
    drained()
  }
  stream.on('drain', done)
  stream.on('close', done)
}

export class Http2Exchange extends Exchange {
  readonly #stream: ServerHttp2Stream

  constructor(
    id: number,
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    flags: number,
    bodyMax: number,
    budget: BodyBudget,
    events: ExchangeEvents
  ) {
    super(id, bodyMax, budget, events)
    this.#stream = stream
    stream.on('error', () => undefined) // `close` follows.
    stream.on('close', () => this.gone())
    if ((flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0) {
      this.received()
      return
    }
    this.announce(headers['content-length'])
    stream.on('data', (chunk: Uint8Array) => this.chunk(chunk))
    stream.on('end', () => this.received())
  }

  get bufferedBytes(): number {
    return this.#stream.writableLength
  }

  respond(status: number, headers: Head, body: Uint8Array): void {
    if (!this.#head(status, headers, body.length === 0)) return
    if (body.length > 0) this.#stream.end(body)
  }

  begin(status: number, headers: Head): void {
    this.#head(status, headers, false)
  }

  write(bytes: Uint8Array): boolean {
    return this.#stream.destroyed || this.#stream.writableEnded || this.#stream.write(bytes)
  }

  end(): void {
    if (!this.#stream.destroyed) this.#stream.end()
  }

  abort(): void {
    if (!this.#stream.destroyed) this.#stream.close(constants.NGHTTP2_INTERNAL_ERROR)
  }

  onDrained(drained: () => void): void {
    onceDrained(this.#stream, drained)
  }

  #head(status: number, headers: Head, endStream: boolean): boolean {
    const stream = this.#stream
    if (stream.destroyed || stream.headersSent) return false
    stream.respond({ ':status': status, ...headers }, { endStream })
    return true
  }
}

export class Http1Exchange extends Exchange {
  readonly #request: IncomingMessage
  readonly #response: ServerResponse

  constructor(
    id: number,
    request: IncomingMessage,
    response: ServerResponse,
    bodyBytesMax: number,
    budget: BodyBudget,
    events: ExchangeEvents
  ) {
    super(id, bodyBytesMax, budget, events)
    this.#request = request
    this.#response = response
    response.sendDate = false
    response.on('error', () => undefined)
    response.on('close', () => this.gone())
    this.announce(request.headers['content-length'])
    request.on('data', (chunk: Uint8Array) => this.chunk(chunk))
    request.on('end', () => this.received())
    request.on('error', () => this.gone())
  }

  get bufferedBytes(): number {
    return this.#response.writableLength
  }

  respond(status: number, headers: Head, body: Uint8Array): void {
    if (!this.#head(status, headers, body.length)) return
    this.#response.end(body)
  }

  begin(status: number, headers: Head): void {
    if (this.#head(status, headers, undefined)) this.#response.flushHeaders()
  }

  write(bytes: Uint8Array): boolean {
    return this.#response.destroyed || this.#response.writableEnded || this.#response.write(bytes)
  }

  end(): void {
    if (!this.#response.destroyed) this.#response.end()
  }

  abort(): void {
    this.#request.socket.destroy()
  }

  onDrained(drained: () => void): void {
    onceDrained(this.#response, drained)
  }

  #head(status: number, headers: Head, length: number | undefined): boolean {
    const response = this.#response
    if (response.destroyed || response.headersSent) return false
    // A request that was not read to its end leaves its rest in the connection: it cannot be used again.
    const close = this.#request.complete ? {} : { connection: 'close' }
    response.writeHead(status, { ...headers, ...close, ...(length === undefined ? {} : { 'content-length': String(length) }) })
    return true
  }
}

/** Header fields as the owner sees them: no pseudo-headers, repeated ones joined. */
export function headersOf(headers: IncomingHttpHeaders): HttpRequest['headers'] {
  const fields: Record<string, string> = {}
  for (const name in headers) {
    const value = headers[name]
    if (value === undefined) continue
    if (name.charCodeAt(0) === 58) {
      if (name === ':authority') fields.host = value as string
    } else if (name !== '__proto__') fields[name] = Array.isArray(value) ? value.join(', ') : value
  }
  return fields
}
