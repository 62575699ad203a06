// FakeApi: an apiserver of a few lines: objects by path, optimistic concurrency, watches, and bindings as upstream makes them: once.

import type { Actor, Ref, Sink } from '../../lib/actor/index.js'
import type { ApiProtocol, ApiRequest, ApiResponse } from '../../lib/client/index.js'
import { type ApiObject, applyMergePatch, type Condition, type Json } from '../../lib/object/index.js'

export interface FakeApiProtocol extends ApiProtocol {
  /** What the test puts there or takes away. */
  put(change: { readonly path: string; readonly object: ApiObject | undefined }): void
  /** How many bindings it answers with an error, and whether it makes them nevertheless. */
  fail(plan: { readonly bindings: number; readonly code: number; readonly made: boolean }): void
}
export type FakeApiRef = Ref<FakeApiProtocol>

interface Change {
  readonly revision: number
  readonly path: string
  readonly line: Uint8Array
}

/** Outlives the actor and is the test's to read. */
export interface FakeStore {
  readonly objects: Map<string, any>
  readonly bindings: string[] // `default/p n1`, in order.
  readonly changes: Change[]
}

interface Watcher {
  readonly sink: Sink<Uint8Array>
  readonly prefix: string
  next: number
}

interface State {
  readonly watchers: Set<Watcher>
  failing: { bindings: number; code: number; made: boolean }
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()
const encode = (value: unknown): Uint8Array => encoder.encode(JSON.stringify(value))
const answer = (body: unknown, status = 200): ApiResponse => ({ status, body: encode(body) })
const refusal = (code: number, reason: string, message: string): ApiResponse =>
  answer({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', code, reason, message }, code)

export const newStore = (): FakeStore => ({ objects: new Map(), bindings: [], changes: [] })
export const podsOf = (store: FakeStore): any[] =>
  [...store.objects].filter(([path]) => path.includes('/pods/')).map(([, object]) => object)
export const eventsOf = (store: FakeStore): any[] =>
  [...store.objects].filter(([path]) => path.includes('/events/')).map(([, object]) => object)

export function fakeApi(store: FakeStore): Actor<FakeApiProtocol, void, State> {
  return {
    name: 'apiserver',
    init: () => ({ watchers: new Set(), failing: { bindings: 0, code: 500, made: false } }),
    on: {
      request: (_ctx, state, request) => serve(store, state, request),
      watch(ctx, state, { path }) {
        const [prefix = '', query = ''] = path.split('?')
        const from = Number(new URLSearchParams(query).get('resourceVersion') ?? 0)
        const next = store.changes.findIndex(({ revision }) => revision > from)
        const sink = ctx.stream()
        state.watchers.add({ sink, prefix, next: next < 0 ? store.changes.length : next })
        pump(store, state)
        return sink
      },
      put: (_ctx, state, { path, object }) => write(store, state, path, object),
      fail(_ctx, state, plan) {
        state.failing = { ...plan }
      }
    },
    sink(_ctx, state, sink, event) {
      if (event === 'credit') return pump(store, state)
      for (const watcher of state.watchers) if (watcher.sink === sink) state.watchers.delete(watcher)
    }
  }
}

function write(store: FakeStore, state: State, path: string, object: any): any {
  const revision = store.changes.length + 1
  const old = store.objects.get(path)
  const next = structuredClone(object ?? old)
  if (next === undefined) return undefined
  next.metadata.resourceVersion = String(revision)
  next.metadata.uid ??= `uid-${revision}`
  if (object === undefined) store.objects.delete(path)
  else store.objects.set(path, next)
  const type = object === undefined ? 'DELETED' : old === undefined ? 'ADDED' : 'MODIFIED'
  store.changes.push({ revision, path, line: encoder.encode(`${JSON.stringify({ type, object: next })}\n`) })
  pump(store, state)
  return next
}

function pump(store: FakeStore, { watchers }: State): void {
  for (const watcher of watchers) {
    for (; watcher.next < store.changes.length; watcher.next++) {
      const { path, line } = store.changes[watcher.next] as Change
      if (within(path, watcher.prefix) && !watcher.sink.push(line)) break
    }
  }
}

/** `/api/v1/pods` holds `/api/v1/namespaces/default/pods/p`. */
function within(path: string, collection: string): boolean {
  return path.startsWith(`${collection}/`) || path.replace(/\/namespaces\/[^/]+\//, '/').startsWith(`${collection}/`)
}

function serve(store: FakeStore, state: State, { method, path: full, body }: ApiRequest): ApiResponse {
  const path = full.split('?')[0] as string
  if (path === '/livez') return answer('ok')
  const sent = body === undefined ? undefined : JSON.parse(decoder.decode(body))
  if (path.endsWith('/binding')) return bind(store, state, path.slice(0, -'/binding'.length), sent)
  const target = path.replace(/\/status$/, '')
  const old = store.objects.get(target)
  switch (method) {
    case 'POST': {
      const created = `${path}/${sent.metadata.name}`
      if (store.objects.has(created)) return refusal(409, 'AlreadyExists', `${created} already exists`)
      return answer(write(store, state, created, sent), 201)
    }
    case 'GET': {
      if (old !== undefined) return answer(old)
      if (/\/(leases|pods|nodes)\/[^/]+$/.test(path)) return refusal(404, 'NotFound', `${path} not found`)
      const items = [...store.objects].filter(([one]) => within(one, path)).map(([, object]) => object)
      return answer({ metadata: { resourceVersion: String(store.changes.length) }, items })
    }
    case 'DELETE':
      return old === undefined ? refusal(404, 'NotFound', 'gone') : answer(write(store, state, target, undefined))
    case 'PUT':
      if (old?.metadata.resourceVersion !== sent.metadata.resourceVersion) return refusal(409, 'Conflict', 'the object has been modified')
      return answer(write(store, state, target, sent))
    case 'PATCH':
      return old === undefined ? refusal(404, 'NotFound', 'gone') : answer(write(store, state, target, patched(old, sent)))
  }
}

function bind(store: FakeStore, state: State, path: string, { target }: { target: { name: string } }): ApiResponse {
  const pod = store.objects.get(path)
  if (pod === undefined) return refusal(404, 'NotFound', 'gone')
  const { failing } = state
  const fails = failing.bindings > 0
  if (fails) failing.bindings--
  if (fails && !failing.made) return refusal(failing.code, failing.code === 500 ? 'InternalError' : 'Forbidden', 'no')
  const { name, namespace } = pod.metadata
  if ((pod.spec.nodeName ?? '') !== '') {
    return refusal(
      409,
      'Conflict',
      `Operation cannot be fulfilled on pods/binding "${name}": pod ${name} is already assigned to node "${pod.spec.nodeName}"`
    )
  }
  store.bindings.push(`${namespace}/${name} ${target.name}`)
  write(store, state, path, { ...pod, spec: { ...pod.spec, nodeName: target.name } })
  return fails ? refusal(failing.code, 'InternalError', 'lost') : answer({ kind: 'Status', status: 'Success' }, 201)
}

function patched(old: any, patch: any): any {
  const conditions: Condition[] = patch.status?.conditions ?? []
  const merged = applyMergePatch(old as Json, patch as Json) as any
  const result = 'value' in merged ? merged.value : merged
  if (conditions.length > 0) {
    const kept = (old.status?.conditions ?? []).filter((one: Condition) => conditions.every(({ type }) => type !== one.type))
    result.status.conditions = [...kept, ...conditions]
  }
  return result
}
