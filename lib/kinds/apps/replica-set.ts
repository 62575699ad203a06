// ReplicaSet: keeps a number of like pods.

import {
  type ApiObject,
  age,
  ageColumn,
  type Condition,
  column,
  type FieldError,
  field,
  formatLabelSelector,
  type LabelSelector,
  nameColumn,
  wideColumn
} from '../../object/index.js'
import { defaultPodTemplate } from '../core/pod-defaults.js'
import type { PodTemplateSpec } from '../core/pod-spec.js'
import { defineKind, scaleSubresource, specChanged, statusSubresource } from '../definition.js'
import type { Kind } from '../kind.js'
import { immutable, nonNegative } from '../validation.js'
import { containerCells, replicaScale, validateSelectorAndTemplate } from './workload-validation.js'

export interface ReplicaSet extends ApiObject {
  spec: ReplicaSetSpec
  status?: ReplicaSetStatus
}

export interface ReplicaSetSpec {
  minReadySeconds?: number
  replicas?: number
  selector: LabelSelector
  template: PodTemplateSpec
}

export interface ReplicaSetStatus {
  availableReplicas?: number
  conditions?: Condition[]
  fullyLabeledReplicas?: number
  observedGeneration?: number
  readyReplicas?: number
  replicas: number
  terminatingReplicas?: number
}

export const replicaSetKind: Kind<ReplicaSet> = defineKind<ReplicaSet>({
  group: 'apps',
  version: 'v1',
  kind: 'ReplicaSet',
  plural: 'replicasets',
  shortNames: ['rs'],
  categories: ['all'],
  namespaced: true,
  schemaName: 'io.k8s.api.apps.v1.ReplicaSet',
  subresources: [scaleSubresource, statusSubresource('ReplicaSet')],
  defaults: set => {
    set.spec ??= {} as ReplicaSetSpec
    set.status ??= { replicas: 0 }
    set.spec.template ??= { spec: { containers: [] } }
    defaultPodTemplate(set.spec.template)
    set.spec.replicas ??= 1
  },
  prepareForCreate: set => {
    set.status = { replicas: 0 }
  },
  generationChanged: specChanged,
  validate: validateReplicaSet,
  validateUpdate: (set, old) => [...validateReplicaSet(set), ...immutable(set.spec.selector, old.spec.selector, 'spec.selector')],
  validateStatusUpdate: set => {
    const status = set.status ?? { replicas: 0 }
    const counts = ['replicas', 'fullyLabeledReplicas', 'readyReplicas', 'availableReplicas', 'observedGeneration'] as const
    const errors = counts.flatMap(name => nonNegative(status[name], `status.${name}`))
    for (const name of ['fullyLabeledReplicas', 'readyReplicas', 'availableReplicas'] as const) {
      const count = status[name] ?? 0
      if (count > status.replicas) errors.push(field.invalid(`status.${name}`, count, 'cannot be greater than status.replicas'))
    }
    if ((status.availableReplicas ?? 0) > (status.readyReplicas ?? 0)) {
      errors.push(field.invalid('status.availableReplicas', status.availableReplicas, 'cannot be greater than readyReplicas'))
    }
    return errors
  },
  selectableFields: ['status.replicas'],
  fields: set => ({ 'status.replicas': String(set.status?.replicas ?? 0) }),
  columns: [
    nameColumn,
    column('Desired', 'How many pods there should be.', 'integer'),
    column('Current', 'How many there are.', 'integer'),
    column('Ready', 'How many are ready.', 'integer'),
    ageColumn,
    wideColumn('Containers', 'Names of each container in the template.'),
    wideColumn('Images', 'Images referenced by each container in the template.'),
    wideColumn('Selector', 'The labels of the pods it keeps.')
  ],
  cells: (set, nowMs) => [
    set.metadata.name ?? '',
    set.spec.replicas ?? 0,
    set.status?.replicas ?? 0,
    set.status?.readyReplicas ?? 0,
    age(set.metadata.creationTimestamp, nowMs),
    ...containerCells(set.spec.template),
    formatLabelSelector(set.spec.selector)
  ],
  scale: replicaScale
})

function validateReplicaSet(set: ReplicaSet): FieldError[] {
  return [
    ...nonNegative(set.spec.replicas, 'spec.replicas'),
    ...nonNegative(set.spec.minReadySeconds, 'spec.minReadySeconds'),
    ...validateSelectorAndTemplate(set.spec.selector, set.spec.template)
  ]
}
