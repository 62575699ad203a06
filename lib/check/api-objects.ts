// API objects: what must hold between the versions of one object, whoever saw them.

import { describeApiOperation, describeVersion } from './api-excerpt.js'
import { type ApiViolations, apiGuarantees } from './api-guarantee.js'
import { type ApiState, isRefused } from './api-history.js'
import type { Reference, Version } from './api-reference.js'

export function checkObjects(reference: Reference, wrong: ApiViolations): void {
  const keyOfUid = new Map<string, Version>()
  for (const key of reference.keys()) {
    for (const version of reference.of(key)) {
      if (version.state === undefined) continue
      const other = keyOfUid.get(version.state.uid)
      if (other === undefined) keyOfUid.set(version.state.uid, version)
      else if (other.key !== key) wrong.add(apiGuarantees.uidOnce, describeVersion(other), describeVersion(version))
    }
    checkLives(key, reference, wrong)
    checkDeletions(key, reference, wrong)
    checkMarks(key, reference, wrong)
  }
}

function checkLives(key: string, reference: Reference, wrong: ApiViolations): void {
  const complete = reference.isComplete(key)
  const former = new Set<string>() // Uids.
  let last: Version | undefined
  let alive: Version | undefined // The last version that is a state.
  for (const version of reference.of(key)) {
    const before = last
    last = version
    if (version.state === undefined) continue
    const was = alive
    alive = version
    if (was?.state === undefined) continue
    const { uid } = version.state
    if (was.state.uid !== uid) {
      former.add(was.state.uid)
      if (former.has(uid)) wrong.add(apiGuarantees.uidOnce, describeVersion(was), describeVersion(version))
      else if (complete && before?.state !== undefined) wrong.add(apiGuarantees.immutable, describeVersion(was), describeVersion(version))
      continue
    }
    if (before?.state === undefined) wrong.add(apiGuarantees.uidOnce, describeVersion(was), 'deleted', describeVersion(version))
    else {
      checkSteps(was, was.state, version, version.state, complete, wrong)
      if (reference.hasOwnLife(key)) checkKept(was, was.state, version, version.state, wrong)
    }
  }
}

/** Every write of these clients leaves its mark: under the same mark what is desired is the same, and no mark is taken away. */
function checkKept(was: Version, before: ApiState, is: Version, after: ApiState, wrong: ApiViolations): void {
  if (before.mark === '') return
  if (after.mark === '' || (after.mark === before.mark && after.desired !== before.desired))
    wrong.add(apiGuarantees.noOverwrite, describeVersion(was), describeVersion(is))
}

function checkDeletions(key: string, reference: Reference, wrong: ApiViolations): void {
  if (!reference.hasOwnLife(key)) return
  const deletions = reference.of(key).filter(({ state }) => state === undefined)
  const asked = reference.deletesOf(key)
  if (deletions.length > asked.length)
    wrong.add(
      apiGuarantees.noInvention,
      ...deletions.map(describeVersion),
      `asked for: ${asked.length}`,
      ...asked.map(describeApiOperation)
    )
}

/** From one known version of an object to the next; `adjacent`: there is none between. */
function checkSteps(was: Version, before: ApiState, is: Version, after: ApiState, adjacent: boolean, wrong: ApiViolations): void {
  const tell = (guarantee: Parameters<ApiViolations['add']>[0]): void => wrong.add(guarantee, describeVersion(was), describeVersion(is))
  if (before.created !== after.created) tell(apiGuarantees.immutable)
  if (before.deleting && !after.deleting) tell(apiGuarantees.deletionStays)
  if (before.generation > 0 || after.generation > 0) {
    // As upstream: that it is to be deleted is a change of what is desired.
    const changes = before.desired !== after.desired || (after.deleting && !before.deleting)
    const grown = after.generation - before.generation
    const least = changes ? 1 : 0
    const most = !adjacent ? Number.POSITIVE_INFINITY : before.besides === after.besides ? least : 1
    const right = grown >= least && grown <= most
    if (!right) tell(apiGuarantees.generation)
  }
  if (before.tally !== undefined && after.tally !== undefined) {
    const right = before.mark === after.mark ? before.tally === after.tally : before.tally < after.tally
    if (!right) tell(apiGuarantees.noLostUpdate)
  }
}

function checkMarks(key: string, reference: Reference, wrong: ApiViolations): void {
  const former = new Set<string>()
  const told = new Set<string>()
  let last = ''
  for (const version of reference.of(key)) {
    const mark = version.state?.mark ?? ''
    if (mark === last) continue
    if (last !== '') former.add(last)
    last = mark
    if (mark === '') {
      if (version.state !== undefined && reference.isWritten(key) && !reference.isComplete(key))
        wrong.add(apiGuarantees.noInvention, describeVersion(version))
      continue
    }
    const writer = reference.writerOf(mark)
    if (former.has(mark)) wrong.add(apiGuarantees.atMostOnce, describeVersion(version), ...(writer ? [describeApiOperation(writer)] : []))
    if (told.has(mark)) continue
    told.add(mark)
    if (writer === undefined) wrong.add(apiGuarantees.noInvention, `${describeVersion(version)}; nobody wrote mark ${mark}`)
    else if (isRefused(writer) || writer.key !== key)
      wrong.add(apiGuarantees.noInvention, describeVersion(version), describeApiOperation(writer))
  }
}
