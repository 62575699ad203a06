// Served kinds: which of upstream's kinds the API server has, and so which models, paths and documents are generated.
//
// A new kind is one line. `planned` kinds have their schemas generated but do not appear in the OpenAPI documents,
// which must say what the server serves and no more.

export interface ServedKind {
  readonly group: string
  readonly version: string
  readonly kind: string
  /** The plural in paths; none for kinds that exist only as the body of a subresource. */
  readonly resource?: string
  readonly planned?: true
}

const kind = (group: string, version: string, name: string, resource?: string): ServedKind =>
  resource === undefined ? { group, version, kind: name } : { group, version, kind: name, resource }

const planned = (group: string, version: string, name: string, resource?: string): ServedKind => ({
  ...kind(group, version, name, resource),
  planned: true
})

export const servedKinds: readonly ServedKind[] = [
  kind('', 'v1', 'Namespace', 'namespaces'),
  kind('', 'v1', 'Node', 'nodes'),
  kind('', 'v1', 'Pod', 'pods'),
  kind('', 'v1', 'Service', 'services'),
  kind('', 'v1', 'Endpoints', 'endpoints'),
  kind('', 'v1', 'ConfigMap', 'configmaps'),
  kind('', 'v1', 'Secret', 'secrets'),
  kind('', 'v1', 'ServiceAccount', 'serviceaccounts'),
  kind('', 'v1', 'Event', 'events'),
  kind('', 'v1', 'Binding', 'bindings'),
  kind('apps', 'v1', 'Deployment', 'deployments'),
  kind('apps', 'v1', 'ReplicaSet', 'replicasets'),
  kind('authentication.k8s.io', 'v1', 'TokenRequest'),
  kind('autoscaling', 'v1', 'Scale'),
  kind('coordination.k8s.io', 'v1', 'Lease', 'leases'),
  kind('discovery.k8s.io', 'v1', 'EndpointSlice', 'endpointslices'),
  kind('events.k8s.io', 'v1', 'Event', 'events'),
  kind('policy', 'v1', 'Eviction'),

  planned('', 'v1', 'LimitRange', 'limitranges'),
  planned('', 'v1', 'PersistentVolume', 'persistentvolumes'),
  planned('', 'v1', 'PersistentVolumeClaim', 'persistentvolumeclaims'),
  planned('', 'v1', 'PodTemplate', 'podtemplates'),
  planned('', 'v1', 'ReplicationController', 'replicationcontrollers'),
  planned('', 'v1', 'ResourceQuota', 'resourcequotas'),
  planned('apps', 'v1', 'ControllerRevision', 'controllerrevisions'),
  planned('apps', 'v1', 'DaemonSet', 'daemonsets'),
  planned('apps', 'v1', 'StatefulSet', 'statefulsets'),
  planned('authentication.k8s.io', 'v1', 'SelfSubjectReview', 'selfsubjectreviews'),
  planned('authentication.k8s.io', 'v1', 'TokenReview', 'tokenreviews'),
  planned('authorization.k8s.io', 'v1', 'LocalSubjectAccessReview', 'localsubjectaccessreviews'),
  planned('authorization.k8s.io', 'v1', 'SelfSubjectAccessReview', 'selfsubjectaccessreviews'),
  planned('authorization.k8s.io', 'v1', 'SelfSubjectRulesReview', 'selfsubjectrulesreviews'),
  planned('authorization.k8s.io', 'v1', 'SubjectAccessReview', 'subjectaccessreviews'),
  planned('autoscaling', 'v2', 'HorizontalPodAutoscaler', 'horizontalpodautoscalers'),
  planned('batch', 'v1', 'CronJob', 'cronjobs'),
  planned('batch', 'v1', 'Job', 'jobs'),
  planned('networking.k8s.io', 'v1', 'Ingress', 'ingresses'),
  planned('networking.k8s.io', 'v1', 'IngressClass', 'ingressclasses'),
  planned('networking.k8s.io', 'v1', 'NetworkPolicy', 'networkpolicies'),
  planned('policy', 'v1', 'PodDisruptionBudget', 'poddisruptionbudgets'),
  planned('rbac.authorization.k8s.io', 'v1', 'ClusterRole', 'clusterroles'),
  planned('rbac.authorization.k8s.io', 'v1', 'ClusterRoleBinding', 'clusterrolebindings'),
  planned('rbac.authorization.k8s.io', 'v1', 'Role', 'roles'),
  planned('rbac.authorization.k8s.io', 'v1', 'RoleBinding', 'rolebindings'),
  planned('scheduling.k8s.io', 'v1', 'PriorityClass', 'priorityclasses'),
  planned('storage.k8s.io', 'v1', 'StorageClass', 'storageclasses')
]

/** Kinds of the machinery itself, whatever the group: models by name. */
export const metaModels: readonly string[] = [
  'APIGroup',
  'APIGroupList',
  'APIResourceList',
  'APIVersions',
  'CreateOptions',
  'DeleteOptions',
  'GetOptions',
  'LabelSelector',
  'ListMeta',
  'ListOptions',
  'ObjectMeta',
  'PartialObjectMetadata',
  'PartialObjectMetadataList',
  'PatchOptions',
  'Status',
  'Table',
  'UpdateOptions',
  'WatchEvent'
].map(name => `io.k8s.apimachinery.pkg.apis.meta.v1.${name}`)

/** Upstream's model of a kind: the first word of the group is the directory of its Go package. */
export function modelOf(served: ServedKind): string {
  return `io.k8s.api.${served.group.split('.')[0] || 'core'}.${served.version}.${served.kind}`
}

/** The model of the kind's list; kinds that are only ever created (reviews, bindings) have none. */
export const listModelOf = (served: ServedKind): string => `${modelOf(served)}List`
