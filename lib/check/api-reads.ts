// API reads: how fresh an answer has to be, as Kubernetes promises it for each resourceVersion that can be asked for.
//
// Without one, a read is linearizable. With N it is not older than N; a list at exactly N is as of N. With '0' it is what some cache
// has, however old: nothing is promised of its age, only that a list is a snapshot (api-lists.ts).
// https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions

import { describeApiOperation, describeVersion } from './api-excerpt.js'
import { type ApiViolations, apiGuarantees } from './api-guarantee.js'
import type { ApiHistory, ApiOperation, ApiState } from './api-history.js'
import type { Reference } from './api-reference.js'
import { type Known, type Sight, visitKnown } from './api-sights.js'
import { timeOf } from './excerpt.js'

export function checkReads(history: ApiHistory, reference: Reference, wrong: ApiViolations): void {
  visitKnown(history, (operation, known) => {
    const { verb, outcome, version = '' } = operation
    if (outcome === undefined) return
    const reads = verb === 'get' || verb === 'list'
    if (outcome.kind === 'failed') {
      // That an object is not there is believed of a consistent state only, by whatever verb.
      if (outcome.code !== 404 || verb === 'create' || verb === 'list') return
      if (version === '') checkAbsent(operation, known.ofKey, reference, wrong)
      else if (version !== '0') checkAbsentSince(operation, Number(version), reference, wrong)
    } else if (outcome.kind === 'list') checkListed(operation, outcome.revision, known, wrong)
    else if (outcome.kind !== 'object') return
    else if (!reads) checkOrder(operation, outcome.state, known, wrong)
    else if (version === '') checkGot(operation, outcome.state, known, wrong)
    else if (version !== '0') checkNotOlder(operation, outcome.state, Number(version), reference, wrong)
  })
}

const seenText = ({ client, revision, atUs }: Sight): string => `${client} had seen ${revision} at ${timeOf(atUs)}`

function tellStale(operation: ApiOperation, by: Sight, wrong: ApiViolations): void {
  const guarantee = by.client === operation.client ? apiGuarantees.monotonic : apiGuarantees.consistent
  wrong.add(guarantee, describeApiOperation(operation), seenText(by))
}

function checkGot(operation: ApiOperation, state: ApiState, { ofKey, gone }: Known, wrong: ApiViolations): void {
  if (gone !== undefined) wrong.add(apiGuarantees.consistent, describeApiOperation(operation), `${gone.client} had deleted it`)
  else if (ofKey !== undefined && state.revision < ofKey.revision) tellStale(operation, ofKey, wrong)
}

function checkListed(operation: ApiOperation, revision: number, { newest, own }: Known, wrong: ApiViolations): void {
  const { version = '', exact, firstPage } = operation
  // Further pages are as of the first, however long ago that was.
  if (firstPage !== undefined || version === '0') return
  if (version !== '') {
    const asked = Number(version)
    if (exact === true ? revision !== asked : revision < asked)
      wrong.add(exact === true ? apiGuarantees.exact : apiGuarantees.notOlderThan, describeApiOperation(operation))
  } else if (own !== undefined && revision < own.revision) tellStale(operation, own, wrong)
  else if (newest !== undefined && revision < newest.revision) tellStale(operation, newest, wrong)
}

function checkNotOlder(operation: ApiOperation, state: ApiState, asked: number, reference: Reference, wrong: ApiViolations): void {
  const next = reference.after(state.key, state.revision)
  if (next !== undefined && next.revision <= asked)
    wrong.add(apiGuarantees.notOlderThan, describeApiOperation(operation), describeVersion(next))
}

function checkOrder(operation: ApiOperation, state: ApiState, { newest, ofKey, gone }: Known, wrong: ApiViolations): void {
  const isOwn = operation.mark !== undefined && operation.mark !== '' && operation.mark === state.mark
  const by = isOwn ? newest : ofKey
  if (gone !== undefined) wrong.add(apiGuarantees.writeOrder, describeApiOperation(operation), `${gone.client} had deleted it`)
  // A write that changes nothing answers with what there is.
  else if (by !== undefined && (isOwn ? state.revision <= by.revision : state.revision < by.revision))
    wrong.add(apiGuarantees.writeOrder, describeApiOperation(operation), seenText(by))
}

function checkAbsent(operation: ApiOperation, seen: Sight | undefined, reference: Reference, wrong: ApiViolations): void {
  const { key, returnedUs } = operation
  const last = seen === undefined ? undefined : reference.at(key, seen.revision)
  if (last?.state === undefined || reference.mayBeGone(key, last.revision, returnedUs)) return
  wrong.add(apiGuarantees.consistent, describeApiOperation(operation), describeVersion(last))
}

function checkAbsentSince(operation: ApiOperation, asked: number, reference: Reference, wrong: ApiViolations): void {
  const { key, returnedUs } = operation
  const last = reference.asOf(key, asked)
  if (last?.state === undefined || reference.mayBeGone(key, last.revision, returnedUs)) return
  wrong.add(apiGuarantees.notOlderThan, describeApiOperation(operation), describeVersion(last))
}
