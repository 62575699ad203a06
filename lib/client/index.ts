// client: what components use to talk to the API: the typed client, informers, work queues, leader election, events.

export {
  ApiClient,
  type ApiClientOptions,
  type CallOptions,
  type ClientContext,
  type Eviction,
  type ListOptions,
  type PatchOptions,
  type Unstored,
  type WatchOptions,
  type WriteOptions
} from './api-client.js'
export type { ApiProtocol, ApiRef, ApiRequest, ApiResponse } from './api-protocol.js'
export { BackOff, type BackOffLimits } from './back-off.js'
export { Elector, type ElectorOptions, electionDefaults } from './elector.js'
export { type Handler, Informer, type InformerOptions } from './informer.js'
export type { KubeletProtocol, KubeletRef, LogRequest } from './kubelet-protocol.js'
export { deepFreeze, type Indexer, indexers, type Lister, ObjectStore } from './object-store.js'
export { Recorder, type RecorderOptions, referenceOf } from './recorder.js'
export {
  apiVersionOf,
  groupResource,
  type ObjectName,
  type Query,
  queryText,
  type Resource,
  resourcePath,
  resources
} from './resource.js'
export {
  type ApiError,
  failed,
  isAlreadyExists,
  isConflict,
  isExpired,
  isNotFound,
  isStatus,
  ok,
  type Result,
  statusError
} from './result.js'
export { type WatchEvent, watchEvents } from './watch-lines.js'
export { type QueueClocks, type QueueOptions, WorkQueue } from './work-queue.js'
