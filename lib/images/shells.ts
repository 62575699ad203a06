// Shells: images that are a shell and its commands. They run in the shell port: nothing runs on the host.

import type { Image, Program } from './program.js'

/** Everything it is given is a command of the shell. */
export const shellProgram: Program = {
  begin(process) {
    process.shell(process.argv)
    return {}
  }
}

const shell = (repositories: readonly string[], cmd: readonly string[], entrypoint: readonly string[] = []): Image => ({
  repositories,
  entrypoint,
  cmd,
  stopSignal: 'SIGTERM',
  env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' },
  program: shellProgram
})

export const busybox = shell(
  ['docker.io/library/busybox', 'registry.k8s.io/e2e-test-images/busybox', 'gcr.io/k8s-staging-e2e-test-images/busybox'],
  ['sh']
)
export const alpine = shell(['docker.io/library/alpine'], ['/bin/sh'])
export const bash = shell(['docker.io/library/bash'], ['bash'])
export const debian = shell(['docker.io/library/debian', 'docker.io/library/ubuntu'], ['bash'])
export const curl = shell(['docker.io/curlimages/curl'], [], ['curl'])
