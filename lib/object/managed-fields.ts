// Managed fields: who set what, kept for creates and updates. Server-side apply will build on the same sets.
//
// A set of fields is a tree: `f:name` a property, `k:{"name":"x"}` an item of a list keyed by the schema, `v:"x"` a value of a
// set, `.` the item itself. Lists the schema does not call map or set are owned whole, as are values whose schema is not known.

import type { ApiObject, FieldsV1, ManagedFieldsEntry } from './api-object.js'
import { deepEqual } from './meta.js'
import type { Schema, Schemas } from './schema.js'

export interface FieldManager {
  readonly manager: string
  readonly apiVersion: string
  readonly subresource?: string
  readonly time: string // RFC 3339.
}

export interface TypedBy {
  readonly schemas: Schemas
  readonly schemaName: string
}

/** Managers beyond this many are merged into one, `ancient-changes`, oldest first (upstream's cap). */
const updateManagersMax = 10
const depthMax = 64

/** Entries of an object after `manager` changed it from `old` (undefined: created it). `old` also brings the entries so far. */
export function updateManagedFields(
  object: ApiObject,
  old: ApiObject | undefined,
  manager: FieldManager,
  typed: TypedBy
): ManagedFieldsEntry[] {
  const schema = typed.schemas.get(typed.schemaName) ?? anySchema
  const entries = old?.metadata.managedFields ?? []
  const now = withoutEntries(object)
  const before = old === undefined ? undefined : withoutEntries(old)
  const changed = strip(before === undefined ? fieldsOf(now, schema, typed.schemas) : changedFields(now, before, schema, typed.schemas))
  const removed = before === undefined ? {} : strip(removedFields(now, before, schema, typed.schemas))
  if (isEmpty(changed) && isEmpty(removed)) return entries
  const isMine = (entry: ManagedFieldsEntry): boolean =>
    entry.operation === 'Update' &&
    entry.manager === manager.manager &&
    entry.apiVersion === manager.apiVersion &&
    (entry.subresource ?? '') === (manager.subresource ?? '')
  const others = entries.filter(entry => !isMine(entry))
  const kept = others.flatMap(entry => {
    const fieldsV1 = difference(difference(entry.fieldsV1 ?? {}, changed), removed)
    return isEmpty(fieldsV1) ? [] : [{ ...entry, fieldsV1 }]
  })
  const mine = entries.find(isMine)
  const fieldsV1 = mine === undefined ? changed : union(difference(mine.fieldsV1 ?? {}, removed), changed)
  if (isEmpty(fieldsV1)) return cap(kept)
  const entry: ManagedFieldsEntry = {
    manager: manager.manager,
    operation: 'Update',
    apiVersion: manager.apiVersion,
    time: isEmpty(changed) ? (mine?.time ?? manager.time) : manager.time,
    fieldsType: 'FieldsV1',
    fieldsV1,
    ...(manager.subresource === undefined ? {} : { subresource: manager.subresource })
  }
  return cap([...kept, entry])
}

/** The entries themselves are nobody's, and often longer than the rest: they are not even looked at. */
function withoutEntries(object: ApiObject): ApiObject {
  if (object.metadata.managedFields === undefined) return object
  const { managedFields: _entries, ...metadata } = object.metadata
  return { ...object, metadata }
}

/** Every field of a value, as if it were set where nothing was. `inNew`: what holds it is new, too. */
export function fieldsOf(value: unknown, schema: Schema, schemas: Schemas, depth = 0, inNew = false): FieldsV1 {
  const fields: FieldsV1 = {}
  for (const part of parts(value, resolve(schema, schemas), depth)) fields[part.step] = newPart(part, schemas, depth, inNew)
  return fields
}

/** Fields of `value` that `old` has not, or has otherwise. */
export function changedFields(value: unknown, old: unknown, schema: Schema, schemas: Schemas, depth = 0): FieldsV1 {
  const resolved = resolve(schema, schemas)
  const before = byStep(parts(old, resolved, depth))
  const changed: FieldsV1 = {}
  for (const part of parts(value, resolved, depth)) {
    const was = before.get(part.step)
    if (was !== undefined && deepEqual(was.value, part.value)) continue
    if (was === undefined) {
      changed[part.step] = newPart(part, schemas, depth, false)
      continue
    }
    const inner = changedFields(part.value, was.value, part.schema, schemas, depth + 1)
    if (!isEmpty(inner) || parts(part.value, resolve(part.schema, schemas), depth + 1).length === 0) changed[part.step] = inner
  }
  return changed
}

/** Fields of `old` that `value` has no more. */
export function removedFields(value: unknown, old: unknown, schema: Schema, schemas: Schemas, depth = 0): FieldsV1 {
  const resolved = resolve(schema, schemas)
  const after = byStep(parts(value, resolved, depth))
  const removed: FieldsV1 = {}
  for (const part of parts(old, resolved, depth)) {
    const now = after.get(part.step)
    if (now === undefined) {
      removed[part.step] = newPart(part, schemas, depth, false)
      continue
    }
    if (deepEqual(now.value, part.value)) continue // Most of an object, most of the time.
    const inner = removedFields(now.value, part.value, part.schema, schemas, depth + 1)
    if (!isEmpty(inner)) removed[part.step] = inner
  }
  return removed
}

function byStep(found: readonly Part[]): Map<string, Part> {
  const map = new Map<string, Part>()
  for (const part of found) map.set(part.step, part)
  return map
}

export function union(a: FieldsV1, b: FieldsV1): FieldsV1 {
  const result: FieldsV1 = { ...a }
  for (const [step, inner] of Object.entries(b)) result[step] = union(result[step] ?? {}, inner)
  return result
}

/** `a` without what `b` names. A branch that loses its last leaf goes too. */
export function difference(a: FieldsV1, b: FieldsV1): FieldsV1 {
  const result: FieldsV1 = {}
  for (const [step, inner] of Object.entries(a)) {
    const taken = Object.hasOwn(b, step) ? b[step] : undefined
    if (taken === undefined) result[step] = inner
    else if (!isEmpty(inner)) {
      const rest = difference(inner, taken)
      if (!isEmpty(rest)) result[step] = rest
    } else if (!isEmpty(taken)) result[step] = inner
  }
  return result
}

interface Part {
  readonly step: string
  readonly value: unknown
  readonly schema: Schema
  readonly isItem: boolean
  readonly isAlwaysThere: boolean
}

// Fields that are structs, not pointers, in Go: an object that says nothing of them has them empty.
const structFields = ['metadata', 'spec', 'status', 'strategy']

/** What a value falls into, by its schema; nothing if it is a leaf. */
function parts(value: unknown, schema: Schema, depth: number): Part[] {
  if (typeof value !== 'object' || value === null || depth >= depthMax) return []
  if (Array.isArray(value)) return items(value, schema)
  if (schema.mapType === 'atomic') return []
  const granular = schema.properties !== undefined || schema.additionalProperties !== undefined
  if (!granular) return []
  // Every write comes through here, for every part of its object: no intermediate lists.
  const found: Part[] = []
  const record = value as Record<string, unknown>
  for (const name of Object.keys(record)) {
    const child = record[name]
    if (child === undefined) continue
    const childSchema = schema.properties?.[name] ?? schema.additionalProperties ?? anySchema
    const isAlwaysThere = structFields.includes(name) || schema.required?.includes(name) === true
    found.push({ step: `f:${name}`, value: child, schema: childSchema, isItem: false, isAlwaysThere })
  }
  return found
}

const anySchema: Schema = {}

function items(list: readonly unknown[], schema: Schema): Part[] {
  const item = schema.items ?? {}
  if (schema.listType === 'set')
    return list.map(value => ({ step: `v:${JSON.stringify(value)}`, value: undefined, schema: {}, isItem: false, isAlwaysThere: false }))
  const keys = schema.listMapKeys ?? (schema.patchMergeKey === undefined ? undefined : [schema.patchMergeKey])
  if (schema.listType !== 'map' || keys === undefined) return []
  return list.flatMap(value => {
    if (typeof value !== 'object' || value === null) return []
    const record = value as Record<string, unknown>
    const key = Object.fromEntries([...keys].sort().flatMap(name => (record[name] === undefined ? [] : [[name, record[name]]])))
    return [{ step: `k:${JSON.stringify(key)}`, value, schema: item, isItem: true, isAlwaysThere: false }]
  })
}

/** A part that was not there: `.` says so of what has parts itself, unless Go would have written it empty. */
function newPart(part: Part, schemas: Schemas, depth: number, inNew: boolean): FieldsV1 {
  const isNew = inNew || !part.isAlwaysThere
  const inner = fieldsOf(part.value, part.schema, schemas, depth + 1, isNew)
  const hasSelf = part.isItem || (isNew && !isEmpty(inner))
  return hasSelf ? { '.': {}, ...inner } : inner
}

const resolved = new WeakMap<Schema, { readonly target: Schema; readonly whole: Schema }>()

/** What a reference says beside its target counts before it. Schemas never change, so each is put together once. */
function resolve(schema: Schema, schemas: Schemas): Schema {
  if (schema.ref === undefined) return schema
  const target = schemas.get(schema.ref)
  if (target === undefined) return schema
  const known = resolved.get(schema)
  if (known?.target === target) return known.whole
  const whole = { ...target, ...schema }
  resolved.set(schema, { target, whole })
  return whole
}

/** Fields nobody owns: the object's identity and what the server alone writes. */
function strip(fields: FieldsV1): FieldsV1 {
  const { 'f:apiVersion': _version, 'f:kind': _kind, 'f:metadata': metadata, ...rest } = fields
  if (metadata === undefined) return rest
  const unowned = ['name', 'namespace', 'uid', 'selfLink', 'creationTimestamp', 'generation', 'resourceVersion', 'managedFields']
  const owned = Object.fromEntries(Object.entries(metadata).filter(([step]) => step !== '.' && !unowned.includes(step.slice(2))))
  return isEmpty(owned) ? rest : { 'f:metadata': owned, ...rest }
}

function cap(entries: ManagedFieldsEntry[]): ManagedFieldsEntry[] {
  const updates = entries.filter(entry => entry.operation === 'Update').sort((a, b) => ((a.time ?? '') < (b.time ?? '') ? -1 : 1))
  if (updates.length <= updateManagersMax) return entries
  const merged = updates.slice(0, updates.length - updateManagersMax + 1)
  const ancient: ManagedFieldsEntry = {
    ...(merged.at(-1) as ManagedFieldsEntry),
    manager: 'ancient-changes',
    fieldsV1: merged.map(entry => entry.fieldsV1 ?? {}).reduce(union)
  }
  delete ancient.subresource
  return [ancient, ...entries.filter(entry => !merged.includes(entry))]
}

const isEmpty = (fields: FieldsV1): boolean => Object.keys(fields).length === 0
