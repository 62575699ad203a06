// FakeApi: an apiserver of a few lines: objects by path, patches, watches by field selector, graceful deletion of pods. It
// validates nothing; every write it takes is remembered.

import type { Actor, Sink } from '../../lib/actor/index.js'
import type { ApiProtocol, ApiRequest, ApiResponse } from '../../lib/client/index.js'
import {
  type ApiObject,
  applyMergePatch,
  applyStrategicMergePatch,
  formatTime,
  type Json,
  type Schema,
  type Schemas
} from '../../lib/object/index.js'

export interface FakeApiProtocol extends ApiProtocol {
  objects(query: { readonly prefix: string }): readonly ApiObject[]
}

interface Watcher {
  readonly sink: Sink<Uint8Array>
  readonly collection: string
  readonly nodeName: string | undefined
}

interface FakeApiState {
  readonly objects: Map<string, ApiObject>
  readonly watchers: Watcher[]
  readonly history: { readonly revision: number; readonly at: string; readonly object: ApiObject; readonly line: Uint8Array }[]
  revision: number
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

// What strategic merge needs to know of a pod's and a node's status.
const byKey = (patchMergeKey: string): Schema => ({ type: 'array', items: { type: 'object' }, patchStrategy: ['merge'], patchMergeKey })
const schema: Schema = {
  type: 'object',
  properties: { status: { type: 'object', properties: { conditions: byKey('type'), podIPs: byKey('ip'), hostIPs: byKey('ip') } } }
}
const schemas: Schemas = { get: () => schema }

export const fakeApi: Actor<FakeApiProtocol, { readonly objects: readonly ApiObject[] } | undefined, FakeApiState> = {
  name: 'apiserver',
  mailboxMax: 1 << 20,
  init: () => ({ objects: new Map(), watchers: [], history: [], revision: 100 }),
  on: {
    request(ctx, state, request) {
      return handle(state, request, ctx.clusterMs)
    },
    watch(ctx, state, { path }) {
      const [collection = '', query = ''] = path.split('?', 2)
      const watcher = { sink: ctx.stream(), collection, nodeName: nodeNameOf(query) }
      state.watchers.push(watcher)
      const from = Number(/resourceVersion=(\d+)/.exec(query)?.[1] ?? 0)
      for (const { revision, at, object, line } of state.history) {
        if (revision > from && within(at, collection) && matches(object, watcher.nodeName)) watcher.sink.push(line)
      }
      return watcher.sink
    },
    objects: (_ctx, state, { prefix }) => [...state.objects].filter(([path]) => path.startsWith(prefix)).map(([, object]) => object)
  }
}

const nodeNameOf = (query: string): string | undefined => /spec\.nodeName(?:=|%3D)([^&]*)/.exec(query)?.[1]

const answer = (status: number, body: unknown): ApiResponse => ({ status, body: encoder.encode(JSON.stringify(body)) })

const failure = (code: number, reason: string, message: string): ApiResponse =>
  answer(code, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', reason, code, message })

function handle(state: FakeApiState, request: ApiRequest, nowMs: number): ApiResponse {
  const [path = '', query = ''] = request.path.split('?', 2)
  const body: Json = request.body === undefined ? null : JSON.parse(decoder.decode(request.body))
  switch (request.method) {
    case 'GET':
      return read(state, path, query)
    case 'POST': {
      const object = body as unknown as ApiObject
      const at = `${path}/${object.metadata.name}`
      if (path.endsWith('/token')) return answer(201, { status: { token: 'a-token' } })
      if (state.objects.has(at)) return failure(409, 'AlreadyExists', `${at} already exists`)
      const uid = object.metadata.uid ?? `uid-${object.metadata.name}-${state.revision}`
      return answer(
        201,
        put(state, at, { ...object, metadata: { ...object.metadata, uid, creationTimestamp: formatTime(nowMs) } }, 'ADDED')
      )
    }
    case 'PATCH':
      return patch(state, path.replace(/\/status$/, ''), body, request.contentType ?? '')
    case 'DELETE':
      return remove(state, path, body as { gracePeriodSeconds?: number; preconditions?: { uid?: string } }, nowMs)
    default:
      return failure(405, 'MethodNotAllowed', request.method)
  }
}

function read(state: FakeApiState, path: string, query: string): ApiResponse {
  const object = state.objects.get(path)
  if (object !== undefined) return answer(200, object)
  const last = path.slice(path.lastIndexOf('/') + 1)
  if (!/^(pods|services|nodes|events)$/.test(last)) return failure(404, 'NotFound', `${path} not found`)
  const node = nodeNameOf(query)
  const items = [...state.objects].filter(([at, one]) => within(at, path) && matches(one, node)).map(([, one]) => one)
  return answer(200, { kind: 'List', apiVersion: 'v1', metadata: { resourceVersion: String(state.revision) }, items })
}

// `/api/v1/pods` has what is in `/api/v1/namespaces/*/pods`.
function within(at: string, collection: string): boolean {
  const parent = at.slice(0, at.lastIndexOf('/'))
  return parent === collection || parent.replace(/\/namespaces\/[^/]+/, '') === collection
}

const matches = (object: ApiObject, node: string | undefined): boolean =>
  node === undefined || (object as { spec?: { nodeName?: string } }).spec?.nodeName === node

function put(state: FakeApiState, at: string, object: ApiObject, type: string): ApiObject {
  const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(++state.revision) } }
  if (type === 'DELETED') state.objects.delete(at)
  else state.objects.set(at, stored)
  const line = encoder.encode(`${JSON.stringify({ type, object: stored })}\n`)
  state.history.push({ revision: state.revision, at, object: stored, line })
  for (const { sink, collection, nodeName } of state.watchers) if (within(at, collection) && matches(stored, nodeName)) sink.push(line)
  return stored
}

function patch(state: FakeApiState, at: string, body: Json, contentType: string): ApiResponse {
  const old = state.objects.get(at)
  if (old === undefined) return failure(404, 'NotFound', `${at} not found`)
  const uid = (body as { metadata?: { uid?: string } }).metadata?.uid
  if (uid !== undefined && uid !== old.metadata.uid) return failure(409, 'Conflict', 'the uid in the precondition does not match')
  const target = old as unknown as Json
  const result = contentType.includes('strategic') ? applyStrategicMergePatch(target, body, 'any', schemas) : applyMergePatch(target, body)
  if (!result.ok) return failure(400, 'BadRequest', result.error.message)
  return answer(200, put(state, at, result.value as unknown as ApiObject, 'MODIFIED'))
}

function remove(
  state: FakeApiState,
  at: string,
  options: { gracePeriodSeconds?: number; preconditions?: { uid?: string } } | null,
  nowMs: number
): ApiResponse {
  const old = state.objects.get(at)
  if (old === undefined) return failure(404, 'NotFound', `${at} not found`)
  const uid = options?.preconditions?.uid
  if (uid !== undefined && uid !== old.metadata.uid) return failure(409, 'Conflict', 'the uid in the precondition does not match')
  const seconds = options?.gracePeriodSeconds ?? 30
  if (seconds === 0 || old.kind !== 'Pod') {
    return answer(200, put(state, at, { ...old, metadata: { ...old.metadata, deletionGracePeriodSeconds: 0 } }, 'DELETED'))
  }
  const deletionTimestamp = formatTime(nowMs + seconds * 1000)
  const metadata = { ...old.metadata, deletionTimestamp, deletionGracePeriodSeconds: seconds }
  return answer(200, put(state, at, { ...old, metadata }, 'MODIFIED'))
}
