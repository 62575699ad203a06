// Cluster watcher: lists a kind of object and watches it from there, at one apiserver after the other, and writes down what it is told.

import type { Flow } from '../actor/index.js'
import { sleep } from '../actor/index.js'
import { type ApiClient, type ApiRef, isExpired, type Resource, statusError } from '../client/index.js'
import type { ApiObject } from '../object/index.js'
import { registryRoot } from './cluster-history.js'

export interface WatchedEvent {
  readonly type: string
  readonly key: string
  readonly revision: number
}

/** From one list on, over however many watches, until its revision was forgotten. */
export interface WatchSession {
  readonly prefix: string
  readonly listed: ReadonlyMap<string, number> // Key -> revision of the object.
  readonly revision: number // Of the list.
  readonly events: WatchedEvent[]
}

const pauseMs = 30
const idleMs = 5_000
const decoder = new TextDecoder()

export class ClusterWatcher {
  readonly sessions: WatchSession[] = []
  resumed = 0
  readonly #client: ApiClient
  readonly #resource: Resource
  #session: WatchSession | undefined
  #revision = ''
  #opened = 0

  constructor(client: ApiClient, resource: Resource) {
    this.#client = client
    this.#resource = resource
  }

  get relisted(): number {
    return Math.max(0, this.sessions.length - 1)
  }

  *run(): Flow<void> {
    for (;;) {
      if (this.#session === undefined) yield* this.#list()
      else if ((yield* this.#watch(this.#session)) === 'expired') this.#session = undefined
      yield* sleep('real', pauseMs)
    }
  }

  get #prefix(): string {
    return `${registryRoot}${this.#resource.plural}/`
  }

  #key({ metadata: { namespace, name } }: ApiObject): string {
    return `${this.#prefix}${namespace === undefined ? '' : `${namespace}/`}${name}`
  }

  *#list(): Flow<void> {
    const list = yield* this.#client.list(this.#resource)
    if (!list.ok) return
    const listed = new Map(list.value.items.map(item => [this.#key(item), Number(item.metadata.resourceVersion)]))
    this.#revision = list.value.metadata.resourceVersion ?? ''
    this.#session = { prefix: this.#prefix, listed, revision: Number(this.#revision), events: [] }
    this.#opened = 0
    this.sessions.push(this.#session)
  }

  *#watch(session: WatchSession): Flow<'ended' | 'expired'> {
    const options = { resourceVersion: this.#revision, allowWatchBookmarks: true, timeoutSeconds: 20 }
    const opened = yield* this.#client.watch(this.#resource, options)
    if (!opened.ok) return isExpired(opened.error) ? 'expired' : 'ended'
    const { source, apiserver } = opened.value
    this.#opened++
    try {
      for (;;) {
        const batch = yield* source.next(idleMs)
        if (batch.kind === 'idle') {
          if (yield* this.#client.isAlive(apiserver, idleMs)) continue
          return 'ended'
        }
        if (batch.kind === 'failed') return this.#failed(batch.error.code, apiserver)
        if (batch.kind !== 'items') return 'ended'
        for (const item of batch.items) if (this.#take(session, item)) return 'expired'
      }
    } finally {
      source.close()
    }
  }

  #failed(code: string, apiserver: ApiRef): 'ended' | 'expired' {
    if (isExpired({ ...statusError(0, undefined), reason: code })) return 'expired'
    this.#client.failedAt(apiserver)
    return 'ended'
  }

  /** True: the server says that it has forgotten where this watch is. */
  #take(session: WatchSession, item: Uint8Array): boolean {
    for (const line of decoder.decode(item).split('\n')) {
      if (line === '') continue
      const { type, object } = JSON.parse(line) as { type: string; object: ApiObject }
      if (type === 'ERROR') return isExpired(statusError((object as { code?: number }).code ?? 500, object))
      this.#revision = object.metadata.resourceVersion ?? this.#revision
      if (type === 'BOOKMARK') continue
      session.events.push({ type, key: this.#key(object), revision: Number(object.metadata.resourceVersion) })
      if (this.#opened > 1) {
        this.resumed++
        this.#opened = 1
      }
    }
    return false
  }
}
