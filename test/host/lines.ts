// Lines: what the actors of a runtime logged, read from the log files of its threads as they grow.

import * as fs from 'node:fs'
import * as path from 'node:path'
import type { Line } from '../actor/harness.js'

export class Lines {
  readonly #directory: string
  readonly #files = new Map<string, { descriptor: number; position: number; rest: string }>()
  readonly #lines: Line[] = []
  readonly #buffer = Buffer.alloc(1 << 16)

  constructor(dataDir: string) {
    this.#directory = path.join(dataDir, 'logs')
  }

  read(): readonly Line[] {
    if (!fs.existsSync(this.#directory)) return this.#lines
    for (const name of fs.readdirSync(this.#directory, { recursive: true }) as string[]) if (name.endsWith('.log')) this.#readFile(name)
    return this.#lines
  }

  close(): void {
    for (const { descriptor } of this.#files.values()) fs.closeSync(descriptor)
    this.#files.clear()
  }

  #readFile(name: string): void {
    let file = this.#files.get(name)
    if (file === undefined) {
      file = { descriptor: fs.openSync(path.join(this.#directory, name), 'r'), position: 0, rest: '' }
      this.#files.set(name, file)
    }
    for (;;) {
      const count = fs.readSync(file.descriptor, this.#buffer, 0, this.#buffer.length, file.position)
      if (count === 0) return
      file.position += count
      const texts = (file.rest + this.#buffer.toString('latin1', 0, count)).split('\n')
      file.rest = texts.pop() as string
      for (const text of texts) {
        const { actor, event, fields } = JSON.parse(Buffer.from(text, 'latin1').toString())
        this.#lines.push({ address: actor, event, fields: fields ?? {} })
      }
    }
  }
}
