// Informer: a live copy of a collection, and who is told of its changes. client-go's reflector and shared informer in one.
//
// Guarantee: handlers see each object's changes in the order of its revisions, none twice, each after the store has it. States
// in between may be skipped (a relist shows only the newest), the last one never. A deletion that was not seen happening is told
// with `finalStateKnown: false` and the last state known. It lists, watches from the list's revision, and after a failure of
// the stream resumes from the last revision seen without a new list; only `410 Expired` makes it list again.
// It says nothing about how old the copy is: a cut-off informer serves what it had.

import type { Batch, Flow, Running, Source } from '../actor/index.js'
import { type ApiObject, objectKey } from '../object/index.js'
import type { ApiClient, ClientContext } from './api-client.js'
import type { ApiRef } from './api-protocol.js'
import { BackOff } from './back-off.js'
import { type Indexer, type Lister, ObjectStore } from './object-store.js'
import { apiVersionOf, type Resource } from './resource.js'
import { isExpired, statusError } from './result.js'
import { watchEvents } from './watch-lines.js'

export interface Handler<T> {
  /** `initial`: it was there when the informer first listed. */
  add?(object: T, initial: boolean): void
  update?(old: T, object: T): void
  delete?(object: T, finalStateKnown: boolean): void
}

export interface InformerOptions<T extends ApiObject> {
  readonly resource: Resource<T>
  readonly namespace?: string | undefined
  readonly labelSelector?: string | undefined
  readonly fieldSelector?: string | undefined
  readonly indexers?: Readonly<Record<string, Indexer<T>>>
  /** Keeps `{apiVersion, kind, metadata}` of each object, without managedFields: a PartialObjectMetadata. */
  readonly metadataOnly?: boolean
  /** Tells handlers of every object, as an update from itself to itself, this often by the cluster's clock. Default: never. */
  readonly resyncMs?: number
}

const pageItems = 500 // As client-go's pager.
const retryLimits = { baseMs: 10, maxMs: 1_000 } // client-go: 0.8 to 30 s; here a restarted apiserver is back in tenths of a second.
const listTimeoutMs = 60_000
const watchSecondsMin = 300 // A watch lasts 5 to 10 minutes, as client-go asks for, so that watches spread over apiservers again.
const idleMs = 15_000 // Without any event, bookmark or end: is the apiserver still there?

export class Informer<T extends ApiObject> {
  readonly resource: Resource<T>
  readonly #ctx: ClientContext
  readonly #client: ApiClient
  readonly #options: InformerOptions<T>
  readonly #store: ObjectStore<T>
  readonly #handlers: Handler<T>[] = []
  #onSync: (() => void)[] = []
  #runs: Running[] = []
  #revision = '' // Of the last list, event or bookmark.
  #listed = false
  /** How often it listed and how often it opened a watch. */
  readonly counters = { lists: 0, watches: 0 }

  constructor(ctx: ClientContext, client: ApiClient, options: InformerOptions<T>) {
    this.resource = options.resource
    this.#ctx = ctx
    this.#client = client
    this.#options = options
    this.#store = new ObjectStore(options.indexers)
  }

  get store(): Lister<T> {
    return this.#store
  }

  /** Whether the store has held the whole collection once. */
  get synced(): boolean {
    return this.#listed
  }

  get resourceVersion(): string {
    return this.#revision
  }

  /** Handlers added later are first told of every object already known. */
  addHandler(handler: Handler<T>): void {
    this.#handlers.push(handler)
    if (this.#listed) for (const object of this.#store.values()) handler.add?.(object, true)
  }

  /** Calls back once the store is whole: at once if it is. */
  whenSynced(callback: () => void): void {
    if (this.#listed) callback()
    else this.#onSync.push(callback)
  }

  start(): void {
    if (this.#runs.length > 0) return
    this.#runs = [this.#ctx.run(this.#follow())]
    if (this.#options.resyncMs !== undefined) this.#runs.push(this.#ctx.run(this.#resync(this.#options.resyncMs)))
  }

  /** Not to be called by a handler of this informer. */
  stop(): void {
    for (const run of this.#runs) run.cancel()
    this.#runs = []
  }

  *#follow(): Flow<void> {
    const backOff = new BackOff(retryLimits, this.#ctx.random)
    for (;;) {
      if (this.#revision === '' && !(yield* this.#list())) {
        yield { step: 'sleep', clock: 'real', delayMs: backOff.nextMs() }
        continue
      }
      const end = yield* this.#watch()
      if (end === 'progress') backOff.reset()
      if (end === 'expired') this.#revision = ''
      if (end !== 'progress') yield { step: 'sleep', clock: 'real', delayMs: backOff.nextMs() }
    }
  }

  // Listing -----------------------------------------------------------------------------------------

  // From the store's newest revision, never from a cache that may lie behind what was already seen.
  *#list(): Flow<boolean> {
    const { resource, namespace, labelSelector, fieldSelector } = this.#options
    const items: T[] = []
    let page: string | undefined
    let limit: number | undefined = pageItems
    this.counters.lists++
    for (;;) {
      const selection = { namespace, labelSelector, fieldSelector, limit, continue: page, timeoutMs: listTimeoutMs }
      const result = yield* this.#client.list(resource, selection)
      if (!result.ok) {
        if (limit === undefined || !isExpired(result.error)) {
          this.#ctx.log('list failed', { resource: resource.plural, reason: result.error.reason, message: result.error.message })
          return false
        }
        // The pages' revision was compacted away meanwhile: once more, in one piece.
        items.length = 0
        page = undefined
        limit = undefined
        continue
      }
      for (const item of result.value.items) items.push(this.#kept(item))
      page = result.value.metadata.continue
      if (page === undefined || page === '') {
        this.#replace(items, result.value.metadata.resourceVersion ?? '')
        return true
      }
    }
  }

  #replace(items: readonly T[], revision: string): void {
    const present = new Set(items.map(item => objectKey(item.metadata)))
    for (const key of [...this.#store.keys()]) if (!present.has(key)) this.#forget(key, undefined)
    for (const item of items) this.#take(item, !this.#listed)
    this.#revision = revision
    if (this.#listed) return
    this.#listed = true
    const callbacks = this.#onSync
    this.#onSync = []
    for (const callback of callbacks) callback()
  }

  // Watching ----------------------------------------------------------------------------------------

  *#watch(): Flow<'progress' | 'failed' | 'expired'> {
    const { resource, namespace, labelSelector, fieldSelector } = this.#options
    this.counters.watches++
    const opened = yield* this.#client.watch(resource, {
      namespace,
      labelSelector,
      fieldSelector,
      resourceVersion: this.#revision,
      allowWatchBookmarks: true,
      timeoutSeconds: Math.floor(watchSecondsMin * (1 + this.#ctx.random()))
    })
    if (!opened.ok) return isExpired(opened.error) ? 'expired' : 'failed'
    const { source, apiserver } = opened.value
    try {
      return yield* this.#consume(source, apiserver)
    } finally {
      source.close()
    }
  }

  *#consume(source: Source<Uint8Array>, apiserver: ApiRef): Flow<'progress' | 'failed' | 'expired'> {
    let progress = false
    for (;;) {
      const batch: Batch<Uint8Array> = yield* source.next(idleMs)
      switch (batch.kind) {
        case 'items':
          progress = true
          this.#client.heardFrom(apiserver)
          for (const item of batch.items) {
            const error = this.#events(item)
            if (error !== undefined) return error
          }
          break
        case 'idle':
          if (!(yield* this.#client.isAlive(apiserver, idleMs))) return 'failed'
          progress = true
          break
        case 'end':
          return progress ? 'progress' : 'failed'
        case 'failed':
          if (isExpired({ ...statusError(0, undefined), reason: batch.error.code })) return 'expired'
          if (['down', 'unreachable', 'timeout'].includes(batch.error.code)) this.#client.failedAt(apiserver)
          return progress ? 'progress' : 'failed'
      }
    }
  }

  #events(item: Uint8Array): 'failed' | 'expired' | undefined {
    for (const { type, object } of watchEvents<T>(item)) {
      if (type === 'ERROR') {
        const error = statusError((object as { code?: number }).code ?? 500, object)
        if (isExpired(error)) return 'expired'
        this.#ctx.log('watch failed', { resource: this.resource.plural, reason: error.reason, message: error.message })
        return 'failed'
      }
      const revision = object.metadata.resourceVersion
      if (type === 'DELETED') this.#forget(objectKey(object.metadata), this.#kept(object))
      else if (type !== 'BOOKMARK') this.#take(this.#kept(object), false)
      if (revision !== undefined) this.#revision = revision
    }
    return undefined
  }

  // The store and its handlers ------------------------------------------------------------------------

  #take(object: T, initial: boolean): void {
    const old = this.#store.get(objectKey(object.metadata))
    if (old !== undefined && !isNewer(object, old)) return
    this.#store.set(object)
    // A name used again was deleted in between, even if a relist did not show it.
    if (old !== undefined && old.metadata.uid !== object.metadata.uid) {
      for (const handler of this.#handlers) handler.delete?.(old, false)
      for (const handler of this.#handlers) handler.add?.(object, initial)
    } else if (old !== undefined) for (const handler of this.#handlers) handler.update?.(old, object)
    else for (const handler of this.#handlers) handler.add?.(object, initial)
  }

  #forget(key: string, last: T | undefined): void {
    const old = this.#store.delete(key)
    if (old === undefined) return
    for (const handler of this.#handlers) handler.delete?.(last ?? old, last !== undefined)
  }

  // Items of a list do not say what they are; and what is kept is what the options ask for.
  #kept(object: T): T {
    const { kind } = this.resource
    const apiVersion = object.apiVersion ?? apiVersionOf(this.resource)
    if (this.#options.metadataOnly !== true) {
      if (object.kind === undefined || object.apiVersion === undefined) return { ...object, apiVersion, kind }
      return object
    }
    const { managedFields: _, ...metadata } = object.metadata
    return { apiVersion, kind: object.kind ?? kind, metadata } as T
  }

  *#resync(everyMs: number): Flow<void> {
    for (;;) {
      yield { step: 'sleep', clock: 'cluster', delayMs: everyMs }
      for (const object of this.#store.values()) for (const handler of this.#handlers) handler.update?.(object, object)
    }
  }
}

/** Revisions are decimal numbers, as upstream's comparison since 1.34 takes them to be; without one, it counts as new. */
function isNewer(object: ApiObject, old: ApiObject): boolean {
  const revision = object.metadata.resourceVersion
  const known = old.metadata.resourceVersion
  if (revision === undefined || known === undefined) return true
  return Number(revision) > Number(known)
}
