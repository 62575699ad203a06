import type { ApiObject, Condition } from '../../object/index.js'

export interface Namespace extends ApiObject {
  spec?: { finalizers?: string[] }
  status?: { conditions?: Condition[]; phase?: string } // Active, Terminating
}
