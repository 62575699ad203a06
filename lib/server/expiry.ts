// Expiry: kinds with a time to live (events) are deleted when it is over. Every apiserver looks; the first to delete wins.

import type { Flow } from '../actor/index.js'
import { type ApiObject, parseTime } from '../object/index.js'
import type { Serving } from './serving.js'

const deletionsPerRound = 500
const deadlineMs = 10_000

/** One round: deletes what was last written longer ago than its kind lives. */
export function* expireEvents(serving: Serving): Flow<void> {
  const { ctx, cache, store } = serving
  for (const shelf of cache.shelves) {
    const { ttlSeconds } = shelf.format.kind
    if (ttlSeconds === undefined) continue
    const beforeMs = ctx.clusterMs - ttlSeconds * 1000
    const old: { key: string; revision: number }[] = []
    shelf.visit(shelf.prefix, '', entry => {
      if (lastTimeMs(entry.object()) < beforeMs) old.push({ key: entry.key, revision: entry.revision })
      return old.length < deletionsPerRound
    })
    for (const { key, revision } of old) {
      yield* store.txn(
        {
          compares: [{ key, target: 'mod', result: 'equal', operand: revision }],
          success: [{ type: 'delete', key }],
          failure: []
        },
        ctx.nowMs + deadlineMs,
        true
      )
    }
  }
}

/** When it was last written, as far as it tells. */
function lastTimeMs(object: ApiObject): number {
  const event = object as ApiObject & { lastTimestamp?: string; eventTime?: string; series?: { lastObservedTime?: string } }
  const times = [event.series?.lastObservedTime, event.lastTimestamp, event.eventTime, event.metadata.creationTimestamp]
  const known = times.map(time => (time === undefined ? undefined : parseTime(time))).filter(time => time !== undefined)
  return known.length === 0 ? Number.POSITIVE_INFINITY : Math.max(...known)
}
