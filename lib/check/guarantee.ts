// Guarantee: what the store promises, each as one value whose text is the promise. A violation names one and shows
// the smallest part of the history that contradicts it.

import { authGuarantees } from './auth-guarantee.js'
import { leaseGuarantees } from './lease-guarantee.js'

export const guarantees = {
  ...leaseGuarantees,
  ...authGuarantees,
  linearizable: 'every operation takes effect at one instant between its invocation and its return',
  realTime: 'an answer is at least as new as every answer given before it was asked',
  uniqueRevision: 'every write has a revision of its own',
  values: 'an answer is what the writes up to its revision, in their order, give',
  atMostOnce: 'a write takes effect at most once',
  refusedIsNothing: 'what is refused definitely takes no effect, ever',
  noInvention: 'whatever is seen was written by somebody',
  noLostWrite: 'an acknowledged write is never lost or changed',
  compactedOnlyIfAsked: 'only revisions below a compaction that was asked for are refused as compacted',
  future: 'a revision that was acknowledged is never refused as being in the future',
  serializableForward: 'serializable reads of one client at one member never go back',
  watchOrdered: 'ordered: a watch sees revisions in their order',
  watchUnique: 'unique: a watch sees an event once',
  watchAtomic: 'atomic: a watch sees all events of a revision together',
  watchReliable: 'reliable: a watch that sees an event has seen every event of its range between it and the one before',
  watchResumable: 'resumable: a watch from a revision on sees every event of its range from there on, and nothing before it',
  watchBookmarkable: 'bookmarkable: once a watch tells a revision, everything up to it has been sent',
  watchFiltered: 'filtered: a watch sees nothing outside its range',
  watchTrue: 'true: a watch sees only what happened, as it happened',
  watchPrev: 'prevKV: a watch that asks for it sees what was there before, unless it was compacted',
  watchCreated:
    'created or modified: createRevision and version of a watched event tell whether it created its key, and which write of it it is',
  watchCaughtUp: 'a watch that is open while nothing fails catches up',
  agreement: 'members tell the same history',
  equalStates: 'members that caught up hold equal states',
  logMatching: 'log matching: entries of one index and term are the same in every log, and so is all before them',
  leaderCompleteness: 'leader completeness: what was committed in a term is in the log of every later leader',
  committedSame: 'state machine safety: what is committed at an index is the same at every member',
  oneLeader: 'a term has at most one leader',
  removedStops: 'a member that was removed hears of it, stops, and leads no more',
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
