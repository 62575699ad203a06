// Cluster convergence: whether what the API shows is what was asked for. Pure: the state in, what is still missing out.

import type { Deployment, EndpointSlice, Endpoints, Node, Pod, ReplicaSet, Service } from '../kinds/index.js'
import type { ApiObject } from '../object/index.js'

export interface ClusterState {
  readonly nodes: readonly Node[]
  readonly deployments: readonly Deployment[]
  readonly replicaSets: readonly ReplicaSet[]
  readonly pods: readonly Pod[]
  readonly services: readonly Service[]
  readonly slices: readonly EndpointSlice[]
  readonly endpoints: readonly Endpoints[]
}

/** Empty: everything has converged. */
export function missingOf(state: ClusterState, nodes: number): string[] {
  return [...nodesMissing(state, nodes), ...workloadsMissing(state), ...podsMissing(state), ...endpointsMissing(state)]
}

const isTrue = (object: { status?: { conditions?: readonly { type: string; status: string }[] } | undefined }, type: string): boolean =>
  object.status?.conditions?.some(condition => condition.type === type && condition.status === 'True') === true

const nameOf = ({ metadata }: ApiObject): string => metadata.name ?? ''

const isOwnedBy = (object: ApiObject, owner: ApiObject): boolean =>
  object.metadata.ownerReferences?.some(({ uid, controller }) => controller === true && uid === owner.metadata.uid) === true

function nodesMissing({ nodes }: ClusterState, count: number): string[] {
  const missing = nodes.length === count ? [] : [`${nodes.length} of ${count} nodes`]
  for (const node of nodes) {
    if (!isTrue(node, 'Ready')) missing.push(`node ${nameOf(node)} is not Ready`)
    const taints = (node.spec?.taints ?? []).map(({ key }) => key)
    if (taints.length > 0) missing.push(`node ${nameOf(node)} is tainted: ${taints.join(' ')}`)
  }
  return missing
}

function workloadsMissing({ deployments, replicaSets, pods }: ClusterState): string[] {
  const missing: string[] = []
  for (const deployment of deployments) {
    const { spec, status, metadata } = deployment
    const wanted = spec.replicas
    const owned = replicaSets.filter(replicaSet => isOwnedBy(replicaSet, deployment))
    const own = pods.filter(pod => owned.some(replicaSet => isOwnedBy(pod, replicaSet)) && isTrue(pod, 'Ready'))
    const current = own.filter(pod => pod.spec.containers[0]?.image === spec.template.spec.containers[0]?.image)
    const counts = [status?.replicas, status?.updatedReplicas, status?.readyReplicas, status?.availableReplicas].map(count => count ?? 0)
    if (status?.observedGeneration !== metadata.generation) missing.push(`deployment ${nameOf(deployment)} is not observed`)
    if (own.length !== wanted || current.length !== wanted) {
      missing.push(`deployment ${nameOf(deployment)}: ${own.length} Ready, ${current.length} of them current, of ${wanted}`)
    }
    if (counts.some(count => count !== wanted)) missing.push(`deployment ${nameOf(deployment)} says ${counts} of ${wanted}`)
  }
  for (const replicaSet of replicaSets) {
    if (!deployments.some(deployment => isOwnedBy(replicaSet, deployment))) missing.push(`replica set ${nameOf(replicaSet)} has no owner`)
  }
  return missing
}

function podsMissing({ pods, replicaSets, nodes }: ClusterState): string[] {
  const missing: string[] = []
  const ips = new Map<string, string>()
  for (const pod of pods) {
    const name = nameOf(pod)
    if (pod.metadata.deletionTimestamp !== undefined) missing.push(`pod ${name} is being deleted`)
    if (!isTrue(pod, 'Ready')) missing.push(`pod ${name} is not Ready: ${pod.status?.phase} on ${pod.spec.nodeName}`)
    if (!replicaSets.some(replicaSet => isOwnedBy(pod, replicaSet))) missing.push(`pod ${name} has no owner`)
    if (!nodes.some(node => nameOf(node) === pod.spec.nodeName)) missing.push(`pod ${name} is on no node: ${pod.spec.nodeName}`)
    const ip = pod.status?.podIP ?? ''
    if (ips.has(ip)) missing.push(`pods ${name} and ${ips.get(ip)} have one address: ${ip}`)
    ips.set(ip, name)
  }
  return missing
}

const joined = (addresses: readonly string[]): string => [...addresses].sort().join(' ')

function endpointsMissing({ services, slices, endpoints, pods }: ClusterState): string[] {
  const missing: string[] = []
  for (const service of services) {
    const selector = Object.entries(service.spec.selector ?? {})
    if (selector.length === 0) continue
    const selected = pods.filter(pod => selector.every(([key, value]) => pod.metadata.labels?.[key] === value) && isTrue(pod, 'Ready'))
    const wanted = joined(selected.map(pod => pod.status?.podIP ?? ''))
    const own = slices.filter(slice => slice.metadata.labels?.['kubernetes.io/service-name'] === nameOf(service))
    const ready = own.flatMap(slice => slice.endpoints ?? []).filter(({ conditions }) => conditions?.ready !== false)
    const inSlices = joined(ready.flatMap(({ addresses }) => addresses))
    if (inSlices !== wanted) missing.push(`slices of service ${nameOf(service)}: ${inSlices}, not ${wanted}`)
    const old = endpoints.find(one => nameOf(one) === nameOf(service))
    const inOld = joined((old?.subsets ?? []).flatMap(({ addresses = [] }) => addresses.map(({ ip }) => ip)))
    if (inOld !== wanted) missing.push(`endpoints of service ${nameOf(service)}: ${inOld}, not ${wanted}`)
  }
  const orphans = [...slices.map(slice => slice.metadata.labels?.['kubernetes.io/service-name'] ?? ''), ...endpoints.map(nameOf)]
  for (const name of orphans) {
    if (name !== 'kubernetes' && !services.some(service => nameOf(service) === name)) missing.push(`endpoints of no service: ${name}`)
  }
  return missing
}
