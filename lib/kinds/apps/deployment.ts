// Deployment: keeps a number of like pods, and replaces them by newer ones step by step.

import {
  type ApiObject,
  age,
  ageColumn,
  type Condition,
  column,
  type FieldError,
  field,
  formatSelector,
  type IntOrString,
  type LabelSelector,
  nameColumn,
  selectorOf,
  semanticEqual,
  wideColumn
} from '../../object/index.js'
import { defaultPodTemplate } from '../core/pod-defaults.js'
import type { PodTemplateSpec } from '../core/pod-spec.js'
import { defineKind, keepAllButStatus, keepMetadata, scaleSubresource, statusSubresource } from '../definition.js'
import type { Kind } from '../kind.js'
import { countOrPercent, immutable, nonNegative, oneOf } from '../validation.js'
import { containerCells, replicaScale, validateSelectorAndTemplate } from './workload-validation.js'

export interface Deployment extends ApiObject {
  spec: DeploymentSpec
  status?: DeploymentStatus
}

export interface DeploymentSpec {
  minReadySeconds?: number
  paused?: boolean
  progressDeadlineSeconds?: number
  replicas?: number
  revisionHistoryLimit?: number
  selector: LabelSelector
  strategy?: DeploymentStrategy
  template: PodTemplateSpec
}

export interface DeploymentStrategy {
  type?: string // RollingUpdate, Recreate
  rollingUpdate?: { maxSurge?: IntOrString; maxUnavailable?: IntOrString }
}

export interface DeploymentStatus {
  availableReplicas?: number
  collisionCount?: number
  conditions?: Condition[]
  observedGeneration?: number
  readyReplicas?: number
  replicas?: number
  terminatingReplicas?: number
  unavailableReplicas?: number
  updatedReplicas?: number
}

export const deploymentKind: Kind<Deployment> = defineKind<Deployment>({
  group: 'apps',
  version: 'v1',
  kind: 'Deployment',
  plural: 'deployments',
  shortNames: ['deploy'],
  categories: ['all'],
  namespaced: true,
  schemaName: 'io.k8s.api.apps.v1.Deployment',
  subresources: [scaleSubresource, statusSubresource('Deployment')],
  defaults: defaultDeployment,
  prepareForStatusUpdate: (deployment, old) => {
    keepAllButStatus(deployment, old)
    keepMetadata(deployment, old, ['labels'])
  },
  // Upstream counts changes of annotations too: the revision is kept in one.
  generationChanged: (deployment, old) =>
    !semanticEqual(deployment.spec, old.spec) || !semanticEqual(deployment.metadata.annotations, old.metadata.annotations),
  validate: validateDeployment,
  validateUpdate: (deployment, old) => [
    ...validateDeployment(deployment),
    ...immutable(deployment.spec.selector, old.spec.selector, 'spec.selector')
  ],
  validateStatusUpdate: (deployment, old) => {
    const status = deployment.status ?? {}
    const counts = [
      'observedGeneration',
      'replicas',
      'updatedReplicas',
      'readyReplicas',
      'availableReplicas',
      'unavailableReplicas'
    ] as const
    const errors = counts.flatMap(name => nonNegative(status[name], `status.${name}`))
    const before = old.status?.collisionCount
    if (before !== undefined && (status.collisionCount ?? 0) < before) {
      errors.push(field.invalid('status.collisionCount', status.collisionCount ?? 0, 'cannot be decremented'))
    }
    return errors
  },
  columns: [
    nameColumn,
    column('Ready', 'Number of the pod with ready state'),
    column('Up-to-date', 'Pods of the newest template.', 'string'),
    column('Available', 'Pods ready for long enough.', 'string'),
    ageColumn,
    wideColumn('Containers', 'Names of each container in the template.'),
    wideColumn('Images', 'Images referenced by each container in the template.'),
    wideColumn('Selector', 'The labels of the pods it keeps.')
  ],
  cells: (deployment, nowMs) => [
    deployment.metadata.name ?? '',
    `${deployment.status?.readyReplicas ?? 0}/${deployment.spec.replicas ?? 0}`,
    deployment.status?.updatedReplicas ?? 0,
    deployment.status?.availableReplicas ?? 0,
    age(deployment.metadata.creationTimestamp, nowMs),
    ...containerCells(deployment.spec.template),
    formatSelector(selectorOf(deployment.spec.selector))
  ],
  scale: replicaScale
})

const progressDeadlineSeconds = 600
const revisionHistoryLimit = 10

function defaultDeployment(deployment: Deployment): void {
  deployment.spec ??= {} as DeploymentSpec
  deployment.status ??= {}
  const { spec } = deployment
  spec.template ??= { spec: { containers: [] } }
  defaultPodTemplate(spec.template)
  spec.replicas ??= 1
  spec.strategy ??= {}
  spec.strategy.type ||= 'RollingUpdate'
  if (spec.strategy.type === 'RollingUpdate') {
    spec.strategy.rollingUpdate ??= {}
    spec.strategy.rollingUpdate.maxUnavailable ??= '25%'
    spec.strategy.rollingUpdate.maxSurge ??= '25%'
  }
  spec.revisionHistoryLimit ??= revisionHistoryLimit
  spec.progressDeadlineSeconds ??= progressDeadlineSeconds
}

function validateDeployment(deployment: Deployment): FieldError[] {
  const { spec } = deployment
  const errors = [
    ...nonNegative(spec.replicas, 'spec.replicas'),
    ...validateSelectorAndTemplate(spec.selector, spec.template),
    ...validateStrategy(spec.strategy ?? {}),
    ...nonNegative(spec.minReadySeconds, 'spec.minReadySeconds'),
    ...nonNegative(spec.revisionHistoryLimit, 'spec.revisionHistoryLimit'),
    ...nonNegative(spec.progressDeadlineSeconds, 'spec.progressDeadlineSeconds')
  ]
  if (spec.progressDeadlineSeconds !== undefined && spec.progressDeadlineSeconds <= (spec.minReadySeconds ?? 0)) {
    errors.push(field.invalid('spec.progressDeadlineSeconds', spec.progressDeadlineSeconds, 'must be greater than minReadySeconds'))
  }
  return errors
}

function validateStrategy(strategy: DeploymentStrategy): FieldError[] {
  const path = 'spec.strategy'
  if (strategy.type === 'Recreate') {
    if (strategy.rollingUpdate === undefined) return []
    return [field.forbidden(`${path}.rollingUpdate`, "may not be specified when strategy `type` is 'Recreate'")]
  }
  if (strategy.type !== 'RollingUpdate') {
    return strategy.type === undefined ? [field.required(path)] : oneOf(strategy.type, ['Recreate', 'RollingUpdate'], path)
  }
  const { maxUnavailable, maxSurge } = strategy.rollingUpdate ?? {}
  const unavailablePath = `${path}.rollingUpdate.maxUnavailable`
  const errors = [...countOrPercent(maxUnavailable, unavailablePath), ...countOrPercent(maxSurge, `${path}.rollingUpdate.maxSurge`)]
  if (amount(maxUnavailable) === 0 && amount(maxSurge) === 0) {
    errors.push(field.invalid(unavailablePath, maxUnavailable, 'may not be 0 when `maxSurge` is 0'))
  }
  if (typeof maxUnavailable === 'string' && amount(maxUnavailable) > 100) {
    errors.push(field.invalid(unavailablePath, maxUnavailable, 'must not be greater than 100%'))
  }
  return errors
}

const amount = (value: IntOrString | undefined): number => (typeof value === 'string' ? Number.parseInt(value, 10) : (value ?? 0))
