// The registry: every kind by its names. A new kind is one file and one line here.

import { controllerRevisionKind } from './apps/controller-revision.js'
import { deploymentKind } from './apps/deployment.js'
import { replicaSetKind } from './apps/replica-set.js'
import { leaseKind } from './coordination/lease.js'
import { configMapKind } from './core/config-map.js'
import { endpointsKind } from './core/endpoints.js'
import { eventKind } from './core/event.js'
import { namespaceKind } from './core/namespace.js'
import { nodeKind } from './core/node.js'
import { podKind } from './core/pod.js'
import { secretKind } from './core/secret.js'
import { serviceKind } from './core/service.js'
import { serviceAccountKind } from './core/service-account.js'
import { endpointSliceKind } from './discovery/endpoint-slice.js'
import { eventsEventKind } from './events/event.js'
import type { Kind } from './kind.js'

/** In the order of discovery: by group, then by name. A Kind<Pod> is a Kind: its functions are only ever given its own objects. */
export const kinds: readonly Kind[] = [
  configMapKind,
  endpointsKind,
  eventKind,
  namespaceKind,
  nodeKind,
  podKind,
  secretKind,
  serviceAccountKind,
  serviceKind,
  controllerRevisionKind,
  deploymentKind,
  replicaSetKind,
  leaseKind,
  endpointSliceKind,
  eventsEventKind
]

const byResource = new Map(kinds.map(kind => [`${kind.group}/${kind.version}/${kind.plural}`, kind]))
const byKind = new Map(kinds.map(kind => [`${apiVersionOf(kind)}/${kind.kind}`, kind]))

/** The kind of `/apis/apps/v1/deployments`. The core group is ''. */
export const kindOfResource = (group: string, version: string, plural: string): Kind | undefined =>
  byResource.get(`${group}/${version}/${plural}`)

/** The kind of `apps/v1`, `Deployment`. */
export const kindOf = (apiVersion: string, kind: string): Kind | undefined => byKind.get(`${apiVersion}/${kind}`)

export function apiVersionOf(kind: Pick<Kind, 'group' | 'version'>): string {
  return kind.group === '' ? kind.version : `${kind.group}/${kind.version}`
}
