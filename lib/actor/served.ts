// Served: the requests a life has begun to handle and not yet closed: deferred answers, flows, streams.
//
// Immediate answers never enter it, so that the common case costs nothing.

import type { Envelope } from './envelope.js'
import type { SinkState } from './stream.js'
import type { Run, Wait } from './waits.js'

export interface Service {
  readonly request: Envelope
  run: Run | undefined
  sink: SinkState | undefined
  deadline: Wait | undefined
}

/** Names a request: who asked, in which life, under which number. */
export interface RequestName {
  readonly from: string
  readonly life: number
  readonly id: number
}

const keyOf = ({ from, life, id }: RequestName): string => `${id} ${life} ${from}`

export class Served {
  readonly #services = new Map<string, Service>()

  get size(): number {
    return this.#services.size
  }

  has(request: RequestName): boolean {
    return this.#services.size > 0 && this.#services.has(keyOf(request))
  }

  get(request: RequestName): Service | undefined {
    return this.#services.size === 0 ? undefined : this.#services.get(keyOf(request))
  }

  add(request: Envelope): Service {
    const service: Service = { request, run: undefined, sink: undefined, deadline: undefined }
    this.#services.set(keyOf(request), service)
    return service
  }

  /** Takes back one that was taken. */
  put(service: Service): void {
    this.#services.set(keyOf(service.request), service)
  }

  take(request: RequestName): Service | undefined {
    if (this.#services.size === 0) return undefined
    const key = keyOf(request)
    const service = this.#services.get(key)
    if (service !== undefined) this.#services.delete(key)
    return service
  }

  all(): Service[] {
    return this.#services.size === 0 ? [] : [...this.#services.values()]
  }
}
