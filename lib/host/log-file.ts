// LogFile: lines of JSON, appended. Written in one piece a turn of the event loop; a full disk loses lines, never the process.

import * as fs from 'node:fs'
import * as path from 'node:path'

const waitingLinesMax = 10_000

export class LogFile {
  readonly #file: string | undefined
  #descriptor = -1
  #lines: string[] = []
  #scheduled = false
  #dropped = 0

  constructor(file: string | undefined) {
    this.#file = file
  }

  write(line: string): void {
    if (this.#lines.length >= waitingLinesMax) {
      this.#dropped++
      return
    }
    this.#lines.push(line)
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => this.flush())
  }

  flush(): void {
    if (this.#lines.length === 0) return
    const lines = this.#lines
    this.#lines = []
    this.#scheduled = false
    if (this.#file === undefined) return
    if (this.#dropped > 0) lines.push(`${JSON.stringify({ event: 'log lines dropped', count: this.#dropped })}\n`)
    try {
      if (this.#descriptor < 0) {
        fs.mkdirSync(path.dirname(this.#file), { recursive: true, mode: 0o700 })
        this.#descriptor = fs.openSync(this.#file, 'a', 0o600)
      }
      fs.writeSync(this.#descriptor, lines.join(''))
      this.#dropped = 0
    } catch {
      this.#dropped += lines.length
    }
  }
}
