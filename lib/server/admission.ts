// Admission: what is filled into or refused of a new object beyond its kind's defaults, as upstream's default plugins do:
// ServiceAccount (the name only: whether the account exists is not asked, and no token is mounted), Priority (the two built-in
// classes), DefaultTolerationSeconds. Changes the object given.

import { defaultTolerations, type Pod } from '../kinds/index.js'
import { type ApiObject, errors } from '../object/index.js'
import type { Resource } from './resource.js'

// Upstream's system priority classes (pkg/apis/scheduling/v1/helpers.go).
const systemPriorities: Readonly<Record<string, number>> = {
  'system-node-critical': 2_000_001_000,
  'system-cluster-critical': 2_000_000_000
}

export function admitCreate(resource: Resource, object: ApiObject): void {
  if (resource.kind.group === '' && resource.kind.kind === 'Pod') admitPod(resource, object as Pod)
}

function admitPod(resource: Resource, pod: Pod): void {
  const spec = pod.spec
  if (!spec.serviceAccountName) Object.assign(spec, { serviceAccountName: 'default', serviceAccount: 'default' })
  const priorityClass = spec.priorityClassName
  const value = priorityClass === undefined || priorityClass === '' ? 0 : systemPriorities[priorityClass]
  if (value === undefined) {
    throw errors.forbidden(resource.groupResource, pod.metadata.name ?? '', `no PriorityClass with name ${priorityClass} was found`)
  }
  if (spec.priority !== undefined && spec.priority !== value) {
    const why = `the integer value of priority (${spec.priority}) must not be provided in pod spec; priority admission controller computed ${value} from the given PriorityClass name`
    throw errors.forbidden(resource.groupResource, pod.metadata.name ?? '', why)
  }
  spec.priority = value
  spec.preemptionPolicy ??= 'PreemptLowerPriority'
  spec.tolerations = [...defaultTolerations(spec.tolerations)]
}
