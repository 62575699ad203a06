// API writes: per-object optimistic concurrency: what an acknowledged write may have replaced, and why one may be refused.

import { describeApiOperation, describeVersion } from './api-excerpt.js'
import { type ApiViolations, apiGuarantees } from './api-guarantee.js'
import { type ApiHistory, type ApiOperation, type ApiState, isInDoubt } from './api-history.js'
import type { Reference, Version } from './api-reference.js'

export function checkApiWrites({ operations }: ApiHistory, reference: Reference, wrong: ApiViolations): void {
  const doubtful = new Map<string, ApiOperation[]>()
  for (const operation of operations) {
    if (operation.verb === 'get' || operation.verb === 'list' || !isInDoubt(operation)) continue
    doubtful.set(operation.key, [...(doubtful.get(operation.key) ?? []), operation])
  }
  for (const operation of operations) {
    const { outcome, verb } = operation
    if (verb === 'get' || verb === 'list' || outcome === undefined) continue
    if (outcome.kind === 'object') checkWritten(operation, outcome.state, reference, wrong)
    else if (outcome.kind === 'gone' || outcome.kind === 'marked') checkDeleted(operation, outcome.uid, reference, wrong)
    else if (outcome.kind === 'failed' && outcome.code === 409)
      checkRefusal(operation, outcome.reason, doubtful.get(operation.key) ?? [], reference, wrong)
  }
}

function checkWritten(operation: ApiOperation, state: ApiState, reference: Reference, wrong: ApiViolations): void {
  const { key, verb, sentRevision, sentUid } = operation
  const { revision, uid } = state
  const text = (): string => describeApiOperation(operation)
  if (sentUid !== undefined && sentUid !== uid) wrong.add(apiGuarantees.precondition, text())
  if (verb === 'create') {
    const before = reference.asOf(key, revision - 1)
    // What was there may be gone without anybody having seen it go, if somebody asked for it.
    const goes = !reference.isComplete(key) && before !== undefined && reference.mayBeGone(key, before.revision, operation.returnedUs)
    if (before?.state !== undefined && !goes) wrong.add(apiGuarantees.createOnce, text(), describeVersion(before))
    return
  }
  // An update that changes nothing is answered with what there is.
  if (sentRevision === undefined || sentRevision === revision) return
  const between = reference.after(key, sentRevision)
  if (sentRevision > revision) wrong.add(apiGuarantees.optimistic, text())
  else if (between !== undefined && between.revision < revision) wrong.add(apiGuarantees.optimistic, text(), describeVersion(between))
}

function checkDeleted(operation: ApiOperation, uid: string, reference: Reference, wrong: ApiViolations): void {
  const { key, sentRevision, sentUid, returnedUs } = operation
  const text = (): string => describeApiOperation(operation)
  if (sentUid !== undefined && sentUid !== uid) wrong.add(apiGuarantees.precondition, text())
  const own = reference.of(key).filter(({ state }) => state?.uid === uid)
  const last = own.at(-1)
  if (operation.outcome?.kind !== 'gone' || last === undefined) return
  if (sentRevision !== undefined && last.revision > sentRevision) wrong.add(apiGuarantees.optimistic, text(), describeVersion(last))
  if (reference.isComplete(key) && reference.after(key, last.revision) === undefined)
    wrong.add(apiGuarantees.noLostWrite, text(), describeVersion(last), `it is not gone at ${returnedUs}`)
}

/** 409: Conflict, or AlreadyExists. */
function checkRefusal(
  operation: ApiOperation,
  reason: string,
  doubtful: readonly ApiOperation[],
  reference: Reference,
  wrong: ApiViolations
): void {
  const { key, sentRevision, sentUid, returnedUs } = operation
  if (doubtful.some(({ invokedUs }) => invokedUs < returnedUs)) return
  const before = (version: Version): boolean => mayPrecede(version, returnedUs, reference)
  if (reason === 'AlreadyExists') {
    if (!reference.isLived(key)) return
    if (!reference.of(key).some(version => version.state !== undefined && before(version)))
      wrong.add(apiGuarantees.existsOnlyIfCreated, describeApiOperation(operation))
    return
  }
  if (reason !== 'Conflict' || sentRevision === undefined || !reference.isWritten(key)) return
  const read = reference.at(key, sentRevision)
  if (read === undefined || (sentUid !== undefined && read.state?.uid !== sentUid)) return
  const since = reference.of(key).filter(({ revision }) => revision > sentRevision)
  // A deletion leaves no state behind, and where the store was not read nobody may have seen it.
  const deleted = !reference.isComplete(key) && reference.mayBeGone(key, sentRevision, returnedUs)
  if (!since.some(before) && !deleted)
    wrong.add(apiGuarantees.conflictOnlyIfChanged, describeApiOperation(operation), describeVersion(read))
}

/** Whether it may have been there at that time: its writer had asked by then, or is not known. */
function mayPrecede({ state }: Version, us: number, reference: Reference): boolean {
  const writer = state === undefined || state.mark === '' ? undefined : reference.writerOf(state.mark)
  return writer === undefined || writer.invokedUs < us
}
