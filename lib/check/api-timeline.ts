// API timeline: an API history as items of a page: what was asked as bars, what a watch was told as points.

import { describeApiOperation, describeEvent, describeSession } from './api-excerpt.js'
import { type ApiHistory, type ApiOperation, type ApiWatch, type ApiWatchSession, isInDoubt, isRefused } from './api-history.js'
import { timeOf } from './excerpt.js'
import type { Item } from './timeline.js'

export function* apiItems({ operations, sessions }: ApiHistory, named: string): Generator<Item> {
  for (const operation of operations) yield operationItem(operation, named)
  for (const session of sessions) for (const watch of session.watches) yield* watchItems(session, watch, named)
}

function operationItem(operation: ApiOperation, named: string): Item {
  const { client, verb, key, invokedUs, returnedUs } = operation
  const text = describeApiOperation(operation)
  const came = isInDoubt(operation) ? 'in doubt' : isRefused(operation) ? 'refused' : 'ok'
  return { lane: client, label: `${verb} ${key}`, text, came, isMarked: named.includes(text), fromUs: invokedUs, untilUs: returnedUs }
}

function* watchItems(session: ApiWatchSession, { from, openedUs, events, ended }: ApiWatch, named: string): Generator<Item> {
  const text = describeSession(session)
  const isNamed = named.includes(text)
  const lane = `${session.client} watch ${session.prefix}`
  const point = (label: string, text: string, came: Item['came'], atUs: number, isMarked: boolean): Item => ({
    lane,
    label,
    text,
    came,
    isMarked,
    fromUs: atUs,
    untilUs: atUs
  })
  yield point(`watch ${from}`, `${text}; opened at ${timeOf(openedUs)} from ${from}`, 'ok', openedUs, isNamed)
  for (const event of events) {
    const told = describeEvent(event)
    yield point(event.type, told, 'seen', event.atUs, isNamed && named.includes(told))
  }
  if (ended !== undefined) yield point('ended', `${text} ended: ${ended}`, 'ended', events.at(-1)?.atUs ?? openedUs, false)
}
