// What a transaction may hold, and whether its compares hold.

import { unreachable } from '../std/index.js'
import type { Compare, Op, Txn } from './command.js'
import { contains, type KeyRange } from './key.js'
import { type Failure, failed, type KeyValue } from './key-value.js'
import type { Keyspace } from './keyspace.js'
import { compareBytes } from './range-query.js'

/** As etcd's --max-txn-ops. */
export const txnOpsMaxDefault = 128

/** What is wrong with a transaction whatever the state. To be asked before proposing, too. */
export function misfitOfOps(txn: Txn, opsMax: number): Failure | undefined {
  return misfitOfTxn(txn, opsMax) ?? misfitOfBranches(txn)
}

/** etcd's checkTxnRequest: what a transaction uses of its operations, those nested in it have no more. */
function misfitOfTxn({ compares, success, failure }: Txn, opsMax: number): Failure | undefined {
  const used = Math.max(compares.length, success.length, failure.length)
  if (used > opsMax) return failed('tooManyOps')
  for (const { key } of compares) if (key === '') return failed('emptyKey')
  return misfitOfList(success, opsMax - used) ?? misfitOfList(failure, opsMax - used)
}

function misfitOfList(ops: readonly Op[], opsLeft: number): Failure | undefined {
  for (const op of ops) {
    const misfit = misfitOfOp(op, opsLeft)
    if (misfit !== undefined) return misfit
  }
  return undefined
}

function misfitOfOp(op: Op, opsLeft: number): Failure | undefined {
  switch (op.type) {
    case 'txn':
      return misfitOfTxn(op, opsLeft)
    case 'put':
      if (op.key === '') return failed('emptyKey')
      if (op.ignoreValue === true && op.value.length > 0) return failed('valueProvided')
      return op.ignoreLease === true && (op.lease ?? 0) !== 0 ? failed('leaseProvided') : undefined
    case 'delete':
    case 'range':
      return op.key === '' ? failed('emptyKey') : undefined
    default:
      return failed('keyNotFound') // etcd's word for an operation that is none of these.
  }
}

/** What some operations may change. */
interface Changes {
  readonly puts: Set<string>
  readonly deletes: KeyRange[]
}

/** Few transactions can break the rule: those with one operation in a branch, not nested, cannot. */
function misfitOfBranches({ success, failure }: Txn): Failure | undefined {
  for (const ops of [success, failure]) {
    if (ops.length > 1 || ops[0]?.type === 'txn') if (changesOf(ops) === undefined) return failed('duplicateKey')
  }
  return undefined
}

/**
 * A key may be put only once, and not both be put and deleted: one revision has at most one change of a key (etcd's checkIntervals).
 * The branches of one nested transaction exclude each other, and may change the same. Undefined: the rule is broken. etcd
 * misses a put in a nested transaction whose key a later sibling deletes; that would be two changes in one revision.
 */
function changesOf(ops: readonly Op[]): Changes | undefined {
  const all: Changes = { puts: new Set(), deletes: [] }
  for (const op of ops) if (op.type === 'delete') all.deletes.push(op)
  for (const op of ops) {
    if (op.type !== 'txn') continue
    const branches = [changesOf(op.success), changesOf(op.failure)]
    for (const branch of branches) if (branch === undefined || areDouble(all, branch)) return undefined
    for (const branch of branches) {
      for (const key of branch?.puts ?? []) all.puts.add(key)
      all.deletes.push(...(branch?.deletes ?? []))
    }
  }
  for (const op of ops) {
    if (op.type !== 'put') continue
    if (all.puts.has(op.key) || all.deletes.some(range => contains(range, op.key))) return undefined
    all.puts.add(op.key)
  }
  return all
}

function areDouble(all: Changes, { puts, deletes }: Changes): boolean {
  for (const key of puts) if (all.puts.has(key) || all.deletes.some(range => contains(range, key))) return true
  if (deletes.length > 0) for (const key of all.puts) if (deletes.some(range => contains(range, key))) return true
  return false
}

export function doCompare(keyspace: Keyspace, compare: Compare): boolean {
  let found = 0
  let holds = true
  keyspace.visit(compare, history => {
    const kv = history.at(Number.POSITIVE_INFINITY)
    if (kv === undefined) return
    found++
    if (holds) holds = isResult(compare, orderOf(compare, kv))
  })
  if (found > 0) return holds
  // A key that does not exist has no value, which differs from every value and from none (etcd); its numbers are 0.
  return compare.target === 'value' ? false : isResult(compare, Math.sign(0 - compare.number))
}

function orderOf(compare: Compare, kv: KeyValue): number {
  switch (compare.target) {
    case 'value':
      return compareBytes(kv.value, compare.value)
    case 'version':
      return Math.sign(kv.version - compare.number)
    case 'create':
      return Math.sign(kv.createRevision - compare.number)
    case 'mod':
      return Math.sign(kv.modRevision - compare.number)
    case 'lease':
      return Math.sign(kv.lease - compare.number)
    default:
      return unreachable(compare)
  }
}

function isResult({ result }: Compare, order: number): boolean {
  switch (result) {
    case 'equal':
      return order === 0
    case 'notEqual':
      return order !== 0
    case 'greater':
      return order > 0
    case 'less':
      return order < 0
    default:
      return unreachable(result)
  }
}
