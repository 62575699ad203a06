// Apply: server-side apply. A manager states the fields it cares about; the server merges them, remembers who owns what, takes away
// what the manager no longer states and nobody else owns, and refuses to overwrite what others own unless forced.

import type { Flow } from '../actor/index.js'
import {
  type ApiObject,
  cloneJson,
  deepEqual,
  errors,
  type FieldsV1,
  field,
  formatTime,
  type ManagedFieldsEntry,
  type Schema
} from '../object/index.js'
import { change } from './change.js'
import { createObject } from './create.js'
import { checkObject, expectedOf, fieldValidationOf, isDryRun, parseBody } from './decoding.js'
import { Presentation } from './presentation.js'
import { flag } from './request.js'
import type { Call, Reply, Serving } from './serving.js'
import { type Difference, minus, plus, StructuredMerge } from './structured-merge.js'
import { checkNames, decideUpdate } from './update.js'

export function* apply(serving: Serving, call: Call): Flow<Reply> {
  const { resource, query } = call
  const dryRun = isDryRun(query.all('dryRun'), 'PatchOptions')
  const validation = fieldValidationOf(query, 'PatchOptions')
  const manager = query.get('fieldManager') ?? ''
  if (manager === '') {
    const fault = field.required('fieldManager', 'is required for apply patch')
    throw errors.invalid({ group: 'meta.k8s.io', kind: 'PatchOptions' }, '', [fault])
  }
  const { value } = parseBody(call.body, 'application/yaml', resource.kind.kind)
  const stated = checkObject(value, expectedOf(resource.kind), validation, serving.decoders, call.warnings)
  if ((stated.metadata.managedFields ?? []).length > 0) throw errors.badRequest('metadata.managedFields must be nil')
  if (stated.metadata.name === undefined) stated.metadata.name = call.target.name
  checkNames(call, stated)
  const application = new Application(serving, call, manager, stated)
  const changed = yield* change(serving, call, dryRun, (current, revision) => {
    const { object, entries } = application.on(current)
    return decideUpdate(serving, { ...call, manages: made => application.manage(made, current, entries) }, object, current, revision)
  })
  if (changed === undefined) {
    if (call.target.subresource !== '') throw errors.notFound(resource.groupResource, call.target.name)
    const created = cloneJson(stated)
    return yield* createObject(serving, { ...call, manages: made => application.manage(made, undefined, []) }, created, dryRun)
  }
  const shown = new Presentation(resource, call.accepted)
  return shown.reply(200, shown.bytes(changed.entry, serving.ctx.clusterMs))
}

class Application {
  readonly #serving: Serving
  readonly #call: Call
  readonly #manager: string
  readonly #stated: ApiObject
  readonly #merge: StructuredMerge
  readonly #schema: Schema
  readonly #fields: FieldsV1

  constructor(serving: Serving, call: Call, manager: string, stated: ApiObject) {
    this.#serving = serving
    this.#call = call
    this.#manager = manager
    this.#stated = stated
    this.#merge = new StructuredMerge(serving.schemas)
    this.#schema = { ref: call.resource.kind.schemaName }
    this.#fields = owned(this.#merge.fields(stated, this.#schema), call.target.subresource)
  }

  /** The object as it is to be, and the others' entries. Throws the conflicts. */
  on(current: ApiObject): { readonly object: ApiObject; readonly entries: ManagedFieldsEntry[] } {
    const all = current.metadata.managedFields ?? []
    const mine = all.find(entry => this.#isMine(entry))
    const others = all.filter(entry => !this.#isMine(entry))
    const conflicts = others.flatMap(entry => this.#conflicts(entry, current).map(difference => ({ entry, difference })))
    if (conflicts.length > 0 && !flag(this.#call.query, 'force')) throw conflictError(conflicts)
    const taken = conflicts.map(({ difference }) => difference.fields).reduce(plus, {})
    const entries = others.flatMap(entry => {
      const fieldsV1 = minus(entry.fieldsV1 ?? {}, taken)
      return Object.keys(fieldsV1).length === 0 ? [] : [{ ...entry, fieldsV1 }]
    })
    const theirs = entries.map(entry => entry.fieldsV1 ?? {}).reduce(plus, {})
    const dropped = minus(minus(mine?.fieldsV1 ?? {}, this.#fields), theirs)
    const kept = this.#merge.without(current, dropped, this.#schema) as ApiObject
    const object = cloneJson(this.#merge.merge(kept, this.#stated, this.#schema)) as ApiObject
    this.#call.resource.kind.defaults(object)
    return { object, entries }
  }

  manage(object: ApiObject, current: ApiObject | undefined, entries: readonly ManagedFieldsEntry[]): void {
    const before = current?.metadata.managedFields?.find(entry => this.#isMine(entry))
    const { subresource } = this.#call.target
    const entry: ManagedFieldsEntry = {
      manager: this.#manager,
      operation: 'Apply',
      apiVersion: this.#call.resource.apiVersion,
      time: formatTime(this.#serving.ctx.clusterMs),
      fieldsType: 'FieldsV1',
      fieldsV1: this.#fields,
      ...(subresource === '' ? {} : { subresource })
    }
    // An application that changes nothing writes nothing: its time stays, too.
    const same = before !== undefined && deepEqual({ ...before, time: entry.time }, entry)
    object.metadata.managedFields = [same ? before : entry, ...entries]
    if (current !== undefined && same && deepEqual(unmanaged(object), unmanaged(current))) {
      object.metadata.managedFields = current.metadata.managedFields ?? []
    }
  }

  #isMine(entry: ManagedFieldsEntry): boolean {
    return entry.operation === 'Apply' && entry.manager === this.#manager && (entry.subresource ?? '') === this.#call.target.subresource
  }

  #conflicts(entry: ManagedFieldsEntry, current: ApiObject): Difference[] {
    return this.#merge.differing(this.#fields, entry.fieldsV1 ?? {}, this.#stated, current, this.#schema)
  }
}

const unmanaged = (object: ApiObject): object => {
  const { managedFields: _entries, ...metadata } = object.metadata
  return { ...object, metadata }
}

// Nobody owns what the server alone decides; status is owned through its subresource only.
const unownedMetadata = [
  'name',
  'namespace',
  'uid',
  'selfLink',
  'creationTimestamp',
  'generation',
  'resourceVersion',
  'managedFields',
  'generateName'
]

function owned(fields: FieldsV1, subresource: string): FieldsV1 {
  const { 'f:apiVersion': _version, 'f:kind': _kind, 'f:metadata': metadata = {}, ...rest } = fields
  if (subresource !== 'status') delete rest['f:status']
  const kept = Object.fromEntries(Object.entries(metadata).filter(([step]) => !unownedMetadata.includes(step.slice(2))))
  return Object.keys(kept).length === 0 ? rest : { 'f:metadata': kept, ...rest }
}

interface Conflict {
  readonly entry: ManagedFieldsEntry
  readonly difference: Difference
}

/** In upstream's words, which kubectl and people read. */
function conflictError(conflicts: readonly Conflict[]) {
  const byManager = new Map<string, string[]>()
  for (const { entry, difference } of conflicts) {
    const manager = managerText(entry)
    byManager.set(manager, [...(byManager.get(manager) ?? []), difference.path])
  }
  const texts = [...byManager].map(([manager, paths]) =>
    paths.length === 1 ? `conflict with ${manager}: ${paths[0]}` : `conflicts with ${manager}:\n- ${paths.join('\n- ')}`
  )
  const count = `${conflicts.length} conflict${conflicts.length === 1 ? '' : 's'}`
  const error = errors.conflict({ group: '', resource: '' }, '')
  error.status.message = `Apply failed with ${count}: ${texts.join('\n')}`
  error.status.details = {
    causes: conflicts.map(({ entry, difference }) => ({
      reason: 'FieldManagerConflict',
      message: `conflict with ${managerText(entry)}`,
      field: difference.path
    }))
  }
  return error
}

function managerText({ manager = '', subresource = '', operation, apiVersion = '' }: ManagedFieldsEntry): string {
  const name = JSON.stringify(manager) + (subresource === '' ? '' : ` with subresource ${JSON.stringify(subresource)}`)
  return operation === 'Update' ? `${name} using ${apiVersion}` : name
}
