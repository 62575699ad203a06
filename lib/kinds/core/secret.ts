import type { ApiObject } from '../../object/index.js'

export interface Secret extends ApiObject {
  data?: Record<string, string> // base64
  immutable?: boolean
  stringData?: Record<string, string> // Write only: folded into data.
  type?: string
}
