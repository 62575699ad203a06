// ObjectStore: the objects an informer knows, by key and by index. Objects are frozen: clone one to change it.

import { type ApiObject, controllerOf, objectKey } from '../object/index.js'

/** The values an object is found by; none: it is not in that index. */
export type Indexer<T> = (object: T) => readonly string[]

/** What readers of an informer see of its store. */
export interface Lister<T extends ApiObject> {
  readonly size: number
  /** By `namespace/name`, or the name alone for what has no namespace. */
  get(key: string): T | undefined
  values(): IterableIterator<T>
  keys(): IterableIterator<string>
  /** Objects with that value in that index, in the order they came. */
  byIndex(index: string, value: string): T[]
}

/** Indexes in use everywhere: by namespace, by the uid of the controller, by the uids of all owners, by node. */
export const indexers = {
  namespace: (object: ApiObject): readonly string[] => [object.metadata.namespace ?? ''],
  controller: (object: ApiObject): readonly string[] => {
    const reference = controllerOf(object)
    return reference === undefined ? [] : [reference.uid]
  },
  owners: (object: ApiObject): readonly string[] => (object.metadata.ownerReferences ?? []).map(({ uid }) => uid),
  node: (object: ApiObject & { readonly spec?: { readonly nodeName?: string } }): readonly string[] => {
    const nodeName = object.spec?.nodeName
    return nodeName === undefined || nodeName === '' ? [] : [nodeName]
  }
}

export class ObjectStore<T extends ApiObject> implements Lister<T> {
  readonly #objects = new Map<string, T>()
  readonly #indexes = new Map<string, { readonly indexer: Indexer<T>; readonly keys: Map<string, Set<string>> }>()

  constructor(indexersByName: Readonly<Record<string, Indexer<T>>> = {}) {
    for (const [name, indexer] of Object.entries(indexersByName)) this.#indexes.set(name, { indexer, keys: new Map() })
  }

  get size(): number {
    return this.#objects.size
  }

  get(key: string): T | undefined {
    return this.#objects.get(key)
  }

  values(): IterableIterator<T> {
    return this.#objects.values()
  }

  keys(): IterableIterator<string> {
    return this.#objects.keys()
  }

  byIndex(index: string, value: string): T[] {
    const entry = this.#indexes.get(index)
    if (entry === undefined) throw new Error(`no index ${index}`)
    const found: T[] = []
    for (const key of entry.keys.get(value) ?? []) found.push(this.#objects.get(key) as T)
    return found
  }

  /** Returns what was there before. Freezes the object. */
  set(object: T): T | undefined {
    const key = objectKey(object.metadata)
    const old = this.#objects.get(key)
    deepFreeze(object)
    this.#objects.set(key, object)
    for (const { indexer, keys } of this.#indexes.values()) {
      const values = indexer(object)
      if (old !== undefined) for (const value of indexer(old)) if (!values.includes(value)) removeFrom(keys, value, key)
      for (const value of values) {
        const set = keys.get(value)
        if (set === undefined) keys.set(value, new Set([key]))
        else set.add(key)
      }
    }
    return old
  }

  delete(key: string): T | undefined {
    const old = this.#objects.get(key)
    if (old === undefined) return undefined
    this.#objects.delete(key)
    for (const { indexer, keys } of this.#indexes.values()) for (const value of indexer(old)) removeFrom(keys, value, key)
    return old
  }
}

export function deepFreeze<V>(value: V): V {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  for (const name in value) {
    const part: unknown = value[name]
    if (typeof part === 'object' && part !== null) deepFreeze(part)
  }
  return Object.freeze(value)
}

function removeFrom(keys: Map<string, Set<string>>, value: string, key: string): void {
  const set = keys.get(value)
  if (set?.delete(key) === true && set.size === 0) keys.delete(value)
}
