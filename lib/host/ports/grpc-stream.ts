// Stream: one HTTP/2 stream of a connection: what waits until the client's windows take it, and how it ends.

import { code, flag, frameHead, frameHeadBytes, kind, windowUpdate, writeFrameHead } from './grpc-frames.js'

export interface StreamEvents {
  data(bytes: Uint8Array): void
  /** The client sends no more. */
  ended(): void
  /** It is over before the server ended it: reset, or the connection was lost. */
  lost(): void
  /** Nothing waits any more. */
  drained(): void
}

/** What it needs of its connection. */
export interface StreamOwner {
  sendWindow: number
  readonly peerFrameBytesMax: number
  readonly isBlocked: boolean
  write(bytes: Uint8Array): void
  forget(stream: Stream): void
}

/** A whole answer up to this size goes into one piece of memory. */
const copiedBytesMax = 8192

export class Stream {
  readonly id: number
  events!: StreamEvents // Set by the connection before anything happens.
  sendWindow: number
  readonly #owner: StreamOwner
  readonly #receiveWindow: number
  #receiveLeft: number
  #pending: Uint8Array[] = []
  #pendingBytes = 0
  #end: Uint8Array | undefined // Fields of the trailers, once all is handed over.
  #isEnded = false // By the server; all of it was sent.
  #isClientEnded = false
  #isLost = false

  constructor(id: number, owner: StreamOwner, sendWindow: number, receiveWindow: number) {
    this.id = id
    this.#owner = owner
    this.sendWindow = sendWindow
    this.#receiveWindow = receiveWindow
    this.#receiveLeft = receiveWindow
  }

  get pendingBytes(): number {
    return this.#pendingBytes
  }
  get isOver(): boolean {
    return this.#isLost || this.#isEnded
  }

  head(fields: Uint8Array): void {
    if (this.isOver) return
    this.#owner.write(frameHead(fields.length, kind.headers, flag.endHeaders, this.id))
    this.#owner.write(fields)
  }

  send(message: Uint8Array): void {
    if (this.isOver || this.#end !== undefined) return
    this.#pending.push(message)
    this.#pendingBytes += message.length
    this.pump()
  }

  /** Ends it with these fields, after what was sent. */
  end(fields: Uint8Array): void {
    if (this.isOver || this.#end !== undefined) return
    this.#end = fields
    this.pump()
  }

  /** A whole answer at once. */
  answer(head: Uint8Array, message: Uint8Array, trailers: Uint8Array): void {
    const size = message.length
    const owner = this.#owner
    if (this.isOver || size > copiedBytesMax || size > this.sendWindow || size > owner.sendWindow || owner.isBlocked) {
      this.head(head)
      this.send(message)
      return this.end(trailers)
    }
    const bytes = Buffer.allocUnsafe(3 * frameHeadBytes + head.length + size + trailers.length)
    writeFrameHead(bytes, 0, head.length, kind.headers, flag.endHeaders, this.id)
    bytes.set(head, frameHeadBytes)
    let at = frameHeadBytes + head.length
    writeFrameHead(bytes, at, size, kind.data, 0, this.id)
    bytes.set(message, at + frameHeadBytes)
    at += frameHeadBytes + size
    writeFrameHead(bytes, at, trailers.length, kind.headers, flag.endHeaders | flag.endStream, this.id)
    bytes.set(trailers, at + frameHeadBytes)
    this.sendWindow -= size
    owner.sendWindow -= size
    owner.write(bytes)
    this.#finish()
  }

  reset(errorCode: number): void {
    if (this.isOver) return
    this.#owner.write(frameHead(4, kind.reset, 0, this.id, [errorCode]))
    this.#owner.forget(this)
    this.#isLost = true
  }

  /** Sends what the windows take. */
  pump(): void {
    if (this.isOver) return
    const owner = this.#owner
    const hadPending = this.#pendingBytes > 0
    while (this.#pendingBytes > 0 && !owner.isBlocked) {
      const room = Math.min(this.sendWindow, owner.sendWindow, owner.peerFrameBytesMax)
      if (room <= 0) return
      const [message] = this.#pending as [Uint8Array]
      const part = message.length <= room ? message : message.subarray(0, room)
      owner.write(frameHead(part.length, kind.data, 0, this.id))
      owner.write(part)
      this.sendWindow -= part.length
      owner.sendWindow -= part.length
      this.#pendingBytes -= part.length
      if (part === message) this.#pending.shift()
      else this.#pending[0] = message.subarray(part.length)
    }
    if (this.#pendingBytes > 0) return
    if (this.#end !== undefined) {
      owner.write(frameHead(this.#end.length, kind.headers, flag.endHeaders | flag.endStream, this.id))
      owner.write(this.#end)
      this.#finish()
    } else if (hadPending) this.events.drained()
  }

  /** `size`: with its padding, which counts. */
  received(bytes: Uint8Array, size: number, isEnd: boolean): void {
    if (this.isOver) return
    if (this.#isClientEnded) {
      this.reset(code.streamClosed)
      return this.events.lost()
    }
    this.#receiveLeft -= size
    if (this.#receiveLeft < 0) {
      this.reset(code.flowControl)
      return this.events.lost()
    }
    if (isEnd) this.#isClientEnded = true
    else if (this.#receiveLeft < this.#receiveWindow / 2) {
      this.#owner.write(windowUpdate(this.id, this.#receiveWindow - this.#receiveLeft))
      this.#receiveLeft = this.#receiveWindow
    }
    if (bytes.length > 0) this.events.data(bytes)
    if (isEnd && !this.isOver) this.events.ended()
  }

  lost(): void {
    if (this.isOver) return
    this.#isLost = true
    this.#pending = []
    this.#pendingBytes = 0
    this.events.lost()
  }

  #finish(): void {
    // A client that still sends is told that nobody listens.
    if (!this.#isClientEnded) this.#owner.write(frameHead(4, kind.reset, 0, this.id, [code.none]))
    this.#isEnded = true
    this.#owner.forget(this)
  }
}
