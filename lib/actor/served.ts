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
  /** Of another with the same number. */
  next: Service | undefined
}

/** Names a request: who asked, in which life, under which number. */
export interface RequestName {
  readonly from: string
  readonly life: number
  readonly id: number
}

/** By number, since a text of all three for each would cost more than the rest; the few that share a number are linked. */
export class Served {
  readonly #services = new Map<number, Service>()
  #size = 0

  get size(): number {
    return this.#size
  }

  has(request: RequestName): boolean {
    return this.get(request) !== undefined
  }

  get(request: RequestName): Service | undefined {
    if (this.#size === 0) return undefined
    let service = this.#services.get(request.id)
    while (service !== undefined && !isOf(service, request)) service = service.next
    return service
  }

  add(request: Envelope): Service {
    const service: Service = { request, run: undefined, sink: undefined, deadline: undefined, next: undefined }
    this.put(service)
    return service
  }

  /** Also takes back one that was taken. */
  put(service: Service): void {
    this.take(service.request)
    const { id } = service.request
    service.next = this.#services.get(id)
    this.#services.set(id, service)
    this.#size++
  }

  take(request: RequestName): Service | undefined {
    if (this.#size === 0) return undefined
    let before: Service | undefined
    let service = this.#services.get(request.id)
    while (service !== undefined && !isOf(service, request)) {
      before = service
      service = service.next
    }
    if (service === undefined) return undefined
    if (before !== undefined) before.next = service.next
    else if (service.next !== undefined) this.#services.set(request.id, service.next)
    else this.#services.delete(request.id)
    service.next = undefined
    this.#size--
    return service
  }

  /** In no order. */
  all(): Service[] {
    const all: Service[] = []
    for (const first of this.#services.values())
      for (let service: Service | undefined = first; service !== undefined; service = service.next) all.push(service)
    return all
  }
}

const isOf = ({ request }: Service, { life, from }: RequestName): boolean => request.life === life && request.from === from
