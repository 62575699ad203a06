// Cluster history: every change of the store, in its order, as one reader of its watches was told it; and questions about it.
//
// That the watches of the store tell the truth is the store workload's to prove; here they are the measure of everything else.

import { type Flow, open, sleep } from '../actor/index.js'
import type { ApiChange, ApiRecorder } from '../check/index.js'
import type { ApiObject } from '../object/index.js'
import type { StoreEvent, StoreRef } from '../storage/index.js'

const registryRoot = '/registry/'
const registryEnd = '/registry0'
const openTimeoutMs = 1_000
const idleMs = 2_000
const pauseMs = 50
const window = 4096

interface Change {
  readonly revision: number
  /** `configmaps/default/a`. */
  readonly key: string
  /** The new state as it is stored, without its resource version; undefined of a deletion. */
  readonly value: Uint8Array | undefined
}

/** As changes, with the object parsed. */
interface ObjectChange<T extends ApiObject> {
  readonly key: string
  readonly revision: number
  readonly state: T | undefined
}

const decoder = new TextDecoder()
const parse = <T extends ApiObject>(value: Uint8Array): T => JSON.parse(decoder.decode(value)) as T

/** Where the apiserver stores what has no place of its own name. */
const placed = new Map([['services/specs/', 'services/']])

function keyOf(stored: string): string {
  const key = stored.slice(registryRoot.length)
  for (const [place, resource] of placed) if (key.startsWith(place)) return resource + key.slice(place.length)
  return key
}

export class ClusterHistory {
  readonly #changes: Change[] = []
  revision = 0
  readonly #objects = new Map<string, readonly ObjectChange<ApiObject>[]>() // Of a resource, once asked for.
  readonly #stores: readonly StoreRef[]
  #at = 0

  constructor(stores: readonly StoreRef[]) {
    this.#stores = stores
  }

  *follow(): Flow<void> {
    for (;;) {
      yield* this.#session()
      this.#at++
      yield* sleep('real', pauseMs)
    }
  }

  *#session(): Flow<void> {
    const store = this.#stores[this.#at % this.#stores.length] as StoreRef
    const request = { key: registryRoot, end: registryEnd, startRevision: this.revision + 1 }
    const opened = yield* open(store, openTimeoutMs, 'watch', request, window)
    if (!opened.ok) return
    try {
      for (;;) {
        const batch = yield* opened.value.next(idleMs)
        if (batch.kind !== 'items') return
        for (const { events, revision } of batch.items) {
          for (const event of events) this.#take(event)
          this.revision = Math.max(this.revision, revision)
        }
      }
    } finally {
      opened.value.close()
    }
  }

  #take({ type, kv: { key, modRevision: revision, value } }: StoreEvent): void {
    if (revision > this.revision) this.#changes.push({ revision, key: keyOf(key), value: type === 'delete' ? undefined : value })
  }

  /** All that happened to a resource; to be asked for when nothing more happens. */
  objects<T extends ApiObject>(resource: string): readonly ObjectChange<T>[] {
    const known = this.#objects.get(resource) as readonly ObjectChange<T>[] | undefined
    if (known !== undefined) return known
    const own = this.#changes.filter(({ key }) => key.startsWith(`${resource}/`))
    const objects = own.map(({ key, revision, value }) => ({ key, revision, state: value === undefined ? undefined : parse<T>(value) }))
    this.#objects.set(resource, objects)
    return objects
  }

  /** Of a resource, what there is now: revisions, by `namespace/name`. */
  newest(resource: string): ReadonlyMap<string, number> {
    const there = new Map<string, number>()
    for (const { key, revision, value } of this.#changes) {
      if (!key.startsWith(`${resource}/`)) continue
      const name = key.slice(resource.length + 1)
      if (value === undefined) there.delete(name)
      else there.set(name, revision)
    }
    return there
  }

  /** What the API's promises are measured by. */
  *apiChanges(resources: Iterable<string>, recorder: ApiRecorder): Iterable<ApiChange> {
    for (const resource of resources) {
      for (const { key, revision, state } of this.objects(resource))
        yield { key, revision, state: state === undefined ? undefined : recorder.storedState(resource, state, revision) }
    }
  }
}
