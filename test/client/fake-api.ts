// Fake API: an apiserver small enough to be wrong in no interesting way, over a history in memory that outlives its actors.
//
// Several apiservers may share one history. It knows names, revisions, conflicts, generations, finalizers, graceful deletion of pods
// that are on a node, propagation policies, watches with a compaction horizon; it validates nothing.

import type { Actor, Ref, Returned, Sink, Stream, Turn } from '../../lib/actor/index.js'
import { refuse } from '../../lib/actor/index.js'
import type { ApiProtocol, ApiRequest, ApiResponse, Resource } from '../../lib/client/index.js'
import { resources } from '../../lib/client/index.js'
import { type ApiObject, formatTime, type Json, semanticEqual } from '../../lib/object/index.js'

export interface FakeProtocol extends ApiProtocol {
  changed(): void
}

export interface HistoryEvent {
  readonly revision: number
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  readonly collection: string // `apps/deployments`
  readonly text: string
  readonly object: ApiObject
}

type Stored = ApiObject & { spec?: Json; status?: Json }

const encoder = new TextEncoder()
const decoder = new TextDecoder()
const encode = (value: unknown): Uint8Array => encoder.encode(JSON.stringify(value))

interface Route {
  readonly resource: Resource
  readonly collection: string
  readonly namespace: string | undefined
  readonly name: string | undefined
  readonly subresource: string | undefined
  readonly query: URLSearchParams
}

export class History {
  readonly apiservers: Ref<FakeProtocol>[] = []
  readonly served: Resource[]
  readonly events: HistoryEvent[] = []
  readonly objects = new Map<string, Stored>() // `apps/deployments/ns/name`
  revision = 100
  compacted = 0 // Watches from before this revision are Expired.
  requests: string[] = []
  /** Watches of that collection tell of writes that much later than the others. */
  lag: { readonly collection: string; readonly ms: number } | undefined
  /** Answers instead of the server, when it returns something. */
  intercept: ((request: ApiRequest) => ApiResponse | undefined) | undefined
  #uidLast = 0

  constructor(served: readonly Resource[] = Object.values(resources)) {
    this.served = [...served]
  }

  all<T extends ApiObject = ApiObject>(resource: Resource<T>): T[] {
    const prefix = `${resource.group}/${resource.plural}/`
    return [...this.objects].filter(([key]) => key.startsWith(prefix)).map(([, object]) => object as unknown as T)
  }

  /** Forgets the history: watches that are behind have to list again. */
  compact(): void {
    this.compacted = this.revision
  }

  route(path: string): Route | undefined {
    const [plain = '', query = ''] = path.split('?')
    const parts = plain.split('/').slice(1).map(decodeURIComponent)
    const group = parts[0] === 'api' ? '' : (parts[1] ?? '')
    let rest = parts.slice(parts[0] === 'api' ? 2 : 3)
    let namespace: string | undefined
    if (rest[0] === 'namespaces' && rest.length > 2 && rest[2] !== 'finalize' && rest[2] !== 'status') {
      namespace = rest[1]
      rest = rest.slice(2)
    }
    const [plural, name, subresource] = rest
    const resource = this.served.find(one => one.group === group && one.plural === plural)
    if (resource === undefined) return undefined
    return { resource, collection: `${group}/${plural}`, namespace, name, subresource, query: new URLSearchParams(query) }
  }

  write(key: string, object: Stored | undefined, last: Stored | undefined): Stored {
    const revision = ++this.revision
    const collection = key.split('/').slice(0, 2).join('/')
    const type = object === undefined ? 'DELETED' : last === undefined ? 'ADDED' : 'MODIFIED'
    const written = structuredClone((object ?? last) as Stored)
    written.metadata.resourceVersion = String(revision)
    if (object === undefined) this.objects.delete(key)
    else this.objects.set(key, written)
    this.events.push({ revision, type, collection, object: written, text: `${JSON.stringify({ type, object: written })}\n` })
    return structuredClone(written)
  }

  uid(): string {
    return `uid-${++this.#uidLast}`
  }
}

interface Watcher {
  readonly sink: Sink<Uint8Array>
  readonly route: Route
  next: number // Index into the history's events.
}

interface ServerState {
  readonly history: History
  readonly watchers: Set<Watcher>
}

type Ctx = { readonly clusterMs: number }

const status = (code: number, reason: string, message: string, details?: object): ApiResponse => ({
  status: code,
  body: encode({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', code, reason, message, details })
})
const answer = (value: unknown, code = 200): ApiResponse => ({ status: code, body: encode(value) })

export function fakeApiserver(history: History): Actor<FakeProtocol, void, ServerState, 'pump'> {
  return {
    name: 'apiserver',
    init: ctx => {
      if (!history.apiservers.includes(ctx.self)) history.apiservers.push(ctx.self)
      return { history, watchers: new Set() }
    },
    on: {
      request(ctx, state, request) {
        const before = history.revision
        history.requests.push(`${request.method} ${request.path}`)
        const response = history.intercept?.(request) ?? serve(ctx, history, request)
        if (history.revision !== before) {
          pump(state)
          if (history.lag !== undefined) ctx.timer('pump', 'real', history.lag.ms)
          for (const other of history.apiservers) if (other !== ctx.self) ctx.tell(other, 'changed')
        }
        return response
      },
      watch: (ctx, state, request) => watch(ctx, state, request),
      changed: (_, state) => pump(state)
    },
    timers: { pump: (_, state) => pump(state, true) },
    sink(_, state, sink, event) {
      if (event === 'credit') return pump(state)
      for (const watcher of state.watchers) if (watcher.sink === sink) state.watchers.delete(watcher)
    }
  }
}

function watch(ctx: Turn<FakeProtocol, 'pump', Stream<Uint8Array>>, state: ServerState, request: ApiRequest): Returned<Stream<Uint8Array>> {
  const { history, watchers } = state
  history.requests.push(`WATCH ${request.path}`)
  const route = history.route(request.path)
  if (route === undefined) return refuse('NotFound', 'no such resource')
  const from = Number(route.query.get('resourceVersion') ?? 0)
  const sink = ctx.stream()
  if (from < history.compacted) {
    sink.push(encode({ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired', message: 'too old resource version' } }))
    sink.end()
    return sink
  }
  const next = history.events.findIndex(({ revision }) => revision > from)
  watchers.add({ sink, route, next: next < 0 ? history.events.length : next })
  pump(state)
  return sink
}

function pump({ history, watchers }: ServerState, late = false): void {
  for (const watcher of watchers) {
    if (!late && history.lag?.collection === watcher.route.collection) continue
    for (; watcher.next < history.events.length; watcher.next++) {
      const event = history.events[watcher.next] as HistoryEvent
      if (!selected(watcher.route, event.collection, event.object)) continue
      if (!watcher.sink.push(encoder.encode(event.text))) break
    }
  }
}

function selected({ collection, namespace, query }: Route, of: string, { metadata }: ApiObject): boolean {
  if (of !== collection || (namespace !== undefined && metadata.namespace !== namespace)) return false
  const field = query.get('fieldSelector')
  return field === null || field === `metadata.name=${metadata.name}`
}

function serve(ctx: Ctx, history: History, request: ApiRequest): ApiResponse {
  if (request.path === '/livez') return answer('ok')
  const route = history.route(request.path)
  if (route === undefined) return discovery(history, request.path)
  const { method } = request
  const body = request.body === undefined ? undefined : (JSON.parse(decoder.decode(request.body)) as Stored)
  const namespace = route.namespace ?? (route.resource.namespaced ? body?.metadata?.namespace : undefined)
  const key = `${route.collection}/${namespace === undefined ? '' : `${namespace}/`}${route.name ?? ''}`
  if (method === 'POST' && route.subresource === undefined) return create(ctx, history, route, namespace, body as Stored)
  if (route.name === undefined) {
    if (method === 'GET') return list(history, route)
    for (const [one, object] of [...history.objects]) {
      if (selected(route, one.split('/').slice(0, 2).join('/'), object)) remove(ctx, history, one, object, body as object)
    }
    return answer({ kind: 'Status', status: 'Success' })
  }
  const old = history.objects.get(key)
  if (old === undefined) return status(404, 'NotFound', `${route.resource.plural} "${route.name}" not found`)
  switch (method) {
    case 'GET':
      return answer(old)
    case 'DELETE':
      return remove(ctx, history, key, old, body as object)
    case 'PUT':
      return update(history, key, old, body as Stored, route.subresource)
    case 'PATCH':
      return update(
        history,
        key,
        old,
        patched(old as unknown as Json, body as unknown as Json, request.contentType ?? '') as unknown as Stored,
        route.subresource
      )
    default:
      return bind(history, key, old, body as unknown as { target: { name: string } })
  }
}

function discovery(history: History, path: string): ApiResponse {
  const verbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch']
  const groups = [...new Set(history.served.map(({ group }) => group))].filter(group => group !== '')
  if (path === '/apis') {
    return answer({ groups: groups.map(name => ({ name, preferredVersion: { groupVersion: `${name}/v1`, version: 'v1' } })) })
  }
  const group = path === '/api/v1' ? '' : path.split('/')[2]
  const served = history.served.filter(one => one.group === group && one.plural !== 'bindings')
  if (served.length === 0) return status(404, 'NotFound', 'the server could not find the requested resource')
  return answer({ resources: served.map(({ plural, kind, namespaced }) => ({ name: plural, kind, namespaced, verbs })) })
}

function list(history: History, route: Route): ApiResponse {
  const items = [...history.objects].filter(([key, object]) => selected(route, key.split('/').slice(0, 2).join('/'), object))
  const limit = Number(route.query.get('limit') ?? 0)
  const start = Number(route.query.get('continue') ?? 0)
  const page = limit > 0 ? items.slice(start, start + limit) : items
  const more = limit > 0 && start + limit < items.length
  const metadata = { resourceVersion: String(history.revision), ...(more ? { continue: String(start + limit) } : {}) }
  // As upstream, items of a list do not say what they are.
  const bare = page.map(([, { apiVersion: _, kind: __, ...rest }]) => rest)
  return answer({ kind: `${route.resource.kind}List`, apiVersion: 'v1', metadata, items: bare })
}

function create(ctx: Ctx, history: History, route: Route, namespace: string | undefined, object: Stored): ApiResponse {
  const { collection } = route
  const name = object.metadata.name ?? `${object.metadata.generateName}${history.revision}`
  const home = namespace === undefined ? undefined : history.objects.get(`/namespaces/${namespace}`)
  if (home?.metadata.deletionTimestamp !== undefined) {
    return status(403, 'Forbidden', `unable to create new content in namespace ${namespace} because it is being terminated`)
  }
  const key = `${collection}/${namespace === undefined ? '' : `${namespace}/`}${name}`
  if (history.objects.has(key)) return status(409, 'AlreadyExists', `${route.resource.plural} "${name}" already exists`)
  const creationTimestamp = formatTime(ctx.clusterMs)
  const metadata = {
    ...object.metadata,
    name,
    ...(namespace === undefined ? {} : { namespace }),
    uid: history.uid(),
    creationTimestamp,
    generation: 1
  }
  return answer(history.write(key, { ...object, metadata }, undefined), 201)
}

function update(history: History, key: string, old: Stored, sent: Stored, subresource: string | undefined): ApiResponse {
  const { resourceVersion, uid } = sent.metadata
  if (resourceVersion !== undefined && resourceVersion !== old.metadata.resourceVersion) {
    return status(409, 'Conflict', 'the object has been modified')
  }
  if (uid !== undefined && uid !== old.metadata.uid) return status(409, 'Conflict', 'uid mismatch')
  const isStatus = subresource === 'status'
  const next = structuredClone(
    isStatus ? { ...old, metadata: sent.metadata, status: sent.status } : { ...sent, status: old.status }
  ) as Stored
  if (next.status === undefined) delete next.status
  const { deletionTimestamp, creationTimestamp, generation, uid: known } = old.metadata
  const changed = !isStatus && !semanticEqual(next.spec, old.spec)
  const kept = strip({ uid: known, creationTimestamp, deletionTimestamp }) as Partial<ApiObject['metadata']>
  next.metadata = { ...next.metadata, ...kept, generation: (generation ?? 1) + Number(changed) }
  if (old.metadata.resourceVersion !== undefined) next.metadata.resourceVersion = old.metadata.resourceVersion
  if (semanticEqual(next, old)) return answer(old)
  const finalizers = [...(next.metadata.finalizers ?? []), ...((next.spec as { finalizers?: string[] } | undefined)?.finalizers ?? [])]
  if (deletionTimestamp !== undefined && finalizers.length === 0 && next.metadata.deletionGracePeriodSeconds === undefined) {
    return answer(history.write(key, undefined, next))
  }
  return answer(history.write(key, next, old))
}

interface Deletion {
  readonly propagationPolicy?: string
  readonly gracePeriodSeconds?: number
  readonly preconditions?: { readonly uid?: string }
}

function remove(ctx: Ctx, history: History, key: string, old: Stored, deletion: Deletion): ApiResponse {
  const { propagationPolicy, preconditions } = deletion
  if (preconditions?.uid !== undefined && preconditions.uid !== old.metadata.uid) return status(409, 'Conflict', 'uid mismatch')
  const next = structuredClone(old)
  const finalizers = new Set(next.metadata.finalizers)
  if (propagationPolicy === 'Foreground') finalizers.add('foregroundDeletion')
  if (propagationPolicy === 'Orphan') finalizers.add('orphan')
  if (finalizers.size > 0) next.metadata.finalizers = [...finalizers]
  const spec = (next.spec ?? {}) as { nodeName?: string; finalizers?: string[] }
  const grace = key.startsWith('/pods/') && spec.nodeName !== undefined ? (deletion.gracePeriodSeconds ?? 30) : 0
  if (finalizers.size === 0 && grace === 0 && (spec.finalizers ?? []).length === 0) {
    history.write(key, undefined, old)
    return answer({ kind: 'Status', status: 'Success' })
  }
  if (old.metadata.deletionTimestamp === undefined) next.metadata.deletionTimestamp = formatTime(ctx.clusterMs + grace * 1000)
  if (grace > 0) next.metadata.deletionGracePeriodSeconds = grace
  else delete next.metadata.deletionGracePeriodSeconds
  return answer(semanticEqual(next, old) ? old : history.write(key, next, old))
}

function bind(history: History, key: string, old: Stored, binding: { target: { name: string } }): ApiResponse {
  const spec = { ...(old.spec as object), nodeName: binding.target.name }
  return answer(history.write(key, { ...old, spec } as Stored, old), 201)
}

const mergeKeys: Readonly<Record<string, string>> = { conditions: 'type', ownerReferences: 'uid' }

function patched(target: Json, patch: Json, contentType: string): Json {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch
  const next = { ...(typeof target === 'object' && !Array.isArray(target) ? target : {}) } as { [name: string]: Json }
  for (const [name, value] of Object.entries(patch)) {
    const old = next[name]
    const key = contentType.includes('strategic') ? mergeKeys[name] : undefined
    if (value === null) delete next[name]
    else if (key !== undefined && Array.isArray(old) && Array.isArray(value)) next[name] = mergedList(old, value, key)
    else next[name] = patched(old ?? null, value, contentType)
  }
  return next
}

function mergedList(old: Json[], patch: Json[], key: string): Json[] {
  let next = old as { [name: string]: Json }[]
  for (const item of patch as { [name: string]: Json }[]) {
    const index = next.findIndex(one => one[key] === item[key])
    if (item.$patch === 'delete') next = next.filter(one => one[key] !== item[key])
    else if (index >= 0) next = next.map((one, at) => (at === index ? { ...one, ...item } : one))
    else next = [...next, item]
  }
  return next
}

const strip = (record: Record<string, unknown>): object =>
  Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined))
