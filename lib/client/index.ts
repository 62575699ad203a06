// client: what components use to talk to the API.

export type { ApiProtocol, ApiRef, ApiRequest, ApiResponse } from './api-protocol.js'
