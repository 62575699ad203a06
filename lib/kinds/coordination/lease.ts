import type { ApiObject } from '../../object/index.js'

export interface Lease extends ApiObject {
  spec?: LeaseSpec
}

export interface LeaseSpec {
  acquireTime?: string // Microseconds.
  holderIdentity?: string
  leaseDurationSeconds?: number
  leaseTransitions?: number
  preferredHolder?: string
  renewTime?: string // Microseconds.
  strategy?: string
}
