// Answers: between the store's protocol (lib/storage) and the state machine's own terms (lib/mvcc).

import { type Refusal, refuse } from '../actor/index.js'
import type { CommandResult, Compare, Failure, FailureCode, Mvcc, Op, OpResult, Txn } from '../mvcc/index.js'
import { misfitOfOps, txnOpsMaxDefault } from '../mvcc/index.js'
import type {
  StoreAlarm,
  StoreAuthAnswer,
  StoreCompare,
  StoreLeaseGrant,
  StoreOp,
  StoreOpResult,
  StoreRange,
  StoreRangeAnswer,
  StoreRefusalCode,
  StoreToken,
  StoreTxn,
  StoreTxnAnswer
} from '../storage/index.js'

/** The code of a refusal is the protocol's word; its detail is etcd's text, which clients of etcd compare. */
const codes: Readonly<Record<FailureCode, StoreRefusalCode>> = {
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
  leaseTtlTooLarge: 'lease ttl too large',
  noSpace: 'no space',
  corrupt: 'corrupt',
  rootUserNotFound: 'root user not found',
  rootRoleNotGranted: 'root role not granted',
  userExists: 'user exists',
  userEmpty: 'user empty',
  userNotFound: 'user not found',
  roleExists: 'role exists',
  roleEmpty: 'role empty',
  roleNotFound: 'role not found',
  roleNotGranted: 'role not granted',
  authFailed: 'auth failed',
  permissionNotGranted: 'permission not granted',
  permissionDenied: 'permission denied',
  authNotEnabled: 'auth not enabled',
  authRevisionOld: 'auth revision old',
  invalidAuthManagement: 'invalid auth management',
  tooManyOfAuth: 'too many of auth'
}

export const refusalOf = ({ code, message }: Failure): Refusal => refuse(codes[code], message)

export function rangeAnswer(mvcc: Mvcc, query: StoreRange): StoreRangeAnswer | Refusal {
  const result = mvcc.range(query)
  if ('type' in result) return refusalOf(result)
  return { kvs: result.kvs, count: result.count, more: result.more, revision: mvcc.revision }
}

/** What each command of a client is answered with. */
export type CommandAnswer =
  | StoreTxnAnswer
  | StoreLeaseGrant
  | { readonly alarms: readonly StoreAlarm[]; readonly revision: number }
  | StoreAuthAnswer
  | StoreToken
  | { readonly revision: number }

export function answerOf(result: CommandResult, revision: number): CommandAnswer | Refusal {
  switch (result.type) {
    case 'failed':
      return refusalOf(result)
    case 'txn':
      return { succeeded: result.succeeded, revision, results: result.results.map(opAnswer) }
    case 'leaseGrant':
      return { id: result.id, ttlSeconds: result.ttlSeconds, revision }
    case 'alarm':
      return { alarms: result.alarms, revision }
    default:
      return { revision }
  }
}

export const txnOf = ({ compares, success, failure }: StoreTxn): Txn => ({
  type: 'txn',
  compares: compares.map(compareOf),
  success: success.map(opOf),
  failure: failure.map(opOf)
})

const opOf = (op: StoreOp): Op => (op.type === 'txn' ? txnOf(op) : (op as Op))

function compareOf(compare: StoreCompare): Compare {
  const { key, end, result } = compare
  if (compare.target === 'value') return { key, end, result, target: 'value', value: compare.operand }
  return { key, end, result, target: compare.target, number: compare.operand }
}

function opAnswer(result: OpResult): StoreOpResult {
  switch (result.type) {
    case 'put':
      return result.prev === undefined ? { type: 'put' } : { type: 'put', prev: result.prev }
    case 'delete':
      return { type: 'delete', deleted: result.deleted, prevs: result.prevs }
    case 'range':
      return { type: 'range', kvs: result.kvs, count: result.count, more: result.more }
    case 'txn':
      return { type: 'txn', succeeded: result.succeeded, results: result.results.map(opAnswer) }
  }
}

/** Why a transaction cannot be a command, before it is proposed: nothing malformed enters the log. */
export function misfitOfTxn(txn: Txn, bytesMax: number): Refusal | undefined {
  const misfit = misfitOfOps(txn, txnOpsMaxDefault)
  if (misfit !== undefined) return refusalOf(misfit)
  return bytesOfTxn(txn) > bytesMax ? refuse('request too large', 'etcdserver: request is too large') : undefined
}

/** Of keys and values. */
function bytesOfTxn({ compares, success, failure }: Txn): number {
  let bytes = 0
  for (const { key } of compares) bytes += key.length
  for (const ops of [success, failure]) for (const op of ops) bytes += bytesOfOp(op)
  return bytes
}

const bytesOfOp = (op: Op): number => (op.type === 'txn' ? bytesOfTxn(op) : op.key.length + (op.type === 'put' ? op.value.length : 0))
