import type { ApiObject } from '../../object/index.js'

export interface ConfigMap extends ApiObject {
  binaryData?: Record<string, string>
  data?: Record<string, string>
  immutable?: boolean
}
