// Conditions: what an object's controllers say of it, one entry a type.
//
// lastTransitionTime changes only when the status does. Functions return new lists and leave the given ones alone.

import type { Condition } from './api-object.js'
import { formatTime } from './timestamp.js'

export const findCondition = (conditions: readonly Condition[] | undefined, type: string): Condition | undefined =>
  conditions?.find(condition => condition.type === type)

export const isConditionTrue = (conditions: readonly Condition[] | undefined, type: string): boolean =>
  findCondition(conditions, type)?.status === 'True'

/** The list with that condition set; the same list if nothing would change. */
export function setCondition(conditions: readonly Condition[] | undefined, condition: Condition, nowMs: number): readonly Condition[] {
  const old = findCondition(conditions, condition.type)
  const changed = old === undefined || old.status !== condition.status
  const lastTransitionTime = changed ? (condition.lastTransitionTime ?? formatTime(nowMs)) : old.lastTransitionTime
  const next: Condition = { ...old, ...condition, ...(lastTransitionTime === undefined ? {} : { lastTransitionTime }) }
  if (old !== undefined && Object.keys(next).every(name => next[name as keyof Condition] === old[name as keyof Condition])) {
    return conditions ?? []
  }
  if (old === undefined) return [...(conditions ?? []), next]
  return (conditions ?? []).map(one => (one.type === condition.type ? next : one))
}

export const removeCondition = (conditions: readonly Condition[] | undefined, type: string): Condition[] =>
  (conditions ?? []).filter(condition => condition.type !== type)
