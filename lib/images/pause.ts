import type { Image } from './program.js'

/** Waits to be told to end: what holds a pod's place. */
export const pause: Image = {
  repositories: ['registry.k8s.io/pause', 'k8s.gcr.io/pause', 'gcr.io/google_containers/pause', 'docker.io/library/pause'],
  entrypoint: ['/pause'],
  cmd: [],
  stopSignal: 'SIGTERM',
  program: {
    begin: process => ({
      signal(signal) {
        if (signal === 'SIGTERM' || signal === 'SIGINT') process.exit(0)
      }
    })
  }
}
