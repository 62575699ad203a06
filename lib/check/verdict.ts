// Verdict: what a recorded history comes to, of whichever kind it is, with nothing known but what its lines and its header say.

import { checkApi } from './api.js'
import type { ApiViolation } from './api-guarantee.js'
import { checkAuth } from './auth.js'
import type { Violation } from './guarantee.js'
import { type History, opsOf, type WatchRecord } from './history.js'
import type { HistoryHeader, Verdict } from './jsonl.js'
import type { Decoded } from './jsonl-decoder.js'
import { checkLeases } from './lease.js'
import { isIn } from './model.js'
import { checkRegisters } from './registers.js'
import { checkStore, type StoreQuestion } from './store.js'

export interface HistoryVerdict {
  readonly verdict: Verdict
  readonly violations: readonly (Violation | ApiViolation)[]
  /** What could not be decided. Not a pass. */
  readonly unknown: string | undefined
}

export function checkHistory(decoded: Decoded): HistoryVerdict {
  if (decoded.kind === 'api') {
    const violations = checkApi(decoded.history, decoded.header.quiet === true)
    return { verdict: violations.length > 0 ? 'violated' : 'passed', violations, unknown: undefined }
  }
  if (decoded.kind === 'lease') {
    const violations = checkLeases(decoded.history)
    return { verdict: violations.length > 0 ? 'violated' : 'passed', violations, unknown: undefined }
  }
  const { violations, unknown } = searched(decoded)
  return { verdict: violations.length > 0 ? 'violated' : unknown === undefined ? 'passed' : 'unknown', violations, unknown }
}

function searched(decoded: Decoded & { readonly kind: 'store' | 'register' | 'auth' }): Omit<HistoryVerdict, 'verdict'> {
  if (decoded.kind === 'auth') return checkAuth(decoded.history)
  return decoded.kind === 'store' ? checkStore(storeQuestion(decoded.history, decoded.header)) : checkRegisters(decoded.history)
}

/** What is to be asked of a history that comes alone. */
export function storeQuestion(history: History, { quiet = false, compactsByItself = false }: HistoryHeader = {}): StoreQuestion {
  const asked = history.operations.reduce((most, one) => (one.kind === 'compact' ? Math.max(most, one.revision) : most), 0)
  return {
    history,
    isWhole: wholeWatches(history),
    compactedMax: compactsByItself ? Number.POSITIVE_INFINITY : asked,
    isQuiet: quiet
  }
}

/** Watches that see every key that anybody wrote or was told of. */
function wholeWatches({ operations, watches }: History): (watch: WatchRecord) => boolean {
  let first: string | undefined
  let last = ''
  const note = (key: string): void => {
    if (first === undefined || key < first) first = key
    if (key > last) last = key
  }
  for (const operation of operations) {
    if (operation.kind === 'range' && operation.outcome?.ok === true) for (const { key } of operation.outcome.value.kvs) note(key)
    if (operation.kind !== 'txn') continue
    for (const op of opsOf(operation.txn)) if (op.type === 'put') note(op.key)
  }
  for (const { batches } of watches) for (const { events } of batches) for (const { kv } of events) note(kv.key)
  return ({ request }) =>
    request.noPut !== true && request.noDelete !== true && first !== undefined && isIn(request, first) && isIn(request, last)
}
