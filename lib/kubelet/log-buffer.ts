// LogBuffer: what a container wrote, line by line, with the time and the stream: a bounded ring. Pure.
//
// Guarantee: lines keep their order; beyond `logBytesMax` the oldest go first. A line without its newline is held back, and cut
// at `lineBytesMax`, as CRI runtimes do; `finish` closes it.

export interface LogLine {
  readonly atMs: number // The cluster's clock.
  readonly stream: 'stdout' | 'stderr'
  readonly text: string // Without its newline.
  readonly whole: boolean // False: cut; the rest follows.
}

export interface LogQuery {
  readonly tailLines?: number
  readonly sinceMs?: number // Lines from then on, by the cluster's clock.
}

export const logBytesMax = 1 << 20
export const lineBytesMax = 16 << 10

const decoder = new TextDecoder()
const overheadBytes = 48 // Of keeping a line.

export class LogBuffer {
  #lines: LogLine[] = []
  #first = 0 // Index in `#lines` of the oldest line kept.
  #bytes = 0
  #dropped = 0 // Lines gone from the front, ever.
  readonly #partial = { stdout: '', stderr: '' }

  /** The number of the line to come: readers remember it. */
  get end(): number {
    return this.#dropped + this.#lines.length - this.#first
  }

  append(stream: 'stdout' | 'stderr', text: string | Uint8Array, atMs: number): void {
    const added = typeof text === 'string' ? text : decoder.decode(text)
    const parts = (this.#partial[stream] + added).split('\n')
    let rest = parts.pop() as string
    for (const part of parts) this.#pushCut(stream, part, atMs, true)
    while (rest.length >= lineBytesMax) {
      this.#push({ atMs, stream, text: rest.slice(0, lineBytesMax), whole: false })
      rest = rest.slice(lineBytesMax)
    }
    this.#partial[stream] = rest
  }

  /** The container is over: what it wrote last need not end in a newline. */
  finish(atMs: number): void {
    for (const stream of ['stdout', 'stderr'] as const) {
      if (this.#partial[stream] !== '') this.#push({ atMs, stream, text: this.#partial[stream], whole: false })
      this.#partial[stream] = ''
    }
  }

  /** The number of the first line that answers the query. */
  start({ tailLines, sinceMs }: LogQuery): number {
    let at = tailLines === undefined ? this.#dropped : Math.max(this.#dropped, this.end - tailLines)
    if (sinceMs === undefined) return at
    while (at < this.end && (this.#line(at) as LogLine).atMs < sinceMs) at++
    return at
  }

  /** At most `max` lines from that number on; those already gone are skipped. */
  read(from: number, max: number): { readonly lines: readonly LogLine[]; readonly next: number } {
    const at = Math.max(from, this.#dropped)
    const index = this.#first + at - this.#dropped
    const lines = this.#lines.slice(index, index + max)
    return { lines, next: at + lines.length }
  }

  #line(number: number): LogLine | undefined {
    return this.#lines[this.#first + number - this.#dropped]
  }

  #pushCut(stream: 'stdout' | 'stderr', text: string, atMs: number, whole: boolean): void {
    let rest = text
    while (rest.length > lineBytesMax) {
      this.#push({ atMs, stream, text: rest.slice(0, lineBytesMax), whole: false })
      rest = rest.slice(lineBytesMax)
    }
    this.#push({ atMs, stream, text: rest, whole })
  }

  #push(line: LogLine): void {
    this.#lines.push(line)
    this.#bytes += line.text.length + overheadBytes
    while (this.#bytes > logBytesMax) {
      this.#bytes -= (this.#lines[this.#first] as LogLine).text.length + overheadBytes
      this.#first++
      this.#dropped++
    }
    if (this.#first > 1024 && this.#first * 2 > this.#lines.length) {
      this.#lines = this.#lines.slice(this.#first)
      this.#first = 0
    }
  }
}
