// Authorization: who may do what. A static table, one list of rules for each identity of a component, after the roles upstream
// bootstraps (plugin/pkg/auth/authorizer/rbac/bootstrappolicy). system:masters may do everything.
//
// RBAC objects are not consulted.

import { mastersGroup, type User } from './authentication.js'

export interface Attributes {
  readonly verb: string
  readonly group: string
  readonly resource: string
  readonly subresource: string
  readonly namespace: string
  readonly name: string
  /** Set for requests outside resources. */
  readonly path?: string
}

interface Rule {
  readonly verbs: readonly string[]
  readonly group: string
  readonly resources: readonly string[] // `pods`, `pods/status`, or `*`.
}

const read = ['get', 'list', 'watch'] as const
const write = ['create', 'update', 'patch', 'delete', 'deletecollection'] as const
const rule = (verbs: readonly string[], group: string, ...resources: readonly string[]): Rule => ({ verbs, group, resources })

const events = [rule(['create', 'update', 'patch'], '', 'events'), rule(['create', 'update', 'patch'], 'events.k8s.io', 'events')]
const leases = rule(['get', 'list', 'watch', 'create', 'update', 'patch'], 'coordination.k8s.io', 'leases')
const reviews = [
  rule(['create'], 'authorization.k8s.io', 'selfsubjectaccessreviews', 'selfsubjectrulesreviews'),
  rule(['create'], 'authentication.k8s.io', 'selfsubjectreviews')
]
const everything: Rule = rule(['*'], '*', '*')
const readAll: Rule = rule(read, '*', '*')

const scheduler = [
  ...events,
  leases,
  readAll,
  rule(['delete'], '', 'pods'),
  rule(['create'], '', 'pods/binding', 'bindings'),
  rule(['patch', 'update'], '', 'pods/status')
]

const kubelet = [
  ...events,
  leases,
  rule(['delete'], 'coordination.k8s.io', 'leases'),
  rule(['create', ...read], '', 'nodes'),
  rule(['update', 'patch'], '', 'nodes', 'nodes/status'),
  rule([...read, 'create', 'delete'], '', 'pods'),
  rule(['update', 'patch'], '', 'pods/status'),
  rule(['create'], '', 'pods/eviction', 'serviceaccounts/token'),
  rule(
    read,
    '',
    'services',
    'configmaps',
    'secrets',
    'persistentvolumeclaims',
    'persistentvolumes',
    'endpoints',
    'serviceaccounts',
    'namespaces'
  )
]

const proxy = [
  ...events,
  rule(read, '', 'nodes', 'services', 'endpoints', 'namespaces'),
  rule(read, 'discovery.k8s.io', 'endpointslices'),
  rule(read, 'networking.k8s.io', '*'),
  leases
]

const byUser: Readonly<Record<string, readonly Rule[]>> = {
  'system:kube-scheduler': scheduler,
  'system:kube-proxy': proxy,
  // It starts the controllers and watches the metadata of every kind one of them names.
  'system:kube-controller-manager': [
    ...events,
    leases,
    readAll,
    rule(write, '', 'serviceaccounts', 'namespaces', 'configmaps', 'endpoints')
  ]
}

const workloads = [...events, readAll, rule(write, '', 'pods'), rule(['update', 'patch'], '', 'pods/status')]
const byController: Readonly<Record<string, readonly Rule[]>> = {
  'deployment-controller': [
    ...events,
    readAll,
    rule(['update', 'patch'], 'apps', 'deployments', 'deployments/status', 'deployments/finalizers'),
    rule(write, 'apps', 'replicasets'),
    rule(['update', 'patch'], '', 'pods')
  ],
  'replicaset-controller': [...workloads, rule(['update', 'patch'], 'apps', 'replicasets', 'replicasets/status', 'replicasets/finalizers')],
  'statefulset-controller': [
    ...workloads,
    rule(write, '', 'persistentvolumeclaims'),
    rule(write, 'apps', 'controllerrevisions'),
    rule(['update', 'patch'], 'apps', 'statefulsets', 'statefulsets/status', 'statefulsets/finalizers')
  ],
  'daemonset-controller': [
    ...workloads,
    rule(write, 'apps', 'controllerrevisions'),
    rule(['update', 'patch'], 'apps', 'daemonsets', 'daemonsets/status', 'daemonsets/finalizers'),
    rule(['create'], '', 'pods/binding')
  ],
  'job-controller': [...workloads, rule(['update', 'patch'], 'batch', 'jobs', 'jobs/status', 'jobs/finalizers')],
  'cronjob-controller': [
    ...workloads,
    rule(write, 'batch', 'jobs'),
    rule(['update', 'patch'], 'batch', 'cronjobs', 'cronjobs/status', 'cronjobs/finalizers')
  ],
  'endpointslice-controller': [
    ...events,
    readAll,
    rule(write, 'discovery.k8s.io', 'endpointslices'),
    rule(write, '', 'endpoints'),
    rule(['update'], '', 'services/finalizers')
  ],
  'endpoint-controller': [...events, readAll, rule(write, '', 'endpoints', 'endpoints/restricted')],
  'node-controller': [
    ...events,
    leases,
    readAll,
    rule(['update', 'patch', 'delete'], '', 'nodes', 'nodes/status'),
    rule(['delete', 'update', 'patch'], '', 'pods', 'pods/status')
  ],
  'pod-garbage-collector': [...events, readAll, rule(['delete', 'update', 'patch'], '', 'pods', 'pods/status')],
  'service-account-controller': [...events, readAll, rule(['create'], '', 'serviceaccounts')],
  'serviceaccount-controller': [...events, readAll, rule(['create'], '', 'serviceaccounts')],
  // Whatever kind they may meet, they delete or mark.
  'namespace-controller': [everything],
  'garbage-collector': [everything],
  'generic-garbage-collector': [everything],
  'garbage-collector-controller': [everything]
}
// A controller we do not know by name writes what it owns; the names above are narrower.
const anyController = [
  ...workloads,
  rule(write, 'apps', '*'),
  rule(write, 'batch', '*'),
  rule(write, 'discovery.k8s.io', '*'),
  rule(write, '', 'endpoints', 'nodes', 'nodes/status', 'configmaps', 'services/status'),
  leases
]

const controllerPrefix = 'system:serviceaccount:kube-system:'
const openPaths = ['/api', '/apis', '/openapi', '/version', '/healthz', '/livez', '/readyz', '/.well-known']
const anonymousPaths = new Set(['/healthz', '/livez', '/readyz', '/version'])

/** Whether the identity may; `authenticated` users may also read discovery. */
export function allows(user: User, attributes: Attributes): boolean {
  if (user.groups.includes(mastersGroup)) return true
  if (attributes.path !== undefined) return allowsPath(user, attributes.verb, attributes.path)
  for (const one of rulesOf(user)) if (covers(one, attributes)) return true
  return false
}

/** What needs no identity at all. */
export const isPublic = (path: string): boolean =>
  anonymousPaths.has(path) || path.startsWith('/healthz/') || path.startsWith('/livez/') || path.startsWith('/readyz/')

function allowsPath(user: User, verb: string, path: string): boolean {
  if (isPublic(path)) return true
  if (!user.groups.includes('system:authenticated') || (verb !== 'get' && verb !== 'head')) return false
  return path === '/' || openPaths.some(open => path === open || path.startsWith(`${open}/`))
}

function rulesOf(user: User): readonly Rule[] {
  const named = byUser[user.name]
  if (named !== undefined) return [...named, ...reviews]
  if (user.groups.includes('system:nodes')) return [...kubelet, ...reviews]
  if (user.name.startsWith(controllerPrefix)) return byController[user.name.slice(controllerPrefix.length)] ?? anyController
  return user.groups.includes('system:authenticated') ? reviews : []
}

function covers({ verbs, group, resources }: Rule, { verb, group: wanted, resource, subresource }: Attributes): boolean {
  if (!verbs.includes('*') && !verbs.includes(verb)) return false
  if (group !== '*' && group !== wanted) return false
  const full = subresource === '' ? resource : `${resource}/${subresource}`
  return resources.includes('*') || resources.includes(full)
}
