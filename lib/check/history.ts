// History: what clients asked of a store, when, and what came of it. Times are of one clock that no client has, in microseconds.

import type { Failure, Outcome } from '../actor/index.js'
import type {
  StoreCompare,
  StoreEvent,
  StoreKeyValue,
  StoreOp,
  StoreOpResult,
  StoreRange,
  StoreRangeAnswer,
  StoreTxn,
  StoreTxnAnswer,
  StoreWatch
} from '../storage/index.js'

interface Asked {
  readonly client: string
  readonly to: string
  readonly invokedUs: number
  /** Infinity: it has not returned, and may take effect at any time to come. */
  returnedUs: number
}

/** An operation without an outcome failed indefinitely: the client was gone before the answer. */
export type Operation = Asked &
  (
    | { readonly kind: 'txn'; readonly txn: StoreTxn; outcome: Outcome<StoreTxnAnswer> | undefined }
    | { readonly kind: 'range'; readonly query: StoreRange; outcome: Outcome<StoreRangeAnswer> | undefined }
    | { readonly kind: 'revision'; outcome: Outcome<{ readonly revision: number }> | undefined }
    | { readonly kind: 'compact'; readonly revision: number; outcome: Outcome<{ readonly revision: number }> | undefined }
  )
export type TxnOperation = Operation & { readonly kind: 'txn' }
export type RangeOperation = Operation & { readonly kind: 'range' }

export interface WatchedBatch {
  readonly atUs: number
  readonly revision: number
  readonly events: readonly StoreEvent[]
}

/** One stream, from its opening to its end. A client that goes on with another stream begins another record. */
export interface WatchRecord {
  readonly client: string
  readonly to: string
  readonly request: StoreWatch
  readonly openedUs: number
  readonly batches: WatchedBatch[]
  /** Undefined while it is open. */
  ended: Failure | 'closed' | undefined
}

export interface History {
  readonly operations: readonly Operation[]
  readonly watches: readonly WatchRecord[]
  /** Operations were left out: a revision that nobody claims may have been anything. */
  readonly partial?: boolean
}

/** Whether a transaction that was answered so changed anything: only then is the answer's revision its own. */
export function hasWritten(txn: StoreTxn, answer: Performed): boolean {
  const { succeeded, results } = answer
  return (succeeded ? txn.success : txn.failure).some((op, at) => {
    const result = results[at]
    if (op.type === 'txn') return result?.type === 'txn' && hasWritten(op, result)
    return op.type === 'put' || (result?.type === 'delete' && result.deleted > 0)
  })
}

type Performed = Pick<StoreTxnAnswer, 'succeeded' | 'results'>

/** An operation that is no transaction in itself. */
export type PlainOp = Exclude<StoreOp, { readonly type: 'txn' }>

/** What a transaction did by its answer, those of nested ones in their place, each with its result. */
export function performed(txn: StoreTxn, { succeeded, results }: Performed): (readonly [PlainOp, StoreOpResult | undefined])[] {
  return (succeeded ? txn.success : txn.failure).flatMap((op, at) => {
    const result = results[at]
    if (op.type !== 'txn') return [[op, result] as const]
    return result?.type === 'txn' ? performed(op, result) : []
  })
}

/** All that a transaction may do, in any branch of it. */
export function opsOf({ success, failure }: StoreTxn): PlainOp[] {
  return [...success, ...failure].flatMap(op => (op.type === 'txn' ? opsOf(op) : [op]))
}

/** Those of the transactions in it, too. */
export function comparesOf({ compares, success, failure }: StoreTxn): StoreCompare[] {
  return [...compares, ...[...success, ...failure].flatMap(op => (op.type === 'txn' ? comparesOf(op) : []))]
}

/** Revision of an answer; undefined for what failed and for compactions, whose answers are of no place in the order. */
export function revisionOf(operation: Operation): number | undefined {
  if (operation.kind === 'compact' || operation.outcome?.ok !== true) return undefined
  return operation.outcome.value.revision
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a === b) return true
  if (a.length !== b.length) return false
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false
  return true
}

/** The same text only of the same bytes. */
export function bytesText(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  return text
}

export const equalKeyValues = (a: StoreKeyValue, b: StoreKeyValue): boolean =>
  a === b ||
  (a.key === b.key &&
    a.modRevision === b.modRevision &&
    a.version === b.version &&
    a.createRevision === b.createRevision &&
    a.lease === b.lease &&
    equalBytes(a.value, b.value))

/** Without `prev`: not every watch asks for it. */
export const equalEvents = (a: StoreEvent, b: StoreEvent): boolean => a.type === b.type && equalKeyValues(a.kv, b.kv)

export function equalLists<V>(a: readonly V[], b: readonly V[], equal: (a: V, b: V) => boolean): boolean {
  if (a.length !== b.length) return false
  for (let at = 0; at < a.length; at++) if (!equal(a[at] as V, b[at] as V)) return false
  return true
}
