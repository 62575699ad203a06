// Server: the apiserver as handlers and flows: HTTP requests and messages come in, answers and watch events go out.
//
// Every request is one flow: authenticated, authorized, routed, answered; an error is a Status. Whoever is gone has its flow ended.

import { ask, credit, type Flow, type Outcome, type Refusal, type Running, type Turn } from '../actor/index.js'
import type { ApiRequest, ApiResponse } from '../client/index.js'
import type { Kind } from '../kinds/index.js'
import { createValidators, errors, type Schemas, StatusError } from '../object/index.js'
import { type HttpRequest, httpPort, resourcesPort } from '../ports/index.js'
import type { StoreRef } from '../storage/index.js'
import type { User } from './authentication.js'
import { type Attributes, allows, isPublic } from './authorization.js'
import { bootstrap, type Send } from './bootstrap.js'
import { Broadcast, deliver, type Outlet } from './broadcast.js'
import { virtualResources } from './discovery.js'
import { expireEvents } from './expiry.js'
import { Feed } from './feed.js'
import { baseHeaders, headersOf, statusRefusal } from './heads.js'
import { bodyBytesMax, type Incoming, incomingOfHttp, incomingOfMessage } from './incoming.js'
import { type LogChannel, logs } from './logs.js'
import { type Accepted, negotiate } from './negotiation.js'
import { answerPath } from './paths.js'
import { statusReply } from './presentation.js'
import { jsonOfProtobuf, protobufType, type WireMessages } from './protobuf.js'
import { parseTarget, type RequestTarget } from './request.js'
import { Resources } from './resource.js'
import { review } from './reviews.js'
import { answer, routed } from './routing.js'
import { readSchemas } from './schemas.js'
import type { Call, Reply, ServerContext, ServerProtocol, ServerTimer, ServiceRanges, Serving } from './serving.js'
import { type FindStores, StoreClient } from './store-client.js'
import { patchTypes } from './update.js'
import { WatchCache } from './watch-cache.js'
import { bookmark, type Channel, errorLine, watch } from './watching.js'

/** As upstream's --request-timeout. */
export const requestTimeoutMs = 60_000
/** Over HTTP at once, watches among them. */
const requestsMax = 32_768
const bookmarkEveryMs = 60_000
const resourceTimeoutMs = 5_000
const writeTimeoutMs = 60_000 // For a client to take a piece of a watch or a log.

export interface ServerOptions {
  readonly kinds: readonly Kind[]
  readonly stores: readonly StoreRef[]
  /** Which there are by now; none if nobody knows. */
  readonly findStores?: FindStores | undefined
  readonly ranges: ServiceRanges
}

const none = new Uint8Array(0)
const anyShape: Accepted = { shape: 'object', yaml: false, include: 'Metadata' }

export class ApiServer {
  readonly serving: Serving
  readonly feed: Feed
  readonly broadcast = new Broadcast()
  readonly #ctx: ServerContext
  readonly #running = new Map<number, Running>()
  readonly #outlet: Outlet
  #messages: WireMessages | undefined // Read when first needed.

  constructor(ctx: ServerContext, options: ServerOptions) {
    this.#ctx = ctx
    const cache = new WatchCache(options.kinds)
    const store = new StoreClient(options.stores, ctx, options.findStores)
    const schemas: Schemas = { get: () => undefined }
    this.serving = {
      ctx,
      cache,
      store,
      schemas,
      decoders: createValidators(schemas),
      ranges: options.ranges,
      resources: new Resources(options.kinds)
    }
    const server = this
    this.#outlet = {
      write: (ids, bytes) => ctx.tell(ctx.port(httpPort), 'write', { ids, bytes }),
      get nowMs() {
        return ctx.clusterMs
      }
    }
    this.feed = new Feed(cache, store, {
      get nowMs() {
        return ctx.nowMs
      },
      run: flow => ctx.run(flow),
      answer: (later, outcome) => ctx.answer(later, outcome),
      log: (event, fields) => ctx.log(event, fields),
      changed(changes) {
        for (const [shelf, events] of changes) server.broadcast.publish(shelf, events, server.#outlet)
      },
      reset: () => this.#endWatches()
    })
  }

  start(): void {
    this.feed.start()
    this.#ctx.timer('bookmarks', 'real', bookmarkEveryMs)
  }

  /** The generated schemas, as they are in the resources. */
  useSchemas(bytes: Uint8Array): void {
    const { schemas, decoders } = readSchemas(bytes)
    this.serving.schemas = schemas
    this.serving.decoders = decoders
  }

  /** Makes what every cluster has; `address` is where this server is reached. */
  *bootstrap(endpoint: { readonly address: string; readonly port: number }): Flow<void> {
    const encoder = new TextEncoder()
    const send: Send = (method, path, object) => this.#ownRequest(method, path, encoder.encode(JSON.stringify(object)))
    yield* bootstrap(send, this.serving.ranges.serviceCidr, endpoint)
  }

  *#ownRequest(method: 'POST' | 'PATCH', path: string, body: Uint8Array): Flow<number> {
    const contentType = method === 'PATCH' ? patchTypes.apply : 'application/json'
    const { reply } = yield* this.#answered(incomingOfMessage(this.#ctx.self, { method, path, contentType, body }, requestTimeoutMs))
    return reply.status
  }

  // HTTP --------------------------------------------------------------------------------------------

  httpRequest(request: HttpRequest): void {
    const incoming = incomingOfHttp(request, requestTimeoutMs)
    if (this.#running.size >= requestsMax) {
      const reply = this.#errorReply(errors.tooManyRequests())
      const { status, body } = reply
      return this.#ctx.tell(this.#ctx.port(httpPort), 'respond', { id: request.id, status, headers: headersOf(reply, []), body })
    }
    const running = this.#ctx.run(this.#serveHttp(request.id, incoming))
    if (!running.done) this.#running.set(request.id, running)
  }

  /** The client is gone, or does not read: what was being done for it ends. */
  httpGone(id: number): void {
    this.#running.get(id)?.cancel()
    this.#running.delete(id)
  }

  httpStalled(id: number): void {
    this.httpGone(id)
    this.#ctx.tell(this.#ctx.port(httpPort), 'abort', { ids: [id] })
  }

  *#serveHttp(id: number, incoming: Incoming): Flow<void> {
    const { ctx } = this.serving
    const port = ctx.port(httpPort)
    let begun = false
    const begin = (contentType: string): void => {
      begun = true
      ctx.tell(port, 'begin', { id, status: 200, headers: { 'content-type': contentType, ...baseHeaders } })
    }
    const send = function* (bytes: Uint8Array): Flow<boolean> {
      const taken: Outcome<void> = yield* ask(port, writeTimeoutMs, 'write', { ids: [id], bytes })
      return taken.ok
    }
    try {
      const call = this.#admit(incoming)
      if (call?.target.verb === 'watch') {
        const tell = (bytes: Uint8Array): boolean => {
          ctx.tell(port, 'write', { ids: [id], bytes })
          return true
        }
        const channel: Channel = { listener: { id }, begin: () => begin('application/json'), tell, send }
        yield* watch(this.serving, this.broadcast, call, channel)
        ctx.tell(port, 'end', { ids: [id] })
      } else if (call?.target.subresource === 'log') {
        const channel: LogChannel = { begin: () => begin('text/plain'), send }
        yield* logs(this.serving, call, channel)
        ctx.tell(port, 'end', { ids: [id] })
      } else {
        const { reply, warnings } = yield* this.#answered(incoming, call)
        ctx.tell(port, 'respond', {
          id,
          status: reply.status,
          headers: headersOf(reply, warnings),
          body: incoming.method === 'HEAD' ? none : reply.body
        })
      }
    } catch (error) {
      const reply = this.#errorReply(error)
      if (begun) ctx.tell(port, 'abort', { ids: [id] })
      else ctx.tell(port, 'respond', { id, status: reply.status, headers: headersOf(reply, []), body: reply.body })
    } finally {
      this.#running.delete(id)
    }
  }

  // Messages ----------------------------------------------------------------------------------------

  *request(from: string, request: ApiRequest, leftMs: number): Flow<ApiResponse> {
    const { reply } = yield* this.#answered(incomingOfMessage(from, request, Math.min(requestTimeoutMs, leftMs)))
    return { status: reply.status, body: reply.body }
  }

  *watch(
    turn: Turn<ServerProtocol, ServerTimer, ReturnType<ServerProtocol['watch']>>,
    from: string,
    request: ApiRequest
  ): Flow<void | Refusal> {
    let call: Call | undefined
    try {
      call = this.#admit(incomingOfMessage(from, request, requestTimeoutMs))
      if (call === undefined || (call.target.verb !== 'watch' && call.target.subresource !== 'log')) throw errors.badRequest('not a watch')
    } catch (error) {
      return statusRefusal(this.#errorReply(error))
    }
    const opened: { sink?: ReturnType<typeof turn.stream> } = {}
    const tell = (bytes: Uint8Array): boolean => sink().push(bytes)
    const sink = (): ReturnType<typeof turn.stream> => {
      opened.sink ??= turn.stream()
      return opened.sink
    }
    const send = function* (bytes: Uint8Array): Flow<boolean> {
      while (!sink().push(bytes)) if (!(yield* credit(sink()))) return false
      return true
    }
    try {
      if (call.target.subresource === 'log') yield* logs(this.serving, call, { begin: () => void sink(), send })
      else {
        const listener = {
          get sink() {
            return sink()
          }
        }
        yield* watch(this.serving, this.broadcast, call, { listener, begin: () => void sink(), tell, send })
      }
      return undefined
    } catch (error) {
      return statusRefusal(this.#errorReply(error))
    }
  }

  // Both --------------------------------------------------------------------------------------------

  *#answered(incoming: Incoming, admitted?: Call): Flow<{ reply: Reply; warnings: readonly string[] }> {
    try {
      let call = admitted ?? this.#admit(incoming)
      if (incoming.contentType === protobufType && incoming.body.length > 0) {
        incoming = yield* this.#fromProtobuf(incoming)
        call = this.#admit(incoming)
      }
      if (call === undefined) return { reply: yield* this.#answerOther(incoming), warnings: [] }
      return { reply: yield* answer(this.serving, call), warnings: call.warnings }
    } catch (error) {
      return { reply: this.#errorReply(error), warnings: [] }
    }
  }

  *#fromProtobuf(incoming: Incoming): Flow<Incoming> {
    if (this.#messages === undefined) {
      const file = yield* ask(this.#ctx.port(resourcesPort), resourceTimeoutMs, 'read', { name: 'protobuf.json' })
      if (!file.ok) throw errors.internalError(file.error.detail)
      this.#messages = JSON.parse(new TextDecoder().decode(file.value)) as WireMessages
    }
    const json = jsonOfProtobuf(incoming.body, this.#messages)
    return { ...incoming, body: new TextEncoder().encode(JSON.stringify(json)), contentType: 'application/json' }
  }

  /** Who asks and whether it may; then what it asks for. Undefined: no request of a stored resource. */
  #admit(incoming: Incoming): Call | undefined {
    const target = parseTarget(incoming.method, incoming.url)
    this.#authorize(incoming, target)
    if (incoming.tooLarge) throw errors.requestEntityTooLarge(`limit is ${bodyBytesMax}`)
    const wanted = target.resource
    if (wanted === undefined || virtualOf(target) !== undefined) return undefined
    const resource = routed(this.serving.resources, wanted)
    const isText = wanted.subresource === 'log'
    const { query } = target
    const timeout = /^(\d{1,6})(s|m)?$/.exec(query.get('timeout') ?? '')
    const askedMs = timeout === null ? Number.POSITIVE_INFINITY : Number(timeout[1]) * (timeout[2] === 'm' ? 60_000 : 1000)
    return {
      user: incoming.user as User,
      resource,
      shelf: this.serving.cache.shelfOf(resource.stored),
      target: wanted,
      query,
      accepted: isText ? anyShape : negotiate(incoming.accept, query),
      contentType: incoming.contentType,
      body: incoming.body,
      deadlineMs: this.#ctx.nowMs + Math.min(incoming.timeoutMs, askedMs > 0 ? askedMs : Number.POSITIVE_INFINITY),
      agent: incoming.agent,
      warnings: []
    }
  }

  #authorize({ user, method }: Incoming, { path, resource }: RequestTarget): void {
    if (resource === undefined && isPublic(path)) return
    if (user === undefined) throw errors.unauthorized()
    const attributes: Attributes =
      resource === undefined
        ? { verb: method.toLowerCase(), group: '', resource: '', subresource: '', namespace: '', name: '', path }
        : resource
    if (allows(user, attributes)) return
    const { subresource, ...denied } = attributes
    throw errors.denied({ ...denied, user: user.name, ...(subresource === '' ? {} : { subresource }) })
  }

  *#answerOther(incoming: Incoming): Flow<Reply> {
    const target = parseTarget(incoming.method, incoming.url)
    const virtual = virtualOf(target)
    if (virtual === undefined) {
      const request = { method: incoming.method, path: target.path, query: target.query, accept: incoming.accept }
      return yield* answerPath(this.serving, request, this.feed.ready)
    }
    if (target.resource?.verb !== 'create')
      throw errors.methodNotAllowed({ group: virtual.group, resource: virtual.plural }, target.resource?.verb ?? '')
    if (virtual.plural === 'bindings') return yield* this.#answerBinding(incoming, target)
    return review(virtual, incoming.user as User, incoming.body, incoming.contentType, this.serving.decoders)
  }

  /** The old way to bind: the pod's name stands in the body. */
  *#answerBinding(incoming: Incoming, target: RequestTarget): Flow<Reply> {
    let name: unknown
    try {
      name = (JSON.parse(new TextDecoder().decode(incoming.body)) as { metadata?: { name?: unknown } }).metadata?.name
    } catch {
      throw errors.badRequest('the body of a binding must be JSON')
    }
    if (typeof name !== 'string' || !/^[\w.-]+$/.test(name)) throw errors.badRequest('name must be provided')
    const url = `/api/v1/namespaces/${target.resource?.namespace}/pods/${name}/binding`
    return (yield* this.#answered({ ...incoming, url })).reply
  }

  #errorReply(error: unknown): Reply {
    if (error instanceof StatusError) {
      const retryAfter = error.status.details?.retryAfterSeconds
      const reply = statusReply(error.status)
      return retryAfter === undefined ? reply : { ...reply, headers: { 'retry-after': String(retryAfter) } }
    }
    this.#ctx.log('request failed', { detail: error instanceof Error ? (error.stack ?? error.message) : String(error) })
    return statusReply(errors.internalError(error instanceof Error ? error.message : String(error)).status)
  }

  // Time --------------------------------------------------------------------------------------------

  sendBookmarks(): void {
    this.#ctx.timer('bookmarks', 'real', bookmarkEveryMs)
    const { revision } = this.serving.cache
    for (const audience of this.broadcast.audiences()) {
      deliver(audience.bookmarked, bookmark(audience.presentation, revision), this.#outlet)
    }
  }

  *expireEvents(): Flow<void> {
    yield* expireEvents(this.serving)
  }

  #endWatches(): void {
    const line = errorLine(errors.tooOldForCache('0', String(this.serving.cache.revision)))
    for (const audience of this.broadcast.audiences()) {
      const { ids } = audience
      if (ids.length > 0) {
        this.#outlet.write(ids, line)
        this.#ctx.tell(this.#ctx.port(httpPort), 'end', { ids })
      }
      for (const id of ids) this.httpGone(id)
      for (const sink of [...audience.sinks]) {
        this.broadcast.leave(audience, { sink })
        sink.push(line)
        sink.end()
      }
    }
  }
}

function virtualOf({ resource }: RequestTarget) {
  if (resource === undefined || resource.name !== '') return undefined
  return virtualResources.find(one => one.group === resource.group && one.version === resource.version && one.plural === resource.resource)
}
