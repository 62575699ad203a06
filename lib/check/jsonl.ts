// JSON lines: a history as text, one line a record, so that it can be written as it happens and read as a stream.
//
// Line 1 is the header, then one line for each operation, each opening of a watch, each batch it was sent and its end. Times are
// microseconds of one clock. A value that is UTF-8 is a string; any other is `{"base64": "..."}`. The whole of it is in docs/checking.md.

import type { Outcome } from '../actor/index.js'
import type { StoreEvent, StoreKeyValue, StoreOp, StoreOpResult, StoreTxn, StoreTxnAnswer } from '../storage/index.js'
import type { History, Operation, WatchRecord } from './history.js'
import type { RegisterHistory, RegisterOperation } from './register.js'

export const historyFormat = 'kabuki history'
export const historyVersion = 1

export type Verdict = 'passed' | 'violated' | 'unknown'

/** What the header may say beside format, version and kind. */
export interface HistoryHeader {
  readonly about?: string
  /** What a check must come to: of a history that is kept to test the checker. The guarantee by its name. */
  readonly expect?: { readonly verdict: Verdict; readonly guarantee?: string }
  /** Nothing failed towards its end: a watch that is still open must have seen everything. */
  readonly quiet?: boolean
  /** The store compacts by itself, and not only when it is asked. */
  readonly compactsByItself?: boolean
}

const encoder = new TextEncoder()
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The lines of a history of a store, without line ends. */
export function* encodeHistory(history: History, header: HistoryHeader = {}): Generator<string> {
  const partial = history.partial === true ? { partial: true } : {}
  yield JSON.stringify({ format: historyFormat, version: historyVersion, kind: 'store', ...header, ...partial })
  for (const operation of history.operations) yield JSON.stringify(operationLine(operation))
  for (const [id, watch] of history.watches.entries()) yield* watchLines(watch, id)
}

export function* encodeRegisterHistory({ initial, operations }: RegisterHistory, header: HistoryHeader = {}): Generator<string> {
  yield JSON.stringify({ format: historyFormat, version: historyVersion, kind: 'register', initial, ...header })
  for (const operation of operations) yield JSON.stringify(registerLine(operation))
}

function operationLine(operation: Operation): object {
  const { kind, client, to, invokedUs, returnedUs } = operation
  const line = { op: kind, client, to, from: invokedUs, until: untilOf(returnedUs) }
  switch (operation.kind) {
    case 'txn':
      return { ...line, txn: txnData(operation.txn), ...outcomeData(operation.outcome, txnAnswerData) }
    case 'range':
      return {
        ...line,
        range: operation.query,
        ...outcomeData(operation.outcome, ({ kvs, count, more, revision }) => ({ kvs: kvs.map(kvData), count, more, revision }))
      }
    case 'compact':
      return { ...line, revision: operation.revision, ...outcomeData(operation.outcome, answer => answer) }
    default:
      return { ...line, ...outcomeData(operation.outcome, answer => answer) }
  }
}

export const untilOf = (us: number): number | null => (us === Number.POSITIVE_INFINITY ? null : us)

export function outcomeData<V>(outcome: Outcome<V> | undefined, answer: (value: V) => unknown): object {
  if (outcome === undefined) return {}
  return outcome.ok ? { answer: answer(outcome.value) } : { failure: outcome.error }
}

const txnData = ({ compares, success, failure }: StoreTxn): object => ({
  compares: compares.map(compare => (compare.target === 'value' ? { ...compare, operand: bytesData(compare.operand) } : compare)),
  success: success.map(opData),
  failure: failure.map(opData)
})
function opData(op: StoreOp): object {
  if (op.type === 'txn') return { type: op.type, ...txnData(op) }
  return op.type === 'put' ? { ...op, value: bytesData(op.value) } : op
}

const txnAnswerData = ({ succeeded, revision, results }: StoreTxnAnswer): object => ({
  succeeded,
  revision,
  results: results.map(resultData)
})

function resultData(result: StoreOpResult): object {
  switch (result.type) {
    case 'put':
      return result.prev === undefined ? result : { ...result, prev: kvData(result.prev) }
    case 'delete':
      return { ...result, prevs: result.prevs.map(kvData) }
    case 'range':
      return { ...result, kvs: result.kvs.map(kvData) }
    default:
      return { ...result, results: result.results.map(resultData) }
  }
}

const kvData = ({ key, value, createRevision, modRevision, version, lease }: StoreKeyValue): object => ({
  key,
  value: bytesData(value),
  createRevision,
  modRevision,
  version,
  ...(lease === 0 ? {} : { lease })
})

/** A deletion has no more than a key and a revision. */
const eventData = ({ type, kv, prev }: StoreEvent): object => ({
  type,
  ...(type === 'put' ? { kv: kvData(kv) } : { key: kv.key, modRevision: kv.modRevision }),
  ...(prev === undefined ? {} : { prev: kvData(prev) })
})

function bytesData(bytes: Uint8Array): string | { base64: string } {
  try {
    const text = strict.decode(bytes)
    if (encoder.encode(text).length === bytes.length) return text
  } catch {
    // Not UTF-8.
  }
  let binary = ''
  for (const byte of bytes) binary += String.fromCharCode(byte)
  return { base64: btoa(binary) }
}

function* watchLines({ client, to, request, openedUs, batches, ended }: WatchRecord, id: number): Generator<string> {
  yield JSON.stringify({ op: 'watch', id, client, to, from: openedUs, watch: request })
  for (const { atUs, revision, events } of batches)
    yield JSON.stringify({ op: 'batch', id, at: atUs, revision, events: events.map(eventData) })
  if (ended !== undefined) yield JSON.stringify({ op: 'ended', id, ...(ended === 'closed' ? {} : { failure: ended }) })
}

function registerLine({ client, key, invokedUs, returnedUs, kind, value, expected, outcome }: RegisterOperation): object {
  const what = kind === 'cas' ? { expected, value } : { value }
  return { op: kind, client, key, from: invokedUs, until: untilOf(returnedUs), ...what, outcome }
}
