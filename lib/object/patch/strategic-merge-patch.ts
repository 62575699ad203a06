// Strategic merge patch: merges lists by key as the API type's schema says, which a plain merge patch replaces.
//
// Directives: `$patch: replace|delete` in a map or an item, `$retainKeys`, `$deleteFromPrimitiveList/<list>`,
// `$setElementOrder/<list>`. Semantics and fault texts are k8s.io/apimachinery/pkg/util/strategicpatch's, merging a patch into an
// object (never patches into patches). The object patched is not changed.

import type { Json } from '../api-object.js'
import { cloneJson, deepEqual, setOwn } from '../meta.js'
import type { Schema, Schemas } from '../schema.js'
import { type MergeItem, mergeLists, orderList } from './list-merge.js'
import { faultError, isObject, type JsonObject, PatchFault, type PatchResult, patchDepthMax } from './result.js'

const directive = '$patch'
const retainKeys = '$retainKeys'
const deletePrefix = '$deleteFromPrimitiveList'
const orderPrefix = '$setElementOrder'

export function applyStrategicMergePatch(target: Json, patch: Json, schemaName: string, schemas: Schemas): PatchResult {
  if (!isObject(target) || !isObject(patch)) return { ok: false, error: faultError(new PatchFault('invalid JSON document', true)) }
  try {
    return { ok: true, value: new Merger(schemas).map(target, patch, { ref: schemaName }, 0) }
  } catch (error) {
    if (error instanceof PatchFault) return { ok: false, error: faultError(error) }
    throw error
  }
}

class Merger {
  readonly #schemas: Schemas

  constructor(schemas: Schemas) {
    this.#schemas = schemas
  }

  map(target: JsonObject, patch: JsonObject, schema: Schema, depth: number): JsonObject {
    if (depth > patchDepthMax) throw new PatchFault(`patch is nested deeper than ${patchDepthMax}`, true)
    if (Object.hasOwn(patch, directive)) return replacement(patch)
    const resolved = this.#resolve(schema)
    const result: JsonObject = { ...target }
    keepOnly(result, patch)
    const ordered = this.#orderedLists(result, patch, resolved, depth)
    for (const [name, value] of Object.entries(patch)) {
      if (name === retainKeys || ordered.has(name) || name.startsWith(orderPrefix)) continue
      if (name.startsWith(deletePrefix)) this.#deleteFromList(result, listName(name, deletePrefix), value, resolved)
      else this.#field(result, name, value, fieldSchema(resolved, name), depth)
    }
    return result
  }

  #field(result: JsonObject, name: string, value: Json, schema: Schema, depth: number): void {
    if (value === null) {
      delete result[name]
      return
    }
    const old = Object.hasOwn(result, name) ? result[name] : undefined
    const replaced = strategies(schema).includes('replace')
    if (isObject(old) && isObject(value)) {
      setOwn(result, name, replaced ? withoutDirectives(value) : this.map(old, value, schema, depth + 1))
    } else if (Array.isArray(old) && Array.isArray(value)) {
      setOwn(result, name, strategies(schema).includes('merge') ? this.#list(old, value, schema, depth) : withoutDirectives(value))
    } else {
      setOwn(result, name, withoutDirectives(value))
    }
  }

  /** Lists with a $setElementOrder: merged, then brought into that order. Returns the names it has dealt with. */
  #orderedLists(result: JsonObject, patch: JsonObject, schema: Schema, depth: number): Set<string> {
    const done = new Set<string>()
    for (const [name, order] of Object.entries(patch)) {
      if (!name.startsWith(orderPrefix)) continue
      const list = listName(name, orderPrefix)
      if (!Array.isArray(order)) throw malformedOrder()
      const listSchema = fieldSchema(schema, list)
      const key = listSchema.patchMergeKey
      const old = Object.hasOwn(result, list) ? result[list] : undefined
      const added = Object.hasOwn(patch, list) ? patch[list] : undefined
      if (added === null) continue
      if ((old !== undefined && !Array.isArray(old)) || (added !== undefined && !Array.isArray(added))) throw malformedOrder()
      if (added !== undefined) checkOrder(added, order, key)
      if (old === undefined && added === undefined) continue
      const merged =
        old === undefined ? dropDirectiveItems(added ?? []) : added === undefined ? old : this.#list(old, added, listSchema, depth)
      setOwn(result, list, orderList(merged, order, old ?? [], key))
      done.add(list)
    }
    return done
  }

  #deleteFromList(result: JsonObject, name: string, value: Json, schema: Schema): void {
    if (!Array.isArray(value)) throw new PatchFault('invalid patch format of primitive list', true)
    const old = Object.hasOwn(result, name) ? result[name] : undefined
    if (!Array.isArray(old) || !strategies(fieldSchema(schema, name)).includes('merge')) return
    const gone = new Set(value.map(item => JSON.stringify(item)))
    const left = old.filter(item => !gone.has(JSON.stringify(item)))
    setOwn(result, name, left)
  }

  #list(old: Json[], patch: Json[], schema: Schema, depth: number): Json[] {
    const key = schema.patchMergeKey
    const items = [...old, ...patch]
    if (items.some(Array.isArray)) throw new PatchFault('lists of lists are not supported')
    if (!items.some(isObject)) return orderList([...new Set(items)], patch, old, undefined)
    if (!items.every(isObject)) throw new PatchFault('list element types are not identical')
    if (key === undefined) throw new PatchFault('cannot merge lists without merge key for type struct')
    const item = schema.items ?? {}
    const merge: MergeItem = (a, b) => this.map(a, b, item, depth + 1)
    return mergeLists(old as JsonObject[], patch as JsonObject[], key, merge, withoutDirectives)
  }

  #resolve(schema: Schema): Schema {
    if (schema.ref === undefined) return schema
    const target = this.#schemas.get(schema.ref)
    return target === undefined ? schema : { ...target, ...schema }
  }
}

/** `$patch` in a map: replace takes the patch as it is, delete leaves an empty map. */
function replacement(patch: JsonObject): JsonObject {
  const kind = patch[directive]
  if (kind === 'replace') {
    const { [directive]: _gone, ...rest } = patch
    return withoutDirectives(rest) as JsonObject
  }
  if (kind === 'delete') return {}
  throw new PatchFault(`unknown patch type: ${String(kind)} in map: ${JSON.stringify(patch)}`)
}

/** `$retainKeys`: what it does not list is dropped, and the patch may set nothing else. */
function keepOnly(result: JsonObject, patch: JsonObject): void {
  if (!Object.hasOwn(patch, retainKeys)) return
  const list = patch[retainKeys]
  const malformed = (): PatchFault => new PatchFault('invalid patch format of retainKeys', true)
  if (!Array.isArray(list)) throw malformed()
  const kept = new Set<Json>(list)
  for (const [name, value] of Object.entries(patch)) {
    if (name === retainKeys || value === null || name.startsWith(deletePrefix) || name.startsWith(orderPrefix)) continue
    if (!kept.has(name)) throw malformed()
  }
  for (const name of Object.keys(result)) if (!kept.has(name)) delete result[name]
}

/** The patch's items must come in the order the directive lists; items it deletes do not count. */
function checkOrder(patch: Json[], order: Json[], key: string | undefined): void {
  if (order.length === 0 || patch.length === 0) return
  let place = 0
  for (const item of patch) {
    if (isObject(item) && Object.hasOwn(item, directive)) continue
    const same = (other: Json): boolean => deepEqual(keyOf(other, key), keyOf(item, key))
    while (place < order.length && !same(order[place] as Json)) place++
    if (place === order.length) {
      throw new PatchFault(
        `The order in patch list:\n${JSON.stringify(patch)}\n doesn't match ${orderPrefix} list:\n${JSON.stringify(order)}\n`
      )
    }
    place++
  }
}

function keyOf(item: Json, key: string | undefined): Json {
  if (key === undefined) return item
  const value = isObject(item) && Object.hasOwn(item, key) ? item[key] : undefined
  if (value === undefined) throw new PatchFault(`map: ${JSON.stringify(item)} does not contain declared merge key: ${key}`)
  return value
}

function listName(name: string, prefix: string): string {
  const slash = name.indexOf('/')
  if (slash < 0 || name.slice(0, slash) !== prefix) {
    throw prefix === orderPrefix ? malformedOrder() : new PatchFault('invalid patch format of primitive list', true)
  }
  return name.slice(slash + 1)
}

const malformedOrder = (): PatchFault => new PatchFault('invalid patch format of setElementOrder list', true)

/** A patch's value where there is nothing to merge with: directives and nulls go, they have no meaning here. */
function withoutDirectives(value: Json): Json {
  if (Array.isArray(value)) return dropDirectiveItems(value)
  if (!isObject(value)) return cloneJson(value)
  const result: JsonObject = {}
  for (const [name, child] of Object.entries(value)) {
    const isDirective = name === directive || name === retainKeys || name.startsWith(deletePrefix) || name.startsWith(orderPrefix)
    if (child !== null && !isDirective) setOwn(result, name, withoutDirectives(child))
  }
  return result
}

const dropDirectiveItems = (list: Json[]): Json[] =>
  list.filter(item => !(isObject(item) && Object.hasOwn(item, directive))).map(withoutDirectives)

const fieldSchema = (schema: Schema, name: string): Schema =>
  (schema.properties !== undefined && Object.hasOwn(schema.properties, name) ? schema.properties[name] : undefined) ??
  schema.additionalProperties ??
  {}

const strategies = (schema: Schema): readonly string[] => schema.patchStrategy ?? []
