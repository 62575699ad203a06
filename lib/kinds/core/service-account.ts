import type { ApiObject, LocalObjectReference, ObjectReference } from '../../object/index.js'

export interface ServiceAccount extends ApiObject {
  automountServiceAccountToken?: boolean
  imagePullSecrets?: LocalObjectReference[]
  secrets?: ObjectReference[]
}
