// Fixtures: pods and nodes with what a test says of them and little else.

import type { Node, NodeSpec, Pod, PodSpec, PodStatus, ResourceList } from '../../lib/kinds/index.js'
import type { ObjectMeta } from '../../lib/object/index.js'
import { Cluster, type PodInfo, podInfo } from '../../lib/scheduler/index.js'

export interface PodParts {
  readonly metadata?: ObjectMeta
  readonly spec?: Partial<PodSpec>
  readonly requests?: ResourceList
  readonly status?: PodStatus
}

export function pod(name: string, { metadata, spec, requests, status }: PodParts = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', uid: `uid-${name}`, ...metadata },
    spec: {
      schedulerName: 'default-scheduler',
      containers: [{ name: 'c', image: 'nginx:1', ...(requests === undefined ? {} : { resources: { requests } }) }],
      ...spec
    },
    ...(status === undefined ? {} : { status })
  }
}

export interface NodeParts {
  readonly labels?: Record<string, string>
  readonly spec?: NodeSpec
  readonly allocatable?: ResourceList
  readonly images?: readonly { readonly names: string[]; readonly sizeBytes: number }[]
}

export function node(name: string, { labels, spec, allocatable, images }: NodeParts = {}): Node {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, uid: `uid-${name}`, labels: { 'kubernetes.io/hostname': name, ...labels } },
    spec: spec ?? {},
    status: { allocatable: { cpu: '4', memory: '8Gi', pods: '110', ...allocatable }, images: [...(images ?? [])] }
  }
}

/** A cluster of these nodes, and of pods by the node they are on. */
export function clusterOf(nodes: readonly Node[], pods: Readonly<Record<string, readonly Pod[]>> = {}): Cluster {
  const cluster = new Cluster()
  for (const one of nodes) cluster.setNode(one)
  for (const [name, placed] of Object.entries(pods)) for (const one of placed) cluster.setPod(info(one), name)
  return cluster
}

export const info = (object: Pod): PodInfo => podInfo(object)
