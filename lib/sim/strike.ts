// Strike: one blow of a run: what was broken, when, and for how long. Strikes are numbered as they fall due, and a run can be
// told to inflict only some of them, by number: that is how a failing run is made smaller.
//
// Guarantee: number, time, kind and length of a strike are the seed's alone; leaving one out changes none of the others. Its target
// is chosen so that it is the same in both runs, if it is there in both.

import { forkSeed, type Random } from '../std/index.js'
import type { Fault } from './fault.js'

export interface Strike {
  readonly number: number
  readonly atMs: number
  readonly kind: string
  readonly faults: readonly Fault[]
  /** After this its end is inflicted; Infinity: it has none. */
  readonly lastsMs: number
}

export class StrikeLog {
  readonly inflicted: Strike[] = []
  readonly #only: ReadonlySet<number> | undefined
  #last = 0

  /** `only`: the numbers of those that are inflicted; default all. */
  constructor(only?: readonly number[]) {
    this.#only = only === undefined ? undefined : new Set(only)
  }

  /** Numbers the strike that falls due. */
  next(): number {
    return ++this.#last
  }

  isChosen(number: number): boolean {
    return this.#only?.has(number) ?? true
  }

  add(strike: Strike): void {
    this.inflicted.push(strike)
  }
}

/** One of these names, by a chance that each name has for itself: others that come or go change the choice only if they win it. */
export function chosen(random: Random, names: readonly string[]): string | undefined {
  const salt = forkSeed(random)
  let best: string | undefined
  let most = -1
  for (const name of names) {
    const score = scoreOf(salt, name)
    if (score <= most) continue
    best = name
    most = score
  }
  return best
}

/** FNV-1a, and MurmurHash3's finish, without which names that differ in their last letter would score alike. */
function scoreOf(salt: number, name: string): number {
  let hash = salt ^ 0x811c9dc5
  for (let at = 0; at < name.length; at++) hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
