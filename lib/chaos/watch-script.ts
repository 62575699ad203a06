// Watch script: how a client follows a kind of object: a list and a watch from it, or a list told by the watch itself; what it is told;
// where it goes on when a watch ends: at the last change, or at the last bookmark. The same in the simulator and on a real cluster.

import type { ApiOperation, ApiRecorder, ApiSelector, ApiState, ApiWatch, ApiWatchSession } from '../check/index.js'
import {
  type ApiError,
  isExpired,
  queryText,
  type Resource,
  type Result,
  resourcePath,
  statusError,
  type WatchEvent
} from '../client/index.js'
import type { ApiList, ApiObject } from '../object/index.js'
import { integerBelow, type Random } from '../std/index.js'

export interface WatchScriptOptions {
  readonly client: string
  readonly resource: Resource
  /** Undefined: all of them. */
  readonly namespace: string | undefined
  readonly selector?: ApiSelector | undefined
  readonly random: Random
  readonly recorder: ApiRecorder
  /** Watches end after up to this long, with a bookmark. */
  readonly timeoutSecondsMax: number
}

export type WatchStep = { readonly kind: 'list' | 'watch'; readonly path: string }

const streamedShare = 0.3 // Of lists: told by the watch.
const backShare = 0.3 // Of resumptions: at the bookmark, though more was told since.
const initialEnd = 'k8s.io/initial-events-end'

interface Place {
  readonly revision: number
  readonly known: ReadonlyMap<string, ApiState>
}

export class WatchScript {
  resumed = 0
  relisted = 0
  bookmarks = 0
  readonly #options: WatchScriptOptions
  #operation: ApiOperation | undefined // A list under way.
  #streamed: Map<string, ApiState> | undefined // What a watch tells of the state it began with.
  #session: ApiWatchSession | undefined
  #watch: ApiWatch | undefined
  #known = new Map<string, ApiState>()
  #revision = 0
  #goesOn = false // The next thing told is the first after a watch that ended.
  #bookmark: Place | undefined

  constructor(options: WatchScriptOptions) {
    this.#options = options
  }

  /** Up to where it was told everything. */
  get revision(): number {
    return this.#session === undefined ? 0 : this.#revision
  }

  get prefix(): string {
    const { resource, namespace } = this.#options
    return namespace === undefined ? `${resource.plural}/` : `${resource.plural}/${namespace}/`
  }

  get client(): string {
    return this.#options.client
  }

  next(): WatchStep {
    const { random } = this.#options
    if (this.#session === undefined) {
      if (random() < streamedShare) return this.#streamList()
      this.#operation = this.#begin()
      return { kind: 'list', path: this.#path({}) }
    }
    const back = this.#bookmark
    if (back !== undefined && back.revision < this.#revision && random() < backShare) this.#enter(back.revision, back.known)
    this.#watch = this.#options.recorder.watch(this.#session, this.#revision)
    const query = { watch: true, resourceVersion: this.#revision, allowWatchBookmarks: true, timeoutSeconds: this.#seconds() }
    return { kind: 'watch', path: this.#path(query) }
  }

  listed(result: Result<unknown>): void {
    const { recorder, resource } = this.#options
    const operation = this.#operation as ApiOperation
    if (!result.ok) return this.#failed(operation, result.error)
    const list = result.value as ApiList
    const states = recorder.statesOf(resource.plural, list)
    recorder.end(operation, { kind: 'list', revision: Number(list.metadata.resourceVersion), states, more: false })
    this.#start(Number(list.metadata.resourceVersion), new Map(states.map(state => [state.key, state])))
  }

  /** One event of a watch. False: the server has ended it by an error. */
  told({ type, object }: WatchEvent<ApiObject>): boolean {
    const { recorder, resource } = this.#options
    if (type === 'ERROR') {
      this.ended(statusError((object as { code?: number }).code ?? 500, object))
      return false
    }
    if (this.#goesOn) this.resumed++
    this.#goesOn = false
    if (type === 'BOOKMARK') this.#marked(object)
    else if (this.#streamed !== undefined) {
      const state = recorder.stateOf(resource.plural, object)
      this.#streamed.set(state.key, state)
    } else {
      const deleted = type === 'DELETED'
      const state = deleted ? recorder.deletedState(resource.plural, object) : recorder.stateOf(resource.plural, object)
      this.#watch?.events.push({ type, state, atUs: recorder.nowUs })
      if (deleted) this.#known.delete(state.key)
      else this.#known.set(state.key, state)
      this.#revision = Math.max(this.#revision, state.revision)
    }
    return true
  }

  /** The stream is over; undefined: without an error. */
  ended(error: ApiError | undefined): void {
    if (this.#streamed !== undefined && this.#operation !== undefined) {
      this.#streamed = undefined
      if (error !== undefined) this.#failed(this.#operation, error)
      return
    }
    if (this.#watch !== undefined && this.#watch.ended === undefined) this.#watch.ended = error?.reason ?? 'closed'
    if (this.#watch?.events.length === 0) this.#session?.watches.pop() // It says nothing, and there may be many of them.
    this.#watch = undefined
    this.#goesOn = true
    if (error !== undefined && isExpired(error)) this.#session = undefined
  }

  #marked({ metadata }: ApiObject): void {
    const { recorder } = this.#options
    const revision = Number(metadata.resourceVersion)
    if (this.#streamed !== undefined) {
      if (metadata.annotations?.[initialEnd] !== 'true') return
      const known = this.#streamed
      this.#streamed = undefined
      // In the order in which a list would show them: that of their keys.
      const states = [...known.values()].sort((a, b) => (a.key < b.key ? -1 : 1))
      recorder.end(this.#operation as ApiOperation, { kind: 'list', revision, states, more: false })
      this.#start(revision, known)
      this.#watch = recorder.watch(this.#session as ApiWatchSession, revision)
      return
    }
    this.bookmarks++
    this.#watch?.events.push({ type: 'BOOKMARK', revision, atUs: recorder.nowUs })
    this.#revision = Math.max(this.#revision, revision)
    this.#bookmark = { revision, known: new Map(this.#known) }
  }

  #streamList(): WatchStep {
    this.#operation = this.#begin()
    this.#streamed = new Map()
    const streamed = { sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan', allowWatchBookmarks: true }
    return { kind: 'watch', path: this.#path({ watch: true, ...streamed, timeoutSeconds: this.#seconds() }) }
  }

  #start(revision: number, known: ReadonlyMap<string, ApiState>): void {
    if (this.#revision > 0) this.relisted++
    this.#goesOn = false
    this.#bookmark = undefined
    this.#enter(revision, known)
  }

  #enter(revision: number, known: ReadonlyMap<string, ApiState>): void {
    const { client, selector, recorder } = this.#options
    this.#known = new Map(known)
    this.#revision = revision
    this.#session = recorder.session(client, this.prefix, selector, known.values(), revision)
  }

  #begin(): ApiOperation {
    const { client, selector, recorder } = this.#options
    return recorder.begin({ client, verb: 'list', key: this.prefix, version: '', selector })
  }

  #failed(operation: ApiOperation, { code, reason, definite }: ApiError): void {
    this.#options.recorder.end(operation, { kind: 'failed', code, reason, definite })
  }

  #seconds(): number {
    return 1 + integerBelow(this.#options.random, this.#options.timeoutSecondsMax)
  }

  #path(query: Record<string, string | number | boolean>): string {
    const { resource, namespace, selector } = this.#options
    const labels = Object.entries(selector ?? {}).map(([name, value]) => `${name}=${value}`)
    return (
      resourcePath(resource, { namespace }) + queryText({ ...query, labelSelector: labels.length === 0 ? undefined : labels.join(',') })
    )
  }
}
