// PodInfo: a pod as the scheduler sees it: everything the plugins look at, worked out once when the pod is first seen.

import type { Pod, PodAffinityTerm, Toleration, TopologySpreadConstraint } from '../kinds/index.js'
import {
  controllerOf,
  everything,
  type LabelOperator,
  matchesLabels,
  nothing,
  type OwnerReference,
  objectKey,
  type Selector,
  selectorOf
} from '../object/index.js'
import { type CompiledTerm, compileRequired, compileTerm, type RequiredNodeAffinity } from './node-selector.js'
import { podRequests, type Resources } from './resources.js'

export type Labels = Readonly<Record<string, string>>

export interface HostPort {
  readonly ip: string // '0.0.0.0': all of them.
  readonly protocol: string
  readonly port: number
}

/** A term of pod (anti-)affinity of the pod it belongs to. */
export interface AffinityTerm {
  readonly topologyKey: string
  readonly selector: Selector
  readonly namespaces: ReadonlySet<string>
  /** Selects namespaces by their labels, besides those named; undefined: none. */
  readonly namespaceSelector: Selector | undefined
  readonly weight: number // 0 of what is required.
}

export interface PodAffinityTerms {
  readonly affinity: readonly AffinityTerm[]
  readonly antiAffinity: readonly AffinityTerm[]
  readonly preferred: readonly AffinityTerm[] // Those of preferred anti-affinity have negative weights.
}

export interface SpreadConstraint {
  readonly maxSkew: number
  readonly topologyKey: string
  readonly selector: Selector
  readonly minDomains: number
  readonly honorAffinity: boolean
  readonly honorTaints: boolean
}

export interface PodInfo {
  readonly pod: Pod
  readonly key: string // namespace/name
  readonly uid: string
  readonly namespace: string
  readonly labels: Labels
  readonly priority: number
  readonly terminating: boolean
  readonly controller: OwnerReference | undefined
  readonly requests: Resources
  readonly nonZeroMilliCpu: number
  readonly nonZeroMemory: number
  readonly ports: readonly HostPort[]
  readonly images: readonly string[]
  readonly imageCount: number // Of containers and init containers, whether or not they name an image.
  readonly tolerations: readonly Toleration[]
  readonly nodeAffinity: RequiredNodeAffinity | undefined
  readonly preferredNodes: readonly { readonly term: CompiledTerm; readonly weight: number }[]
  readonly affinity: PodAffinityTerms | undefined // Undefined: it has no term at all.
  readonly spreadRequired: readonly SpreadConstraint[]
  readonly spreadPreferred: readonly SpreadConstraint[]
  readonly spreads: boolean // It has constraints of its own, so the cluster's defaults do not apply.
}

const noLabels: Labels = Object.freeze({})

export function podInfo(pod: Pod): PodInfo {
  const { metadata, spec } = pod
  const constraints = spec.topologySpreadConstraints ?? []
  const labels = metadata.labels ?? noLabels
  const affinity = spec.affinity?.nodeAffinity
  const spreadOf = (action: string): SpreadConstraint[] =>
    constraints.filter(({ whenUnsatisfiable }) => whenUnsatisfiable === action).map(constraint => compileConstraint(constraint, labels))
  return {
    pod,
    key: objectKey(metadata),
    uid: uidOf(pod),
    namespace: metadata.namespace ?? '',
    labels,
    priority: spec.priority ?? 0,
    terminating: metadata.deletionTimestamp !== undefined,
    controller: controllerOf(pod),
    ...podRequests(spec),
    ports: hostPorts(pod),
    images: imagesOf(pod),
    imageCount: spec.containers.length + (spec.initContainers?.length ?? 0),
    tolerations: spec.tolerations ?? [],
    nodeAffinity: compileRequired(spec.nodeSelector, affinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms),
    preferredNodes: compilePreferred(affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []),
    affinity: compileAffinity(pod),
    spreadRequired: spreadOf('DoNotSchedule'),
    spreadPreferred: spreadOf('ScheduleAnyway'),
    spreads: constraints.length > 0
  }
}

export const uidOf = ({ metadata }: Pod): string => metadata.uid ?? objectKey(metadata)

/** Whether a term of some pod selects this pod, by its labels and its namespace. */
export function selectsPod(term: AffinityTerm, pod: Pick<PodInfo, 'namespace' | 'labels'>, namespaceLabels: Labels | undefined): boolean {
  if (!matchesLabels(term.selector, pod.labels)) return false
  if (term.namespaces.has(pod.namespace)) return true
  return term.namespaceSelector !== undefined && matchesLabels(term.namespaceSelector, namespaceLabels)
}

function hostPorts({ spec }: Pod): HostPort[] {
  const found: HostPort[] = []
  // As upstream since 1.29: sidecars listen beside the containers; other init containers are gone by then.
  const sidecars = (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always')
  for (const { ports = [] } of [...spec.containers, ...sidecars]) {
    for (const { hostPort = 0, hostIP = '', protocol = 'TCP' } of ports) {
      if (hostPort > 0) found.push({ ip: hostIP === '' ? '0.0.0.0' : hostIP, protocol, port: hostPort })
    }
  }
  return found
}

function imagesOf({ spec }: Pod): string[] {
  const found: string[] = []
  for (const { image } of [...(spec.initContainers ?? []), ...spec.containers]) if (image !== undefined) found.push(taggedImage(image))
  return found
}

/** As node status names images: never without a tag. */
function taggedImage(image: string): string {
  return image.lastIndexOf(':') <= image.lastIndexOf('/') ? `${image}:latest` : image
}

function compilePreferred(
  preferred: readonly { preference: Parameters<typeof compileTerm>[0]; weight: number }[]
): PodInfo['preferredNodes'] {
  const found: { term: CompiledTerm; weight: number }[] = []
  for (const { preference, weight } of preferred) {
    const term = compileTerm(preference)
    if (term !== undefined && weight !== 0) found.push({ term, weight })
  }
  return found
}

function compileConstraint(constraint: TopologySpreadConstraint, labels: Labels): SpreadConstraint {
  return {
    maxSkew: constraint.maxSkew,
    topologyKey: constraint.topologyKey,
    selector: withLabels(selectorOf(constraint.labelSelector), labels, constraint.matchLabelKeys ?? [], 'in'),
    minDomains: constraint.minDomains ?? 1,
    honorAffinity: (constraint.nodeAffinityPolicy ?? 'Honor') === 'Honor',
    honorTaints: constraint.nodeTaintsPolicy === 'Honor'
  }
}

/** The selector narrowed by the pod's own values of some labels. */
function withLabels(selector: Selector, labels: Labels, keys: readonly string[], operator: LabelOperator): Selector {
  const own = keys.filter(key => Object.hasOwn(labels, key)).map(key => ({ key, operator, values: [labels[key] as string] }))
  if (own.length === 0 || selector.nothing === true) return selector
  return { requirements: [...selector.requirements, ...own] }
}

function compileAffinity(pod: Pod): PodAffinityTerms | undefined {
  const { podAffinity, podAntiAffinity } = pod.spec.affinity ?? {}
  if (podAffinity === undefined && podAntiAffinity === undefined) return undefined
  const required = (terms: readonly PodAffinityTerm[] | undefined): AffinityTerm[] => (terms ?? []).map(term => affinityTerm(pod, term, 0))
  const preferred = (side: typeof podAffinity, sign: 1 | -1): AffinityTerm[] =>
    (side?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(({ podAffinityTerm, weight }) =>
      affinityTerm(pod, podAffinityTerm, sign * weight)
    )
  return {
    affinity: required(podAffinity?.requiredDuringSchedulingIgnoredDuringExecution),
    antiAffinity: required(podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution),
    preferred: [...preferred(podAffinity, 1), ...preferred(podAntiAffinity, -1)]
  }
}

function affinityTerm(pod: Pod, term: PodAffinityTerm, weight: number): AffinityTerm {
  const labels = pod.metadata.labels ?? noLabels
  let selector = selectorOf(term.labelSelector)
  // The apiserver merges these keys into the selector at creation; merging twice does no harm.
  selector = withLabels(selector, labels, term.matchLabelKeys ?? [], 'in')
  selector = withLabels(selector, labels, term.mismatchLabelKeys ?? [], 'notin')
  const named = term.namespaces ?? []
  // Neither names nor a selector: the pod's own namespace. An empty selector is all namespaces.
  const own = named.length === 0 && term.namespaceSelector === undefined
  const chosen = term.namespaceSelector === undefined ? nothing : selectorOf(term.namespaceSelector)
  return {
    topologyKey: term.topologyKey,
    selector,
    namespaces: new Set(own ? [pod.metadata.namespace ?? ''] : named),
    namespaceSelector: chosen.nothing === true ? undefined : chosen.requirements.length === 0 ? everything : chosen,
    weight
  }
}
