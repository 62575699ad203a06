// Plan: from a cluster's options to which actor runs in which thread on which machine, in which order. Placement is data.

import type { Ref } from '../lib/actor/index.js'
import type { ApiRef } from '../lib/client/index.js'
import type { ControllerOptions } from '../lib/controllers/index.js'
import type { ModuleImage } from '../lib/images/index.js'
import type { StoreRef } from '../lib/storage/index.js'
import type { ApiserverArgs } from './apiserver.js'
import type { ContainersArgs } from './containers.js'
import type { ControllerManagerArgs } from './controller-manager.js'
import type { EtcdArgs } from './etcd.js'
import type { EtcdStorageArgs } from './etcd-storage.js'
import type { FabricArgs, FabricProtocol } from './fabric.js'
import type { KubeProxyArgs, KubeProxyProtocol } from './kube-proxy.js'
import type { KubeletArgs } from './kubelet.js'
import type { StoreArgs } from './store.js'
import type { ChildSpec } from './supervisor.js'

/** What a user chooses of a cluster. */
export interface ClusterShape {
  readonly nodes: number
  readonly stores: number
  /** A real etcd instead: then there are no stores. */
  readonly etcd: EtcdStorageArgs | undefined
  readonly apiservers: number
  readonly controllerManagers: number
  readonly schedulers: number
  readonly runtime: 'stand-in' | 'simulated'
  readonly unknownImages: 'fail' | 'simulate'
  /** JS modules of the user's that run as images. */
  readonly images: readonly ModuleImage[]
  /** How long a node may be silent before it counts as NotReady; cluster clock. */
  readonly nodeGraceMs: number
  /** Of each store's keyspace; 0: the store's default. */
  readonly storeQuotaBytes: number
  /** Each store member answers etcd's API, the first on this port, the others on those after it. 0: none does. */
  readonly etcdPort: number
  /** In plain text, to everybody on this machine. */
  readonly etcdInsecure: boolean
}

export const defaultShape: ClusterShape = {
  nodes: 3,
  stores: 3,
  etcd: undefined,
  apiservers: 1,
  controllerManagers: 1,
  schedulers: 1,
  runtime: 'stand-in',
  unknownImages: 'fail',
  images: [],
  nodeGraceMs: 40_000,
  storeQuotaBytes: 0,
  etcdPort: 0,
  etcdInsecure: false
}

/** What the process provides. */
export interface ClusterGround {
  readonly clusterId: string
  readonly podOctet: number // Node N is 127.P.N.1.
  readonly serviceOctet: number // Services are 127.S.0.0/16.
  readonly manyLoopbacks: boolean
  readonly apiPort: number
  readonly tls: { readonly certPem: string; readonly keyPem: string; readonly clientCaPem: string }
}

export interface MachinePlan {
  readonly name: string
  readonly children: readonly ChildSpec[]
}

export interface ClusterPlan {
  readonly machines: readonly MachinePlan[] // In the order of their start.
}

const leaseRenewMsMax = 10_000
const monitorPeriodMsMax = 5_000
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index)
const control = (index: number): string => `control-${index}`
const etcdStorage = (index: number): string => `${control(index)}/etcd-storage`
const worker = (index: number): string => `worker-${index + 1}`
const own = (address: string, actor: string, args: unknown): ChildSpec => ({ address, actor, args, thread: address })

export function plan(shape: ClusterShape, ground: ClusterGround): ClusterPlan {
  const controls = Math.max(storesOf(shape).length, shape.apiservers, shape.controllerManagers, shape.schedulers)
  const machines: MachinePlan[] = [
    ...upTo(controls).map(index => ({ name: control(index), children: controlPlane(shape, ground, index) })),
    ...upTo(shape.nodes).map(index => ({ name: worker(index), children: workerMachine(shape, ground, index) }))
  ]
  return { machines: [...machines, { name: 'root', children: fabric(shape, ground) }] }
}

/** A short grace period asks for heartbeats and looks at them that are as much more frequent. */
const nodeTiming = ({ nodeGraceMs }: ClusterShape): Partial<ControllerOptions> => ({
  nodeMonitorGracePeriodMs: nodeGraceMs,
  nodeMonitorPeriodMs: Math.min(monitorPeriodMsMax, nodeGraceMs / 8)
})

/** Of the supervisors of all machines. */
export const clusterSupervisor = 'root/cluster'

const storesOf = (shape: ClusterShape): string[] =>
  upTo(shape.etcd === undefined ? shape.stores : 0).map(index => `${control(index)}/store`)
const apiserversOf = (shape: ClusterShape): ApiRef[] =>
  upTo(shape.apiservers).map(index => `${control(index)}/apiserver` as string as ApiRef)

function controlPlane(shape: ClusterShape, ground: ClusterGround, index: number): ChildSpec[] {
  const machine = control(index)
  const stores = storesOf(shape)
  const apiservers = apiserversOf(shape)
  const children: ChildSpec[] = []
  if (index < stores.length) {
    const quota = shape.storeQuotaBytes > 0 ? { quotaBytes: shape.storeQuotaBytes } : {}
    const beside = shape.etcdPort > 0 ? [{ actor: 'etcd', args: etcdArgs(shape, ground) }] : []
    const args: StoreArgs = { clusterId: ground.clusterId, members: stores, supervisor: clusterSupervisor, beside, ...quota }
    children.push(own(`${machine}/store`, 'store', args))
    for (const { actor, args: its } of beside)
      children.push({ address: `${machine}/${actor}`, actor, args: its, thread: `${machine}/store` })
  }
  // Each apiserver has its own way to a real etcd: what befalls one leaves the others alone.
  if (shape.etcd !== undefined && index < shape.apiservers) children.push(own(etcdStorage(index), 'etcd-storage', shape.etcd))
  if (index < shape.apiservers) children.push(own(`${machine}/apiserver`, 'apiserver', apiserverArgs(shape, ground, index)))
  if (index < shape.controllerManagers) {
    const args: ControllerManagerArgs = { apiservers, options: nodeTiming(shape) }
    children.push(own(`${machine}/controller-manager`, 'controller-manager', args))
  }
  if (index < shape.schedulers) children.push(own(`${machine}/scheduler`, 'scheduler', { apiservers }))
  return children
}

/** The same for all: from its own machine's name each knows its member and its port. */
const etcdArgs = ({ etcdPort, etcdInsecure }: ClusterShape, { clusterId, tls }: ClusterGround): EtcdArgs => ({
  cluster: clusterId,
  listen: { address: '127.0.0.1', firstPort: etcdPort, ...(etcdInsecure ? {} : { tls }) }
})

/** One apiserver listens where clients look for it; several have an address each, and the fabric passes connections on. */
function apiserverArgs(shape: ClusterShape, ground: ClusterGround, index: number): ApiserverArgs {
  const address = shape.apiservers === 1 ? '127.0.0.1' : apiAddress(ground, index)
  return {
    stores: (shape.etcd === undefined ? storesOf(shape) : [etcdStorage(index)]).map(store => store as string as StoreRef),
    ...(shape.etcd === undefined ? { supervisor: clusterSupervisor } : {}),
    listen: { address, port: ground.apiPort, tls: ground.tls },
    ranges: { serviceCidr: `127.${ground.serviceOctet}.0.0/16`, nodePortFirst: 30000, nodePortLast: 32767 }
  }
}

const apiAddress = (ground: ClusterGround, index: number): string => `127.${ground.podOctet}.0.${10 + index}`

function workerMachine(shape: ClusterShape, ground: ClusterGround, index: number): ChildSpec[] {
  const machine = worker(index)
  const podPrefix = shape.runtime === 'simulated' ? `10.${(index + 1) >> 8}.${(index + 1) & 255}` : nodePrefix(ground, index)
  const kubelet: KubeletArgs = {
    node: machine,
    podPrefix,
    apiservers: apiserversOf(shape),
    runtime: shape.runtime,
    images: shape.images,
    unknownImages: shape.unknownImages === 'fail' ? 'refuse' : 'simulate',
    supervisor: `root/${machine}`,
    leaseRenewMs: Math.min(leaseRenewMsMax, shape.nodeGraceMs / 4) // As upstream's 10 s of 40 s.
  }
  const children = [own(`${machine}/kubelet`, 'kubelet', kubelet)]
  if (shape.runtime === 'simulated') return children
  const containers: ContainersArgs = { modules: shape.images }
  return [
    ...children,
    { ...own(`${machine}/containers`, 'containers', containers), onDemand: true },
    own(`${machine}/kube-proxy`, 'kube-proxy', kubeProxyArgs(shape, ground, index))
  ]
}

function kubeProxyArgs(shape: ClusterShape, ground: ClusterGround, index: number): KubeProxyArgs {
  const nodeAddresses = ground.manyLoopbacks ? ['127.0.0.1', `${nodePrefix(ground, index)}.1`] : ['127.0.0.1']
  return { node: worker(index), nodeAddresses, apiservers: apiserversOf(shape), fabric: 'root/fabric' as string as Ref<FabricProtocol> }
}

const nodePrefix = (ground: ClusterGround, index: number): string => `127.${ground.podOctet}.${index + 1}`

function fabric(shape: ClusterShape, ground: ClusterGround): ChildSpec[] {
  if (shape.runtime === 'simulated') return []
  const args: FabricArgs = {
    nodes: upTo(shape.nodes).map(index => ({
      machine: worker(index),
      proxy: `${worker(index)}/kube-proxy` as string as Ref<KubeProxyProtocol>,
      prefix: nodePrefix(ground, index)
    })),
    ...(shape.apiservers === 1 ? {} : { api: apiListeners(shape, ground) })
  }
  return [own('root/fabric', 'fabric', args)]
}

function apiListeners(shape: ClusterShape, ground: ClusterGround): NonNullable<FabricArgs['api']> {
  const port = ground.apiPort
  return {
    listen: { address: '127.0.0.1', port },
    apiservers: upTo(shape.apiservers).map(index => ({ address: apiAddress(ground, index), port }))
  }
}
