// RangeQuery: what of a range is wanted, in which order. Every bound, sort and cut is etcd's (server/etcdserver/apply.go, Range).

import { unreachable } from '../std/index.js'
import { type KeyValue, noValue } from './key-value.js'

export const sortTargets = ['key', 'version', 'create', 'mod', 'value'] as const
export const sortOrders = ['none', 'ascend', 'descend'] as const
export type SortTarget = (typeof sortTargets)[number]
export type SortOrder = (typeof sortOrders)[number]

export interface RangeQuery {
  readonly key: string
  readonly end?: string | undefined
  /** 0 or absent: the current revision. */
  readonly revision?: number | undefined
  /** 0 or absent: no limit. */
  readonly limit?: number | undefined
  readonly keysOnly?: boolean | undefined
  readonly countOnly?: boolean | undefined
  /** Equals are in the order of their keys. */
  readonly sortOrder?: SortOrder | undefined
  readonly sortTarget?: SortTarget | undefined
  /** 0 or absent: no bound. */
  readonly minModRevision?: number | undefined
  readonly maxModRevision?: number | undefined
  readonly minCreateRevision?: number | undefined
  readonly maxCreateRevision?: number | undefined
}

export interface RangeResult {
  readonly kvs: readonly KeyValue[]
  /** Of all keys in the range, whatever the limit and the bounds. */
  readonly count: number
  readonly more: boolean
}

/** How many of the range, in the order of their keys, are needed to answer. */
export function countNeeded(query: RangeQuery): number {
  if (query.countOnly === true) return 0
  const limit = limitOf(query)
  if (isRefined(query)) return isWhole(query) ? Number.POSITIVE_INFINITY : limit + 1
  return limit
}

/** `kvs`: the first `countNeeded` of the range. */
export function answerOf(query: RangeQuery, kvs: KeyValue[], count: number): RangeResult {
  if (!isRefined(query) || query.countOnly === true) {
    const given = query.keysOnly === true ? kvs.map(withoutValue) : kvs
    return { kvs: given, count, more: query.countOnly !== true && count > kvs.length }
  }
  const kept = sorted(query, kvs.filter(boundsOf(query)))
  const cut = kept.slice(0, limitOf(query))
  return { kvs: query.keysOnly === true ? cut.map(withoutValue) : cut, count, more: kept.length > cut.length }
}

const limitOf = ({ limit }: RangeQuery): number => (limit === undefined || limit === 0 ? Number.POSITIVE_INFINITY : limit)
const withoutValue = ({ key, createRevision, modRevision, version, lease }: KeyValue): KeyValue => ({
  key,
  value: noValue,
  createRevision,
  modRevision,
  version,
  lease
})

const isRefined = (query: RangeQuery): boolean => isWhole(query) || (query.sortTarget ?? 'key') !== 'key'

/** Whether it must be bounded and sorted before it is cut. etcd sorts by a target without an order only what the limit left, and one. */
const isWhole = ({ sortOrder, minModRevision, maxModRevision, minCreateRevision, maxCreateRevision }: RangeQuery): boolean =>
  (sortOrder ?? 'none') !== 'none' ||
  (minModRevision ?? 0) !== 0 ||
  (maxModRevision ?? 0) !== 0 ||
  (minCreateRevision ?? 0) !== 0 ||
  (maxCreateRevision ?? 0) !== 0

function boundsOf(query: RangeQuery): (kv: KeyValue) => boolean {
  const modMin = query.minModRevision ?? 0
  const modMax = query.maxModRevision || Number.POSITIVE_INFINITY
  const createMin = query.minCreateRevision ?? 0
  const createMax = query.maxCreateRevision || Number.POSITIVE_INFINITY
  return ({ modRevision, createRevision }) =>
    modRevision >= modMin && modRevision <= modMax && createRevision >= createMin && createRevision <= createMax
}

function sorted({ sortTarget = 'key', sortOrder = 'none' }: RangeQuery, kvs: KeyValue[]): KeyValue[] {
  if (sortTarget === 'key') return sortOrder === 'descend' ? kvs.reverse() : kvs // They come by key.
  const sign = sortOrder === 'descend' ? -1 : 1
  return kvs.sort((a, b) => sign * orderOf(sortTarget, a, b))
}

function orderOf(target: Exclude<SortTarget, 'key'>, a: KeyValue, b: KeyValue): number {
  switch (target) {
    case 'version':
      return a.version - b.version
    case 'create':
      return a.createRevision - b.createRevision
    case 'mod':
      return a.modRevision - b.modRevision
    case 'value':
      return compareBytes(a.value, b.value)
    default:
      return unreachable(target)
  }
}

export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length)
  for (let at = 0; at < shared; at++) {
    const order = (a[at] as number) - (b[at] as number)
    if (order !== 0) return Math.sign(order)
  }
  return Math.sign(a.length - b.length)
}
