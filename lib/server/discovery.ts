// Discovery: which groups, versions, resources and verbs the server has, in upstream's plain and aggregated forms.
//
// Only what is really served is named: subresources of a kind that are not built are left out.

import { apiVersionOf, type Kind, type Subresource } from '../kinds/index.js'
import { type MediaType, parseAccept } from './negotiation.js'
import type { Resources } from './resource.js'

/** Subresources that are built; others answer 404. */
export const servedSubresources: readonly string[] = ['status', 'scale', 'finalize', 'binding', 'eviction', 'log']

/** Resources that store nothing: a POST is a question, or a command. */
export interface VirtualResource {
  readonly group: string
  readonly version: string
  readonly kind: string
  readonly plural: string
  readonly singular: string
  readonly namespaced: boolean
}

export const virtualResources: readonly VirtualResource[] = [
  { group: '', version: 'v1', kind: 'Binding', plural: 'bindings', singular: 'binding', namespaced: true },
  virtual('authentication.k8s.io', 'SelfSubjectReview', 'selfsubjectreviews'),
  virtual('authorization.k8s.io', 'SelfSubjectAccessReview', 'selfsubjectaccessreviews')
]

function virtual(group: string, kind: string, plural: string): VirtualResource {
  return { group, version: 'v1', kind, plural, singular: kind.toLowerCase(), namespaced: false }
}

const aggregated = { g: 'apidiscovery.k8s.io', v: 'v2', as: 'APIGroupDiscoveryList' }
export const aggregatedType = `application/json;g=${aggregated.g};v=${aggregated.v};as=${aggregated.as}`

export function wantsAggregated(accept: string | undefined): boolean {
  if (accept === undefined || !accept.includes(aggregated.as)) return false
  const first = parseAccept(accept).find(({ type }) => ['application/json', '*/*', 'application/*'].includes(type))
  return first !== undefined && isAggregated(first)
}

const isAggregated = ({ parameters }: MediaType): boolean =>
  parameters.as === aggregated.as && parameters.g === aggregated.g && parameters.v === aggregated.v

/** `/api` (core) or `/apis`, aggregated. */
export function aggregatedDiscovery(resources: Resources, core: boolean): object {
  const groups = groupsOf(resources).filter(group => (group === '') === core)
  const items = groups.map(group => ({
    metadata: core ? { creationTimestamp: null } : { name: group, creationTimestamp: null },
    versions: versionsOf(resources, group).map(version => ({
      version,
      freshness: 'Current',
      resources: [
        ...kindsOf(resources, group, version).map(discoveredKind),
        ...virtualOf(group, version).map(one => ({
          resource: one.plural,
          responseKind: { group: one.group, version: one.version, kind: one.kind },
          scope: one.namespaced ? 'Namespaced' : 'Cluster',
          singularResource: one.singular,
          verbs: ['create']
        }))
      ]
    }))
  }))
  return { kind: 'APIGroupDiscoveryList', apiVersion: 'apidiscovery.k8s.io/v2', metadata: {}, items }
}

function discoveredKind(kind: Kind): object {
  const subresources = servedOf(kind).map(subresource => ({
    subresource: subresource.name,
    responseKind: responseKindOf(kind, subresource),
    verbs: subresource.verbs
  }))
  return {
    resource: kind.plural,
    responseKind: { group: kind.group, version: kind.version, kind: kind.kind },
    scope: kind.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: kind.singular,
    verbs: kind.verbs,
    ...(kind.shortNames.length === 0 ? {} : { shortNames: kind.shortNames }),
    ...(kind.categories.length === 0 ? {} : { categories: kind.categories }),
    ...(subresources.length === 0 ? {} : { subresources })
  }
}

export const servedOf = (kind: Kind): readonly Subresource[] => kind.subresources.filter(({ name }) => servedSubresources.includes(name))

const responseKindOf = (kind: Kind, { group, version, kind: name }: Subresource): object => ({
  group: group ?? kind.group,
  version: version ?? kind.version,
  kind: name
})

/** `/api` */
export const coreVersions = (): object => ({
  kind: 'APIVersions',
  versions: ['v1'],
  serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: '127.0.0.1:6443' }]
})

/** `/apis` */
export const groupList = (resources: Resources): object => ({
  kind: 'APIGroupList',
  apiVersion: 'v1',
  groups: groupsOf(resources)
    .filter(group => group !== '')
    .map(group => groupOf(resources, group))
})

/** `/apis/apps`; undefined without such a group. */
export function groupDocument(resources: Resources, group: string): object | undefined {
  if (group === '' || !groupsOf(resources).includes(group)) return undefined
  return { kind: 'APIGroup', apiVersion: 'v1', ...groupOf(resources, group) }
}

function groupOf(resources: Resources, name: string): object {
  const versions = versionsOf(resources, name).map(version => ({ groupVersion: `${name}/${version}`, version }))
  return { name, versions, preferredVersion: versions[0] }
}

/** `/api/v1`, `/apis/apps/v1`; undefined without such a version. */
export function resourceList(resources: Resources, group: string, version: string): object | undefined {
  if (!versionsOf(resources, group).includes(version)) return undefined
  const entries = kindsOf(resources, group, version).flatMap(kind => [
    {
      name: kind.plural,
      singularName: kind.singular,
      namespaced: kind.namespaced,
      kind: kind.kind,
      verbs: kind.verbs,
      ...(kind.shortNames.length === 0 ? {} : { shortNames: kind.shortNames }),
      ...(kind.categories.length === 0 ? {} : { categories: kind.categories })
    },
    ...servedOf(kind).map(subresource => ({
      name: `${kind.plural}/${subresource.name}`,
      singularName: '',
      namespaced: kind.namespaced,
      ...(subresource.group === undefined ? {} : { group: subresource.group, version: subresource.version }),
      kind: subresource.kind,
      verbs: subresource.verbs
    }))
  ])
  const virtuals = virtualOf(group, version).map(({ plural, singular, namespaced, kind }) => ({
    name: plural,
    singularName: singular,
    namespaced,
    kind,
    verbs: ['create']
  }))
  const groupVersion = apiVersionOf({ group, version })
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources: [...entries, ...virtuals] }
}

const groupsOf = (resources: Resources): string[] => [...new Set([...resources.groups, ...virtualResources.map(one => one.group)])]

function versionsOf(resources: Resources, group: string): string[] {
  const virtuals = virtualResources.filter(one => one.group === group).map(one => one.version)
  return [...new Set([...(resources.versions(group) ?? []), ...virtuals])]
}

const kindsOf = (resources: Resources, group: string, version: string): Kind[] =>
  resources.all.map(({ kind }) => kind).filter(kind => kind.group === group && kind.version === version)

const virtualOf = (group: string, version: string): VirtualResource[] =>
  virtualResources.filter(one => one.group === group && one.version === version)
