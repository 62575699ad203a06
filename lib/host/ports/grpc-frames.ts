// Frames: HTTP/2's numbers (RFC 9113), and frames as bytes.

export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
export const frameHeadBytes = 9
export const frameBytesMax = 16_384 // Of a frame that a client sends: the least there may be.

export const kind = {
  data: 0,
  headers: 1,
  reset: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9
} as const
export const flag = { ack: 1, endStream: 1, endHeaders: 4, padded: 8, priority: 32 } as const
export const setting = { maxConcurrentStreams: 3, initialWindowSize: 4, maxFrameSize: 5, maxHeaderListSize: 6 } as const
export const code = {
  none: 0,
  protocol: 1,
  internal: 2,
  flowControl: 3,
  streamClosed: 5,
  frameSize: 6,
  refusedStream: 7,
  cancel: 8,
  compression: 9,
  enhanceYourCalm: 11
} as const

export const streamsMax = 4096 // Of one connection.
export const streamWindowBytes = 1 << 20
export const connectionWindowBytes = 1 << 24
export const headersBytesMax = 16_384

/** What ends a connection. */
export class Http2Error extends Error {
  readonly code: number
  constructor(errorCode: number) {
    super(`HTTP/2 error ${errorCode}`)
    this.code = errorCode
  }
}

export const outgoing = (errorCode: number): Http2Error => new Http2Error(errorCode)

export function errorOf(error: unknown, hpackFault: new () => Error): number {
  if (error instanceof Http2Error) return error.code
  if (error instanceof hpackFault) return code.compression
  throw error
}

/** The head of a frame, with numbers of four bytes after it. `length` is that of the whole payload. */
export function frameHead(length: number, type: number, flags: number, id: number, words: readonly number[] = []): Buffer {
  const bytes = Buffer.allocUnsafe(frameHeadBytes + 4 * words.length)
  writeFrameHead(bytes, 0, length, type, flags, id)
  for (const [index, word] of words.entries()) bytes.writeUInt32BE(word, frameHeadBytes + 4 * index)
  return bytes
}

export function writeFrameHead(bytes: Buffer, at: number, length: number, type: number, flags: number, id: number): void {
  bytes[at] = length >>> 16
  bytes[at + 1] = length >>> 8
  bytes[at + 2] = length
  bytes[at + 3] = type
  bytes[at + 4] = flags
  bytes.writeUInt32BE(id, at + 5)
}

export const windowUpdate = (id: number, increment: number): Buffer => frameHead(4, kind.windowUpdate, 0, id, [increment])

export const serverSettings = settingsFrame([
  [setting.maxConcurrentStreams, streamsMax],
  [setting.initialWindowSize, streamWindowBytes],
  [setting.maxHeaderListSize, headersBytesMax]
])

function settingsFrame(settings: readonly (readonly [name: number, value: number])[]): Buffer {
  const payload = Buffer.alloc(6 * settings.length)
  for (const [index, [name, value]] of settings.entries()) {
    payload.writeUInt16BE(name, 6 * index)
    payload.writeUInt32BE(value, 6 * index + 2)
  }
  return Buffer.concat([frameHead(payload.length, kind.settings, 0, 0), payload])
}
