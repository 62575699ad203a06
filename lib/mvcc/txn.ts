// What a transaction may hold, and whether its compares hold.

import { unreachable } from '../std/index.js'
import type { Compare, Op, Txn } from './command.js'
import { contains } from './key.js'
import { type Failure, failed, type KeyValue } from './key-value.js'
import type { Keyspace } from './keyspace.js'

/** As etcd's --max-txn-ops. */
export const txnOpsMaxDefault = 128

/** What is wrong with a transaction whatever the state. To be asked before proposing, too. */
export function misfitOfOps({ compares, success, failure }: Txn, opsMax: number): Failure | undefined {
  if (compares.length > opsMax || success.length > opsMax || failure.length > opsMax) return failed('tooManyOps')
  if (compares.some(compare => compare.key === '')) return failed('emptyKey')
  return misfitOfBranch(success) ?? misfitOfBranch(failure)
}

/** A key may be put only once, and not both be put and deleted (etcd: one revision has at most one change of a key). */
function misfitOfBranch(ops: readonly Op[]): Failure | undefined {
  const puts = new Set<string>()
  for (const op of ops) {
    if (op.key === '') return failed('emptyKey')
    if (op.type !== 'put') continue
    if (puts.has(op.key)) return failed('duplicateKey')
    puts.add(op.key)
  }
  if (puts.size === 0) return undefined
  for (const op of ops) {
    if (op.type !== 'delete') continue
    for (const key of puts) if (contains(op, key)) return failed('duplicateKey')
  }
  return undefined
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

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length)
  for (let at = 0; at < shared; at++) {
    const order = (a[at] as number) - (b[at] as number)
    if (order !== 0) return Math.sign(order)
  }
  return Math.sign(a.length - b.length)
}
