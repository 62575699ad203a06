// Auth places: where in the order of changes of users and roles an operation may have taken effect: not before what was told before it
// was asked, not after what was asked once it had returned, and by the store's revision beside changes that tell theirs.

import type { AuthOperation } from './auth-history.js'
import { type AuthNode, type AuthOrder, type AuthPlace, isAlwaysEffective, type KnownOperation, placeOf } from './auth-order.js'

export interface AuthBounds {
  readonly low: AuthPlace
  /** Infinity: whatever is still in doubt may have happened. */
  readonly high: AuthPlace
}

interface Placed {
  readonly us: number
  readonly place: AuthPlace
  readonly by: KnownOperation
}

export class AuthPlaces {
  readonly #order: AuthOrder
  readonly #returned: readonly Placed[] // By when; each with the highest place up to it.
  readonly #invoked: readonly Placed[] // By when; each with the lowest place from it on.

  constructor(order: AuthOrder) {
    this.#order = order
    const placed = (usOf: (one: KnownOperation) => number, to: (one: KnownOperation) => AuthPlace): Placed[] =>
      order.known.map(by => ({ us: usOf(by), place: to(by), by })).sort((a, b) => a.us - b.us)
    this.#returned = highest(placed(one => one.returnedUs, placeOf))
    this.#invoked = highest(placed(one => one.invokedUs, lastBefore).reverse(), -1).reverse()
  }

  /** The last answer about users and roles before that, at the highest place. */
  toldBefore({ invokedUs }: AuthOperation): KnownOperation | undefined {
    return this.#lastBefore(invokedUs)?.by
  }

  boundsOf(operation: AuthOperation): AuthBounds {
    const low = operation.kind === 'staleRead' ? 0 : (this.#lastBefore(operation.invokedUs)?.place ?? 0)
    const high = firstFrom(this.#invoked, operation.returnedUs)?.place ?? Number.POSITIVE_INFINITY
    return this.#withRevision(operation, { low, high })
  }

  /** The states in which it may have taken effect, the newest first; undefined: they are too many to know. */
  statesOf({ low, high }: AuthBounds): (readonly [AuthPlace, AuthNode])[] | undefined {
    if (high > this.#order.last && this.#order.isOpen) return undefined
    const states: (readonly [AuthPlace, AuthNode])[] = []
    for (const [place, nodes] of this.#order.layers) if (place >= low && place <= high) for (const node of nodes) states.push([place, node])
    return states.reverse()
  }

  #lastBefore(us: number): Placed | undefined {
    return this.#returned[firstAt(this.#returned, us) - 1]
  }

  /** A change that saw the revision of a write came after it; one that did not, before. Reads leave open what was at their own revision. */
  #withRevision(operation: AuthOperation, bounds: AuthBounds): AuthBounds {
    if (operation.kind === 'change' || operation.kind === 'query' || operation.kind === 'login') return bounds
    if (operation.outcome?.ok !== true) return bounds
    const { revision, wrote } = operation.outcome.value
    let { low, high } = bounds
    for (const one of this.#order.known) {
      const own = one.outcome.value.revision
      const place = placeOf(one)
      if (own < revision) low = Math.max(low, place)
      else if (own > revision || wrote) high = Math.min(high, lastBefore(one))
    }
    return { low, high }
  }
}

/** Where something is at most that came before it. */
const lastBefore = (one: KnownOperation): AuthPlace => placeOf(one) - (one.kind === 'change' && isAlwaysEffective(one) ? 1 : 0)

/** Each with the place that nothing up to it exceeds. */
function highest(placed: readonly Placed[], sign: 1 | -1 = 1): Placed[] {
  let best: Placed | undefined
  return placed.map(one => {
    if (best === undefined || one.place * sign > best.place * sign) best = one
    return { us: one.us, place: best.place, by: best.by }
  })
}

/** Of those in order of time, the number of those before that. */
function firstAt(placed: readonly Placed[], us: number): number {
  let low = 0
  let high = placed.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((placed[middle] as Placed).us < us) low = middle + 1
    else high = middle
  }
  return low
}

/** The first that was asked after that. */
function firstFrom(placed: readonly Placed[], us: number): Placed | undefined {
  return us === Number.POSITIVE_INFINITY ? undefined : placed[firstAt(placed, us + 0.5)]
}
