// Definition: a Kind from what is special about it. What most kinds have in common is filled in here.

import { type ApiObject, semanticEqual, subdomainName } from '../object/index.js'
import type { Kind, Subresource, Verb } from './kind.js'

type Required = 'group' | 'version' | 'kind' | 'plural' | 'namespaced' | 'schemaName' | 'columns' | 'cells'
export type KindDefinition<T extends ApiObject> = Pick<Kind<T>, Required> & Partial<Kind<T>>

const allVerbs: readonly Verb[] = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch']

/** Kinds with a status subresource reset status on create and keep it on update. Generations are counted by those that say so. */
export function defineKind<T extends ApiObject>(definition: KindDefinition<T>): Kind<T> {
  const subresources = definition.subresources ?? []
  const hasStatus = subresources.some(subresource => subresource.name === 'status')
  const none = (): void => {}
  return {
    singular: definition.kind.toLowerCase(),
    shortNames: [],
    categories: [],
    verbs: allVerbs,
    storage: definition.group === '' ? definition.plural : `${definition.plural}.${definition.group}`,
    nameFaults: subdomainName,
    defaults: none,
    prepareForCreate: hasStatus ? resetStatus : none,
    prepareForUpdate: hasStatus ? keepStatus : none,
    prepareForStatusUpdate: keepAllButStatus,
    validate: () => [],
    validateUpdate: object => definition.validate?.(object) ?? [],
    validateStatusUpdate: () => [],
    allowCreateOnUpdate: false,
    allowUnconditionalUpdate: true,
    fields: () => ({}),
    selectableFields: [],
    ...definition,
    subresources
  }
}

export const statusSubresource = (kind: string): Subresource => ({ name: 'status', kind, verbs: ['get', 'patch', 'update'] })

export const scaleSubresource: Subresource = {
  name: 'scale',
  kind: 'Scale',
  group: 'autoscaling',
  version: 'v1',
  verbs: ['get', 'patch', 'update']
}

type WithStatus = ApiObject & { status?: unknown; spec?: unknown }

// Go writes an empty status, never none.
export function resetStatus(object: ApiObject): void {
  ;(object as WithStatus).status = {}
}

export function keepStatus(object: ApiObject, old: ApiObject): void {
  const status = (old as WithStatus).status
  if (status === undefined) delete (object as WithStatus).status
  else (object as WithStatus).status = status
}

/** Everything but status comes from `old`, and of the metadata what says what the object is and whose. */
export function keepAllButStatus(object: ApiObject, old: ApiObject): void {
  const target = object as unknown as Record<string, unknown>
  const source = old as unknown as Record<string, unknown>
  for (const name of Object.keys(target)) if (!['status', 'metadata'].includes(name) && !Object.hasOwn(source, name)) delete target[name]
  for (const name of Object.keys(source)) if (name !== 'status' && name !== 'metadata') target[name] = source[name]
  keepMetadata(object, old, ['labels', 'ownerReferences'])
}

export function keepMetadata(object: ApiObject, old: ApiObject, names: readonly (keyof ApiObject['metadata'])[]): void {
  for (const name of names) {
    if (old.metadata[name] === undefined) delete object.metadata[name]
    else Object.assign(object.metadata, { [name]: old.metadata[name] })
  }
}

export const specChanged = (object: ApiObject, old: ApiObject): boolean =>
  !semanticEqual((object as WithStatus).spec, (old as WithStatus).spec)
