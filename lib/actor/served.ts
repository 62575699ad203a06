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
  /** Another whose number is the same, see Served. */
  next: Service | undefined
}

/** Names a request: who asked, in which life, under which number. */
export interface RequestName {
  readonly from: string
  readonly life: number
  readonly id: number
}

/** By a number, since a text of all three would cost more than the rest of a request; the few that share one are linked. */
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
    let service = this.#services.get(numberOf(request))
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
    const number = numberOf(service.request)
    service.next = this.#services.get(number)
    this.#services.set(number, service)
    this.#size++
  }

  take(request: RequestName): Service | undefined {
    if (this.#size === 0) return undefined
    const number = numberOf(request)
    let before: Service | undefined
    let service = this.#services.get(number)
    while (service !== undefined && !isOf(service, request)) {
      before = service
      service = service.next
    }
    if (service === undefined) return undefined
    if (before !== undefined) before.next = service.next
    else if (service.next !== undefined) this.#services.set(number, service.next)
    else this.#services.delete(number)
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

/** Of 32 bits: lives ascend, and so do the numbers of requests of each; spread out, few meet. */
const numberOf = ({ life, id }: RequestName): number => Math.imul(life, 0x9e3779b1) ^ id

const isOf = ({ request }: Service, { from, life, id }: RequestName): boolean =>
  request.id === id && request.life === life && request.from === from
