// Progress: what a long command says of itself on stderr: one line written over where somebody looks, and a line now and then elsewhere.

const everyMs = 10_000

export class Progress {
  #toldMs = performance.now()

  /** Shown at once on a terminal; else at most every 10 s. */
  tell(text: string): void {
    if (process.stderr.isTTY) {
      process.stderr.write(`\r\x1b[K${text}`)
      return
    }
    if (performance.now() - this.#toldMs < everyMs) return
    this.#toldMs = performance.now()
    process.stderr.write(`${text}\n`)
  }

  end(): void {
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')
  }
}
