import type { ApiObject, Json } from '../../object/index.js'

export interface ControllerRevision extends ApiObject {
  data?: { [name: string]: Json }
  revision: number
}
