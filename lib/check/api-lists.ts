// API lists: that a list, whole or in pages, is what there was at its resourceVersion.

import { describeApiOperation, describeState, describeVersion } from './api-excerpt.js'
import { type ApiViolations, apiGuarantees } from './api-guarantee.js'
import { type ApiHistory, type ApiOperation, type ApiOutcome, type ApiState, resourceOf, selects } from './api-history.js'
import type { Reference, Version } from './api-reference.js'

type Listed = Extract<ApiOutcome, { kind: 'list' }>

/** A list with all its pages as far as they came. */
interface Snapshot {
  readonly first: ApiOperation
  readonly revision: number
  readonly states: ApiState[]
  /** There are more, behind the last state. */
  more: boolean
  returnedUs: number
}

export function checkLists({ operations }: ApiHistory, reference: Reference, wrong: ApiViolations): void {
  const byResource = new Map<string, Snapshot[]>()
  for (const snapshot of snapshotsOf(operations, wrong)) {
    const resource = resourceOf(snapshot.first.key)
    byResource.set(resource, [...(byResource.get(resource) ?? []), snapshot])
  }
  for (const [resource, snapshots] of byResource) {
    const versions = reference.all(resource)
    const now = new Map<string, Version>()
    let at = 0
    for (const snapshot of snapshots.sort((a, b) => a.revision - b.revision)) {
      for (; at < versions.length && (versions[at] as Version).revision <= snapshot.revision; at++) {
        const version = versions[at] as Version
        now.set(version.key, version)
      }
      checkSnapshot(snapshot, now, reference, wrong)
    }
  }
}

function snapshotsOf(operations: readonly ApiOperation[], wrong: ApiViolations): Snapshot[] {
  const snapshots = new Map<number, Snapshot>() // By the id of the first page.
  for (const operation of operations) {
    const { outcome, id, firstPage, returnedUs } = operation
    if (outcome?.kind !== 'list') continue
    const { revision, states, more }: Listed = outcome
    const snapshot = firstPage === undefined ? undefined : snapshots.get(firstPage)
    if (snapshot === undefined) {
      snapshots.set(id, { first: operation, revision, states: [...states], more, returnedUs })
      continue
    }
    if (revision !== snapshot.revision)
      wrong.add(apiGuarantees.chunks, describeApiOperation(snapshot.first), describeApiOperation(operation))
    snapshot.states.push(...states)
    snapshot.more = more
    snapshot.returnedUs = returnedUs
  }
  return [...snapshots.values()]
}

function checkSnapshot(snapshot: Snapshot, now: ReadonlyMap<string, Version>, reference: Reference, wrong: ApiViolations): void {
  const { first, revision, states, more, returnedUs } = snapshot
  const { key: prefix, selector } = first
  const tell = (...lines: string[]): void => wrong.add(apiGuarantees.snapshot, describeApiOperation(first), ...lines)
  const listed = new Set<string>()
  let last = ''
  for (const state of states) {
    if (listed.has(state.key)) return tell(`twice: ${describeState(state)}`)
    if (state.key < last) return tell(`behind ${last}: ${describeState(state)}`)
    last = state.key
    listed.add(state.key)
    if (!state.key.startsWith(prefix) || !selects(selector, state)) return tell(`not asked for: ${describeState(state)}`)
    const version = now.get(state.key)
    if (state.revision > revision) return tell(`newer than the list: ${describeState(state)}`)
    if (version !== undefined && version.revision !== state.revision) {
      return tell(`listed: ${describeState(state)}`, `there was: ${describeVersion(version)}`)
    }
  }
  for (const [key, version] of now) {
    const { state } = version
    if (state === undefined || listed.has(key) || !key.startsWith(prefix) || !selects(selector, state)) continue
    if (more && key > last) continue
    if (!reference.isComplete(key) && mayBeGoneUnseen(reference, version, revision, returnedUs)) continue
    return tell(`missed: ${describeVersion(version)}`)
  }
}

/** A deletion that nobody was told the revision of. One that is known to come later did not come before. */
function mayBeGoneUnseen(reference: Reference, { key, revision }: Version, at: number, beforeUs: number): boolean {
  const next = reference.after(key, revision)
  if (next !== undefined && next.revision > at && next.state === undefined) return false
  return reference.mayBeGone(key, revision, beforeUs)
}
