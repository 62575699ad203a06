import type { ApiObject, ObjectReference } from '../../object/index.js'

export interface Endpoints extends ApiObject {
  subsets?: EndpointSubset[]
}

export interface EndpointSubset {
  addresses?: EndpointAddress[]
  notReadyAddresses?: EndpointAddress[]
  ports?: { appProtocol?: string; name?: string; port: number; protocol?: string }[]
}

export interface EndpointAddress {
  hostname?: string
  ip: string
  nodeName?: string
  targetRef?: ObjectReference
}
