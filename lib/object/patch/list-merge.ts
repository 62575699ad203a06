// Merging lists of a strategic merge patch, and the order items end up in.
//
// Order (upstream's proposal "preserve order in strategic merge patch"): items the patch names keep the patch's order, the others
// the server's; where both kinds stand is decided by the server's order if it knows both, else the patch's item comes first.

import type { Json } from '../api-object.js'
import { type JsonObject, PatchFault } from './result.js'

export type MergeItem = (old: JsonObject, patch: JsonObject) => JsonObject

/** Merges lists of maps by key, obeying `$patch: delete` and `$patch: replace` items. */
export function mergeLists(
  old: readonly JsonObject[],
  patch: readonly JsonObject[],
  key: string,
  merge: MergeItem,
  fresh: (item: Json) => Json
): Json[] {
  const gone = new Set<string>()
  let replace = false
  const plain: JsonObject[] = []
  for (const item of patch) {
    const kind = Object.hasOwn(item, '$patch') ? item.$patch : undefined
    if (kind === undefined) plain.push(item)
    else if (kind === 'delete') gone.add(identity(item, key))
    else if (kind === 'replace') replace = true
    else if (kind === 'merge') throw new PatchFault('merging lists cannot yet be specified in the patch')
    else throw new PatchFault(`unknown patch type: ${String(kind)} in map: ${JSON.stringify(item)}`)
  }
  if (replace) return plain.map(fresh)
  const kept = old.filter(item => item[key] === undefined || !gone.has(identity(item, key)))
  const merged = [...kept]
  const index = new Map<string, number>()
  merged.forEach((item, place) => {
    if (item[key] !== undefined && !index.has(identity(item, key))) index.set(identity(item, key), place)
  })
  for (const item of plain) {
    const place = index.get(identity(item, key))
    if (place !== undefined) merged[place] = merge(merged[place] as JsonObject, item)
    else index.set(identity(item, key), merged.push(fresh(item) as JsonObject) - 1)
  }
  return orderList(merged, plain, kept, key)
}

/** `list` in the patch's order and the server's. `key` undefined: values are compared themselves. */
export function orderList(
  list: readonly Json[],
  patchOrder: readonly Json[],
  serverOrder: readonly Json[],
  key: string | undefined
): Json[] {
  const inPatch = places(patchOrder, key)
  const inServer = places(serverOrder, key)
  const place = (item: Json, of: Map<string, number>): number => of.get(identity(item, key)) ?? -1
  const patched = list.filter(item => place(item, inPatch) >= 0).sort((a, b) => place(a, inPatch) - place(b, inPatch))
  const others = list.filter(item => place(item, inPatch) < 0)
  const result: Json[] = []
  let left = 0
  let right = 0
  while (left < others.length && right < patched.length) {
    const leftPlace = place(others[left] as Json, inServer)
    const rightPlace = place(patched[right] as Json, inServer)
    if (leftPlace >= 0 && rightPlace >= 0 && leftPlace < rightPlace) result.push(others[left++] as Json)
    else result.push(patched[right++] as Json)
  }
  return [...result, ...others.slice(left), ...patched.slice(right)]
}

function places(items: readonly Json[], key: string | undefined): Map<string, number> {
  const found = new Map<string, number>()
  items.forEach((item, index) => {
    const name = identity(item, key)
    if (!found.has(name)) found.set(name, index)
  })
  return found
}

function identity(item: Json, key: string | undefined): string {
  if (key === undefined) return JSON.stringify(item)
  return JSON.stringify(requireKey(item as JsonObject, key))
}

function requireKey(item: JsonObject, key: string): Json {
  const value = typeof item === 'object' && item !== null && Object.hasOwn(item, key) ? item[key] : undefined
  if (value === undefined) throw new PatchFault(`map: ${JSON.stringify(item)} does not contain declared merge key: ${key}`)
  return value
}
