// Timeline: virtual time and what is to happen in it. Integer microseconds; what falls due at one instant
// happens in the order it was planned.

import type { Envelope } from '../actor/index.js'
import { type ChainMember, Heap, type HeapMember } from '../std/index.js'
import type { Link } from './link.js'

/** An envelope that arrives over a link, or a call. One shape, since there is one for every message. */
export class Event implements HeapMember, ChainMember<Event> {
  heapIndex = -1
  next: Event | undefined // In the inbox where it has arrived.
  atUs = 0
  order = 0
  readonly link: Link | undefined
  readonly envelope: Envelope | undefined
  readonly call: (() => void) | undefined

  constructor(link: Link | undefined, envelope: Envelope | undefined, call: (() => void) | undefined) {
    this.link = link
    this.envelope = envelope
    this.call = call
  }
}

const earlier = (a: Event, b: Event): boolean => a.atUs < b.atUs || (a.atUs === b.atUs && a.order < b.order)

export class Timeline {
  nowUs = 0
  happened = 0 // Events so far.
  #order = 0
  readonly #heap = new Heap<Event>(earlier)

  /** When something happens next; Infinity when nothing ever does. */
  get nextUs(): number {
    return this.#heap.peek()?.atUs ?? Number.POSITIVE_INFINITY
  }

  get size(): number {
    return this.#heap.size
  }

  plan(event: Event, atUs: number): Event {
    event.atUs = Math.max(atUs, this.nowUs)
    event.order = ++this.#order
    if (event.heapIndex >= 0) this.#heap.moved(event)
    else this.#heap.push(event)
    return event
  }

  call(atUs: number, call: () => void): Event {
    return this.plan(new Event(undefined, undefined, call), atUs)
  }

  remove(event: Event): void {
    this.#heap.remove(event)
  }

  /** The next event, and moves time to it. */
  next(): Event {
    const event = this.#heap.pop() as Event
    this.nowUs = event.atUs
    this.happened++
    return event
  }
}
