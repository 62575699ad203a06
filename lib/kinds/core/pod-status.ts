// PodStatus: what has become of a pod, written by its kubelet, the scheduler and the node lifecycle.

import type { Condition } from '../../object/index.js'
import type { ResourceList, ResourceRequirements } from './pod-spec.js'

export interface PodStatus {
  conditions?: Condition[]
  containerStatuses?: ContainerStatus[]
  ephemeralContainerStatuses?: ContainerStatus[]
  hostIP?: string
  hostIPs?: { ip: string }[]
  initContainerStatuses?: ContainerStatus[]
  message?: string
  nominatedNodeName?: string
  observedGeneration?: number
  phase?: string // Pending, Running, Succeeded, Failed, Unknown
  podIP?: string
  podIPs?: { ip: string }[]
  qosClass?: string // Guaranteed, Burstable, BestEffort
  reason?: string
  resize?: string
  startTime?: string
}

export interface ContainerStatus {
  allocatedResources?: ResourceList
  containerID?: string
  image: string
  imageID: string
  lastState?: ContainerState
  name: string
  ready: boolean
  resources?: ResourceRequirements
  restartCount: number
  started?: boolean
  state?: ContainerState
}

export interface ContainerState {
  running?: { startedAt?: string }
  terminated?: {
    containerID?: string
    exitCode: number
    finishedAt?: string
    message?: string
    reason?: string
    signal?: number
    startedAt?: string
  }
  waiting?: { message?: string; reason?: string }
}
