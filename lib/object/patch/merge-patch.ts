// JSON merge patch (RFC 7386): null removes, objects merge, everything else replaces.

import type { Json } from '../api-object.js'
import { cloneJson, setOwn } from '../meta.js'
import { faultError, isObject, type JsonObject, PatchFault, type PatchResult, patchDepthMax } from './result.js'

export function applyMergePatch(target: Json, patch: Json): PatchResult {
  try {
    return { ok: true, value: merge(target, patch, 0) }
  } catch (error) {
    if (error instanceof PatchFault) return { ok: false, error: faultError(error) }
    throw error
  }
}

// RFC 7386 §2, MergePatch(Target, Patch), sharing what it does not change.
function merge(target: Json | undefined, patch: Json, depth: number): Json {
  if (depth > patchDepthMax) throw new PatchFault(`patch is nested deeper than ${patchDepthMax}`, true)
  if (!isObject(patch)) return cloneJson(patch)
  const result: JsonObject = isObject(target) ? { ...target } : {}
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name]
    else setOwn(result, name, merge(Object.hasOwn(result, name) ? result[name] : undefined, value, depth + 1))
  }
  return result
}
