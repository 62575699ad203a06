// Termination: how long a container may take to end, the hooks around its life, and the end of a pod's object.

import { type Flow, sleep } from '../actor/index.js'
import { resources } from '../client/index.js'
import type { Container, Handler, Pod } from '../kinds/index.js'
import type { Stop } from './plan.js'
import { type PodHost, subjectOf } from './pod-host.js'
import { probeOf } from './probe.js'
import { type HandlerTarget, runHandler } from './prober.js'

const graceSecondsDefault = 30
const writtenMs = 10 // Real: between looks at whether the last status is written.
const retryMs = 1_000 // Real.

export function graceMs({ metadata, spec }: Pod, container: Container, why: Stop['why']): number {
  const probe = why === 'pod' ? undefined : probeOf(container, why)
  const own = spec.terminationGracePeriodSeconds ?? graceSecondsDefault
  const seconds = why === 'pod' ? (metadata.deletionGracePeriodSeconds ?? own) : (probe?.terminationGracePeriodSeconds ?? own)
  // Upstream: a pod whose object is gone, or was deleted by force, still gets a second.
  return Math.max(seconds, 1) * 1000
}

/** Runs a hook; a failure is told as an event. */
export function* runHook(
  host: PodHost,
  target: HandlerTarget & { readonly init: boolean },
  name: 'PostStart' | 'PreStop',
  hook: Handler,
  timeoutMs: number
): Flow<boolean> {
  const { ok, output } = yield* runHandler(host, target, hook, timeoutMs)
  if (!ok) host.recorder.event(subjectOf(target), 'Warning', `Failed${name}Hook`, `${name}Hook failed: ${output}`)
  return ok
}

/** Removes a pod's object for good, once its last status is written. */
export function* removePod(host: PodHost, pod: Pod, written: () => boolean, gone: () => boolean): Flow<void> {
  for (;;) {
    while (!written()) yield* sleep('real', writtenMs)
    const { namespace, name, uid } = pod.metadata
    const deletion = { gracePeriodSeconds: 0, ...(uid === undefined ? {} : { preconditions: { uid } }) }
    const result = yield* host.client.delete(resources.pods, { namespace, name }, deletion)
    if (gone() || result.ok || !result.error.retryable) return
    yield* sleep('real', retryMs)
  }
}
