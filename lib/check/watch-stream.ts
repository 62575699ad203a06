// Watch stream: what is wrong with a watch by itself, whatever the store holds: filtered, ordered, unique, atomic, bookmarkable,
// nothing before its first revision, and events that contradict themselves.

import type { StoreEvent } from '../storage/index.js'
import { describeEvents, describeWatch, timeOf } from './excerpt.js'
import { type Guarantee, guarantees, type Violation, violation } from './guarantee.js'
import type { WatchedBatch, WatchRecord } from './history.js'
import { isIn } from './model.js'

/** The first revision a watch must tell of. Undefined: it is from now on, and what that was is not known yet. */
export function firstRevision({ request, batches }: WatchRecord): number | undefined {
  if (request.startRevision > 0) return request.startRevision
  const first = batches[0]
  return first === undefined ? undefined : (first.events[0]?.kv.modRevision ?? first.revision + 1)
}

export function checkStream(watch: WatchRecord): Violation | undefined {
  const first = firstRevision(watch) ?? 0
  const said: Said = { told: first - 1, last: 0, keys: new Set() }
  for (const batch of watch.batches) {
    const { atUs, revision, events } = batch
    for (const event of events) {
      const found = wrongWith(event, watch, batch, said, first)
      if (found !== undefined) {
        const what = `${describeEvents([event])} at ${timeOf(atUs)}, in a batch up to revision ${revision}, ${found.why}`
        return violation(found.guarantee, `${describeWatch(watch)}\n${what}`)
      }
      const { key, modRevision } = event.kv
      if (modRevision !== said.last) said.keys.clear()
      said.last = modRevision
      said.keys.add(key)
    }
    if (revision < said.told && watch.batches[0] !== batch)
      return violation(
        guarantees.watchOrdered,
        `${describeWatch(watch)}\ntold of revision ${revision} at ${timeOf(atUs)}, after ${said.told}`
      )
    said.told = Math.max(said.told, revision)
  }
  return undefined
}

interface Said {
  told: number // The revision told last.
  last: number // That of the event sent last, the greatest so far.
  readonly keys: Set<string> // Of events of that revision: a deletion may have any number of them.
}

/** Revisions ascend: an event is new if its revision is, and all others are looked through only where they do not. */
function wasSent(
  { kv: { key, modRevision } }: StoreEvent,
  { last, keys }: Said,
  batches: readonly WatchedBatch[],
  within: WatchedBatch
): boolean {
  if (modRevision > last) return false
  if (modRevision === last) return keys.has(key)
  const before = batches.slice(0, batches.indexOf(within) + 1) // In its own batch it is behind a greater one: another is before that.
  return before.flatMap(({ events }) => events).filter(({ kv }) => kv.key === key && kv.modRevision === modRevision).length > 1
}

function wrongWith(
  event: StoreEvent,
  { request, batches }: WatchRecord,
  batch: WatchedBatch,
  said: Said,
  first: number
): { readonly guarantee: Guarantee; readonly why: string } | undefined {
  const { kv, type } = event
  const { told, last } = said
  const { modRevision, createRevision, version } = kv
  if (!isIn(request, kv.key)) return { guarantee: guarantees.watchFiltered, why: 'is of a key it did not ask for' }
  if (wasSent(event, said, batches, batch)) return { guarantee: guarantees.watchUnique, why: 'had been sent before' }
  if (modRevision < first) return { guarantee: guarantees.watchResumable, why: `is of before revision ${first}, its first` }
  if (modRevision < last) return { guarantee: guarantees.watchOrdered, why: `came after revision ${last}` }
  if (modRevision <= told) {
    if (batches.some(other => other !== batch && other.events.some(one => one.kv.modRevision === modRevision)))
      return { guarantee: guarantees.watchAtomic, why: 'when other events of that revision had been sent in another batch' }
    return { guarantee: guarantees.watchBookmarkable, why: `when everything up to revision ${told} had been sent` }
  }
  if (modRevision > batch.revision) return { guarantee: guarantees.watchAtomic, why: 'which ends before its revision does' }
  if (type === 'put' && (version < 1 || (version === 1) !== (createRevision === modRevision) || createRevision > modRevision))
    return { guarantee: guarantees.watchCreated, why: 'and a first version is what its revision created, no other is' }
  return undefined
}
