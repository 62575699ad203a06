// Connection: HTTP/2 (RFC 9113) as the server of gRPC needs it, on one socket: frames in, streams, flow control both ways, frames out.
//
// What a client does wrong ends its stream or its connection with the code the RFC names, and nothing else. All that is to be sent in one
// turn of the event loop goes out in one write. Not here: priorities and push, which nobody uses; upgrades from HTTP/1.
//
// Bounds: streams, the fields of a request, what a client may send before it is taken (windows), and what it has not read.

import type { Socket } from 'node:net'
import {
  code,
  connectionWindowBytes,
  errorOf,
  flag,
  frameBytesMax,
  frameHead,
  frameHeadBytes,
  type Http2Error,
  headersBytesMax,
  kind,
  outgoing,
  preface,
  serverSettings,
  setting,
  streamsMax,
  streamWindowBytes,
  windowUpdate
} from './grpc-frames.js'
import { HpackDecoder, HpackFault } from './grpc-hpack.js'
import { Stream, type StreamEvents, type StreamOwner } from './grpc-stream.js'

export interface ConnectionEvents {
  /** A new stream with the fields of its request. It tells its events to what is returned. */
  opened(stream: Stream, fields: ReadonlyMap<string, string>): StreamEvents
}

const windowMax = 2 ** 31 - 1
const windowDefault = 65_535
const unsentBytesMax = 16 << 20 // A client that reads nothing of answers to its pings, say.
const blockedBytes = 1 << 20 // So much in the socket, and streams wait.
const joinedBytesMax = 128 << 10
const initialRest = Buffer.alloc(0)

export class Connection implements StreamOwner {
  readonly socket: Socket
  sendWindow = windowDefault
  peerFrameBytesMax = frameBytesMax
  readonly #events: ConnectionEvents
  readonly #streams = new Map<number, Stream>()
  readonly #decoder = new HpackDecoder(headersBytesMax)
  #rest: Buffer = initialRest
  #hasPreface = false
  #hasSettings = false
  #lastId = 0
  #initialWindow = windowDefault
  #receiveLeft = connectionWindowBytes
  #fields: { readonly id: number; readonly flags: number; block: Buffer } | undefined // Until their end.
  #out: Uint8Array[] = []
  #isBlocked = false
  #isOver = false

  constructor(socket: Socket, events: ConnectionEvents) {
    this.socket = socket
    this.#events = events
    socket.on('data', (chunk: Buffer) => this.#received(chunk))
    socket.on('drain', () => this.#unblock())
    socket.on('close', () => this.#closed())
    this.write(serverSettings)
    this.write(windowUpdate(0, connectionWindowBytes - windowDefault))
  }

  get isBlocked(): boolean {
    return this.#isBlocked
  }
  get hasPreface(): boolean {
    return this.#hasPreface
  }

  /** Goes out at the end of this turn. */
  write(bytes: Uint8Array): void {
    if (this.#isOver) return
    if (this.#out.length === 0) process.nextTick(() => this.#flush())
    this.#out.push(bytes)
  }

  forget(stream: Stream): void {
    this.#streams.delete(stream.id)
  }

  /** Ends the connection: the client did what it must not. */
  fail(error: number): void {
    if (this.#isOver) return
    this.write(frameHead(8, kind.goAway, 0, 0, [this.#lastId, error]))
    this.#flush()
    this.#isOver = true
    this.socket.destroySoon()
  }

  #flush(): void {
    const out = this.#out
    if (out.length === 0) return
    this.#out = []
    const { socket } = this
    if (socket.destroyed) return
    const bytes = out.reduce((sum, one) => sum + one.length, 0)
    if (out.length === 1 || bytes <= joinedBytesMax) socket.write(out.length === 1 ? (out[0] as Uint8Array) : Buffer.concat(out, bytes))
    else {
      socket.cork()
      for (const one of out) socket.write(one)
      socket.uncork()
    }
    if (socket.writableLength > unsentBytesMax) socket.destroy()
    else if (socket.writableLength > blockedBytes) this.#isBlocked = true
  }

  #unblock(): void {
    if (!this.#isBlocked) return
    this.#isBlocked = false
    for (const stream of this.#streams.values()) stream.pump()
  }

  #closed(): void {
    this.#isOver = true
    for (const stream of [...this.#streams.values()]) stream.lost()
    this.#streams.clear()
  }

  #received(chunk: Buffer): void {
    if (this.#isOver) return
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    if (!this.#hasPreface) {
      if (bytes.compare(preface, 0, Math.min(bytes.length, preface.length), 0, Math.min(bytes.length, preface.length)) !== 0)
        return void this.socket.destroy() // It speaks something else.
      if (bytes.length < preface.length) {
        this.#rest = bytes
        return
      }
      bytes = bytes.subarray(preface.length)
      this.#hasPreface = true
    }
    try {
      this.#rest = bytes.subarray(this.#frames(bytes))
    } catch (error) {
      this.fail(errorOf(error, HpackFault))
    }
  }

  /** Handles all whole frames; gives where the rest begins. */
  #frames(bytes: Buffer): number {
    let at = 0
    while (bytes.length - at >= frameHeadBytes && !this.#isOver) {
      const length = bytes.readUIntBE(at, 3)
      if (length > frameBytesMax) throw outgoing(code.frameSize)
      const end = at + frameHeadBytes + length
      if (bytes.length < end) break
      const id = bytes.readUInt32BE(at + 5) & 0x7fffffff
      this.#frame(bytes[at + 3] as number, bytes[at + 4] as number, id, bytes.subarray(at + frameHeadBytes, end))
      at = end
    }
    return at
  }

  #frame(type: number, flags: number, id: number, payload: Buffer): void {
    if (!this.#hasSettings && type !== kind.settings) throw outgoing(code.protocol)
    if (this.#fields !== undefined && type !== kind.continuation) throw outgoing(code.protocol)
    switch (type) {
      case kind.data:
        return this.#data(flags, id, payload)
      case kind.headers:
        return this.#headers(flags, id, payload)
      case kind.continuation:
        return this.#continuation(flags, id, payload)
      case kind.reset:
        return this.#reset(id, payload)
      case kind.settings:
        return this.#settings(flags, id, payload)
      case kind.ping:
        if (payload.length !== 8 || id !== 0) throw outgoing(payload.length === 8 ? code.protocol : code.frameSize)
        if ((flags & flag.ack) === 0) this.write(Buffer.concat([frameHead(8, kind.ping, flag.ack, 0), payload]))
        return
      case kind.windowUpdate:
        return this.#windowUpdate(id, payload)
      case kind.pushPromise:
        throw outgoing(code.protocol)
      default: // Priorities, GOAWAY, and what is not known.
    }
  }

  #data(flags: number, id: number, payload: Buffer): void {
    if (id === 0 || id > this.#lastId) throw outgoing(code.protocol)
    this.#receiveLeft -= payload.length
    if (this.#receiveLeft < 0) throw outgoing(code.flowControl)
    if (this.#receiveLeft < connectionWindowBytes / 2) {
      this.write(windowUpdate(0, connectionWindowBytes - this.#receiveLeft))
      this.#receiveLeft = connectionWindowBytes
    }
    const stream = this.#streams.get(id)
    stream?.received(unpadded(flags, payload), payload.length, (flags & flag.endStream) !== 0)
  }

  #headers(flags: number, id: number, payload: Buffer): void {
    let block = unpadded(flags, payload)
    if ((flags & flag.priority) !== 0) {
      if (block.length < 5) throw outgoing(code.frameSize)
      block = block.subarray(5)
    }
    if ((flags & flag.endHeaders) === 0) this.#fields = { id, flags, block: Buffer.from(block) }
    else this.#request(id, flags, block)
  }

  #continuation(flags: number, id: number, payload: Buffer): void {
    const fields = this.#fields
    if (fields === undefined || fields.id !== id) throw outgoing(code.protocol)
    fields.block = Buffer.concat([fields.block, payload])
    if (fields.block.length > 2 * headersBytesMax) throw outgoing(code.enhanceYourCalm)
    if ((flags & flag.endHeaders) === 0) return
    this.#fields = undefined
    this.#request(id, fields.flags, fields.block)
  }

  #request(id: number, flags: number, block: Buffer): void {
    const fields = this.#decoder.decode(block) // In any case: the next ones rest on its table.
    const isEnd = (flags & flag.endStream) !== 0
    const known = this.#streams.get(id)
    if (known !== undefined) {
      if (!isEnd) throw outgoing(code.protocol)
      return known.received(initialRest, 0, true) // Trailers of a client say nothing.
    }
    if (id % 2 === 0) throw outgoing(code.protocol)
    if (id <= this.#lastId) return // Of a stream that ended here.
    this.#lastId = id
    if (this.#streams.size >= streamsMax) return this.write(frameHead(4, kind.reset, 0, id, [code.refusedStream]))
    const stream = new Stream(id, this, this.#initialWindow, streamWindowBytes)
    this.#streams.set(id, stream)
    stream.events = this.#events.opened(stream, fields)
    if (isEnd) stream.received(initialRest, 0, true)
  }

  #reset(id: number, payload: Buffer): void {
    if (payload.length !== 4) throw outgoing(code.frameSize)
    if (id === 0 || id > this.#lastId) throw outgoing(code.protocol)
    this.#streams.get(id)?.lost()
    this.#streams.delete(id)
  }

  #settings(flags: number, id: number, payload: Buffer): void {
    if (id !== 0) throw outgoing(code.protocol)
    if (payload.length % 6 !== 0) throw outgoing(code.frameSize)
    this.#hasSettings = true
    if ((flags & flag.ack) !== 0) return
    for (let at = 0; at < payload.length; at += 6) this.#set(payload.readUInt16BE(at), payload.readUInt32BE(at + 2))
    this.write(frameHead(0, kind.settings, flag.ack, 0))
  }

  #set(name: number, value: number): void {
    if (name === setting.maxFrameSize) {
      if (value < frameBytesMax || value >= 1 << 24) throw outgoing(code.protocol)
      this.peerFrameBytesMax = value
    }
    if (name !== setting.initialWindowSize) return
    if (value > windowMax) throw outgoing(code.flowControl)
    const change = value - this.#initialWindow
    this.#initialWindow = value
    for (const stream of this.#streams.values()) this.#widen(stream, change)
  }

  #windowUpdate(id: number, payload: Buffer): void {
    if (payload.length !== 4) throw outgoing(code.frameSize)
    const increment = payload.readUInt32BE(0) & 0x7fffffff
    if (increment === 0) throw outgoing(code.protocol)
    if (id !== 0) {
      const stream = this.#streams.get(id)
      if (stream !== undefined) this.#widen(stream, increment)
      else if (id > this.#lastId) throw outgoing(code.protocol)
      return
    }
    this.sendWindow += increment
    if (this.sendWindow > windowMax) throw outgoing(code.flowControl)
    for (const stream of this.#streams.values()) {
      if (this.sendWindow <= 0) return
      stream.pump()
    }
  }

  #widen(stream: Stream, change: number): void {
    stream.sendWindow += change
    if (stream.sendWindow > windowMax) throw outgoing(code.flowControl)
    stream.pump()
  }
}

function unpadded(flags: number, payload: Buffer): Buffer {
  if ((flags & flag.padded) === 0) return payload
  const padding = payload[0]
  if (padding === undefined || padding >= payload.length) throw outgoing(code.protocol) as Http2Error
  return payload.subarray(1, payload.length - padding)
}
