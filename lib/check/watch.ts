// Watch: etcd's guarantees for watches, checked against the history: ordered, unique, reliable, atomic, resumable, bookmarkable.

import type { StoreEvent, StoreKeyValue } from '../storage/index.js'
import { describeEvents, describeWatch, timeOf } from './excerpt.js'
import { type Guarantee, guarantees, type Violation, violation } from './guarantee.js'
import { equalEvents, equalKeyValues, equalLists, type WatchedBatch, type WatchRecord } from './history.js'
import { isIn, type Model } from './model.js'
import type { Sight } from './order.js'

export interface Observed {
  /** Events of each revision that somebody saw who watched everything. */
  readonly events: ReadonlyMap<number, readonly StoreEvent[]>
  readonly sights: readonly Sight[]
  readonly violations: readonly Violation[]
}

/** Puts together what was watched; `isWhole` tells the watches that see every key. */
export function observe(watches: readonly WatchRecord[], isWhole: (watch: WatchRecord) => boolean): Observed {
  const events = new Map<number, readonly StoreEvent[]>()
  const tellers = new Map<number, WatchRecord>()
  const sights: Sight[] = []
  const violations: Violation[] = []
  for (const watch of watches) {
    for (const { atUs, events: batch } of watch.batches) {
      const last = batch.at(-1)?.kv.modRevision
      if (last !== undefined) sights.push({ atUs, revision: last, by: () => describeWatch(watch) })
      if (!isWhole(watch)) continue
      for (const [revision, some] of byRevision(batch)) {
        const known = events.get(revision)
        if (known === undefined) {
          events.set(revision, some)
          tellers.set(revision, watch)
        } else if (!equalLists(known, some, equalEvents)) {
          violations.push(
            violation(
              guarantees.agreement,
              `revision ${revision}\n${describeWatch(tellers.get(revision) as WatchRecord)}: ${describeEvents(known)}\n${describeWatch(watch)}: ${describeEvents(some)}`
            )
          )
        }
      }
    }
  }
  return { events, sights, violations }
}

function byRevision(events: readonly StoreEvent[]): Map<number, StoreEvent[]> {
  const groups = new Map<number, StoreEvent[]>()
  for (const event of events) {
    const group = groups.get(event.kv.modRevision)
    if (group === undefined) groups.set(event.kv.modRevision, [event])
    else group.push(event)
  }
  return groups
}

/** `model` holds the history up to `revisionLast`. `compactedMax`: no revision from there on was compacted. */
export function checkWatches(watches: readonly WatchRecord[], model: Model, revisionLast: number, compactedMax: number): Violation[] {
  const wrong: Violation[] = []
  for (const watch of watches) {
    const found = checkWatch(watch, model, revisionLast, compactedMax)
    if (found !== undefined) wrong.push(found)
  }
  return wrong
}

function checkWatch(watch: WatchRecord, model: Model, revisionLast: number, compactedMax: number): Violation | undefined {
  const { request, batches, ended } = watch
  const say = (guarantee: Guarantee, what: string): Violation => violation(guarantee, `${describeWatch(watch)}\n${what}`)
  // A watch from now on begins with the first event it was sent.
  let next = request.startRevision || (batches.find(({ events }) => events.length > 0)?.events[0]?.kv.modRevision ?? revisionLast + 1)
  for (const batch of batches) {
    const wrong = checkBatch(batch, next, say) ?? compare(watch, batch, next, model, compactedMax, say)
    if (wrong !== undefined) return wrong
    if (batch.revision > revisionLast) return say(guarantees.noInvention, `a batch up to revision ${batch.revision}, of ${revisionLast}`)
    next = Math.max(next, batch.revision + 1)
  }
  const known = request.startRevision > 0 || batches.some(({ events }) => events.length > 0)
  if (known && ended !== undefined && ended !== 'closed' && ended.code === 'compacted' && next >= compactedMax)
    return say(guarantees.compactedOnlyIfAsked, `ended as compacted with revision ${next} to come; compacted was less than ${compactedMax}`)
  return undefined
}

/** What a batch says by itself. */
function checkBatch(
  { events, revision, atUs }: WatchedBatch,
  next: number,
  say: (guarantee: Guarantee, what: string) => Violation
): Violation | undefined {
  let before = 0
  const seen = new Set<string>()
  for (const { kv } of events) {
    const name = `${kv.modRevision} ${kv.key}`
    const at = `${kv.key} (mod ${kv.modRevision}) at ${timeOf(atUs)}`
    if (seen.has(name)) return say(guarantees.watchUnique, `twice in a batch: ${at}`)
    if (kv.modRevision < next) return say(guarantees.watchUnique, `${at}, when everything before ${next} had been sent`)
    if (kv.modRevision < before) return say(guarantees.watchOrdered, `${at} after revision ${before}`)
    if (kv.modRevision > revision) return say(guarantees.watchAtomic, `${at} in a batch up to revision ${revision}`)
    seen.add(name)
    before = kv.modRevision
  }
  return undefined
}

/** What a batch must hold, and nothing else. */
function compare(
  watch: WatchRecord,
  { events, revision, atUs }: WatchedBatch,
  next: number,
  model: Model,
  compactedMax: number,
  say: (guarantee: Guarantee, what: string) => Violation
): Violation | undefined {
  const groups = byRevision(events)
  for (let at = next; at <= Math.min(revision, model.revision); at++) {
    const right = model.events(at).filter(({ kv }) => isIn(watch.request, kv.key))
    const seen = groups.get(at) ?? []
    if (!equalLists(seen, right, equalEvents)) {
      const what = `of revision ${at}, at ${timeOf(atUs)}: ${describeEvents(seen)}\nwhere the history has: ${describeEvents(right)}`
      return say(
        seen.length < right.length ? (seen.length === 0 ? guarantees.watchReliable : guarantees.watchAtomic) : guarantees.watchTrue,
        what
      )
    }
    if (watch.request.prevKv !== true) continue
    for (const [place, event] of seen.entries()) {
      const prev = right[place]?.prev
      if (!fits(event.prev, prev, at, compactedMax)) return say(guarantees.watchPrev, `${describeEvents([event])} of revision ${at}`)
    }
  }
  return undefined
}

/** What was compacted need not be told: at the revision before the event, or any before it. */
function fits(told: StoreKeyValue | undefined, right: StoreKeyValue | undefined, revision: number, compactedMax: number): boolean {
  if (told === undefined) return right === undefined || revision <= compactedMax
  return right !== undefined && equalKeyValues(told, right)
}
