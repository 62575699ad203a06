import type { ApiObject, Condition, IntOrString } from '../../object/index.js'

export interface Service extends ApiObject {
  spec: ServiceSpec
  status?: { conditions?: Condition[]; loadBalancer?: LoadBalancerStatus }
}

export interface ServiceSpec {
  allocateLoadBalancerNodePorts?: boolean
  clusterIP?: string
  clusterIPs?: string[]
  externalIPs?: string[]
  externalName?: string
  externalTrafficPolicy?: string
  healthCheckNodePort?: number
  internalTrafficPolicy?: string
  ipFamilies?: string[]
  ipFamilyPolicy?: string
  loadBalancerClass?: string
  loadBalancerIP?: string
  loadBalancerSourceRanges?: string[]
  ports?: ServicePort[]
  publishNotReadyAddresses?: boolean
  selector?: Record<string, string>
  sessionAffinity?: string
  sessionAffinityConfig?: { clientIP?: { timeoutSeconds?: number } }
  trafficDistribution?: string
  type?: string // ClusterIP, NodePort, LoadBalancer, ExternalName
}

export interface ServicePort {
  appProtocol?: string
  name?: string
  nodePort?: number
  port: number
  protocol?: string
  targetPort?: IntOrString
}

export interface LoadBalancerStatus {
  ingress?: { hostname?: string; ip?: string; ipMode?: string; ports?: { port: number; protocol: string; error?: string }[] }[]
}
