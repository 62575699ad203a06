// Resource: where a kind of object is found in the API. A `Kind` of lib/kinds is one; so is what discovery tells.
//
// Components name the kinds they use from `resources`, so that a controller's thread does not load every kind's validation.

import type {
  ConfigMap,
  ControllerRevision,
  Deployment,
  EndpointSlice,
  Endpoints,
  Event,
  Lease,
  Namespace,
  Node,
  Pod,
  ReplicaSet,
  Secret,
  Service,
  ServiceAccount
} from '../kinds/index.js'
import type { ApiObject } from '../object/index.js'

declare const holds: unique symbol

export interface Resource<T extends ApiObject = ApiObject> {
  readonly group: string // '' is the core group.
  readonly version: string
  readonly kind: string
  readonly plural: string
  readonly namespaced: boolean
  readonly [holds]?: T // Never there: it carries the type of the objects.
}

/** Which object of a resource: an object's metadata will do. */
export interface ObjectName {
  readonly namespace?: string | undefined
  readonly name?: string | undefined
}

export const apiVersionOf = ({ group, version }: Pick<Resource, 'group' | 'version'>): string =>
  group === '' ? version : `${group}/${version}`

/** `deployments.apps`: one name for all versions of a resource. */
export const groupResource = ({ group, plural }: Pick<Resource, 'group' | 'plural'>): string =>
  group === '' ? plural : `${plural}.${group}`

/** `/apis/apps/v1/namespaces/default/deployments/web/status`. Without a name: the collection; without a namespace: all namespaces. */
export function resourcePath(resource: Resource, at: ObjectName = {}, subresource?: string): string {
  const { group, version, plural, namespaced } = resource
  let path = group === '' ? `/api/${version}` : `/apis/${group}/${version}`
  if (namespaced && at.namespace !== undefined && at.namespace !== '') path += `/namespaces/${encodeURIComponent(at.namespace)}`
  path += `/${plural}`
  if (at.name !== undefined) path += `/${encodeURIComponent(at.name)}`
  return subresource === undefined ? path : `${path}/${subresource}`
}

export type Query = Readonly<Record<string, string | number | boolean | undefined>>

/** `?a=1&b=2`, leaving out what is undefined; '' without any. */
export function queryText(query: Query): string {
  const pairs: string[] = []
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) pairs.push(`${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
  }
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`
}

function resource<T extends ApiObject>(group: string, version: string, kind: string, plural: string, namespaced = true): Resource<T> {
  return { group, version, kind, plural, namespaced }
}

export const resources = {
  bindings: resource<ApiObject>('', 'v1', 'Binding', 'bindings'),
  configMaps: resource<ConfigMap>('', 'v1', 'ConfigMap', 'configmaps'),
  controllerRevisions: resource<ControllerRevision>('apps', 'v1', 'ControllerRevision', 'controllerrevisions'),
  deployments: resource<Deployment>('apps', 'v1', 'Deployment', 'deployments'),
  endpoints: resource<Endpoints>('', 'v1', 'Endpoints', 'endpoints'),
  endpointSlices: resource<EndpointSlice>('discovery.k8s.io', 'v1', 'EndpointSlice', 'endpointslices'),
  events: resource<Event>('', 'v1', 'Event', 'events'),
  leases: resource<Lease>('coordination.k8s.io', 'v1', 'Lease', 'leases'),
  namespaces: resource<Namespace>('', 'v1', 'Namespace', 'namespaces', false),
  nodes: resource<Node>('', 'v1', 'Node', 'nodes', false),
  pods: resource<Pod>('', 'v1', 'Pod', 'pods'),
  replicaSets: resource<ReplicaSet>('apps', 'v1', 'ReplicaSet', 'replicasets'),
  secrets: resource<Secret>('', 'v1', 'Secret', 'secrets'),
  serviceAccounts: resource<ServiceAccount>('', 'v1', 'ServiceAccount', 'serviceaccounts'),
  services: resource<Service>('', 'v1', 'Service', 'services')
} as const
