// Pod disruption: says on a pod why the control plane ends it, before it does: the DisruptionTarget condition.

import type { Flow } from '../actor/index.js'
import { resources } from '../client/index.js'
import type { Pod, PodStatus } from '../kinds/index.js'
import { findCondition, formatTime } from '../object/index.js'
import type { ControllerScope } from './controller.js'

/** False: it could not be said; try again. A pod that is gone needs nothing said. */
export function* disrupt(
  scope: ControllerScope,
  pod: Pod,
  reason: string,
  message: string,
  status: Partial<PodStatus> = {}
): Flow<boolean> {
  const known = findCondition(pod.status?.conditions, 'DisruptionTarget')
  if (known?.status === 'True' && known.reason === reason && Object.keys(status).length === 0) return true
  const condition = { type: 'DisruptionTarget', status: 'True', reason, message, lastTransitionTime: formatTime(scope.ctx.clusterMs) }
  const patch = { metadata: { uid: pod.metadata.uid }, status: { ...status, conditions: [condition] } }
  const result = yield* scope.client.patch(resources.pods, pod.metadata, patch, { type: 'strategic', subresource: 'status' })
  return result.ok || result.error.reason === 'NotFound'
}
