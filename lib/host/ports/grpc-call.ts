// Call: one gRPC call on its HTTP/2 stream: messages, the deadline, the status in the trailers.
//
// https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md is what it follows. It knows nothing of its owner.

import { bufferedMessageBytesMax, frameHeaderBytes, grpcCodes } from '../../ports/index.js'
import { code as errorCodes } from './grpc-frames.js'
import { encodeFields } from './grpc-hpack.js'
import type { Stream, StreamEvents } from './grpc-stream.js'

export interface CallEvents {
  /** A whole message. */
  message(call: Call, message: Uint8Array): void
  halfClosed(call: Call): void
  /** It is over, and not by its owner. */
  closed(call: Call): void
  drained(call: Call): void
}

/** What messages that are not yet whole may take, of all calls together. */
export interface PartsBudget {
  leftBytes: number
}

const head = encodeFields([
  [':status', '200'],
  ['content-type', 'application/grpc']
])
const okTrailers = encodeFields([['grpc-status', '0']])
const timeoutMsMax = 2 ** 31 - 1 // Of setTimeout; later is never.

export class Call implements StreamEvents {
  readonly id: number
  readonly method: string
  readonly timeoutMs: number
  requestStream = false
  over = false
  stalled = false
  whenOver: (() => void) | undefined
  readonly #stream: Stream
  readonly #events: CallEvents
  readonly #messageBytesMax: number
  readonly #budget: PartsBudget
  #chunks: Uint8Array[] = []
  #bytes = 0
  #began = false
  #deadline: NodeJS.Timeout | undefined

  constructor(
    id: number,
    stream: Stream,
    fields: ReadonlyMap<string, string>,
    messageBytesMax: number,
    budget: PartsBudget,
    events: CallEvents
  ) {
    this.id = id
    this.method = fields.get(':path') ?? ''
    this.timeoutMs = timeoutOf(fields.get('grpc-timeout'))
    this.#stream = stream
    this.#events = events
    this.#messageBytesMax = messageBytesMax
    this.#budget = budget
  }

  /** From now on its deadline counts. */
  start(): void {
    if (this.timeoutMs < timeoutMsMax)
      this.#deadline = setTimeout(() => this.#end(grpcCodes.deadlineExceeded, 'context deadline exceeded'), this.timeoutMs)
  }

  get bufferedBytes(): number {
    return this.#stream.pendingBytes
  }

  respond(frame: Uint8Array): void {
    if (!this.#finished()) return
    this.#stream.answer(head, frame, okTrailers)
  }

  /** False: the client does not read; `drained` follows. */
  send(frame: Uint8Array): boolean {
    if (this.over) return true
    this.#begin()
    this.#stream.send(frame)
    if (this.stalled || this.bufferedBytes <= bufferedMessageBytesMax) return true
    this.stalled = true
    return false
  }

  finish(code: number, text: string): void {
    if (!this.#finished()) return
    const fields: [string, string][] = [['grpc-status', String(code)]]
    if (text !== '') fields.push(['grpc-message', percentEncoded(text)])
    const trailers = code === 0 && text === '' ? okTrailers : encodeFields(fields)
    this.#stream.end(this.#began ? trailers : Buffer.concat([head, trailers]))
  }

  /** Not a call of gRPC at all. */
  refuse(status: number): void {
    if (this.#finished()) this.#stream.end(encodeFields([[':status', String(status)]]))
  }

  abort(): void {
    if (this.#finished()) this.#stream.reset(errorCodes.cancel)
  }

  // Of its stream.
  ended(): void {
    if (this.over) return
    if (this.#bytes > 0) return this.#end(grpcCodes.internal, 'the stream ended within a message')
    this.#events.halfClosed(this)
  }

  lost(): void {
    if (this.#finished()) this.#events.closed(this)
  }

  drained(): void {
    if (!this.stalled) return
    this.stalled = false
    if (!this.over) this.#events.drained(this)
  }

  data(chunk: Uint8Array): void {
    if (this.over) return
    let bytes = chunk
    if (this.#bytes > 0) {
      // Joined only once a whole message is there: a large one comes in many chunks.
      if (!this.#keep(chunk) || this.#bytes < this.#bytesWanted()) return
      bytes = Buffer.concat(this.#chunks)
      this.#forget()
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
    if (at < bytes.length) this.#keep(bytes.subarray(at))
  }

  /** False: it was the last straw. */
  #keep(bytes: Uint8Array): boolean {
    this.#chunks.push(bytes)
    this.#bytes += bytes.length
    this.#budget.leftBytes -= bytes.length
    if (this.#budget.leftBytes >= 0) return true
    this.#end(grpcCodes.resourceExhausted, 'too many large messages at once')
    return false
  }

  #forget(): void {
    this.#budget.leftBytes += this.#bytes
    this.#chunks = []
    this.#bytes = 0
  }

  /** How many bytes the first message that waits takes. */
  #bytesWanted(): number {
    const first = this.#chunks[0] as Uint8Array
    if (first.length >= frameHeaderBytes) return frameHeaderBytes + lengthAt(first, 0)
    if (this.#bytes < frameHeaderBytes) return frameHeaderBytes
    this.#chunks = [Buffer.concat(this.#chunks)]
    return frameHeaderBytes + lengthAt(this.#chunks[0] as Uint8Array, 0)
  }

  /** False: there is nobody to tell any more. */
  #finished(): boolean {
    if (this.over) return false
    this.over = true
    if (this.#deadline !== undefined) clearTimeout(this.#deadline)
    this.#forget()
    this.whenOver?.()
    return true
  }

  #begin(): void {
    if (this.#began) return
    this.#began = true
    this.#stream.head(head)
  }

  /** The port's own end of it. */
  #end(code: number, text: string): void {
    if (this.over) return
    this.finish(code, text)
    this.#events.closed(this)
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
