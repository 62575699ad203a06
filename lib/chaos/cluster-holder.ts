// Cluster holder: a client that holds a kind of object by an informer, as every controller does, and remembers what its handlers were told.
//
// What it holds is compared with what there is once nothing more happens, and what its handlers are told with what they were told before.

import { type ApiClient, type ClientContext, Informer, type Resource } from '../client/index.js'
import { type ApiObject, objectKey } from '../object/index.js'

const wrongMax = 5

/** Revisions, by `namespace/name`. */
export type Holdings = ReadonlyMap<string, number>

export class Holder {
  readonly resource: Resource
  /** What handlers were told that cannot follow what they were told before. */
  readonly wrong: string[] = []
  readonly #told = new Map<string, ApiObject>()
  #informer: Informer<ApiObject> | undefined

  constructor(resource: Resource) {
    this.resource = resource
  }

  start(ctx: ClientContext, client: ApiClient): void {
    const informer = new Informer<ApiObject>(ctx, client, { resource: this.resource as Resource<ApiObject> })
    this.#informer = informer
    informer.addHandler({
      add: object => this.#hear('add', undefined, object),
      update: (old, object) => this.#hear('update', old, object),
      delete: object => this.#hear('delete', object, undefined)
    })
    informer.start()
  }

  #hear(what: string, old: ApiObject | undefined, object: ApiObject | undefined): void {
    const { metadata } = (object ?? old) as ApiObject
    const key = objectKey(metadata)
    const before = this.#told.get(key)
    const follows = object === undefined || before === undefined || revisionOf(before) < revisionOf(object)
    const right = (old === undefined) === (before === undefined) && old?.metadata.uid === before?.metadata.uid && follows
    if (!right && this.wrong.length < wrongMax) this.wrong.push(`${what} ${describe(object ?? old)} after ${describe(before)}`)
    if (object === undefined) this.#told.delete(key)
    else this.#told.set(key, object)
  }

  /** What it holds, or was told of by its handlers, that there is not; and the other way round. */
  differences(there: Holdings): string[] {
    const held = new Map([...(this.#informer?.store.values() ?? [])].map(object => [objectKey(object.metadata), revisionOf(object)]))
    const told = new Map([...this.#told].map(([key, object]) => [key, revisionOf(object)]))
    return [...differencesOf(held, there, 'held'), ...differencesOf(told, there, 'told')].map(text => `${this.resource.plural} ${text}`)
  }
}

function* differencesOf(held: Holdings, there: Holdings, what: string): Iterable<string> {
  for (const key of new Set([...held.keys(), ...there.keys()]))
    if (held.get(key) !== there.get(key)) yield `${key}: ${what} at ${held.get(key) ?? 'none'}, there is ${there.get(key) ?? 'none'}`
}

const revisionOf = ({ metadata }: ApiObject): number => Number(metadata.resourceVersion)

const describe = (object: ApiObject | undefined): string =>
  object === undefined ? 'none' : `${objectKey(object.metadata)} at ${revisionOf(object)} (${object.metadata.uid})`
