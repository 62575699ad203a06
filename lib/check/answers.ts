// Answers: what operations were told, compared, and the key-values in it.

import type { StoreKeyValue, StoreOpResult, StoreRangeAnswer, StoreTxnAnswer } from '../storage/index.js'
import { equalKeyValues, equalLists, type Operation, opsOf, performed, type TxnOperation } from './history.js'

/** What a range found. */
export type Found = Omit<StoreRangeAnswer, 'revision'>

/** Whether it reads what was, so that more than the newest state matters to it. */
export const isPast = (txn: TxnOperation['txn']): boolean => opsOf(txn).some(op => op.type === 'range' && (op.revision ?? 0) > 0)

/** The key-values in an answer that are whole, and of revisions before it. */
export function keyValuesOf(operation: Operation): readonly StoreKeyValue[] {
  if (operation.outcome?.ok !== true) return []
  if (operation.kind === 'range') return operation.query.keysOnly === true ? [] : operation.outcome.value.kvs
  if (operation.kind !== 'txn') return []
  return performed(operation.txn, operation.outcome.value).flatMap(([op, result]) => {
    if (result?.type === 'delete') return result.prevs
    if (result?.type === 'put') return result.prev ?? []
    return result?.type === 'range' && !(op.type === 'range' && op.keysOnly === true) ? result.kvs : []
  })
}

export const equalRangeAnswers = (a: Found, b: Found): boolean =>
  a.count === b.count && a.more === b.more && equalLists(a.kvs, b.kvs, equalKeyValues)

export function equalTxnAnswers(a: StoreTxnAnswer, b: StoreTxnAnswer): boolean {
  return a.succeeded === b.succeeded && a.revision === b.revision && equalLists(a.results, b.results, equalResults)
}

function equalResults(one: StoreOpResult, other: StoreOpResult): boolean {
  if (one.type === 'range') return other.type === 'range' && equalRangeAnswers(one, other)
  if (one.type === 'txn')
    return other.type === 'txn' && one.succeeded === other.succeeded && equalLists(one.results, other.results, equalResults)
  if (one.type === 'delete')
    return other.type === 'delete' && one.deleted === other.deleted && equalLists(one.prevs, other.prevs, equalKeyValues)
  if (other.type !== 'put' || one.prev === undefined || other.prev === undefined) return other.type === 'put' && one.prev === other.prev
  return equalKeyValues(one.prev, other.prev)
}
