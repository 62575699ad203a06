// StatusPatch: the strategic merge patch that takes a pod's status from one state to another. Pure.
//
// Only what changed is in it, so that what others write meanwhile (their conditions, nominatedNodeName) stays.

import type { PodStatus } from '../kinds/index.js'
import { type Condition, deepEqual } from '../object/index.js'

const mergedByIp = new Set(['podIPs', 'hostIPs'])

/** Undefined: nothing to change. */
export function statusPatch(old: PodStatus, next: PodStatus): Record<string, unknown> | undefined {
  const patch: Record<string, unknown> = {}
  const before = old as Record<string, unknown>
  const after = next as Record<string, unknown>
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (name === 'conditions' || deepEqual(before[name], after[name])) continue
    if (after[name] === undefined) patch[name] = null
    // These lists merge by key: replaced whole, an address of before does not stay.
    else if (mergedByIp.has(name) && before[name] !== undefined) patch[name] = [{ $patch: 'replace' }, ...(after[name] as unknown[])]
    else patch[name] = after[name]
  }
  const conditions = changedConditions(old.conditions ?? [], next.conditions ?? [])
  if (conditions.length > 0) patch.conditions = conditions
  return Object.keys(patch).length === 0 ? undefined : patch
}

// Merged by type: a field that is gone has to be said to be.
function changedConditions(old: readonly Condition[], next: readonly Condition[]): Record<string, unknown>[] {
  const changed: Record<string, unknown>[] = []
  for (const condition of next) {
    const before = old.find(({ type }) => type === condition.type)
    if (before !== undefined && deepEqual(before, condition)) continue
    const item: Record<string, unknown> = { ...condition }
    for (const name of Object.keys(before ?? {})) if (item[name] === undefined) item[name] = null
    changed.push(item)
  }
  return changed
}
