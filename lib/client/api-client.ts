// ApiClient: the API's verbs as flows over messages to a list of apiservers.
//
// It stays with one apiserver until that fails, then goes on to the next. Reads are retried until their deadline; a write is
// sent again only if it certainly took no effect (as client-go), so a failure that may have happened is the caller's to judge.
// Answers 429 and 5xx that say when to retry are honoured, as client-go does.

import { ask, type Context, type Failure, type Flow, type Outcome, open, type Source } from '../actor/index.js'
import type { ApiList, ApiObject, DeleteOptions, Json } from '../object/index.js'
import type { ApiRef, ApiRequest, ApiResponse } from './api-protocol.js'
import { BackOff } from './back-off.js'
import { apiVersionOf, type ObjectName, type Query, queryText, type Resource, resourcePath } from './resource.js'
import { type ApiError, failed, isStatus, ok, type Result, statusError, transportError } from './result.js'

/** What the pieces of the client need of the actor that uses them. */
export type ClientContext = Pick<Context<unknown, string>, 'nowMs' | 'clusterMs' | 'random' | 'run' | 'tell' | 'log' | 'self'>

export interface ApiClientOptions {
  readonly apiservers: readonly ApiRef[] // At least one; the first is preferred at the start.
  readonly fieldManager?: string // Owner of the fields written; the server has a default.
  readonly timeoutMs?: number // Of a call with its retries.
  readonly attemptTimeoutMs?: number
}

export interface CallOptions {
  readonly timeoutMs?: number
}

export interface ListOptions extends CallOptions {
  readonly namespace?: string | undefined
  readonly labelSelector?: string | undefined
  readonly fieldSelector?: string | undefined
  readonly resourceVersion?: string | undefined
  readonly limit?: number | undefined
  readonly continue?: string | undefined
}

export interface WatchOptions extends Omit<ListOptions, 'limit' | 'continue'> {
  readonly allowWatchBookmarks?: boolean
  readonly timeoutSeconds?: number
}

export interface WriteOptions extends CallOptions {
  readonly subresource?: string
  readonly dryRun?: boolean
}

export interface PatchOptions extends WriteOptions {
  readonly type?: keyof typeof patchTypes // Default: merge.
  readonly force?: boolean // Of an apply: take fields over.
}

export interface Eviction {
  readonly deleteOptions?: DeleteOptions
}

const patchTypes = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml' // JSON is YAML.
} as const

const callTimeoutMs = 30_000
const attemptTimeoutMs = 10_000
const livezTimeoutMs = 5_000
const retriesAfterAnswerMax = 10 // As client-go: how often a Retry-After is obeyed.
// A refusal costs next to nothing, and an apiserver that was restarted is back in tenths of a second.
const retryLimits = { baseMs: 5, maxMs: 100 }

const encoder = new TextEncoder()
const decoder = new TextDecoder()

export class ApiClient {
  readonly #ctx: ClientContext
  readonly #options: ApiClientOptions
  readonly #heardMs = new Map<ApiRef, number>()
  #at = 0

  constructor(ctx: ClientContext, options: ApiClientOptions) {
    this.#ctx = ctx
    this.#options = options
  }

  /** The apiserver in use. */
  get apiserver(): ApiRef {
    const { apiservers } = this.#options
    return apiservers[this.#at % apiservers.length] as ApiRef
  }

  /** That apiserver does not answer: whoever calls next goes to another. */
  failedAt(apiserver: ApiRef): void {
    if (this.apiserver === apiserver) this.#at++
  }

  /** That apiserver answered, or told something of a watch. */
  heardFrom(apiserver: ApiRef): void {
    this.#heardMs.set(apiserver, this.#ctx.nowMs)
  }

  /**
   * Whether that apiserver was heard from of late, or answers now. For streams that are silent: one of a paused or cut-off apiserver
   * does not end by itself (client-go pings its HTTP/2 connections). Of many that ask at once, one does.
   */
  *isAlive(apiserver: ApiRef, lateMs: number): Flow<boolean> {
    if (this.#ctx.nowMs - (this.#heardMs.get(apiserver) ?? Number.NEGATIVE_INFINITY) < lateMs) return true
    const request = { method: 'GET', path: '/livez' } as const
    this.heardFrom(apiserver)
    const outcome: Outcome<ApiResponse> = yield* ask(apiserver, livezTimeoutMs, 'request', request)
    if (outcome.ok) return true
    this.#heardMs.delete(apiserver)
    this.failedAt(apiserver)
    return false
  }

  get<T extends ApiObject>(resource: Resource<T>, at: ObjectName, options: CallOptions & { subresource?: string } = {}): Flow<Result<T>> {
    return this.call('GET', resourcePath(resource, at, options.subresource), undefined, options)
  }

  list<T extends ApiObject>(resource: Resource<T>, options: ListOptions = {}): Flow<Result<ApiList<T>>> {
    const { namespace, timeoutMs: _, ...query } = options
    return this.call('GET', resourcePath(resource, { namespace }) + queryText(query), undefined, options)
  }

  /** The namespace and, for a subresource, the name are those of the object's metadata. */
  create<T extends ApiObject>(resource: Resource<T>, object: Unstored<T>, options: WriteOptions = {}): Flow<Result<T>> {
    const { namespace, name } = object.metadata
    const at = options.subresource === undefined ? { namespace } : { namespace, name }
    return this.call('POST', resourcePath(resource, at, options.subresource) + this.#writeQuery(options), typed(resource, object), options)
  }

  update<T extends ApiObject>(resource: Resource<T>, object: Unstored<T>, options: WriteOptions = {}): Flow<Result<T>> {
    const path = resourcePath(resource, object.metadata, options.subresource) + this.#writeQuery(options)
    return this.call('PUT', path, options.subresource === 'scale' ? object : typed(resource, object), options)
  }

  updateStatus<T extends ApiObject>(resource: Resource<T>, object: Unstored<T>, options: CallOptions = {}): Flow<Result<T>> {
    return this.update(resource, object, { ...options, subresource: 'status' })
  }

  patch<T extends ApiObject>(resource: Resource<T>, at: ObjectName, patch: unknown, options: PatchOptions = {}): Flow<Result<T>> {
    const type = options.type ?? 'merge'
    const query = { ...this.#query(options), force: type === 'apply' ? options.force : undefined }
    const path = resourcePath(resource, at, options.subresource) + queryText(query)
    return this.call('PATCH', path, patch, { ...options, contentType: patchTypes[type] })
  }

  /** Answers the object if it is still there (finalizers, grace), otherwise a Status. */
  delete(resource: Resource, at: ObjectName, deletion: DeleteOptions = {}, options: CallOptions = {}): Flow<Result<ApiObject | undefined>> {
    return this.#delete(resourcePath(resource, at), deletion, options)
  }

  deleteCollection(resource: Resource, selection: ListOptions, deletion: DeleteOptions = {}): Flow<Result<ApiObject | undefined>> {
    const { namespace, timeoutMs: _, ...query } = selection
    return this.#delete(resourcePath(resource, { namespace }) + queryText(query), deletion, selection)
  }

  /** Puts a pod on a node. `at` may carry the uid, so that another pod of the name is not bound. */
  bind(at: ObjectName & { readonly uid?: string | undefined }, nodeName: string, options: CallOptions = {}): Flow<Result<Json>> {
    const { namespace, name, uid } = at
    const body = { apiVersion: 'v1', kind: 'Binding', metadata: { namespace, name, uid }, target: { kind: 'Node', name: nodeName } }
    return this.call('POST', resourcePath(podResource, at, 'binding'), body, options)
  }

  evict(at: ObjectName, { deleteOptions }: Eviction = {}, options: CallOptions = {}): Flow<Result<Json>> {
    const { namespace, name } = at
    const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { namespace, name }, deleteOptions }
    return this.call('POST', resourcePath(podResource, at, 'eviction'), body, options)
  }

  /** Any request: discovery, `/livez`, a subresource of its own shape. */
  *call<V>(
    method: ApiRequest['method'],
    path: string,
    body?: unknown,
    options: CallOptions & { contentType?: string } = {}
  ): Flow<Result<V>> {
    const { contentType } = options
    const request: ApiRequest = {
      method,
      path,
      ...(contentType === undefined ? {} : { contentType }),
      ...(body === undefined ? {} : { body: encoder.encode(JSON.stringify(body)) })
    }
    const result = yield* this.#exchange(request, options.timeoutMs ?? this.#options.timeoutMs ?? callTimeoutMs)
    return result as Result<V>
  }

  /**
   * Opens a watch with one attempt at one apiserver, which the answer names. Whether to try again, and from which revision,
   * is the informer's to say.
   */
  *watch(resource: Resource, options: WatchOptions): Flow<Result<{ source: Source<Uint8Array>; apiserver: ApiRef }>> {
    const { namespace, timeoutMs, ...query } = options
    return yield* this.watchAt(resourcePath(resource, { namespace }) + queryText({ watch: true, ...query }), timeoutMs)
  }

  /** As `watch`, by its path. */
  *watchAt(path: string, timeoutMs = attemptTimeoutMs): Flow<Result<{ source: Source<Uint8Array>; apiserver: ApiRef }>> {
    const apiserver = this.apiserver
    const opened: Outcome<Source<Uint8Array>> = yield* open(apiserver, timeoutMs, 'watch', { method: 'GET', path })
    if (opened.ok) return ok({ source: opened.value, apiserver })
    if (isTransport(opened.error)) this.failedAt(apiserver)
    return failed(refusalError(opened.error))
  }

  *#exchange(request: ApiRequest, timeoutMs: number): Flow<Result<unknown>> {
    const deadlineMs = this.#ctx.nowMs + timeoutMs
    const backOff = new BackOff(retryLimits, this.#ctx.random)
    for (let tries = 1; ; tries++) {
      const leftMs = Math.max(1, deadlineMs - this.#ctx.nowMs)
      const apiserver = this.apiserver
      const attemptMs = Math.min(leftMs, this.#options.attemptTimeoutMs ?? attemptTimeoutMs)
      const outcome: Outcome<ApiResponse> = yield* ask(apiserver, attemptMs, 'request', request)
      const result = outcome.ok ? decodeResponse(outcome.value) : failed(refusalError(outcome.error))
      if (outcome.ok) this.heardFrom(apiserver)
      else if (isTransport(outcome.error)) this.failedAt(apiserver)
      const delayMs = this.#retryMs(request, outcome, result, tries, backOff)
      if (delayMs === undefined || this.#ctx.nowMs + delayMs >= deadlineMs) return result
      if (delayMs > 0) yield { step: 'sleep', clock: 'real', delayMs }
    }
  }

  /** How long to wait before the request is sent again; undefined: not again. */
  #retryMs(
    request: ApiRequest,
    outcome: Outcome<ApiResponse>,
    result: Result<unknown>,
    tries: number,
    backOff: BackOff
  ): number | undefined {
    if (result.ok) return undefined
    const { error } = result
    if (outcome.ok) {
      const afterSeconds = error.status.details?.retryAfterSeconds ?? 0
      if (!error.retryable || afterSeconds <= 0 || tries > retriesAfterAnswerMax) return undefined
      return request.method === 'GET' || error.definite ? afterSeconds * 1000 : undefined
    }
    if (!isTransport(outcome.error)) return undefined
    if (request.method !== 'GET' && !error.definite) return undefined
    // The other apiservers are tried at once; who has tried all of them waits.
    return tries % this.#options.apiservers.length === 0 ? backOff.nextMs() : 0
  }

  *#delete(path: string, deletion: DeleteOptions, options: CallOptions): Flow<Result<ApiObject | undefined>> {
    const body = { apiVersion: 'v1', kind: 'DeleteOptions', ...deletion }
    const result: Result<unknown> = yield* this.call('DELETE', path, body, options)
    if (!result.ok) return result
    return ok(isStatus(result.value) ? undefined : (result.value as ApiObject))
  }

  #query(options: WriteOptions): Query {
    return { fieldManager: this.#options.fieldManager, dryRun: options.dryRun === true ? 'All' : undefined }
  }

  #writeQuery(options: WriteOptions): string {
    return queryText(this.#query(options))
  }
}

/** An object to be written: apiVersion and kind may be left out, the resource says them. */
export type Unstored<T extends ApiObject> = Omit<T, 'apiVersion' | 'kind'> & Partial<Pick<ApiObject, 'apiVersion' | 'kind'>>

const podResource: Resource = { group: '', version: 'v1', kind: 'Pod', plural: 'pods', namespaced: true }

const typed = (resource: Resource, object: object): object => ({ ...object, apiVersion: apiVersionOf(resource), kind: resource.kind })

const transportCodes: ReadonlySet<string> = new Set(['timeout', 'cancelled', 'overloaded', 'unreachable', 'down'])

/** It did not reach a handler, or no answer came back; anything else is the apiserver's own word. */
const isTransport = (failure: Failure): boolean => transportCodes.has(failure.code)

function decodeResponse({ status, body }: ApiResponse): Result<unknown> {
  const text = decoder.decode(body)
  let value: unknown
  try {
    value = text === '' ? undefined : JSON.parse(text)
  } catch {
    value = text
  }
  return status < 400 ? ok(value) : failed(statusError(status, value))
}

/** An apiserver that refuses a stream may say so with a Status in the detail. */
export function refusalError(failure: Failure): ApiError {
  if (!isTransport(failure) && failure.detail.startsWith('{')) {
    try {
      const status: unknown = JSON.parse(failure.detail)
      if (isStatus(status)) return statusError(status.code ?? 500, status)
    } catch {
      // Not a Status then.
    }
  }
  return transportError(failure)
}
