import type { ApiObject, Condition, LabelSelector } from '../../object/index.js'
import type { PodTemplateSpec } from '../core/pod-spec.js'

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
