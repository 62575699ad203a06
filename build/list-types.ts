// List types: how lists and structs merge under server-side apply, where the Go types do not say so.
//
// Upstream states these facts in comments of its sources (+listType, +listMapKey, +structType, +mapType, +default), which no installable package
// carries. Since 1.31 they follow from the struct tags but for the exceptions listed here, as of 1.34:
//   a list with a patch merge key is a map by that key; a list of scalars that merges is a set; any other list is atomic.

export interface ListType {
  readonly listType: 'atomic' | 'set' | 'map'
  readonly listMapKeys?: readonly string[]
}

const atomic: ListType = { listType: 'atomic' }
const set: ListType = { listType: 'set' }
const map = (...listMapKeys: string[]): ListType => ({ listType: 'map', listMapKeys })

/** By `group/version.Type.field`, where core is the group of core. */
export const listTypes: Readonly<Record<string, ListType>> = {
  'admissionregistration/v1.ValidatingAdmissionPolicyBindingSpec.validationActions': set,
  'admissionregistration/v1.ValidatingAdmissionPolicyStatus.conditions': map('type'),
  'batch/v1.JobStatus.conditions': atomic,
  'batch/v1.PodFailurePolicyOnExitCodesRequirement.values': set,
  'batch/v1.UncountedTerminatedPods.failed': set,
  'batch/v1.UncountedTerminatedPods.succeeded': set,
  'certificates/v1.CertificateSigningRequestStatus.conditions': map('type'),
  'core/v1.Container.ports': map('containerPort', 'protocol'),
  'core/v1.EphemeralContainerCommon.ports': map('containerPort', 'protocol'),
  'core/v1.PodSpec.topologySpreadConstraints': map('topologyKey', 'whenUnsatisfiable'),
  'core/v1.PodStatus.hostIPs': atomic,
  'core/v1.ResourceRequirements.claims': map('name'),
  'core/v1.ResourceStatus.resources': map('resourceID'),
  'core/v1.ServiceSpec.ports': map('port', 'protocol'),
  'discovery/v1.Endpoint.addresses': set,
  'flowcontrol/v1.NonResourcePolicyRule.nonResourceURLs': set,
  'flowcontrol/v1.NonResourcePolicyRule.verbs': set,
  'flowcontrol/v1.ResourcePolicyRule.apiGroups': set,
  'flowcontrol/v1.ResourcePolicyRule.namespaces': set,
  'flowcontrol/v1.ResourcePolicyRule.resources': set,
  'flowcontrol/v1.ResourcePolicyRule.verbs': set,
  'storage/v1.CSIDriverSpec.volumeLifecycleModes': set
}

/** Structs that are replaced as a whole. */
export const atomicStructs: ReadonlySet<string> = new Set([
  'admissionregistration/v1.MatchResources',
  'admissionregistration/v1.NamedRuleWithOperations',
  'admissionregistration/v1.ParamKind',
  'admissionregistration/v1.ParamRef',
  'admissionregistration/v1.Variable',
  'autoscaling/v1.CrossVersionObjectReference',
  'core/v1.ConfigMapKeySelector',
  'core/v1.EndpointAddress',
  'core/v1.EndpointPort',
  'core/v1.FileKeySelector',
  'core/v1.LocalObjectReference',
  'core/v1.NodeSelector',
  'core/v1.NodeSelectorTerm',
  'core/v1.ObjectFieldSelector',
  'core/v1.ObjectReference',
  'core/v1.ResourceFieldSelector',
  'core/v1.ScopeSelector',
  'core/v1.SecretKeySelector',
  'core/v1.SecretReference',
  'core/v1.TopologySelectorTerm',
  'core/v1.TypedLocalObjectReference',
  'discovery/v1.EndpointPort',
  'meta/v1.LabelSelector',
  'meta/v1.OwnerReference',
  'networking/v1.ServiceBackendPort',
  'rbac/v1.RoleRef',
  'rbac/v1.Subject'
])

/** Maps, and struct fields, that differ from their type's rule. */
export const mapTypes: Readonly<Record<string, 'atomic' | 'granular'>> = {
  'core/v1.PersistentVolumeClaimStatus.allocatedResourceStatuses': 'granular',
  'core/v1.PersistentVolumeSpec.claimRef': 'granular',
  'core/v1.PodSpec.nodeSelector': 'atomic',
  'core/v1.ReplicationControllerSpec.selector': 'atomic',
  'core/v1.ServiceSpec.selector': 'atomic',
  'node/v1.Scheduling.nodeSelector': 'atomic'
}

/** Defaults that are part of the schema, beyond the zero values of fields that are always written. A list's key may rest on them. */
export const schemaDefaults: Readonly<Record<string, string>> = {
  'core/v1.ContainerPort.protocol': 'TCP',
  'core/v1.LocalObjectReference.name': '',
  'core/v1.ServicePort.protocol': 'TCP'
}
