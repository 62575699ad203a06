// Structured merge: what server-side apply does with objects, by their schema (the idea of sigs.k8s.io/structured-merge-diff).
//
// Structs and maps merge field by field, lists of type map by their keys, lists of type set by their values; all else is replaced whole.
// Sets of fields are trees as in managedFields: `f:name`, `k:{"name":"x"}`, `v:"x"`, and `.` for an item itself.
// Nothing given is changed; results share parts with what they were made of.

import { deepEqual, type FieldsV1, type Schema, type Schemas } from '../object/index.js'

const depthMax = 64

type JsonObject = Record<string, unknown>
const isObject = (value: unknown): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value)
const isLeaf = (fields: FieldsV1): boolean => Object.keys(fields).length === 0
const inner = (fields: FieldsV1, step: string): FieldsV1 | undefined => (Object.hasOwn(fields, step) ? fields[step] : undefined)

export class StructuredMerge {
  readonly #schemas: Schemas

  constructor(schemas: Schemas) {
    this.#schemas = schemas
  }

  /** Every field that a configuration states. */
  fields(value: unknown, schema: Schema, depth = 0): FieldsV1 {
    const parts = this.#parts(value, schema, depth)
    const fields: FieldsV1 = {}
    for (const { step, value: part, schema: partSchema } of parts ?? []) {
      const own = this.fields(part, partSchema, depth + 1)
      fields[step] = step.startsWith('k:') ? { '.': {}, ...own } : own
    }
    return fields
  }

  /** `live` with what `applied` states. */
  merge(live: unknown, applied: unknown, schema: Schema, depth = 0): unknown {
    const parts = this.#parts(applied, schema, depth)
    if (parts === undefined) return applied
    if (isObject(applied)) {
      if (!isObject(live)) return applied
      const merged: JsonObject = { ...live }
      for (const { name, value, schema: partSchema } of parts) merged[name] = this.merge(merged[name], value, partSchema, depth + 1)
      return merged
    }
    if (!Array.isArray(live)) return applied
    const merged = [...live]
    const known = new Map((this.#parts(live, schema, depth) ?? []).map(({ step }, index) => [step, index]))
    for (const { step, value, schema: partSchema } of parts) {
      const index = known.get(step)
      if (index === undefined) merged.push(value)
      else if (step.startsWith('k:')) merged[index] = this.merge(merged[index], value, partSchema, depth + 1)
    }
    return merged
  }

  /** `value` without those fields; what becomes empty by that goes, too. */
  without(value: unknown, fields: FieldsV1, schema: Schema, depth = 0): unknown {
    const parts = this.#parts(value, schema, depth)
    if (parts === undefined) return value
    const kept: { readonly name: string; readonly value: unknown }[] = []
    for (const part of parts) {
      const gone = inner(fields, part.step)
      if (gone === undefined) kept.push(part)
      else if (!isLeaf(gone) && !Object.hasOwn(gone, '.')) {
        const rest = this.without(part.value, gone, part.schema, depth + 1)
        if (!isVacant(rest)) kept.push({ name: part.name, value: rest })
      }
    }
    return Array.isArray(value) ? kept.map(part => part.value) : Object.fromEntries(kept.map(part => [part.name, part.value]))
  }

  /** The fields of both trees in which the two values differ, with their paths as upstream prints them. */
  differing(ours: FieldsV1, theirs: FieldsV1, applied: unknown, live: unknown, schema: Schema, path = '', depth = 0): Difference[] {
    const found: Difference[] = []
    const stated = this.#parts(applied, schema, depth) ?? []
    const existing = new Map((this.#parts(live, schema, depth) ?? []).map(part => [part.step, part]))
    for (const part of stated) {
      const mine = inner(ours, part.step)
      const others = inner(theirs, part.step)
      if (mine === undefined || others === undefined) continue
      const here = path + stepText(part.step)
      const there = existing.get(part.step)
      const below = { ...mine }
      delete below['.']
      if (isLeaf(below)) {
        if (!deepEqual(part.value, there?.value)) found.push({ path: here, fields: { [part.step]: mine } })
        continue
      }
      for (const one of this.differing(below, others, part.value, there?.value, part.schema, here, depth + 1)) {
        found.push({ path: one.path, fields: { [part.step]: one.fields } })
      }
    }
    return found
  }

  /** Undefined: it is replaced as a whole. */
  #parts(value: unknown, given: Schema, depth: number): Part[] | undefined {
    if (depth > depthMax) return undefined
    const target = given.ref === undefined ? undefined : this.#schemas.get(given.ref)
    const schema = target === undefined ? given : { ...target, ...given }
    if (Array.isArray(value)) return this.#items(value, schema)
    if (!isObject(value) || schema.mapType === 'atomic') return undefined
    if (schema.properties === undefined && schema.additionalProperties === undefined) return undefined
    return Object.entries(value).flatMap(([name, part]) => {
      if (part === undefined) return []
      return [{ step: `f:${name}`, name, value: part, schema: schema.properties?.[name] ?? schema.additionalProperties ?? {} }]
    })
  }

  #items(list: readonly unknown[], schema: Schema): Part[] | undefined {
    const item = schema.items ?? {}
    if (schema.listType === 'set') return list.map(value => ({ step: `v:${JSON.stringify(value)}`, name: '', value, schema: {} }))
    const keys = schema.listMapKeys
    if (schema.listType !== 'map' || keys === undefined) return undefined
    const properties = (item.ref === undefined ? item : this.#schemas.get(item.ref))?.properties
    return list.map(value => {
      const record = isObject(value) ? value : {}
      // A key that is not stated has its default: a port without a protocol is TCP's.
      const key = [...keys].sort().flatMap(name => {
        const part = record[name] ?? properties?.[name]?.default
        return part === undefined ? [] : [[name, part]]
      })
      return { step: `k:${JSON.stringify(Object.fromEntries(key))}`, name: '', value, schema: item }
    })
  }
}

interface Part {
  readonly step: string
  readonly name: string
  readonly value: unknown
  readonly schema: Schema
}

export interface Difference {
  readonly path: string
  readonly fields: FieldsV1
}

/** What is in `a` and not in `b`. */
export function minus(a: FieldsV1, b: FieldsV1): FieldsV1 {
  const rest: FieldsV1 = {}
  for (const [step, own] of Object.entries(a)) {
    const taken = inner(b, step)
    if (taken === undefined) rest[step] = own
    else if (!isLeaf(own)) {
      const below = minus(own, taken)
      if (!isLeaf(below)) rest[step] = below
    }
  }
  return rest
}

export function plus(a: FieldsV1, b: FieldsV1): FieldsV1 {
  const sum: FieldsV1 = { ...a }
  for (const [step, own] of Object.entries(b)) sum[step] = plus(inner(sum, step) ?? {}, own)
  return sum
}

const isVacant = (value: unknown): boolean =>
  value === undefined || (typeof value === 'object' && value !== null && Object.keys(value).length === 0)

function stepText(step: string): string {
  const rest = step.slice(2)
  if (step.startsWith('f:')) return `.${rest}`
  if (step.startsWith('v:')) return `[=${rest}]`
  const keys = Object.entries(JSON.parse(rest) as JsonObject)
  return `[${keys.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(',')}]`
}
