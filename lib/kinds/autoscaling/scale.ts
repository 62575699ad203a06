// autoscaling/v1 Scale: how many replicas, of whatever kind can be scaled. Not stored: a view.

import type { ApiObject } from '../../object/index.js'

export interface Scale extends ApiObject {
  spec?: { replicas?: number }
  status?: { replicas: number; selector?: string }
}
