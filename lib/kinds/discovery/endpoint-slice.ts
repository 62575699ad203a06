import type { ApiObject, ObjectReference } from '../../object/index.js'

export interface EndpointSlice extends ApiObject {
  addressType: string // IPv4, IPv6, FQDN
  endpoints: Endpoint[]
  ports?: EndpointPort[]
}

export interface Endpoint {
  addresses: string[]
  conditions?: { ready?: boolean; serving?: boolean; terminating?: boolean }
  deprecatedTopology?: Record<string, string>
  hints?: { forNodes?: { name: string }[]; forZones?: { name: string }[] }
  hostname?: string
  nodeName?: string
  targetRef?: ObjectReference
  zone?: string
}

export interface EndpointPort {
  appProtocol?: string
  name?: string
  port?: number
  protocol?: string
}
