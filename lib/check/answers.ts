// Answers: what operations were told, compared, and the key-values in it.

import type { StoreKeyValue, StoreRangeAnswer, StoreTxnAnswer } from '../storage/index.js'
import { equalKeyValues, equalLists, type Operation, type TxnOperation } from './history.js'

/** What a range found. */
export type Found = Omit<StoreRangeAnswer, 'revision'>

/** Whether it reads what was, so that more than the newest state matters to it. */
export const isPast = ({ success, failure }: TxnOperation['txn']): boolean =>
  [...success, ...failure].some(op => op.type === 'range' && (op.revision ?? 0) > 0)

/** The key-values in an answer that are whole, and of revisions before it. */
export function keyValuesOf(operation: Operation): readonly StoreKeyValue[] {
  if (operation.outcome?.ok !== true) return []
  if (operation.kind === 'range') return operation.query.keysOnly === true ? [] : operation.outcome.value.kvs
  if (operation.kind !== 'txn') return []
  const { succeeded, results } = operation.outcome.value
  const ops = succeeded ? operation.txn.success : operation.txn.failure
  return results.flatMap((result, at) => {
    const op = ops[at]
    if (result.type === 'delete') return result.prevs
    return result.type === 'range' && !(op?.type === 'range' && op.keysOnly === true) ? result.kvs : []
  })
}

export const equalRangeAnswers = (a: Found, b: Found): boolean =>
  a.count === b.count && a.more === b.more && equalLists(a.kvs, b.kvs, equalKeyValues)

export function equalTxnAnswers(a: StoreTxnAnswer, b: StoreTxnAnswer): boolean {
  if (a.succeeded !== b.succeeded || a.revision !== b.revision) return false
  return equalLists(a.results, b.results, (one, other) => {
    if (one.type === 'range') return other.type === 'range' && equalRangeAnswers(one, other)
    if (one.type === 'delete')
      return other.type === 'delete' && one.deleted === other.deleted && equalLists(one.prevs, other.prevs, equalKeyValues)
    return other.type === 'put'
  })
}
