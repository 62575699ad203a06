// Update: PUT and PATCH of an object, of its status, and of a namespace's finalizers.

import type { Flow } from '../actor/index.js'
import { beforeStatusUpdate, beforeUpdate, type Namespace } from '../kinds/index.js'
import {
  type ApiObject,
  applyJsonPatch,
  applyMergePatch,
  applyStrategicMergePatch,
  carryOverMetadata,
  cloneJson,
  errors,
  type FieldError,
  field,
  type Json,
  type PatchResult
} from '../object/index.js'
import { allocate, isService } from './allocation.js'
import { change, type Decision } from './change.js'
import { createObject } from './create.js'
import { checkObject, decodeObject, expectedOf, type FieldValidation, fieldValidationOf, isDryRun, parseBody } from './decoding.js'
import { attribute } from './fields.js'
import { bodyType } from './negotiation.js'
import { Presentation } from './presentation.js'
import type { Call, Reply, Serving } from './serving.js'

export function* update(serving: Serving, call: Call): Flow<Reply> {
  const { resource, target, query } = call
  const dryRun = isDryRun(query.all('dryRun'), 'UpdateOptions')
  const validation = fieldValidationOf(query, 'UpdateOptions')
  const object = decodeObject(call.body, call.contentType, expectedOf(resource.kind), validation, serving.decoders, call.warnings)
  checkNames(call, object)
  resource.kind.defaults(object)
  const changed = yield* change(serving, call, dryRun, (current, revision) =>
    decideUpdate(serving, call, cloneJson(object), current, revision)
  )
  if (changed === undefined) {
    if (!resource.kind.allowCreateOnUpdate || target.subresource !== '') throw errors.notFound(resource.groupResource, target.name)
    return yield* createObject(serving, call, object, dryRun)
  }
  const shown = new Presentation(resource, call.accepted)
  return shown.reply(200, shown.bytes(changed.entry, serving.ctx.clusterMs))
}

export const patchTypes = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml'
} as const
/** Apply is a verb of its own (apply.ts). */
const acceptedPatches: readonly string[] = Object.values(patchTypes)

export function* patch(serving: Serving, call: Call): Flow<Reply> {
  const { resource, target, query } = call
  const dryRun = isDryRun(query.all('dryRun'), 'PatchOptions')
  const validation = fieldValidationOf(query, 'PatchOptions')
  const apply = patchOf(serving, call, resource.kind.schemaName)
  const warnings = new Set<string>()
  const changed = yield* change(serving, call, dryRun, (current, revision) => {
    const found: string[] = []
    const object = patched(serving, call, apply, current, validation, found)
    for (const warning of found) warnings.add(warning)
    return decideUpdate(serving, call, object, current, revision)
  })
  if (changed === undefined) throw errors.notFound(resource.groupResource, target.name)
  call.warnings.push(...warnings)
  const shown = new Presentation(resource, call.accepted)
  return shown.reply(200, shown.bytes(changed.entry, serving.ctx.clusterMs))
}

/** The patch of a request, as a function of what it is applied to. */
export function patchOf(serving: Serving, call: Call, schemaName: string): (target: Json) => PatchResult {
  const type = bodyType(call.contentType, acceptedPatches)
  const { value } = parseBody(call.body, 'application/json', call.resource.kind.kind)
  const patchValue = value as Json
  switch (type) {
    case patchTypes.json:
      return target => applyJsonPatch(target, patchValue)
    case patchTypes.merge:
      return target => applyMergePatch(target, patchValue)
    case patchTypes.apply:
      throw errors.unsupportedMediaType(acceptedPatches.filter(accepted => accepted !== patchTypes.apply))
    default:
      return target => applyStrategicMergePatch(target, patchValue, schemaName, serving.schemas)
  }
}

function patched(
  serving: Serving,
  call: Call,
  apply: (target: Json) => PatchResult,
  current: ApiObject,
  validation: FieldValidation,
  warnings: string[]
): ApiObject {
  const { kind } = call.resource
  const result = apply(current as unknown as Json)
  if (!result.ok) throw result.error
  // The result may share parts with what it was made of, which the decision compares it with.
  const object = checkObject(cloneJson(result.value), expectedOf(kind), validation, serving.decoders, warnings)
  checkNames(call, object)
  kind.defaults(object)
  return object
}

/** What an update that wants `object` makes of `current`. `object` is changed. */
export function decideUpdate(serving: Serving, call: Call, object: ApiObject, current: ApiObject, revision: number): Decision {
  const { resource, target } = call
  const { kind } = resource
  const meta = object.metadata
  if (meta.uid !== undefined && meta.uid !== '' && meta.uid !== current.metadata.uid) {
    const why = `Precondition failed: UID in precondition: ${meta.uid}, UID in object meta: ${current.metadata.uid ?? ''}`
    throw errors.conflict(resource.groupResource, target.name, why)
  }
  const expected = meta.resourceVersion ?? ''
  if (expected === '' || expected === '0') {
    if (!kind.allowUnconditionalUpdate) {
      const fault = field.invalid('metadata.resourceVersion', 0, 'must be specified for an update')
      throw errors.invalid(resource.groupKind, target.name, [fault])
    }
    meta.resourceVersion = String(revision)
  } else if (expected !== String(revision)) throw errors.conflict(resource.groupResource, target.name)
  const old = cloneJson(current)
  const faults = prepare(call, object, old)
  if (faults.length > 0) throw errors.invalid(resource.groupKind, target.name, faults)
  const allocation = target.subresource === '' && isService(resource) ? allocate(serving, object, current) : undefined
  attribute(serving, call, object, current)
  if (isGoneAfter(call, object, current)) return { kind: 'remove', shown: object }
  return { kind: 'store', object, ...(allocation === undefined ? {} : { allocation }) }
}

function prepare({ resource, target }: Call, object: ApiObject, old: ApiObject): FieldError[] {
  switch (target.subresource) {
    case 'status':
      return beforeStatusUpdate(resource.kind, object, old)
    case 'finalize':
      return beforeFinalize(object as Namespace, old as Namespace)
    default:
      return beforeUpdate(resource.kind, object, old)
  }
}

/** Only spec.finalizers is taken over. */
function beforeFinalize(object: Namespace, old: Namespace): FieldError[] {
  const finalizers = object.spec?.finalizers ?? []
  carryOverMetadata(object.metadata, old.metadata)
  const { resourceVersion } = object.metadata
  object.metadata = { ...old.metadata, ...(resourceVersion === undefined ? {} : { resourceVersion }) }
  object.spec = { ...old.spec, finalizers }
  if (old.status !== undefined) object.status = old.status
  return []
}

/** The last finalizer of an object being deleted is gone, and its grace is over (ShouldDeleteDuringUpdate). */
function isGoneAfter({ resource }: Call, object: ApiObject, current: ApiObject): boolean {
  const { deletionTimestamp, finalizers } = object.metadata
  if (deletionTimestamp === undefined || (finalizers ?? []).length > 0) return false
  if ((current.metadata.deletionGracePeriodSeconds ?? 0) > 0) return false
  return resource.kind.kind !== 'Namespace' || ((object as Namespace).spec?.finalizers ?? []).length === 0
}

export function checkNames({ target, resource }: Call, object: ApiObject): void {
  const { name, namespace } = object.metadata
  if (name === undefined || name === '') {
    throw errors.badRequest(`the name of the object (${target.name} based on URL) was undeterminable: name must be provided`)
  }
  if (name !== target.name) {
    throw errors.badRequest(`the name of the object (${name}) does not match the name on the URL (${target.name})`)
  }
  if (!resource.kind.namespaced) return
  if (namespace === undefined || namespace === '') object.metadata.namespace = target.namespace
  else if (namespace !== target.namespace) {
    throw errors.badRequest('the namespace of the provided object does not match the namespace sent on the request')
  }
}
