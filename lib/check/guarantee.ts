// Guarantee: what the store promises, each as one value whose text is the promise. A violation names one and shows
// the smallest part of the history that contradicts it.

export const guarantees = {
  realTime: 'an answer is at least as new as every answer given before it was asked',
  uniqueRevision: 'every write has a revision of its own',
  values: 'an answer is what the writes up to its revision, in their order, give',
  atMostOnce: 'a write takes effect at most once',
  refusedIsNothing: 'what is refused definitely takes no effect, ever',
  noInvention: 'whatever is seen was written by somebody',
  noLostWrite: 'an acknowledged write is never lost or changed',
  compactedOnlyIfAsked: 'only revisions below a compaction that was asked for are refused as compacted',
  future: 'a revision that was acknowledged is never refused as being in the future',
  watchOrdered: 'a watch sees revisions in their order',
  watchUnique: 'a watch sees an event once',
  watchAtomic: 'a watch sees all events of a revision together',
  watchReliable: 'a watch sees every event of its range from its first revision on',
  watchTrue: 'a watch sees only what happened',
  watchPrev: 'a watch that asks for it sees what was there before, unless it was compacted',
  watchCaughtUp: 'a watch that is open while nothing fails catches up',
  agreement: 'members tell the same history',
  equalStates: 'members that caught up hold equal states',
  oneLeader: 'a term has at most one leader',
  noDamage: 'a log is found damaged only where its disk decayed',
  noFailure: 'no member fails by a fault of its own',
  majority: 'once a majority has healed, its members take writes again within the bound, whatever the others do',
  recovery: 'once all faults have ended, every member takes writes again within the bound'
} as const

export type Guarantee = (typeof guarantees)[keyof typeof guarantees]

export interface Violation {
  readonly guarantee: Guarantee
  readonly excerpt: string
}

export const violation = (guarantee: Guarantee, excerpt: string): Violation => ({ guarantee, excerpt })

/** Of one guarantee the first few say it all. */
export const violationsMax = 20
