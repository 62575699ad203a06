// Namespace: a scope for names. It goes when everything in it has gone: its spec's finalizers say so.

import {
  type ApiObject,
  age,
  ageColumn,
  type Condition,
  column,
  type FieldError,
  field,
  labelName,
  nameColumn,
  qualifiedNameFaults
} from '../../object/index.js'
import { defineKind, statusSubresource } from '../definition.js'
import type { Kind } from '../kind.js'
import { matches } from '../validation.js'

export interface Namespace extends ApiObject {
  spec?: { finalizers?: string[] }
  status?: { conditions?: Condition[]; phase?: string } // Active, Terminating
}

export const namespaceKind: Kind<Namespace> = defineKind<Namespace>({
  group: '',
  version: 'v1',
  kind: 'Namespace',
  plural: 'namespaces',
  shortNames: ['ns'],
  namespaced: false,
  verbs: ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'],
  schemaName: 'io.k8s.api.core.v1.Namespace',
  subresources: [{ name: 'finalize', kind: 'Namespace', verbs: ['update'] }, statusSubresource('Namespace')],
  nameFaults: labelName,
  defaults: namespace => {
    namespace.spec ??= {}
    namespace.status ??= {}
    namespace.status.phase ||= 'Active'
    const name = namespace.metadata.name
    if (name !== undefined && name !== '') {
      namespace.metadata.labels = { ...namespace.metadata.labels, 'kubernetes.io/metadata.name': name }
    }
  },
  prepareForCreate: namespace => {
    namespace.status = { phase: 'Active' }
    const finalizers = namespace.spec?.finalizers ?? []
    namespace.spec = { ...namespace.spec, finalizers: finalizers.includes('kubernetes') ? finalizers : [...finalizers, 'kubernetes'] }
    const name = namespace.metadata.name ?? ''
    namespace.metadata.labels = { ...namespace.metadata.labels, 'kubernetes.io/metadata.name': name }
  },
  prepareForUpdate: (namespace, old) => {
    namespace.spec = { ...namespace.spec }
    if (old.spec?.finalizers === undefined) delete namespace.spec.finalizers
    else namespace.spec.finalizers = old.spec.finalizers
    namespace.status = old.status ?? {}
  },
  validate: namespace =>
    (namespace.spec?.finalizers ?? []).flatMap((finalizer, index) => validateFinalizer(finalizer, `spec.finalizers[${index}]`)),
  validateUpdate: () => [],
  validateStatusUpdate: (namespace, old) => {
    const phase = namespace.status?.phase
    const terminating = old.metadata.deletionTimestamp !== undefined
    if (!terminating && phase !== 'Active') {
      return [field.invalid('status.phase', phase ?? '', "may only be 'Active' if `deletionTimestamp` is empty")]
    }
    if (terminating && phase !== 'Terminating') {
      return [field.invalid('status.phase', phase ?? '', "may only be 'Terminating' if `deletionTimestamp` is not empty")]
    }
    return []
  },
  selectableFields: ['status.phase', 'name'],
  fields: namespace => ({ name: namespace.metadata.name ?? '', 'status.phase': namespace.status?.phase ?? '' }),
  columns: [nameColumn, column('Status', 'The status of the namespace'), ageColumn],
  cells: (namespace, nowMs) => [
    namespace.metadata.name ?? '',
    namespace.status?.phase ?? '',
    age(namespace.metadata.creationTimestamp, nowMs)
  ]
})

function validateFinalizer(finalizer: string, path: string): FieldError[] {
  const errors = matches(finalizer, qualifiedNameFaults, path)
  if (errors.length === 0 && !finalizer.includes('/') && finalizer !== 'kubernetes') {
    errors.push(field.invalid(path, finalizer, 'name is neither a standard finalizer name nor is it fully qualified'))
  }
  return errors
}
