import type { ApiObject, Condition } from '../../object/index.js'
import type { ResourceList } from './pod-spec.js'

export interface Node extends ApiObject {
  spec?: NodeSpec
  status?: NodeStatus
}

export interface NodeSpec {
  externalID?: string
  podCIDR?: string
  podCIDRs?: string[]
  providerID?: string
  taints?: Taint[]
  unschedulable?: boolean
}

export interface Taint {
  effect: string // NoSchedule, PreferNoSchedule, NoExecute
  key: string
  timeAdded?: string
  value?: string
}

export interface NodeStatus {
  addresses?: { address: string; type: string }[]
  allocatable?: ResourceList
  capacity?: ResourceList
  conditions?: Condition[]
  daemonEndpoints?: { kubeletEndpoint?: { Port: number } }
  features?: { supplementalGroupsPolicy?: boolean }
  images?: { names?: string[]; sizeBytes?: number }[]
  nodeInfo?: NodeSystemInfo
  phase?: string
  runtimeHandlers?: { name?: string; features?: { recursiveReadOnlyMounts?: boolean; userNamespaces?: boolean } }[]
  volumesAttached?: { devicePath: string; name: string }[]
  volumesInUse?: string[]
}

export interface NodeSystemInfo {
  architecture: string
  bootID: string
  containerRuntimeVersion: string
  kernelVersion: string
  kubeProxyVersion: string
  kubeletVersion: string
  machineID: string
  operatingSystem: string
  osImage: string
  swap?: { capacity?: number }
  systemUUID: string
}
