// Watch: what watches told, put together, and compared with the history: reliable, resumable, bookmarkable, atomic, true, prevKV and
// whether an event created its key. What a stream shows by itself is in watch-stream.ts.

import type { StoreEvent, StoreKeyValue } from '../storage/index.js'
import { describeEvents, describeWatch, timeOf } from './excerpt.js'
import { type Guarantee, guarantees, type Violation, violation } from './guarantee.js'
import { equalBytes, equalEvents, equalKeyValues, equalLists, type WatchedBatch, type WatchRecord } from './history.js'
import { isIn, type Model } from './model.js'
import type { Sight } from './order.js'
import { firstRevision } from './watch-stream.js'

export interface Observed {
  /** Events of each revision that somebody saw who watched everything. */
  readonly events: ReadonlyMap<number, readonly StoreEvent[]>
  readonly sights: readonly Sight[]
  /** Puts of which a watch told that did not see everything, or that it saw no more of than what was there before. */
  readonly hints: readonly StoreKeyValue[]
  readonly violations: readonly Violation[]
}

/** Puts together what was watched on streams that are sound; `isWhole` tells the watches that see every key. */
export function observe(watches: readonly WatchRecord[], isWhole: (watch: WatchRecord) => boolean): Observed {
  const events = new Map<number, readonly StoreEvent[]>()
  const tellers = new Map<number, WatchRecord>()
  const sights: Sight[] = []
  const hints: StoreKeyValue[] = []
  const violations: Violation[] = []
  for (const watch of watches) {
    for (const { atUs, events: batch } of watch.batches) {
      const last = batch.at(-1)?.kv.modRevision
      if (last !== undefined) sights.push({ atUs, revision: last, by: watch })
      for (const { prev } of batch) if (prev !== undefined) hints.push(prev)
      if (!isWhole(watch)) {
        for (const { type, kv } of batch) if (type === 'put') hints.push(kv)
        continue
      }
      for (const [revision, some] of byRevision(batch)) {
        const known = events.get(revision)
        if (known === undefined) {
          events.set(revision, some)
          tellers.set(revision, watch)
        } else if (!equalLists(known, some, equalEvents)) {
          const torn = isPart(known, some) || isPart(some, known)
          violations.push(
            violation(
              torn ? guarantees.watchAtomic : guarantees.agreement,
              `revision ${revision}\n${describeWatch(tellers.get(revision) as WatchRecord)}: ${describeEvents(known)}\n${describeWatch(watch)}: ${describeEvents(some)}`
            )
          )
        }
      }
    }
  }
  return { events, sights, hints, violations }
}

/** Mostly those of one revision, which cost no copy. */
function byRevision(events: readonly StoreEvent[]): readonly (readonly [number, readonly StoreEvent[]])[] {
  const first = events[0]?.kv.modRevision
  if (first === undefined) return []
  if (events.every(({ kv }) => kv.modRevision === first)) return [[first, events]]
  const groups = new Map<number, StoreEvent[]>()
  for (const event of events) {
    const group = groups.get(event.kv.modRevision)
    if (group === undefined) groups.set(event.kv.modRevision, [event])
    else group.push(event)
  }
  return [...groups]
}

/** What is wrong with what a watch saw of a revision. */
export function differenceOf(seen: readonly StoreEvent[], right: readonly StoreEvent[]): Guarantee | undefined {
  if (equalLists(seen, right, equalEvents)) return undefined
  if (isPart(seen, right)) return guarantees.watchAtomic
  const isAsIs = (a: StoreEvent, b: StoreEvent): boolean => a.type === b.type && a.kv.key === b.kv.key && equalBytes(a.kv.value, b.kv.value)
  return equalLists(seen, right, isAsIs) ? guarantees.watchCreated : guarantees.watchTrue
}

/** Some of the whole, but not all of it. */
const isPart = (some: readonly StoreEvent[], whole: readonly StoreEvent[]): boolean =>
  some.length > 0 && some.length < whole.length && some.every(one => whole.some(other => equalEvents(one, other)))

export interface WatchQuestion {
  /** The history up to `revisionLast`. */
  readonly model: Model
  readonly revisionLast: number
  /** No revision from there on was compacted. */
  readonly compactedMax: number
}

export function checkWatches(watches: readonly WatchRecord[], question: WatchQuestion): Violation[] {
  const wrong: Violation[] = []
  for (const watch of watches) {
    const found = checkWatch(watch, question)
    if (found !== undefined) wrong.push(found)
  }
  return wrong
}

type Say = (guarantee: Guarantee, what: string) => Violation

function checkWatch(watch: WatchRecord, question: WatchQuestion): Violation | undefined {
  const { revisionLast, compactedMax } = question
  const { request, batches, ended } = watch
  const say: Say = (guarantee, what) => violation(guarantee, `${describeWatch(watch)}\n${what}`)
  const first = firstRevision(watch)
  let next = first ?? revisionLast + 1
  for (const batch of batches) {
    const wrong = compare(watch, batch, next, question, say)
    if (wrong !== undefined) return wrong
    if (batch.revision > revisionLast) return say(guarantees.noInvention, `a batch up to revision ${batch.revision}, of ${revisionLast}`)
    next = Math.max(next, batch.revision + 1)
  }
  const known = request.startRevision > 0 || first !== undefined
  if (known && ended !== undefined && ended !== 'closed' && ended.code === 'compacted' && next >= compactedMax)
    return say(guarantees.compactedOnlyIfAsked, `ended as compacted with revision ${next} to come; compacted was less than ${compactedMax}`)
  return undefined
}

/** What a batch must hold, and nothing else. */
function compare(watch: WatchRecord, batch: WatchedBatch, next: number, question: WatchQuestion, say: Say): Violation | undefined {
  const { events, revision, atUs } = batch
  const { model, compactedMax } = question
  const groups = byRevision(events)
  const found = groups.length > 1 ? new Map(groups) : undefined
  const [only] = groups
  const wanted = (event: StoreEvent): boolean => isWanted(watch.request, event)
  for (let at = next; at <= Math.min(revision, model.revision); at++) {
    const all = model.events(at)
    const right = all.every(wanted) ? all : all.filter(wanted)
    const seen = (found === undefined ? (only?.[0] === at ? only[1] : undefined) : found.get(at)) ?? []
    const difference = differenceOf(seen, right)
    if (difference !== undefined) {
      const what = `of revision ${at}, at ${timeOf(atUs)}: ${describeEvents(seen)}\nwhere the history has: ${describeEvents(right)}`
      return say(seen.length === 0 ? missingOf(watch, at) : difference, what)
    }
    if (watch.request.prevKv !== true) continue
    for (const [place, event] of seen.entries()) {
      const prev = right[place]?.prev
      if (fits(event.prev, prev, at, compactedMax)) continue
      const told = `of revision ${at}, at ${timeOf(atUs)}: ${describeEvents([event])}\ncame with what was there before: ${describePrev(event.prev)}`
      return say(guarantees.watchPrev, `${told}\nwhere the history has: ${describePrev(prev)}`)
    }
  }
  return undefined
}

const isWanted = (request: WatchRecord['request'], { type, kv }: StoreEvent): boolean =>
  isIn(request, kv.key) && (type === 'put' ? request.noPut : request.noDelete) !== true

const describePrev = (kv: StoreKeyValue | undefined): string => describeEvents(kv === undefined ? [] : [{ type: 'put', kv }])

/** All of a revision was left out: which promise that breaks depends on what else the stream was sent. */
export function missingOf({ batches, request }: WatchRecord, revision: number): Guarantee {
  const has = (holds: (modRevision: number) => boolean): boolean =>
    batches.some(({ events }) => events.some(({ kv }) => holds(kv.modRevision)))
  // Nothing came after it: only the revision that was told says that it was sent.
  if (!has(sent => sent > revision)) return guarantees.watchBookmarkable
  return request.startRevision > 0 && !has(sent => sent < revision) ? guarantees.watchResumable : guarantees.watchReliable
}

/** What was compacted need not be told: at the revision before the event, or any before it. */
function fits(told: StoreKeyValue | undefined, right: StoreKeyValue | undefined, revision: number, compactedMax: number): boolean {
  if (told === undefined) return right === undefined || revision <= compactedMax
  return right !== undefined && equalKeyValues(told, right)
}
