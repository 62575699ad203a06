// Logs: pods/log, proxied from the kubelet of the pod's node.

import { type Failure, type Flow, open } from '../actor/index.js'
import type { KubeletRef, LogRequest } from '../client/index.js'
import type { Pod } from '../kinds/index.js'
import { errors } from '../object/index.js'
import { awaitRevision } from './reading.js'
import { flag, type Query } from './request.js'
import { keyOf } from './resource.js'
import type { Call, Serving } from './serving.js'

const openTimeoutMs = 10_000
const windowItems = 16

export interface LogChannel {
  begin(): void
  /** False: the client is gone. */
  send(bytes: Uint8Array): Flow<boolean>
}

/** Throws a StatusError only before `begin`. */
export function* logs(serving: Serving, call: Call, channel: LogChannel): Flow<void> {
  const { resource, target } = call
  yield* awaitRevision(serving, '')
  const entry = call.shelf.get(keyOf(resource, target.namespace, target.name))
  if (entry === undefined) throw errors.notFound(resource.groupResource, target.name)
  const pod = entry.object() as Pod
  const request = requestOf(call, pod)
  const node = pod.spec.nodeName
  if (!node) throw errors.badRequest(`pod ${target.name} does not have a host assigned`)
  const opened = yield* open(`${node}/kubelet` as KubeletRef, openTimeoutMs, 'logs', request, windowItems)
  if (!opened.ok) throw refusal(opened.error, node)
  const source = opened.value
  channel.begin()
  try {
    for (;;) {
      const batch = yield* source.next()
      if (batch.kind === 'idle') continue
      if (batch.kind !== 'items') return
      for (const bytes of batch.items) if (!(yield* channel.send(bytes))) return
    }
  } finally {
    source.close()
  }
}

function refusal({ code, detail }: Failure, node: string) {
  switch (code) {
    case 'NotFound':
    case 'BadRequest':
      return errors.badRequest(detail)
    default:
      return errors.internalError(`the kubelet of node ${node} does not answer: ${code}${detail === '' ? '' : `: ${detail}`}`)
  }
}

function requestOf({ target, query }: Call, pod: Pod): LogRequest {
  return {
    namespace: target.namespace,
    pod: target.name,
    container: containerOf(pod, query.get('container') ?? ''),
    follow: flag(query, 'follow'),
    previous: flag(query, 'previous'),
    timestamps: flag(query, 'timestamps'),
    ...count(query, 'tailLines', 0),
    ...count(query, 'sinceSeconds', 1),
    ...count(query, 'limitBytes', 1),
    ...(query.get('sinceTime') ? { sinceTime: query.get('sinceTime') as string } : {})
  }
}

function count(query: Query, name: 'tailLines' | 'sinceSeconds' | 'limitBytes', least: number): Partial<LogRequest> {
  const text = query.get(name)
  if (text === undefined || text === '') return {}
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < least) throw errors.badRequest(`${name} must be an integer of at least ${least}`)
  return { [name]: value }
}

function containerOf(pod: Pod, wanted: string): string {
  const spec = pod.spec
  const containers = spec.containers.map(({ name }) => name)
  const all = [
    ...(spec.initContainers ?? []).map(({ name }) => name),
    ...containers,
    ...(spec.ephemeralContainers ?? []).map(({ name }) => name)
  ]
  const name = pod.metadata.name ?? ''
  if (wanted !== '') {
    if (!all.includes(wanted)) throw errors.badRequest(`container ${wanted} is not valid for pod ${name}`)
    return wanted
  }
  if (containers.length === 1 && all.length === 1) return containers[0] as string
  const rest = `choose one of: [${containers.join(' ')}]`
  const init =
    (spec.initContainers ?? []).length > 0
      ? ` or one of the init containers: [${(spec.initContainers ?? []).map(one => one.name).join(' ')}]`
      : ''
  throw errors.badRequest(`a container name must be specified for pod ${name}, ${rest}${init}`)
}
