// Meta: comparing and cloning JSON, and what every object's metadata must be.

import type { ApiObject, ObjectMeta, OwnerReference } from './api-object.js'
import { child, type FieldError, forbidden, invalid, required, tooLong } from './field.js'
import { validateLabels } from './labels.js'
import { annotationBytesMax, byteLength, labelName, qualifiedNameFaults } from './names.js'
import { parseTime } from './timestamp.js'

export const immutableFault = 'field is immutable'

/** Equality of JSON values. A property whose value is undefined counts as absent. */
export function deepEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((item, index) => deepEqual(item, b[index]))
  if (Array.isArray(b)) return false
  const left = a as Record<string, unknown>
  const right = b as Record<string, unknown>
  for (const name of Object.keys(left)) {
    if (left[name] !== undefined && !(Object.hasOwn(right, name) && deepEqual(left[name], right[name]))) return false
  }
  return Object.keys(right).every(name => right[name] === undefined || (Object.hasOwn(left, name) && left[name] !== undefined))
}

/** As deepEqual, but empty lists, maps and absent ones are the same: upstream's equality.Semantic. */
export function semanticEqual(a: unknown, b: unknown): boolean {
  if (isVacant(a) && isVacant(b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((item, index) => semanticEqual(item, b[index]))
  if (Array.isArray(b)) return false
  const left = a as Record<string, unknown>
  const right = b as Record<string, unknown>
  for (const name of Object.keys(left)) if (!semanticEqual(left[name], own(right, name))) return false
  return Object.keys(right).every(name => Object.hasOwn(left, name) || isVacant(right[name]))
}

/** A deep copy of JSON, several times faster than structuredClone. `__proto__` stays an ordinary property. */
export function cloneJson<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(cloneJson) as T
  const copy: Record<string, unknown> = {}
  for (const name of Object.keys(value)) setOwn(copy, name, cloneJson((value as Record<string, unknown>)[name]))
  return copy as T
}

/** Sets a property even if it is named `__proto__`. */
export function setOwn(object: Record<string, unknown>, name: string, value: unknown): void {
  if (name === '__proto__') Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true })
  else object[name] = value
}

/** `namespace/name`, or the name alone where there is no namespace. */
export const objectKey = (meta: ObjectMeta): string =>
  meta.namespace === undefined || meta.namespace === '' ? (meta.name ?? '') : `${meta.namespace}/${meta.name ?? ''}`

/** Is it deleted once its finalizers are gone and its grace is over? */
export const isBeingDeleted = (object: ApiObject): boolean => object.metadata.deletionTimestamp !== undefined

export interface MetadataRule {
  readonly namespaced: boolean
  nameFaults(name: string, isPrefix: boolean): string[]
}

/** Metadata of a new object, its name already generated (ValidateObjectMeta). */
export function validateMetadata(meta: ObjectMeta, rule: MetadataRule, path = 'metadata'): FieldError[] {
  const errors: FieldError[] = []
  if (meta.generateName !== undefined && meta.generateName !== '') {
    for (const fault of rule.nameFaults(meta.generateName, true))
      errors.push(invalid(child(path, 'generateName'), meta.generateName, fault))
  }
  if (meta.name === undefined || meta.name === '') errors.push(required(child(path, 'name'), 'name or generateName is required'))
  else for (const fault of rule.nameFaults(meta.name, false)) errors.push(invalid(child(path, 'name'), meta.name, fault))
  if (rule.namespaced) {
    if (meta.namespace === undefined || meta.namespace === '') errors.push(required(child(path, 'namespace')))
    else for (const fault of labelName(meta.namespace, false)) errors.push(invalid(child(path, 'namespace'), meta.namespace, fault))
  } else if (meta.namespace !== undefined && meta.namespace !== '') {
    errors.push(forbidden(child(path, 'namespace'), 'not allowed on this type'))
  }
  return [...errors, ...validateCommon(meta, path)]
}

/** Metadata of an update (ValidateObjectMetaUpdate). Call `carryOverMetadata` before. */
export function validateMetadataUpdate(meta: ObjectMeta, old: ObjectMeta, path = 'metadata'): FieldError[] {
  const errors: FieldError[] = []
  if (old.deletionTimestamp !== undefined) {
    const added = (meta.finalizers ?? []).filter(name => !(old.finalizers ?? []).includes(name))
    if (added.length > 0) {
      const names = `[]string{${[...new Set(added)]
        .sort()
        .map(name => JSON.stringify(name))
        .join(', ')}}`
      const detail = `no new finalizers can be added if the object is being deleted, found new finalizers ${names}`
      errors.push(forbidden(child(path, 'finalizers'), detail))
    }
  }
  if (meta.resourceVersion === undefined || meta.resourceVersion === '') {
    errors.push(invalid(child(path, 'resourceVersion'), '', 'must be specified for an update'))
  }
  if ((meta.generation ?? 0) < (old.generation ?? 0)) {
    errors.push(invalid(child(path, 'generation'), meta.generation ?? 0, 'must not be decremented'))
  }
  for (const field of ['name', 'namespace', 'uid'] as const) {
    if ((meta[field] ?? '') !== (old[field] ?? '')) errors.push(invalid(child(path, field), meta[field] ?? '', immutableFault))
  }
  for (const field of ['creationTimestamp', 'deletionTimestamp', 'deletionGracePeriodSeconds'] as const) {
    if (!sameTime(meta[field], old[field])) errors.push(invalid(child(path, field), meta[field], immutableFault))
  }
  return [...errors, ...validateCommon(meta, path)]
}

/**
 * What a client may leave out of an update, or cannot set by it, comes from the old object. Changes `meta`.
 * As upstream, a wrong creationTimestamp or generation is ignored, while a wrong uid or deletionTimestamp stays and is refused.
 */
export function carryOverMetadata(meta: ObjectMeta, old: ObjectMeta): void {
  for (const field of ['creationTimestamp', 'generation'] as const) {
    if (old[field] === undefined) delete meta[field]
    else Object.assign(meta, { [field]: old[field] })
  }
  if (old.deletionTimestamp !== undefined) meta.deletionTimestamp = old.deletionTimestamp
  if (old.deletionGracePeriodSeconds !== undefined) meta.deletionGracePeriodSeconds ??= old.deletionGracePeriodSeconds
  if (old.uid !== undefined && (meta.uid === undefined || meta.uid === '')) meta.uid = old.uid
  delete meta.selfLink
}

export function validateAnnotations(annotations: Readonly<Record<string, string>> | undefined, path: string): FieldError[] {
  const errors: FieldError[] = []
  let bytes = 0
  for (const [key, value] of Object.entries(annotations ?? {})) {
    for (const fault of qualifiedNameFaults(key.toLowerCase())) errors.push(invalid(path, key, fault))
    bytes += byteLength(key) + byteLength(value)
  }
  if (bytes > annotationBytesMax) errors.push(tooLong(path, annotationBytesMax))
  return errors
}

function validateCommon(meta: ObjectMeta, path: string): FieldError[] {
  const errors: FieldError[] = []
  if ((meta.generation ?? 0) < 0) {
    errors.push(invalid(child(path, 'generation'), meta.generation, 'must be greater than or equal to 0'))
  }
  errors.push(...validateLabels(meta.labels, child(path, 'labels')))
  errors.push(...validateAnnotations(meta.annotations, child(path, 'annotations')))
  errors.push(...validateOwnerReferences(meta.ownerReferences ?? [], child(path, 'ownerReferences')))
  for (const finalizer of meta.finalizers ?? []) {
    for (const fault of qualifiedNameFaults(finalizer)) errors.push(invalid(child(path, 'finalizers'), finalizer, fault))
  }
  if (meta.finalizers?.includes('orphan') && meta.finalizers.includes('foregroundDeletion')) {
    const detail = 'finalizer orphan and foregroundDeletion cannot be both set'
    errors.push(invalid(child(path, 'finalizers'), meta.finalizers, detail))
  }
  return errors
}

function validateOwnerReferences(references: readonly OwnerReference[], path: string): FieldError[] {
  const errors: FieldError[] = []
  let controller: string | undefined
  for (const reference of references) {
    const version = reference.apiVersion?.split('/').at(-1) ?? ''
    if (version === '') errors.push(invalid(child(path, 'apiVersion'), reference.apiVersion ?? '', 'version must not be empty'))
    for (const field of ['kind', 'name', 'uid'] as const) {
      if ((reference[field] ?? '') === '') errors.push(invalid(child(path, field), '', 'must not be empty'))
    }
    if (reference.apiVersion === 'v1' && reference.kind === 'Event') {
      errors.push(invalid(path, reference, '/v1, Kind=Event is disallowed from being an owner'))
    }
    if (reference.controller !== true) continue
    const name = `${reference.kind}/${reference.name}`
    if (controller === undefined) {
      controller = name
      continue
    }
    const detail = `Only one reference can have Controller set to true. Found "true" in references for ${controller} and ${name}`
    errors.push(invalid(path, references, detail))
  }
  return errors
}

const own = (object: Record<string, unknown>, name: string): unknown => (Object.hasOwn(object, name) ? object[name] : undefined)

function isVacant(value: unknown): boolean {
  if (value === undefined || value === null) return true
  if (typeof value !== 'object') return false
  return Array.isArray(value) ? value.length === 0 : Object.keys(value).length === 0
}

/** The same instant may be spelled in two ways. */
function sameTime(a: string | number | undefined, b: string | number | undefined): boolean {
  if (a === b) return true
  return typeof a === 'string' && typeof b === 'string' && parseTime(a) !== undefined && parseTime(a) === parseTime(b)
}
