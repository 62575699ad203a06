// StatusWriter: brings a pod's status to the API: one write at a time, only what changed, until it is there.
//
// Level-triggered: it asks for the status when it writes, so that states in between cost nothing.

import { type Flow, type Running, sleep } from '../actor/index.js'
import { resources } from '../client/index.js'
import type { Pod, PodStatus } from '../kinds/index.js'
import type { PodHost } from './pod-host.js'
import { statusPatch } from './status-patch.js'

const retryMs = 1_000 // Real: the API may be away.

export class StatusWriter {
  readonly #host: PodHost
  readonly #status: () => PodStatus | undefined
  #pod: Pod
  #running: Running | undefined
  #gone = false
  writes = 0

  /** `status`: what it should be now; undefined: leave it as it is. */
  constructor(host: PodHost, pod: Pod, status: () => PodStatus | undefined) {
    this.#host = host
    this.#pod = pod
    this.#status = status
  }

  /** The newest state of the object: what the API answered, or what was watched. */
  get pod(): Pod {
    return this.#pod
  }

  saw(pod: Pod): void {
    const known = Number(this.#pod.metadata.resourceVersion ?? 0)
    if (Number(pod.metadata.resourceVersion ?? 0) >= known) this.#pod = pod
  }

  get idle(): boolean {
    return this.#running === undefined || this.#running.done
  }

  /** The status may have changed. */
  changed(): void {
    if (this.idle && !this.#gone) this.#running = this.#host.ctx.run(this.#write())
  }

  stop(): void {
    this.#gone = true
    this.#running?.cancel()
  }

  *#write(): Flow<void> {
    for (;;) {
      const patch = this.#patch()
      if (patch === undefined) return
      const { namespace, name } = this.#pod.metadata
      const result = yield* this.#host.client.patch(resources.pods, { namespace, name }, patch, {
        type: 'strategic',
        subresource: 'status'
      })
      this.writes++
      if (result.ok) {
        this.saw(result.value)
        continue
      }
      const { reason, code, message } = result.error
      // The pod is gone, or another of its name has taken its place.
      if (reason === 'NotFound' || reason === 'Conflict') return
      if (!result.error.retryable) {
        this.#host.ctx.log('status refused', { pod: `${namespace}/${name}`, code, message })
        return
      }
      yield* sleep('real', retryMs)
    }
  }

  #patch(): object | undefined {
    if (this.#gone) return undefined
    const next = this.#status()
    const changes = next && statusPatch(this.#pod.status ?? {}, next)
    return changes && { metadata: { uid: this.#pod.metadata.uid }, status: changes }
  }
}
