// ServiceAccount: an identity pods run as.

import { type ApiObject, age, ageColumn, column, type LocalObjectReference, nameColumn, type ObjectReference } from '../../object/index.js'
import { defineKind } from '../definition.js'
import type { Kind } from '../kind.js'

export interface ServiceAccount extends ApiObject {
  automountServiceAccountToken?: boolean
  imagePullSecrets?: LocalObjectReference[]
  secrets?: ObjectReference[]
}

export const serviceAccountKind: Kind<ServiceAccount> = defineKind<ServiceAccount>({
  group: '',
  version: 'v1',
  kind: 'ServiceAccount',
  plural: 'serviceaccounts',
  shortNames: ['sa'],
  namespaced: true,
  schemaName: 'io.k8s.api.core.v1.ServiceAccount',
  subresources: [{ name: 'token', kind: 'TokenRequest', group: 'authentication.k8s.io', version: 'v1', verbs: ['create'] }],
  columns: [nameColumn, column('Secrets', 'The number of secrets the account may be used with.', 'integer'), ageColumn],
  cells: (account, nowMs) => [account.metadata.name ?? '', account.secrets?.length ?? 0, age(account.metadata.creationTimestamp, nowMs)]
})
