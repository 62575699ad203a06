// Writing: one object written by a transaction that compares what it replaces, so that it may be sent again.
//
// Guarantee: what is acknowledged is in the store; a write happens once; a conflict is told with the state that caused it. If it cannot
// be known whether the write happened, the call times out, as upstream's does. A creation is sent once, since that there is no such
// object holds again after a deletion; when its answer is lost, what there is may show that it was made.

import type { Flow } from '../actor/index.js'
import { type ApiObject, errors } from '../object/index.js'
import type { StoreCompare, StoreKeyValue, StoreOp } from '../storage/index.js'
import type { Call, Serving } from './serving.js'
import { failureText } from './store-client.js'

const decoder = new TextDecoder()

export interface Write {
  readonly key: string
  /** The revision of the state to replace; 0: there must be none. */
  readonly expected: number
  /** Undefined: delete. */
  readonly value: Uint8Array | undefined
  /** Further conditions and keys of the same transaction. */
  readonly compares?: readonly StoreCompare[]
  readonly ops?: readonly StoreOp[]
  /** Keys to tell of if the transaction is refused. */
  readonly inspect?: readonly string[]
}

export type Written =
  | { readonly ok: true; readonly revision: number }
  /** Something was not as expected: the states of the key, and of the keys to inspect, in their order. */
  | { readonly ok: false; readonly current: StoreKeyValue | undefined; readonly inspected: readonly (StoreKeyValue | undefined)[] }

export function* write(serving: Serving, call: Call, request: Write): Flow<Written> {
  const { key, expected, value, compares = [], ops = [], inspect = [] } = request
  const own: StoreCompare =
    expected === 0 ? { key, target: 'create', result: 'equal', operand: 0 } : { key, target: 'mod', result: 'equal', operand: expected }
  const op: StoreOp = value === undefined ? { type: 'delete', key } : { type: 'put', key, value }
  const ranges = [key, ...inspect].map((read): StoreOp => ({ type: 'range', key: read }))
  const { outcome, uncertain } = yield* serving.store.txn(
    { compares: [own, ...compares], success: [op, ...ops], failure: ranges },
    call.deadlineMs,
    expected !== 0
  )
  if (!outcome.ok) {
    if (expected === 0 && uncertain && value !== undefined) {
      const read = yield* serving.store.range({ key }, call.deadlineMs)
      const [found] = read.ok ? read.value.kvs : []
      // Created by us, and perhaps changed by others since.
      if (found !== undefined && uidOf(found.value) === uidOf(value)) return { ok: true, revision: found.createRevision }
    }
    if (outcome.error.code === 'request too large') throw errors.requestEntityTooLarge(outcome.error.detail)
    if (outcome.error.definite && !uncertain) throw errors.serviceUnavailable(`the store is not available: ${failureText(outcome.error)}`)
    throw errors.timeout('request did not complete within the allotted timeout')
  }
  if (outcome.value.succeeded) return { ok: true, revision: outcome.value.revision }
  const found = outcome.value.results.map(result => (result.type === 'range' ? result.kvs[0] : undefined))
  const [current, ...inspected] = found
  if (uncertain) {
    // An earlier attempt of ours may be what the comparison met.
    if (value === undefined ? current === undefined : current !== undefined && sameBytes(current.value, value)) {
      return { ok: true, revision: current?.modRevision ?? outcome.value.revision }
    }
    throw errors.timeout('it is not known whether the write took effect')
  }
  return { ok: false, current, inspected }
}

const uidOf = (stored: Uint8Array): string | undefined => (JSON.parse(decoder.decode(stored)) as ApiObject).metadata.uid

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false
  return true
}
