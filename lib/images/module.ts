import type { Image } from './program.js'

/** An image that is a user's own JS module. */
export interface ModuleImage {
  readonly name: string // As pods name it; its tag, if it has one, is part of it.
  readonly url: string // What `import()` takes.
}

/** `import(url)` in a thread of its own: trusted code. lib/ports/module.ts says what the module exports. */
export const moduleImage = ({ name, url }: ModuleImage): Image => ({
  repositories: [name],
  entrypoint: [url],
  cmd: [],
  stopSignal: 'SIGTERM',
  program: {
    begin(process) {
      process.module(url)
      return {}
    }
  }
})
