// ControllerRevision: a state a controller may want back, kept under a number.

import { type ApiObject, age, ageColumn, column, controllerOf, field, type Json, nameColumn } from '../../object/index.js'
import { defineKind } from '../definition.js'
import type { Kind } from '../kind.js'
import { immutable, nonNegative } from '../validation.js'

export interface ControllerRevision extends ApiObject {
  data?: { [name: string]: Json }
  revision: number
}

export const controllerRevisionKind: Kind<ControllerRevision> = defineKind<ControllerRevision>({
  group: 'apps',
  version: 'v1',
  kind: 'ControllerRevision',
  plural: 'controllerrevisions',
  namespaced: true,
  schemaName: 'io.k8s.api.apps.v1.ControllerRevision',
  defaults: revision => {
    revision.revision ??= 0
  },
  validate: revision => [
    ...(revision.data === undefined ? [field.required('data', 'data is mandatory')] : []),
    ...nonNegative(revision.revision, 'revision')
  ],
  validateUpdate: (revision, old) => [...nonNegative(revision.revision, 'revision'), ...immutable(revision.data, old.data, 'data')],
  columns: [nameColumn, column('Controller', 'Whose state it is.'), column('Revision', 'The number of the state.', 'string'), ageColumn],
  cells: (revision, nowMs) => [
    revision.metadata.name ?? '',
    controllerText(revision),
    revision.revision,
    age(revision.metadata.creationTimestamp, nowMs)
  ]
})

function controllerText(revision: ControllerRevision): string {
  const owner = controllerOf(revision)
  if (owner === undefined) return '<none>'
  const group = owner.apiVersion.includes('/') ? `.${owner.apiVersion.split('/')[0]}` : ''
  return `${owner.kind.toLowerCase()}${group}/${owner.name}`
}
