import type { Image } from './program.js'

/** An unknown image, with `--unknown-images simulate`: it does nothing, and ends when told to. */
export const simulated: Image = {
  repositories: [],
  entrypoint: ['(simulated)'],
  cmd: [],
  stopSignal: 'SIGTERM',
  program: {
    begin(process) {
      process.out(`${process.image} is not known here: this container is simulated and does nothing`)
      return { signal: signal => (signal === 'SIGHUP' ? undefined : process.exit(0)) }
    }
  }
}
