import type { ApiObject, Condition, IntOrString, LabelSelector } from '../../object/index.js'
import type { PodTemplateSpec } from '../core/pod-spec.js'

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
