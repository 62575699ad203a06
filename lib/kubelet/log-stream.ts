// LogStream: a container's log on its way to one reader: tail, since, timestamps, a limit of bytes, following. Pure.

import type { Sink } from '../actor/index.js'
import { formatMicroTime, parseTime } from '../object/index.js'
import type { LogBuffer, LogLine } from './log-buffer.js'
import type { LogOptions } from './runtime.js'

const linesPerItem = 256
const encoder = new TextEncoder()

export class LogStream {
  readonly sink: Sink<Uint8Array>
  readonly #log: LogBuffer
  readonly #options: LogOptions
  #next: number
  #bytesLeft: number

  constructor(sink: Sink<Uint8Array>, log: LogBuffer, options: LogOptions, nowMs: number) {
    this.sink = sink
    this.#log = log
    this.#options = options
    this.#bytesLeft = options.limitBytes ?? Number.POSITIVE_INFINITY
    const { sinceSeconds, sinceTime, tailLines } = options
    const sinceMs = sinceSeconds !== undefined ? nowMs - sinceSeconds * 1000 : sinceTime === undefined ? undefined : parseTime(sinceTime)
    this.#next = log.start({ ...(tailLines === undefined ? {} : { tailLines }), ...(sinceMs === undefined ? {} : { sinceMs }) })
  }

  /** Sends what the reader takes now. False: it is through, and the stream has ended. `over`: nothing more will be written. */
  pump(over: boolean): boolean {
    while (this.sink.open && this.sink.credit > 0 && this.#bytesLeft > 0) {
      const { lines, next } = this.#log.read(this.#next, linesPerItem)
      if (lines.length === 0) break
      this.#next = next
      const bytes = this.#encode(lines)
      this.#bytesLeft -= bytes.length
      this.sink.push(bytes)
    }
    if (!this.sink.open) return false
    const read = this.#next >= this.#log.end
    if (this.#bytesLeft > 0 && !(read && (over || this.#options.follow !== true))) return true
    this.sink.end()
    return false
  }

  #encode(lines: readonly LogLine[]): Uint8Array {
    let text = ''
    for (const { atMs, text: line, whole } of lines) {
      // Nine digits of a second, as CRI logs have.
      if (this.#options.timestamps === true) text += `${formatMicroTime(atMs).replace('Z', '000Z')} `
      text += whole ? `${line}\n` : line
    }
    const bytes = encoder.encode(text)
    return bytes.length > this.#bytesLeft ? bytes.slice(0, this.#bytesLeft) : bytes
  }
}
