// KubeletProtocol: what a kubelet accepts by message: the logs of its containers.

import type { Ref, Stream } from '../actor/index.js'

export interface KubeletProtocol {
  /**
   * The bytes of a container's log, from where the request says to its end or, with `follow`, for as long as it runs.
   * Refused `NotFound` (no such pod or run) or `BadRequest` (it has not begun, ...), with a text for the user.
   */
  logs(request: LogRequest): Stream<Uint8Array>
}
export type KubeletRef = Ref<KubeletProtocol>

export interface LogRequest {
  readonly namespace: string
  readonly pod: string
  readonly container: string
  readonly follow: boolean
  readonly previous: boolean
  readonly timestamps: boolean
  readonly tailLines?: number
  readonly sinceSeconds?: number
  readonly sinceTime?: string // RFC 3339.
  readonly limitBytes?: number
}
