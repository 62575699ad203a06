// Pod defaults: what upstream's versioned defaults make of a PodSpec (pkg/apis/core/v1/defaults.go), and what its conversions
// always write. Functions change what they are given, and are idempotent.

import { canonicalQuantity, formatQuantity, parseQuantity, roundUpToMilli } from '../../object/index.js'
import type {
  Container,
  DownwardFile,
  EnvVar,
  Handler,
  Pod,
  PodSpec,
  PodTemplateSpec,
  Probe,
  ProjectedSource,
  ResourceList,
  ResourceRequirements,
  Toleration,
  Volume
} from './pod-spec.js'

const fileMode = 0o644
const hourSeconds = 3600

/** Defaults that pods alone have; templates do not show them. */
export function defaultPod(pod: Pod): void {
  pod.spec ??= { containers: [] }
  defaultPodSpec(pod.spec)
  const containers = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])]
  for (const { resources } of containers) if (resources !== undefined) requestsFromLimits(resources)
  pod.spec.enableServiceLinks ??= true
  if (pod.spec.hostNetwork !== true) return
  for (const port of containers.flatMap(container => container.ports ?? [])) {
    if (!port.hostPort) port.hostPort = port.containerPort
  }
}

export function defaultPodTemplate(template: PodTemplateSpec): void {
  template.metadata ??= {}
  template.spec ??= { containers: [] }
  defaultPodSpec(template.spec)
}

export function defaultPodSpec(spec: PodSpec): void {
  spec.containers ??= []
  spec.dnsPolicy ||= 'ClusterFirst'
  spec.restartPolicy ||= 'Always'
  spec.securityContext ??= {}
  spec.terminationGracePeriodSeconds ??= 30
  spec.schedulerName ||= 'default-scheduler'
  // The deprecated name of the field is kept in step with the new one, as upstream's conversion does.
  const account = spec.serviceAccountName || spec.serviceAccount
  if (account) Object.assign(spec, { serviceAccountName: account, serviceAccount: account })
  for (const container of [...spec.containers, ...(spec.initContainers ?? []), ...(spec.ephemeralContainers ?? [])]) {
    defaultContainer(container)
  }
  for (const volume of spec.volumes ?? []) defaultVolume(volume)
  if (spec.overhead !== undefined) roundResources(spec.overhead)
  if (spec.resources !== undefined) roundRequirements(spec.resources)
}

/**
 * What the DefaultTolerationSeconds admission plugin adds: a pod stays five minutes on a node that is not ready or unreachable.
 * Returns the tolerations to use; the same list if nothing is missing.
 */
export function defaultTolerations(tolerations: readonly Toleration[] | undefined): readonly Toleration[] {
  const given = tolerations ?? []
  const added = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable']
    .filter(key => !given.some(one => toleratesKey(one, key)))
    .map(key => ({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 }))
  return added.length === 0 ? given : [...given, ...added]
}

/** Rounds amounts up to thousandths and writes them canonically; what does not parse is left for validation. */
export function roundResources(resources: ResourceList): void {
  for (const [name, text] of Object.entries(resources)) {
    const parsed = parseQuantity(String(text))
    if (parsed.ok) resources[name] = formatQuantity(roundUpToMilli(parsed.quantity))
  }
}

/** `Always` for no tag and for `latest`, `IfNotPresent` for other tags and for digests. */
export function defaultPullPolicy(image: string): string {
  const [name = '', digest] = image.slice(image.lastIndexOf('/') + 1).split('@')
  if (name === '') return 'IfNotPresent'
  const colon = name.lastIndexOf(':')
  const tag = colon < 0 ? (digest === undefined ? 'latest' : '') : name.slice(colon + 1)
  return tag === 'latest' ? 'Always' : 'IfNotPresent'
}

function toleratesKey(toleration: Toleration, key: string): boolean {
  const keyMatches = toleration.key === key || (toleration.key ?? '') === ''
  const effectMatches = toleration.effect === 'NoExecute' || (toleration.effect ?? '') === ''
  return keyMatches && effectMatches
}

function defaultContainer(container: Container): void {
  container.imagePullPolicy ||= defaultPullPolicy(container.image ?? '')
  container.terminationMessagePath ||= '/dev/termination-log'
  container.terminationMessagePolicy ||= 'File'
  container.resources ??= {}
  roundRequirements(container.resources)
  for (const port of container.ports ?? []) port.protocol ||= 'TCP'
  for (const variable of container.env ?? []) defaultEnv(variable)
  for (const probe of [container.livenessProbe, container.readinessProbe, container.startupProbe]) {
    if (probe !== undefined) defaultProbe(probe)
  }
  for (const handler of [container.lifecycle?.postStart, container.lifecycle?.preStop]) if (handler !== undefined) defaultHandler(handler)
}

function defaultEnv(variable: EnvVar): void {
  const { fieldRef, resourceFieldRef } = variable.valueFrom ?? {}
  if (fieldRef !== undefined) fieldRef.apiVersion ||= 'v1'
  if (resourceFieldRef !== undefined) resourceFieldRef.divisor = canonicalQuantity(String(resourceFieldRef.divisor ?? '0'))
}

function defaultProbe(probe: Probe): void {
  probe.timeoutSeconds ||= 1
  probe.periodSeconds ||= 10
  probe.successThreshold ||= 1
  probe.failureThreshold ||= 3
  if (probe.grpc !== undefined) probe.grpc.service ??= ''
  defaultHandler(probe)
}

function defaultHandler(handler: Handler): void {
  if (handler.httpGet === undefined) return
  handler.httpGet.path ||= '/'
  handler.httpGet.scheme ||= 'HTTP'
}

function requestsFromLimits(resources: ResourceRequirements): void {
  if (resources.limits === undefined) return
  resources.requests = { ...resources.limits, ...resources.requests }
}

function roundRequirements(resources: ResourceRequirements): void {
  if (resources.limits !== undefined) roundResources(resources.limits)
  if (resources.requests !== undefined) roundResources(resources.requests)
}

// Defaults of volume sources that are plain values: source → field → value.
const sourceDefaults: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  secret: { defaultMode: fileMode },
  configMap: { defaultMode: fileMode },
  downwardAPI: { defaultMode: fileMode },
  projected: { defaultMode: fileMode },
  hostPath: { type: '' },
  iscsi: { iscsiInterface: 'default' },
  rbd: { pool: 'rbd', user: 'admin', keyring: '/etc/ceph/keyring' },
  azureDisk: { cachingMode: 'ReadWrite', kind: 'Shared', fsType: 'ext4', readOnly: false },
  scaleIO: { storageMode: 'ThinProvisioned', fsType: 'xfs' }
}

function defaultVolume(volume: Volume): void {
  if (Object.keys(volume).every(name => name === 'name' || volume[name] === undefined)) volume.emptyDir = {}
  for (const [source, fields] of Object.entries(sourceDefaults)) {
    const value = volume[source] as Record<string, unknown> | undefined
    if (value === undefined) continue
    for (const [field, fallback] of Object.entries(fields)) value[field] ??= fallback
  }
  if (volume.emptyDir?.sizeLimit !== undefined) volume.emptyDir.sizeLimit = canonicalQuantity(String(volume.emptyDir.sizeLimit))
  if (volume.image !== undefined) volume.image.pullPolicy ||= defaultPullPolicy(volume.image.reference ?? '')
  if (volume.ephemeral?.volumeClaimTemplate !== undefined) volume.ephemeral.volumeClaimTemplate.spec.volumeMode ??= 'Filesystem'
  for (const file of volume.downwardAPI?.items ?? []) defaultDownwardFile(file)
  for (const source of volume.projected?.sources ?? []) defaultProjectedSource(source)
}

function defaultDownwardFile(file: DownwardFile): void {
  if (file.fieldRef !== undefined) file.fieldRef.apiVersion ||= 'v1'
  if (file.resourceFieldRef !== undefined) file.resourceFieldRef.divisor = canonicalQuantity(String(file.resourceFieldRef.divisor ?? '0'))
}

function defaultProjectedSource(source: ProjectedSource): void {
  if (source.serviceAccountToken !== undefined) source.serviceAccountToken.expirationSeconds ??= hourSeconds
  for (const file of source.downwardAPI?.items ?? []) defaultDownwardFile(file)
}
