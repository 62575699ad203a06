// Timeline: a history laid out for a page: a lane for each client and each watch, what was asked as bars from invocation to return.
//
// Times are drawn by their order and not by their length: what matters is what came before what, and a nanosecond must stay visible.
// Of a huge history it holds what is nearest to the operations that a violation names.

import type { ApiHistory } from './api-history.js'
import { apiItems } from './api-timeline.js'
import { authAsked, describeAuthOperation } from './auth-excerpt.js'
import type { AuthHistory, AuthOperation } from './auth-history.js'
import { asked, describeEvents, describeOperation, describeRegister, describeWatch, timeOf } from './excerpt.js'
import type { History, Operation, WatchRecord } from './history.js'
import { describeLeaseOperation, type LeaseHistory, type LeaseOperation } from './lease.js'
import type { RegisterHistory, RegisterOperation } from './register.js'

export type AnyHistory = History | RegisterHistory | ApiHistory | LeaseHistory | AuthHistory
/** Of whatever was promised. */
export interface AnyViolation {
  readonly guarantee: string
  readonly excerpt: string
}
export type Came = 'ok' | 'refused' | 'in doubt' | 'seen' | 'ended'

export interface Bar {
  readonly id: number
  readonly label: string
  readonly text: string
  readonly came: Came
  /** A violation names it. */
  readonly isMarked: boolean
  readonly fromUs: number
  /** Infinity: open to the right. */
  readonly untilUs: number
  /** Columns, from 0. */
  readonly start: number
  readonly end: number
  readonly row: number
}

export interface Lane {
  readonly name: string
  readonly rows: number
  readonly bars: readonly Bar[]
}

export interface Timeline {
  readonly lanes: readonly Lane[]
  readonly columns: readonly number[] // Their times.
  readonly shown: number
  readonly total: number
}

export const barsMax = 1_500

export interface Item {
  readonly lane: string
  readonly label: string
  readonly text: string
  readonly came: Came
  readonly isMarked: boolean
  readonly fromUs: number
  readonly untilUs: number
}

export const isRegister = (history: AnyHistory): history is RegisterHistory => 'initial' in history
export const isApi = (history: AnyHistory): history is ApiHistory => 'sessions' in history
export const isLease = (history: AnyHistory): history is LeaseHistory => 'clocks' in history
export const isAuth = (history: AnyHistory): history is AuthHistory => 'kind' in history && history.kind === 'auth'

export function timelineOf(history: AnyHistory, violations: readonly AnyViolation[], max = barsMax): Timeline {
  const named = violations.map(({ excerpt }) => excerpt).join('\n')
  const all = itemsOf(history, named)
  const items = nearest(all, max).sort((a, b) => a.fromUs - b.fromUs)
  const times = items.flatMap(({ fromUs, untilUs }) => (untilUs === Number.POSITIVE_INFINITY ? [fromUs] : [fromUs, untilUs]))
  const columns = [...new Set(times)].sort((a, b) => a - b)
  const columnOf = new Map(columns.map((us, at) => [us, at]))
  const lanes = new Map<string, Bar[]>()
  const ends = new Map<string, number[]>() // Of a lane, where each of its rows is free again.
  for (const [id, { lane, ...item }] of items.entries()) {
    const start = columnOf.get(item.fromUs) as number
    const end = Math.max(start + 1, columnOf.get(item.untilUs) ?? columns.length)
    const rows = ends.get(lane) ?? []
    const free = rows.findIndex(until => until <= start)
    const row = free < 0 ? rows.length : free
    rows[row] = end
    ends.set(lane, rows)
    lanes.set(lane, [...(lanes.get(lane) ?? []), { ...item, id, start, end, row }])
  }
  const sorted = [...lanes].sort(([a], [b]) => (a < b ? -1 : 1))
  return {
    lanes: sorted.map(([name, bars]) => ({ name, bars, rows: ends.get(name)?.length ?? 1 })),
    columns,
    shown: items.length,
    total: all.length
  }
}

function itemsOf(history: AnyHistory, named: string): Item[] {
  if (isApi(history)) return [...apiItems(history, named)]
  if (isRegister(history)) return history.operations.map(operation => registerItem(operation, named))
  if (isLease(history)) return history.operations.map(operation => leaseItem(operation, named))
  if (isAuth(history)) return history.operations.map(operation => authItem(operation, named))
  const { operations, watches } = history
  return [...operations.map(operation => operationItem(operation, named)), ...watches.flatMap(watch => watchItems(watch, named))]
}

/** Those that are marked, and of the rest the nearest in time to any of them. */
function nearest(items: readonly Item[], max: number): Item[] {
  if (items.length <= max) return [...items]
  const marks = items.filter(({ isMarked }) => isMarked).map(({ fromUs }) => fromUs)
  const last = items.reduce((us, { fromUs }) => Math.max(us, fromUs), 0)
  const away = ({ isMarked, fromUs }: Item): number => {
    if (isMarked) return -1
    return marks.length === 0
      ? last - fromUs
      : marks.reduce((least, us) => Math.min(least, Math.abs(us - fromUs)), Number.POSITIVE_INFINITY)
  }
  return items
    .map(item => ({ item, away: away(item) }))
    .sort((a, b) => a.away - b.away)
    .slice(0, max)
    .map(({ item }) => item)
}

/** An excerpt holds the whole line of what it names: the time alone tells most of the others. */
function isNamed(named: string, fromUs: number, text: () => string): boolean {
  return named.includes(timeOf(fromUs)) && named.includes(text())
}

function operationItem(operation: Operation, named: string): Item {
  const { client, invokedUs, returnedUs, outcome } = operation
  const text = describeOperation(operation)
  const came = outcome === undefined ? 'in doubt' : outcome.ok ? 'ok' : outcome.error.definite ? 'refused' : 'in doubt'
  const revision = outcome?.ok === true ? ` @${outcome.value.revision}` : ''
  const isMarked = isNamed(named, invokedUs, () => text)
  return { lane: client, label: asked(operation) + revision, text, came, isMarked, fromUs: invokedUs, untilUs: returnedUs }
}

function registerItem(operation: RegisterOperation, named: string): Item {
  const { client, key, invokedUs, returnedUs, outcome } = operation
  const text = describeRegister(operation)
  const came = outcome === 'ok' || outcome === 'differed' ? 'ok' : outcome === 'failed' ? 'refused' : 'in doubt'
  const label = text.slice(text.indexOf('] ') + 2)
  const isMarked = isNamed(named, invokedUs, () => text)
  return { lane: `${key} ${client}`.trim(), label, text, came, isMarked, fromUs: invokedUs, untilUs: returnedUs }
}

function leaseItem(operation: LeaseOperation, named: string): Item {
  const { client, id, kind, invokedUs, returnedUs, outcome } = operation
  const text = describeLeaseOperation(operation)
  const came = outcome?.ok === true ? 'ok' : outcome?.error.definite === true ? 'refused' : 'in doubt'
  const isMarked = isNamed(named, invokedUs, () => text)
  return { lane: `lease ${id} ${client}`, label: kind, text, came, isMarked, fromUs: invokedUs, untilUs: returnedUs }
}

function authItem(operation: AuthOperation, named: string): Item {
  const { client, caller, invokedUs, returnedUs, outcome } = operation
  const text = describeAuthOperation(operation)
  const came = outcome?.ok === true ? 'ok' : outcome?.error.definite === true ? 'refused' : 'in doubt'
  const isMarked = isNamed(named, invokedUs, () => text)
  const lane = `${client} ${caller?.user ?? ''}`.trim()
  return { lane, label: authAsked(operation), text, came, isMarked, fromUs: invokedUs, untilUs: returnedUs }
}

function watchItems(watch: WatchRecord, named: string): Item[] {
  const { client, to, openedUs, batches, ended } = watch
  const lane = `${client} watch ${to}`
  const text = describeWatch(watch)
  const isMarked = isNamed(named, openedUs, () => text)
  const items: Item[] = [
    { lane, label: `watch ${watch.request.startRevision}`, text, came: 'ok', isMarked, fromUs: openedUs, untilUs: openedUs }
  ]
  for (const { atUs, revision, events } of batches) {
    const label = `${events.length} to ${revision}`
    const seen = `${client} > ${to} at ${timeOf(atUs)}, up to revision ${revision}: ${describeEvents(events)}`
    // The batch that is wrong, of the watch that is named: an excerpt tells when it came.
    const isWrong = isMarked && named.includes(`at ${timeOf(atUs)}`)
    items.push({ lane, label, text: seen, came: 'seen', isMarked: isWrong, fromUs: atUs, untilUs: atUs })
  }
  if (ended !== undefined) {
    const atUs = batches.at(-1)?.atUs ?? openedUs
    const how = ended === 'closed' ? 'closed' : `${ended.code}: ${ended.detail}`
    items.push({
      lane,
      label: 'ended',
      text: `${client} > ${to} ended: ${how}`,
      came: 'ended',
      isMarked: false,
      fromUs: atUs,
      untilUs: atUs
    })
  }
  return items
}
