// Discovery: the kinds an API serves now, each in its group's preferred version.

import type { Flow } from '../actor/index.js'
import type { ApiClient, ApiError, Resource } from '../client/index.js'

export interface Discovered extends Resource {
  readonly verbs: readonly string[]
}

export interface Discovery {
  readonly resources: readonly Discovered[]
  /** Groups that could not be asked: what they serve is not known. */
  readonly failures: readonly { readonly groupVersion: string; readonly error: ApiError }[]
}

interface GroupList {
  readonly groups?: readonly { readonly name: string; readonly preferredVersion?: Version; readonly versions?: readonly Version[] }[]
}

interface Version {
  readonly groupVersion: string
  readonly version: string
}

interface ResourceList {
  readonly resources?: readonly {
    readonly name: string
    readonly kind: string
    readonly namespaced: boolean
    readonly verbs: readonly string[]
  }[]
}

/** Subresources are left out. */
export function* discover(client: ApiClient): Flow<Discovery> {
  const resources: Discovered[] = []
  const failures: { groupVersion: string; error: ApiError }[] = []
  const wanted: { group: string; version: string; path: string }[] = [{ group: '', version: 'v1', path: '/api/v1' }]
  const groups = yield* client.call<GroupList>('GET', '/apis')
  if (!groups.ok) failures.push({ groupVersion: '', error: groups.error })
  for (const { name, preferredVersion, versions } of groups.ok ? (groups.value.groups ?? []) : []) {
    const version = preferredVersion?.version ?? versions?.[0]?.version
    if (version !== undefined) wanted.push({ group: name, version, path: `/apis/${name}/${version}` })
  }
  for (const { group, version, path } of wanted) {
    const list = yield* client.call<ResourceList>('GET', path)
    if (!list.ok) {
      // Gone since the groups were listed: it serves nothing.
      if (list.error.code !== 404) failures.push({ groupVersion: group === '' ? version : `${group}/${version}`, error: list.error })
      continue
    }
    for (const { name, kind, namespaced, verbs } of list.value.resources ?? []) {
      if (!name.includes('/')) resources.push({ group, version, kind, plural: name, namespaced, verbs })
    }
  }
  return { resources, failures }
}

/** What the garbage collector looks after: all that can be listed, watched and deleted, but events, which own nothing. */
export const isCollectable = ({ group, plural, verbs }: Discovered): boolean =>
  ['list', 'watch', 'delete'].every(verb => verbs.includes(verb)) && !(plural === 'events' && (group === '' || group === 'events.k8s.io'))
