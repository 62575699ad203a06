// API recorder: writes down what clients of the Kubernetes API do, as they do it, and makes of objects what is kept of them.
//
// Bounded by what is asked: of an object at a revision one state is kept, however often it is shown.

import type { ApiList, ApiObject } from '../object/index.js'
import { crc32c } from '../std/index.js'
import type { ApiAsked, ApiHistory, ApiOperation, ApiOutcome, ApiSelector, ApiState, ApiWatch, ApiWatchSession } from './api-history.js'

/** Which write an object shows; and how often a counter was increased. */
export const markAnnotation = 'chaos/operation'
export const tallyField = 'tally'

const encoder = new TextEncoder()
const noLabels: Readonly<Record<string, string>> = {}

export class ApiRecorder implements ApiHistory {
  readonly operations: ApiOperation[] = []
  readonly sessions: ApiWatchSession[] = []
  readonly written: readonly string[]
  readonly lived: readonly string[]
  store: ApiHistory['store']
  readonly #nowUs: () => number
  readonly #pool = new Map<string, ApiState>()
  readonly #states = new WeakMap<ApiObject, ApiState>()

  constructor(options: { nowUs: () => number; written: readonly string[]; lived: readonly string[] }) {
    this.#nowUs = options.nowUs
    this.written = options.written
    this.lived = options.lived
  }

  get nowUs(): number {
    return this.#nowUs()
  }

  /** Marked, if it is a write, with its own number. */
  begin(asked: ApiAsked): ApiOperation {
    const id = this.operations.length + 1
    const writes = asked.verb === 'create' || asked.verb === 'update' || asked.verb === 'patch'
    const operation: ApiOperation = {
      ...asked,
      ...(writes ? { mark: String(id) } : {}),
      id,
      invokedUs: this.#nowUs(),
      returnedUs: Number.POSITIVE_INFINITY,
      outcome: undefined
    }
    this.operations.push(operation)
    return operation
  }

  /** A failure that may have happened never returns: it may take effect at any time to come. */
  end(operation: ApiOperation, outcome: ApiOutcome): ApiOutcome {
    operation.outcome = outcome
    if (outcome.kind !== 'failed' || outcome.definite) operation.returnedUs = this.#nowUs()
    return outcome
  }

  /** From what is known at a revision on. */
  session(client: string, prefix: string, selector: ApiSelector | undefined, known: Iterable<ApiState>, revision: number): ApiWatchSession {
    const session: ApiWatchSession = { client, prefix, selector, known: [...known], revision, watches: [] }
    this.sessions.push(session)
    return session
  }

  watch(session: ApiWatchSession, from: number): ApiWatch {
    const watch: ApiWatch = { from, openedUs: this.#nowUs(), events: [], ended: undefined }
    session.watches.push(watch)
    return watch
  }

  /** Of an object as the API shows it. The same frozen object may be shown to many who watch it. */
  stateOf(resource: string, object: ApiObject): ApiState {
    const known = this.#states.get(object)
    if (known !== undefined) return known
    const state = this.#pooled(stateOf(resource, object))
    if (Object.isFrozen(object)) this.#states.set(object, state)
    return state
  }

  statesOf(resource: string, list: ApiList): ApiState[] {
    return list.items.map(item => this.stateOf(resource, item))
  }

  /** Of a DELETED event: the last state, at the revision of the deletion. */
  deletedState(resource: string, object: ApiObject): ApiState {
    return stateOf(resource, object)
  }

  /** Of an object as it is stored: without its resourceVersion. */
  storedState(resource: string, object: ApiObject, revision: number): ApiState {
    return this.stateOf(resource, { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } })
  }

  #pooled(state: ApiState): ApiState {
    const name = `${state.key}@${state.revision}`
    const known = this.#pool.get(name)
    if (known === undefined) this.#pool.set(name, state)
    return known?.content === state.content ? known : state
  }
}

function stateOf(resource: string, object: ApiObject): ApiState {
  const { name, namespace, resourceVersion, ...metadata } = object.metadata
  const path = namespace === undefined ? name : `${namespace}/${name}`
  const { apiVersion: _, kind: __, metadata: ___, ...rest } = object
  return {
    key: `${resource}/${path}`,
    uid: metadata.uid ?? '',
    revision: Number(resourceVersion),
    generation: metadata.generation ?? 0,
    content: digestOf([metadata, rest]),
    desired: desiredOf(resource, object),
    besides: resource === 'deployments' ? digestOf(metadata.annotations) : '',
    labels: metadata.labels ?? noLabels,
    created: metadata.creationTimestamp ?? '',
    deleting: metadata.deletionTimestamp !== undefined,
    mark: metadata.annotations?.[markAnnotation] ?? '',
    tally: tallyOf(object)
  }
}

/**
 * What a change of which metadata.generation counts, as upstream's strategies say (PrepareForUpdate). Of Deployments it also counts
 * annotations, but not those that come with the status, where the controller keeps the revision. That a pod is bound it does not count.
 */
function desiredOf(resource: string, object: ApiObject): string {
  if (object.metadata.generation === undefined) return ''
  const { spec, endpoints, ports, addressType } = object as ApiObject & Record<string, unknown>
  if (resource === 'endpointslices') return digestOf([present(endpoints), present(ports), addressType, present(object.metadata.labels)])
  return digestOf(resource === 'pods' ? { ...(spec as object), nodeName: undefined } : spec)
}

/** Nothing, and a list or map without anything, are the same. */
const present = (value: unknown): unknown => (value === undefined || Object.keys(value as object).length === 0 ? null : value)

function tallyOf(object: ApiObject): number | undefined {
  const { data } = object as { data?: Readonly<Record<string, string>> }
  const text = data?.[tallyField]
  return text === undefined ? undefined : Number(text)
}

function digestOf(value: unknown): string {
  const bytes = encoder.encode(JSON.stringify(value) ?? '')
  return `${crc32c(bytes).toString(16)}.${bytes.length}`
}
