// Resource: a kind as the server serves it: under which path, and where and in which form it is stored.
//
// Two resources may be views of one storage (events of core/v1 and of events.k8s.io/v1): the storage has its own kind,
// and the other view converts.

import {
  apiVersionOf,
  type Event,
  type EventsEvent,
  eventKind,
  eventsEventKind,
  type Kind,
  toCoreEvent,
  toEventsEvent
} from '../kinds/index.js'
import type { ApiObject, GroupKind, GroupResource } from '../object/index.js'

export interface Resource {
  readonly kind: Kind
  readonly apiVersion: string
  readonly groupResource: GroupResource
  readonly groupKind: GroupKind
  /** The kind objects are stored as. */
  readonly stored: Kind
  /** `/registry/pods/`: keys are this, the namespace if any, and the name. */
  readonly prefix: string
  /** Absent: stored as it is served. They share parts with the object given. */
  readonly convert?: { toStored(object: ApiObject): ApiObject; fromStored(object: ApiObject): ApiObject }
}

export class Resources {
  readonly all: readonly Resource[]
  readonly #byPath = new Map<string, Resource>()
  readonly #groups = new Map<string, string[]>() // group -> versions

  constructor(kinds: readonly Kind[]) {
    this.all = kinds.map(kind => resourceOf(kind, kinds))
    for (const resource of this.all) {
      const { group, version, plural } = resource.kind
      this.#byPath.set(`${group}/${version}/${plural}`, resource)
      const versions = this.#groups.get(group) ?? []
      if (!versions.includes(version)) versions.push(version)
      this.#groups.set(group, versions)
    }
  }

  get(group: string, version: string, plural: string): Resource | undefined {
    return this.#byPath.get(`${group}/${version}/${plural}`)
  }

  /** The versions of a group; the core group is ''. */
  versions(group: string): readonly string[] | undefined {
    return this.#groups.get(group)
  }

  get groups(): readonly string[] {
    return [...this.#groups.keys()]
  }

  of(kind: Kind): Resource {
    const found = this.get(kind.group, kind.version, kind.plural)
    if (found === undefined) throw new Error(`${kind.plural} is not served`)
    return found
  }
}

// Upstream's names in the store, where they are not the plural (pkg/kubeapiserver/default_storage_factory_builder.go).
const storedUnder: Readonly<Record<string, string>> = {
  nodes: 'minions',
  services: 'services/specs',
  endpoints: 'services/endpoints',
  ingresses: 'ingress',
  podsecuritypolicies: 'podsecuritypolicy'
}

export const registryRoot = '/registry/'

export const prefixOf = (kind: Kind): string => `${registryRoot}${storedUnder[kind.plural] ?? kind.plural}/`

export const keyOf = (resource: Resource, namespace: string, name: string): string =>
  resource.kind.namespaced ? `${resource.prefix}${namespace}/${name}` : resource.prefix + name

function resourceOf(kind: Kind, kinds: readonly Kind[]): Resource {
  const stored = kinds.find(candidate => candidate.storage === kind.storage) ?? kind
  const isNewEvent = kind.group === eventsEventKind.group && kind.kind === eventsEventKind.kind && stored.group === eventKind.group
  return {
    kind,
    apiVersion: apiVersionOf(kind),
    groupResource: { group: kind.group, resource: kind.plural },
    groupKind: { group: kind.group, kind: kind.kind },
    stored,
    prefix: prefixOf(stored),
    ...(isNewEvent
      ? {
          convert: {
            toStored: object => toCoreEvent(object as EventsEvent),
            fromStored: object => toEventsEvent(object as Event)
          }
        }
      : {})
  }
}
