// KV: Range, Put, DeleteRange, Txn, Compact. Everything that changes a key is a transaction to the store.

import type { Flow } from '../actor/index.js'
import type { GrpcCall } from '../ports/index.js'
import type { StoreCompare, StoreOp, StoreOpResult, StorePut, StoreRange, StoreTxn, StoreTxnAnswer } from '../storage/index.js'
import { faults } from './errors.js'
import type { Gateway } from './gateway.js'
import type { CompareMessage, DeleteRangeRequest, PutRequest, RangeRequest, RequestOp, TxnRequest } from './messages.js'
import { Fault, faultOf, type Unary } from './method.js'

const opsMax = 128 // As etcd's --max-txn-ops: of compares, and of each branch.
const depthMax = 16 // Of transactions in transactions; etcd has no limit but the size of a request.
const emptyOp = new Fault(faults.keyNotFound) // As etcd says of an operation that is none.

export const kv: Readonly<Record<string, Unary>> = {
  *Range(gateway, request: RangeRequest, call) {
    const query = rangeOf(request)
    if (query instanceof Fault) return query
    const answer = yield* gateway.ask(call, 'read', 'range', query)
    if (!answer.ok) return faultOf(answer.error)
    const { kvs, more, count, revision } = answer.value
    return { header: gateway.header(revision), kvs, more, count }
  },
  *Put(gateway, request: PutRequest, call) {
    const op = putOf(request)
    if (op instanceof Fault) return op
    const answer = yield* single(gateway, call, op)
    if (answer instanceof Fault) return answer
    const [result] = answer.results
    return { header: gateway.header(answer.revision), prevKv: result?.type === 'put' ? result.prev : undefined }
  },
  *DeleteRange(gateway, request: DeleteRangeRequest, call) {
    const op = deleteOf(request)
    if (op instanceof Fault) return op
    const answer = yield* single(gateway, call, op)
    if (answer instanceof Fault) return answer
    const [result] = answer.results
    const { deleted, prevs } = result?.type === 'delete' ? result : { deleted: 0, prevs: [] }
    return { header: gateway.header(answer.revision), deleted, prevKvs: prevs }
  },
  *Txn(gateway, request: TxnRequest, call) {
    const txn = txnOf(request, 0)
    if (txn instanceof Fault) return txn
    const kind = isReadOnly(txn) ? 'read' : 'write'
    const answer = yield* gateway.ask(call, kind, 'txn', txn)
    if (!answer.ok) return faultOf(answer.error)
    const { succeeded, revision, results } = answer.value
    return { header: gateway.header(revision), succeeded, responses: results.map(result => responseOf(result, revision)) }
  },
  *Compact(gateway, { revision }: { revision: number }, call) {
    const answer = yield* gateway.ask(call, 'write', 'compact', { revision })
    return answer.ok ? { header: gateway.header(answer.value.revision) } : faultOf(answer.error)
  }
}

function* single(gateway: Gateway, call: GrpcCall, op: StoreOp): Flow<StoreTxnAnswer | Fault> {
  const answer = yield* gateway.ask(call, 'write', 'txn', { compares: [], success: [op], failure: [] })
  return answer.ok ? answer.value : faultOf(answer.error)
}

const orders = ['none', 'ascend', 'descend'] as const
const targets = ['key', 'version', 'create', 'mod', 'value'] as const

/** The end of a range: none is one key, a NUL is no upper end, as in the store. */
const endOf = (rangeEnd: string): string | undefined => (rangeEnd === '' ? undefined : rangeEnd)

export function rangeOf(request: RangeRequest): StoreRange | Fault {
  const { key, rangeEnd, limit, revision, serializable, keysOnly, countOnly } = request
  if (key === '') return new Fault(faults.emptyKey)
  const { sortOrder, sortTarget, minModRevision, maxModRevision, minCreateRevision, maxCreateRevision } = request
  // Most requests ask for a key and nothing else: a small message.
  const query = {
    key,
    ...(rangeEnd === '' ? {} : { end: rangeEnd }),
    ...(revision > 0 ? { revision } : {}),
    ...(limit > 0 ? { limit } : {}),
    ...(serializable ? { serializable } : {}),
    ...(keysOnly ? { keysOnly } : {}),
    ...(countOnly ? { countOnly } : {})
  }
  if (sortOrder === 0 && sortTarget === 0 && minModRevision + maxModRevision + minCreateRevision + maxCreateRevision === 0) return query
  const target = targets[sortTarget]
  const order = orders[sortOrder]
  if (target === undefined || order === undefined) return new Fault(faults.invalidSort)
  return {
    ...query,
    // As etcd: what is sorted by anything but the key, without an order, ascends.
    sortOrder: order === 'none' && target !== 'key' ? 'ascend' : order,
    sortTarget: target,
    minModRevision,
    maxModRevision,
    minCreateRevision,
    maxCreateRevision
  }
}

function putOf({ key, value, lease, prevKv, ignoreValue, ignoreLease }: PutRequest): StorePut | Fault {
  if (key === '') return new Fault(faults.emptyKey)
  if (ignoreValue && value.length > 0) return new Fault(faults.valueProvided)
  if (ignoreLease && lease !== 0) return new Fault(faults.leaseProvided)
  if (lease !== 0 && !(lease > 0 && Number.isSafeInteger(lease))) return new Fault(faults.leaseNotFound)
  return {
    type: 'put',
    key,
    value,
    ...(lease === 0 ? {} : { lease }),
    ...(prevKv ? { prevKv } : {}),
    ...(ignoreValue ? { ignoreValue } : {}),
    ...(ignoreLease ? { ignoreLease } : {})
  }
}

function deleteOf({ key, rangeEnd, prevKv }: DeleteRangeRequest): StoreOp | Fault {
  return key === '' ? new Fault(faults.emptyKey) : { type: 'delete', key, end: endOf(rangeEnd), prevKv }
}

export function txnOf({ compare, success, failure }: TxnRequest, depth: number): StoreTxn | Fault {
  if (compare.length > opsMax || success.length > opsMax || failure.length > opsMax || depth > depthMax) return new Fault(faults.tooManyOps)
  if (compare.some(one => one.key === '')) return new Fault(faults.emptyKey)
  const whenTrue = opsOf(success, depth)
  if (whenTrue instanceof Fault) return whenTrue
  const whenFalse = opsOf(failure, depth)
  if (whenFalse instanceof Fault) return whenFalse
  const compares = compare.map(compareOf)
  return compares.includes(undefined) ? emptyOp : { compares: compares as readonly StoreCompare[], success: whenTrue, failure: whenFalse }
}

function opsOf(requests: readonly RequestOp[], depth: number): readonly StoreOp[] | Fault {
  const ops: StoreOp[] = []
  for (const request of requests) {
    const op = opOf(request, depth)
    if (op instanceof Fault) return op
    ops.push(op)
  }
  return ops
}

function opOf({ requestRange, requestPut, requestDeleteRange, requestTxn }: RequestOp, depth: number): StoreOp | Fault {
  if (requestPut !== undefined) return putOf(requestPut)
  if (requestDeleteRange !== undefined) return deleteOf(requestDeleteRange)
  if (requestRange !== undefined) {
    const range = rangeOf(requestRange)
    if (range instanceof Fault) return range
    const { serializable: _, ...query } = range // Within a transaction every read is of its revision.
    return { type: 'range', ...query }
  }
  if (requestTxn === undefined) return emptyOp
  const txn = txnOf(requestTxn, depth + 1)
  return txn instanceof Fault ? txn : { type: 'txn', ...txn }
}

const compareResults = ['equal', 'greater', 'less', 'notEqual'] as const

function compareOf(message: CompareMessage): StoreCompare | undefined {
  const { key, rangeEnd } = message
  const result = compareResults[message.result]
  if (result === undefined) return undefined
  const common = { key, result, ...(rangeEnd === '' ? {} : { end: rangeEnd }) }
  switch (message.target) {
    case 0:
      return { ...common, target: 'version', operand: message.version }
    case 1:
      return { ...common, target: 'create', operand: message.createRevision }
    case 2:
      return { ...common, target: 'mod', operand: message.modRevision }
    case 3:
      return { ...common, target: 'value', operand: message.value }
    case 4:
      return { ...common, target: 'lease', operand: message.lease }
    default:
      return undefined
  }
}

const isReadOnly = ({ success, failure }: StoreTxn): boolean =>
  [...success, ...failure].every(op => op.type === 'range' || (op.type === 'txn' && isReadOnly(op)))

/** As etcd, an answer within a transaction has only the revision in its header. */
function responseOf(result: StoreOpResult, revision: number): object {
  const header = { revision }
  switch (result.type) {
    case 'put':
      return { responsePut: { header, prevKv: result.prev } }
    case 'delete':
      return { responseDeleteRange: { header, deleted: result.deleted, prevKvs: result.prevs } }
    case 'range':
      return { responseRange: { header, kvs: result.kvs, more: result.more, count: result.count } }
    default:
      return {
        responseTxn: { header, succeeded: result.succeeded, responses: result.results.map(inner => responseOf(inner, revision)) }
      }
  }
}
