// ApiProtocol: what the apiserver accepts from the components of the cluster, by message.
//
// The same verbs as over HTTPS, through the same authentication (the sender's address is its identity),
// authorization and admission. Bodies are the same UTF-8 JSON bytes that go to sockets; the receiver parses them.

import type { Ref, Stream } from '../actor/index.js'

export interface ApiProtocol {
  request(request: ApiRequest): ApiResponse
  /** Items are whole watch events, one JSON object a line, possibly several lines to an item. */
  watch(request: ApiRequest): Stream<Uint8Array>
}
export type ApiRef = Ref<ApiProtocol>

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly path: string // With its query: `/api/v1/namespaces/default/pods?watch=1&resourceVersion=7`.
  readonly contentType?: string // Of the body; default application/json.
  readonly body?: Uint8Array
}

export interface ApiResponse {
  readonly status: number
  readonly body: Uint8Array
}
