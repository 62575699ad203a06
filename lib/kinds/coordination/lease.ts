// Lease: who holds something, and until when it must be renewed. Leaders and kubelets renew theirs.

import { type ApiObject, age, ageColumn, column, type FieldError, field, nameColumn } from '../../object/index.js'
import { defineKind } from '../definition.js'
import type { Kind } from '../kind.js'
import { nonNegative } from '../validation.js'

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

export const leaseKind: Kind<Lease> = defineKind<Lease>({
  group: 'coordination.k8s.io',
  version: 'v1',
  kind: 'Lease',
  plural: 'leases',
  namespaced: true,
  schemaName: 'io.k8s.api.coordination.v1.Lease',
  allowCreateOnUpdate: true,
  allowUnconditionalUpdate: false,
  defaults: lease => {
    lease.spec ??= {}
  },
  validate: validateLease,
  columns: [nameColumn, column('Holder', 'Who holds the lease.'), ageColumn],
  cells: (lease, nowMs) => [lease.metadata.name ?? '', lease.spec?.holderIdentity ?? '', age(lease.metadata.creationTimestamp, nowMs)]
})

function validateLease(lease: Lease): FieldError[] {
  const { leaseDurationSeconds, leaseTransitions } = lease.spec ?? {}
  const errors = nonNegative(leaseTransitions, 'spec.leaseTransitions')
  if (leaseDurationSeconds !== undefined && leaseDurationSeconds <= 0) {
    errors.push(field.invalid('spec.leaseDurationSeconds', leaseDurationSeconds, 'must be greater than 0'))
  }
  return errors
}
