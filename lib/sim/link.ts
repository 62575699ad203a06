// Link: the way from one thread to another, by name, so that it outlives both. Lane: the way from one machine to
// another, which the links between their threads share, and where faults of the network are.
//
// Guarantee of a link: first in, first out, unless its lane reorders. Within a machine nothing is lost. Between
// machines user messages and what answers them may be lost, doubled and cut off; supervision (`stop`, `monitor`,
// `demonitor`, `down`, the start and the loss of threads) is sent again until it arrives: it waits for a cut to heal.

import type { Envelope } from '../actor/index.js'
import type { SimThread } from './thread.js'

export interface Link {
  readonly from: SimThread
  readonly to: SimThread
  readonly lane: Lane | undefined // None within a machine.
  lastUs: number // When the last one sent arrives.
  inFlight: number // User messages not yet taken by the thread they go to.
}

export const linkMax = 16384 // User messages in flight on a link; over it they are refused.

/** What waits for a cut to heal; `expire` is called if that takes longer than the detection of a death does. */
export interface Held {
  readonly link: Link
  readonly call: () => void // Makes it arrive.
  readonly expired: (() => boolean) | undefined // True: it no longer needs to arrive.
  done: boolean
}

export class Lane {
  readonly from: string
  readonly to: string
  readonly exempt: boolean // Carries supervisors: nothing happens to it.
  readonly baseUs: number
  readonly held: Held[] = []
  cut = false
  slow = 1 // Times the delay.
  loss = 0 // Of 1.
  duplicate = 0
  reorder = 0

  constructor(from: string, to: string, baseUs: number, exempt: boolean) {
    this.from = from
    this.to = to
    this.baseUs = baseUs
    this.exempt = exempt
  }

  mend(): void {
    this.cut = false
    this.slow = 1
    this.loss = 0
    this.duplicate = 0
    this.reorder = 0
  }
}

/** Kinds that a lossy network sends again until they arrive. */
export function isSupervision(envelope: Envelope): boolean {
  switch (envelope.kind) {
    case 'stop':
    case 'monitor':
    case 'demonitor':
    case 'down':
      return true
    default:
      return false
  }
}

/** Kinds that begin something: only these are refused when a link is full, since the rest is bounded by them. */
export function isUserMessage(envelope: Envelope): boolean {
  return envelope.kind === 'tell' || envelope.kind === 'ask' || envelope.kind === 'open'
}
