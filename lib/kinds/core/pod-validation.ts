// Pod validation: what a pod must be, and which parts of it may still change, in upstream's words.
//
// Not checked here: the rarer volume sources, affinity terms beyond their keys, security contexts, Windows and resource claims.

import {
  cloneJson,
  deepEqual,
  dns1123LabelFaults,
  dns1123SubdomainFaults,
  type FieldError,
  field,
  qualifiedNameFaults,
  semanticEqual,
  validateAnnotations,
  validateLabels
} from '../../object/index.js'
import { duplicates, inRange, int32Max, matches, oneOf, requiredMatch } from '../validation.js'
import { validateContainers, validateInitContainers, validateResources } from './container-validation.js'
import type { Container, Pod, PodSpec, PodTemplateSpec, Toleration, Volume } from './pod-spec.js'
import type { ContainerStatus } from './pod-status.js'

const { at, child } = field

export const dnsPolicies = ['ClusterFirst', 'ClusterFirstWithHostNet', 'Default', 'None']

export function validatePod(pod: Pod): FieldError[] {
  const errors = validatePodSpec(pod.spec, 'spec')
  if ((pod.spec.ephemeralContainers ?? []).length > 0) {
    errors.push(field.forbidden('spec.ephemeralContainers', 'cannot be set on create'))
  }
  if (pod.spec.nodeName && (pod.spec.schedulingGates ?? []).length > 0) {
    errors.push(field.forbidden('spec.nodeName', 'cannot be set until all schedulingGates have been cleared'))
  }
  return errors
}

export function validatePodTemplate(template: PodTemplateSpec, path: string): FieldError[] {
  const errors = [
    ...validateLabels(template.metadata?.labels, child(path, 'labels')),
    ...validateAnnotations(template.metadata?.annotations, child(path, 'annotations')),
    ...validatePodSpec(template.spec, child(path, 'spec'))
  ]
  if ((template.spec.ephemeralContainers ?? []).length > 0) {
    errors.push(field.forbidden(child(path, 'spec', 'ephemeralContainers'), 'ephemeral containers not allowed in pod template'))
  }
  return errors
}

export function validatePodSpec(spec: PodSpec, path: string): FieldError[] {
  const volumes = spec.volumes ?? []
  const context = { volumes: new Set(volumes.map(volume => volume.name)), hostNetwork: spec.hostNetwork === true }
  const errors = [
    ...validateVolumes(volumes, child(path, 'volumes')),
    ...validateContainers(spec.containers, child(path, 'containers'), context),
    ...validateInitContainers(spec.initContainers ?? [], spec.containers, child(path, 'initContainers'), context),
    ...oneOf(spec.restartPolicy, ['Always', 'OnFailure', 'Never'], child(path, 'restartPolicy')),
    ...oneOf(spec.dnsPolicy, dnsPolicies, child(path, 'dnsPolicy')),
    ...validateLabels(spec.nodeSelector, child(path, 'nodeSelector')),
    ...validateTolerations(spec.tolerations ?? [], child(path, 'tolerations')),
    ...validateResources(spec.resources, child(path, 'resources')),
    ...validateIdentity(spec, path)
  ]
  if (spec.activeDeadlineSeconds !== undefined) {
    errors.push(...inRange(spec.activeDeadlineSeconds, 1, int32Max, child(path, 'activeDeadlineSeconds')))
  }
  const gates = (spec.schedulingGates ?? []).map(gate => gate.name)
  for (const [index, gate] of gates.entries()) errors.push(...matches(gate, qualifiedNameFaults, at(child(path, 'schedulingGates'), index)))
  return [...errors, ...duplicates(gates, index => at(child(path, 'schedulingGates'), index))]
}

function validateIdentity(spec: PodSpec, path: string): FieldError[] {
  const named = [
    ['serviceAccountName', dns1123SubdomainFaults],
    ['nodeName', dns1123SubdomainFaults],
    ['hostname', dns1123LabelFaults],
    ['subdomain', dns1123LabelFaults],
    ['priorityClassName', dns1123SubdomainFaults]
  ] as const
  return named.flatMap(([name, faultsOf]) => (spec[name] ? matches(spec[name], faultsOf, child(path, name)) : []))
}

// What a source cannot do without.
const requiredOfSource: Readonly<Record<string, string>> = {
  configMap: 'name',
  secret: 'secretName',
  persistentVolumeClaim: 'claimName',
  hostPath: 'path'
}

function validateVolumes(volumes: readonly Volume[], path: string): FieldError[] {
  const errors = volumes.flatMap((volume, index) => {
    const here = at(path, index)
    const found = requiredMatch(volume.name, dns1123LabelFaults, child(here, 'name'))
    const sources = Object.keys(volume).filter(name => name !== 'name' && volume[name] !== undefined)
    if (sources.length === 0) found.push(field.required(here, 'must specify a volume type'))
    for (const source of sources.slice(1)) found.push(field.forbidden(child(here, source), 'may not specify more than 1 volume type'))
    for (const source of sources) {
      const name = Object.hasOwn(requiredOfSource, source) ? (requiredOfSource[source] as string) : undefined
      if (name !== undefined && !(volume[source] as Record<string, unknown>)[name]) found.push(field.required(child(here, source, name)))
    }
    return found
  })
  const names = duplicates(
    volumes.map(volume => volume.name),
    index => child(at(path, index), 'name')
  )
  return [...errors, ...names]
}

function validateTolerations(tolerations: readonly Toleration[], path: string): FieldError[] {
  return tolerations.flatMap((toleration, index) => {
    const here = at(path, index)
    const errors = toleration.key ? matches(toleration.key, qualifiedNameFaults, child(here, 'key')) : []
    if (!toleration.key && toleration.operator !== 'Exists') {
      const detail = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
      errors.push(field.invalid(child(here, 'operator'), toleration.operator ?? '', detail))
    }
    if (toleration.tolerationSeconds !== undefined && toleration.effect !== 'NoExecute') {
      const detail = "effect must be 'NoExecute' when `tolerationSeconds` is set"
      errors.push(field.invalid(child(here, 'effect'), toleration.effect ?? '', detail))
    }
    const operator = toleration.operator ?? ''
    if (operator === 'Exists' && toleration.value) {
      errors.push(field.invalid(child(here, 'operator'), toleration, "value must be empty when `operator` is 'Exists'"))
    } else if (!['', 'Equal', 'Exists'].includes(operator)) {
      errors.push(field.notSupported(child(here, 'operator'), operator, ['Equal', 'Exists']))
    }
    if (toleration.effect && !['NoSchedule', 'PreferNoSchedule', 'NoExecute'].includes(toleration.effect)) {
      errors.push(field.notSupported(child(here, 'effect'), toleration.effect, ['NoSchedule', 'PreferNoSchedule', 'NoExecute']))
    }
    return errors
  })
}

const mutableFields =
  'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,' +
  '`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was ' +
  'previously negative)'

export function validatePodUpdate(pod: Pod, old: Pod): FieldError[] {
  const errors: FieldError[] = []
  for (const list of ['containers', 'initContainers'] as const) {
    const containers = pod.spec[list] ?? []
    if (containers.length !== (old.spec[list] ?? []).length) {
      return [field.forbidden(`spec.${list}`, 'pod updates may not add or remove containers')]
    }
    containers.forEach((container, index) => {
      const path = `spec.${list}[${index}].image`
      if (!container.image) errors.push(field.required(path))
      else if (container.image !== container.image.trim()) {
        errors.push(field.invalid(path, container.image, 'must not have leading or trailing whitespace'))
      }
    })
  }
  errors.push(...validateDeadlineUpdate(pod.spec.activeDeadlineSeconds, old.spec.activeDeadlineSeconds))
  errors.push(...validateAddedTolerations(pod.spec.tolerations ?? [], old.spec.tolerations ?? []))
  const oldGates = (old.spec.schedulingGates ?? []).map(gate => gate.name)
  for (const { name } of pod.spec.schedulingGates ?? []) {
    if (oldGates.includes(name)) continue
    errors.push(field.forbidden('spec.schedulingGates', `only deletion is allowed, but found new scheduling gate '${name}'`))
  }
  if (errors.length > 0) return errors
  const changed = changedFields(withMutableFieldsOf(pod, old), old.spec)
  // Upstream appends a diff of its internal structs; the names of the fields say the same.
  return changed.length === 0 ? [] : [field.forbidden('spec', `${mutableFields}\nchanged: ${changed.join(', ')}`)]
}

/** The new spec as it would be, had only the fields changed that may not. */
function withMutableFieldsOf(pod: Pod, old: Pod): PodSpec {
  const spec = cloneJson(pod.spec)
  const images = (list: Container[] | undefined, from: Container[] | undefined): void =>
    list?.forEach((container, index) => {
      const image = from?.[index]?.image
      if (image === undefined) delete container.image
      else container.image = image
    })
  images(spec.containers, old.spec.containers)
  images(spec.initContainers, old.spec.initContainers)
  const restored: (keyof PodSpec)[] = ['activeDeadlineSeconds', 'tolerations', 'schedulingGates']
  const grace = old.spec.terminationGracePeriodSeconds
  if (grace !== undefined && grace < 0 && spec.terminationGracePeriodSeconds === 1) restored.push('terminationGracePeriodSeconds')
  // Gated pods may be steered closer to a node before they are released.
  if ((old.spec.schedulingGates ?? []).length > 0) {
    if (onlyAdds(spec.nodeSelector, old.spec.nodeSelector)) restored.push('nodeSelector')
    const nodeAffinity = spec.affinity?.nodeAffinity
    if (nodeAffinity !== undefined && old.spec.affinity?.nodeAffinity === undefined) {
      const { nodeAffinity: _added, ...affinity } = spec.affinity ?? {}
      spec.affinity = affinity
    }
  }
  for (const name of restored) {
    if (old.spec[name] === undefined) delete spec[name]
    else Object.assign(spec, { [name]: old.spec[name] })
  }
  return spec
}

const onlyAdds = (labels: Record<string, string> | undefined, old: Record<string, string> | undefined): boolean =>
  Object.entries(old ?? {}).every(([key, value]) => labels !== undefined && Object.hasOwn(labels, key) && labels[key] === value)

function changedFields(spec: PodSpec, old: PodSpec): string[] {
  const names = new Set([...Object.keys(spec), ...Object.keys(old)]) as Set<keyof PodSpec>
  return [...names].filter(name => !semanticEqual(spec[name], old[name])).map(name => `spec.${name}`)
}

function validateDeadlineUpdate(seconds: number | undefined, old: number | undefined): FieldError[] {
  const path = 'spec.activeDeadlineSeconds'
  if (seconds !== undefined) {
    const errors = inRange(seconds, 0, int32Max, path)
    if (errors.length === 0 && old !== undefined && old < seconds) {
      errors.push(field.invalid(path, seconds, 'must be less than or equal to previous value'))
    }
    return errors
  }
  return old === undefined ? [] : [field.invalid(path, null, 'must not update from a positive integer to nil value')]
}

function validateAddedTolerations(tolerations: readonly Toleration[], old: readonly Toleration[]): FieldError[] {
  const bare = ({ tolerationSeconds: _seconds, ...rest }: Toleration): Toleration => rest
  const kept = (was: Toleration): boolean => tolerations.some(one => deepEqual(bare(one), bare(was)))
  if (!old.every(kept)) {
    return [field.forbidden('spec.tolerations', 'existing toleration can not be modified except its tolerationSeconds')]
  }
  return validateTolerations(tolerations, 'spec.tolerations')
}

/** A container that ended for good does not start again. */
export function validatePodStatusUpdate(pod: Pod, old: Pod): FieldError[] {
  const errors: FieldError[] = []
  if (pod.status?.nominatedNodeName) {
    errors.push(...matches(pod.status.nominatedNodeName, dns1123SubdomainFaults, 'status.nominatedNodeName'))
  }
  if (pod.spec.restartPolicy === 'Always') return errors
  const before = old.status?.containerStatuses ?? []
  pod.status?.containerStatuses?.forEach((container, index) => {
    const was = before.find(status => status.name === container.name)
    if (was === undefined || !endedForGood(was, pod.spec.restartPolicy) || container.state?.terminated !== undefined) return
    errors.push(field.forbidden(`status.containerStatuses[${index}].state`, 'may not be transitioned to non-terminated state'))
  })
  return errors
}

function endedForGood(status: ContainerStatus, restartPolicy: string | undefined): boolean {
  const { terminated } = status.state ?? {}
  return terminated !== undefined && !(restartPolicy === 'OnFailure' && terminated.exitCode !== 0)
}
