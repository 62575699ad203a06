// Answers: between the store's protocol (lib/storage) and the state machine's own terms (lib/mvcc).

import { type Refusal, refuse } from '../actor/index.js'
import type { CommandResult, Compare, FailureCode, Mvcc, Op, OpResult, Txn } from '../mvcc/index.js'
import type { StoreCompare, StoreOp, StoreOpResult, StoreRange, StoreRangeAnswer, StoreTxn, StoreTxnAnswer } from '../storage/index.js'

/** The code of a refusal is the protocol's word; its detail is etcd's text, which clients of etcd compare. */
const codes: Readonly<Record<FailureCode, string>> = {
  compacted: 'compacted',
  future: 'future revision',
  emptyKey: 'empty key',
  keyNotFound: 'key not found',
  valueProvided: 'value provided',
  leaseProvided: 'lease provided',
  tooManyOps: 'too many ops',
  duplicateKey: 'duplicate key',
  leaseNotFound: 'lease not found',
  leaseExists: 'lease exists',
  leaseTtlTooLarge: 'lease ttl too large'
}

const refusalOf = ({ code, message }: { code: FailureCode; message: string }): Refusal => refuse(codes[code], message)

export function rangeAnswer(mvcc: Mvcc, query: StoreRange): StoreRangeAnswer | Refusal {
  const result = mvcc.range(query)
  if ('type' in result) return refusalOf(result)
  return { kvs: result.kvs, count: result.count, more: result.more, revision: mvcc.revision }
}

export function txnAnswer(result: CommandResult, revision: number): StoreTxnAnswer | Refusal {
  if (result.type === 'failed') return refusalOf(result)
  if (result.type !== 'txn') return refuse('invalid', `a transaction was answered as ${result.type}`)
  return { succeeded: result.succeeded, revision, results: result.results.map(opAnswer) }
}

export function compactAnswer(result: CommandResult, revision: number): { readonly revision: number } | Refusal {
  return result.type === 'failed' ? refusalOf(result) : { revision }
}

export const txnOf = ({ compares, success, failure }: StoreTxn): Txn => ({
  type: 'txn',
  compares: compares.map(compareOf),
  success: success as readonly Op[],
  failure: failure as readonly Op[]
})

function compareOf(compare: StoreCompare): Compare {
  const { key, result } = compare
  if (compare.target === 'value') return { key, result, target: 'value', value: compare.operand }
  return { key, result, target: compare.target, number: compare.operand }
}

function opAnswer(result: OpResult): StoreOpResult {
  switch (result.type) {
    case 'put':
      return { type: 'put' }
    case 'delete':
      return { type: 'delete', deleted: result.deleted, prevs: result.prevs }
    case 'range':
      return { type: 'range', kvs: result.kvs, count: result.count, more: result.more }
  }
}

/** Why a transaction cannot be a command, before it is proposed: nothing malformed enters the log. */
export function misfitOfTxn(txn: StoreTxn, bytesMax: number): Refusal | undefined {
  let bytes = 0
  const visit = (op: StoreOp): void => {
    bytes += op.key.length + (op.type === 'put' ? op.value.length : 0)
  }
  txn.success.forEach(visit)
  txn.failure.forEach(visit)
  for (const compare of txn.compares) bytes += compare.key.length
  return bytes > bytesMax ? refuse('request too large', 'etcdserver: request is too large') : undefined
}
