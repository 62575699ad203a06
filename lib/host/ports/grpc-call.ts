// Call: one gRPC call on its HTTP/2 stream: framing, the deadline, the status in the trailers.
//
// https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md is what it follows. It knows nothing of its owner.

import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2'
import { bufferedMessageBytesMax, frameHeaderBytes, grpcCodes } from '../../ports/index.js'

export interface CallEvents {
  /** A whole message. */
  message(call: Call, message: Uint8Array): void
  halfClosed(call: Call): void
  /** It is over, and not by its owner. */
  closed(call: Call): void
  drained(call: Call): void
}

const responseHead = { ':status': 200, 'content-type': 'application/grpc' }
const okTrailers = { 'grpc-status': '0' }
const timeoutMsMax = 2 ** 31 - 1 // Of setTimeout; later is never.

export class Call {
  readonly id: number
  readonly method: string
  readonly timeoutMs: number
  requestStream = false
  over = false
  stalled = false
  readonly stream: ServerHttp2Stream
  readonly #events: CallEvents
  readonly #messageBytesMax: number
  #chunks: Uint8Array[] = []
  #bytes = 0
  #began = false
  #trailers: Record<string, string> = okTrailers
  #deadline: NodeJS.Timeout | undefined

  constructor(id: number, stream: ServerHttp2Stream, headers: IncomingHttpHeaders, messageBytesMax: number, events: CallEvents) {
    this.id = id
    this.method = headers[':path'] as string
    this.timeoutMs = timeoutOf(headers['grpc-timeout'] as string | undefined)
    this.stream = stream
    this.#events = events
    this.#messageBytesMax = messageBytesMax
    stream.on('error', () => undefined) // `close` follows.
    stream.on('close', () => this.#closed())
  }

  /** From now on its events come. */
  read(): void {
    this.stream.on('data', (chunk: Uint8Array) => this.#received(chunk))
    this.stream.on('end', () => this.#ended())
    if (this.timeoutMs < timeoutMsMax) this.#deadline = setTimeout(() => this.#expire(), this.timeoutMs)
  }

  get bufferedBytes(): number {
    return this.stream.writableLength
  }

  respond(frame: Uint8Array): void {
    if (!this.#finished()) return
    this.#begin()
    this.stream.end(frame)
    this.#letGo()
  }

  /** As `respond`; `done` is called once its stream is over, which is within that time. */
  deliver(frame: Uint8Array, withinMs: number, done: () => void): void {
    this.respond(frame)
    const { stream } = this
    if (stream.closed || stream.destroyed) return done()
    const late = setTimeout(() => stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM), withinMs)
    stream.once('close', () => {
      clearTimeout(late)
      done()
    })
  }

  /** False: the client does not read; `drained` follows. */
  send(frame: Uint8Array): boolean {
    if (this.over || this.stream.destroyed) return true
    this.#begin()
    if (this.stream.write(frame) || this.stalled || this.bufferedBytes <= bufferedMessageBytesMax) return true
    this.stalled = true
    this.stream.once('drain', () => {
      this.stalled = false
      if (!this.over) this.#events.drained(this)
    })
    return false
  }

  finish(code: number, text: string): void {
    if (!this.#finished()) return
    const trailers: Record<string, string> = { 'grpc-status': String(code) }
    if (text !== '') trailers['grpc-message'] = percentEncoded(text)
    if (this.#began) {
      this.#trailers = trailers
      this.stream.end()
    } else this.stream.respond({ ...responseHead, ...trailers }, { endStream: true })
    this.#letGo()
  }

  abort(): void {
    if (!this.stream.destroyed) this.stream.close(constants.NGHTTP2_CANCEL)
  }

  /** False: there is nobody to tell any more. */
  #finished(): boolean {
    if (this.over) return false
    this.over = true
    if (this.#deadline !== undefined) clearTimeout(this.#deadline)
    this.#chunks = []
    return !this.stream.destroyed && !this.stream.closed
  }

  #begin(): void {
    if (this.#began) return
    this.#began = true
    this.stream.respond(responseHead, { waitForTrailers: true })
    this.stream.once('wantTrailers', () => this.stream.sendTrailers(this.#trailers))
  }

  /** A client that still sends is told that nobody listens: else its stream stays, half of it open. */
  #letGo(): void {
    const stream = this.stream
    if (stream.readableEnded || stream.endAfterHeaders) return
    stream.resume()
    stream.once('finish', () => setImmediate(() => void (stream.destroyed || stream.close(constants.NGHTTP2_NO_ERROR))))
  }

  #closed(): void {
    if (!this.over) this.#fail()
  }

  #expire(): void {
    this.#end(grpcCodes.deadlineExceeded, 'context deadline exceeded')
  }

  /** The port's own end of it. */
  #end(code: number, text: string): void {
    if (this.over) return
    this.finish(code, text)
    this.#events.closed(this)
  }

  #fail(): void {
    this.#finished()
    this.#events.closed(this)
  }

  #ended(): void {
    if (this.over) return
    if (this.#bytes > 0) return this.#end(grpcCodes.internal, 'the stream ended within a message')
    this.#events.halfClosed(this)
  }

  #received(chunk: Uint8Array): void {
    if (this.over) return
    let bytes = chunk
    if (this.#bytes > 0) {
      // Joined only once a whole message is there: a large one comes in many chunks.
      this.#chunks.push(chunk)
      this.#bytes += chunk.length
      if (this.#bytes < this.#bytesWanted()) return
      bytes = Buffer.concat(this.#chunks)
      this.#chunks = []
      this.#bytes = 0
    }
    let at = 0
    while (bytes.length - at >= frameHeaderBytes) {
      const length = lengthAt(bytes, at)
      const fault = this.#fault(bytes[at] as number, length)
      if (fault !== undefined) return this.#end(...fault)
      if (bytes.length - at - frameHeaderBytes < length) break
      at += frameHeaderBytes
      this.#events.message(this, bytes.subarray(at, at + length))
      at += length
      if (this.over) return
    }
    if (at === bytes.length) return
    this.#chunks = [bytes.subarray(at)]
    this.#bytes = bytes.length - at
  }

  /** How many bytes the first message that waits takes. */
  #bytesWanted(): number {
    const first = this.#chunks[0] as Uint8Array
    if (first.length >= frameHeaderBytes) return frameHeaderBytes + lengthAt(first, 0)
    if (this.#bytes < frameHeaderBytes) return frameHeaderBytes
    this.#chunks = [Buffer.concat(this.#chunks)]
    return frameHeaderBytes + lengthAt(this.#chunks[0] as Uint8Array, 0)
  }

  // Texts as grpc-go's, which clients of etcd see.
  #fault(compressed: number, length: number): readonly [number, string] | undefined {
    if (length > this.#messageBytesMax)
      return [grpcCodes.resourceExhausted, `grpc: received message larger than max (${length} vs. ${this.#messageBytesMax})`]
    if (compressed === 0) return undefined
    if (compressed === 1) return [grpcCodes.unimplemented, 'grpc: Decompressor is not installed for grpc-encoding']
    return [grpcCodes.internal, `grpc: received unexpected payload format ${compressed}`]
  }
}

const lengthAt = (bytes: Uint8Array, at: number): number =>
  (bytes[at + 1] as number) * 0x1000000 + (((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 8) | (bytes[at + 4] as number))

const unitsMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 }

/** `100m`: at most eight digits and a unit. */
export function timeoutOf(header: string | undefined): number {
  const match = header === undefined ? null : /^(\d{1,8})([HMSmun])$/.exec(header)
  return match === null ? Number.POSITIVE_INFINITY : Number(match[1]) * (unitsMs[match[2] as string] as number)
}

/** All but printable ASCII, and `%`, as `%XX` of UTF-8. */
export const percentEncoded = (text: string): string =>
  text.replace(/[^\x20-\x24\x26-\x7e]+/g, part =>
    [...Buffer.from(part)].map(byte => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('')
  )
