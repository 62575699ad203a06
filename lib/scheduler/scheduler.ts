// Scheduler: what kube-scheduler knows and decides, without the API: told of objects, asked for the next decision.
//
// Guarantee: a pod is decided on only if it has no node, no gates, is not being deleted and asks for this scheduler. Once `next`
// says bind, the pod counts as being on that node until `bindFailed`, or until it is deleted; it is not given out again before.
// It says nothing about leadership: who asks must lead.

import type { Namespace, Node, Pod, Service } from '../kinds/index.js'
import type { Random } from '../std/index.js'
import { Cluster } from './cluster.js'
import { fitError, noNodes } from './diagnosis.js'
import type { ClusterEvent, Plugin } from './plugin.js'
import { defaultPlugins } from './plugins/index.js'
import { type PodInfo, podInfo, uidOf } from './pod-info.js'
import { preempt } from './preemption.js'
import { SchedulingQueue } from './queue.js'
import { schedule } from './schedule.js'

export interface SchedulerOptions {
  readonly random: Random
  readonly schedulerName?: string
  readonly plugins?: readonly Plugin[]
  readonly percentageOfNodesToScore?: number
}

export type Decision = BindDecision | UnschedulableDecision

export interface BindDecision {
  readonly kind: 'bind'
  readonly pod: PodInfo
  readonly nodeName: string
  readonly visited: number // Nodes looked at: what the decision cost.
}

export interface UnschedulableDecision {
  readonly kind: 'unschedulable'
  readonly pod: PodInfo
  readonly message: string
  /** What status.nominatedNodeName is to be; undefined: as it was. */
  readonly nominatedNodeName: string | undefined
  /** To be deleted, so that the pod has room on the nominated node. */
  readonly victims: readonly PodInfo[]
  /** Were nominated to that node and are so no more. */
  readonly demoted: readonly PodInfo[]
  readonly visited: number
}

export const defaultSchedulerName = 'default-scheduler'
// What upstream's DynamicResources says of every pod without resource claims, before preemption has its say.
const noClaims = 'no new claims to deallocate'

export class Scheduler {
  readonly cluster = new Cluster()
  readonly queue = new SchedulingQueue()
  readonly #options: SchedulerOptions
  readonly #plugins: ReadonlyMap<string, Plugin>
  #start = 0

  constructor(options: SchedulerOptions) {
    this.#options = options
    this.#plugins = new Map((options.plugins ?? defaultPlugins).map(plugin => [plugin.name, plugin]))
  }

  // Deciding ---------------------------------------------------------------------------------------

  next(nowMs: number): Decision | undefined {
    const queued = this.queue.pop(nowMs)
    if (queued === undefined) return undefined
    const { pod } = queued
    const { cluster } = this
    const nodesTotal = cluster.nodes.length
    // Upstream would ask again and again here; only a node can help.
    if (nodesTotal === 0) return this.#unschedulable(pod, noNodes, new Set(), nowMs)
    const result = schedule(pod, cluster, { ...this.#options, start: this.#start })
    this.#start = (this.#start + result.visited) % nodesTotal
    if (result.node !== undefined) {
      cluster.clearNomination(pod.uid)
      cluster.assume(pod, result.node.name)
      return { kind: 'bind', pod, nodeName: result.node.name, visited: result.visited }
    }
    return this.#rejected(pod, result.diagnosis, result.visited, nowMs)
  }

  /** The apiserver took the binding. */
  bound(uid: string): void {
    this.queue.delete(uid)
  }

  /** The pod certainly was not bound by us: it is free again, and so is its place. */
  bindFailed(uid: string, nowMs: number): void {
    const placement = this.cluster.placement(uid)
    if (placement?.assumed === true) {
      this.cluster.forget(uid)
      this.#happened({ type: 'podGone', pod: placement.pod }, nowMs)
    }
    if (this.queue.get(uid)?.pod.terminating === true) this.queue.delete(uid)
    else this.queue.failed(uid, nowMs)
  }

  #rejected(pod: PodInfo, diagnosis: Parameters<typeof fitError>[0], visited: number, nowMs: number): Decision {
    const { cluster } = this
    const preemption = preempt(pod, cluster, diagnosis, this.#options.random, this.#options.plugins)
    const afterwards = preemption.message === '' ? '' : `${noClaims}, ${preemption.message}`
    const decision = this.#unschedulable(pod, fitError(diagnosis, afterwards), diagnosis.plugins, nowMs)
    if (preemption.node === undefined) {
      if (!preemption.clearNomination) return { ...decision, visited }
      cluster.clearNomination(pod.uid)
      const had = (pod.pod.status?.nominatedNodeName ?? '') !== ''
      return { ...decision, visited, nominatedNodeName: had ? '' : undefined }
    }
    const demoted = [...cluster.nominatedTo(preemption.node)].filter(({ priority }) => priority < pod.priority)
    for (const { uid } of demoted) cluster.clearNomination(uid)
    cluster.nominate(pod, preemption.node)
    return { ...decision, visited, nominatedNodeName: preemption.node, victims: preemption.victims, demoted }
  }

  #unschedulable(pod: PodInfo, message: string, plugins: ReadonlySet<string>, nowMs: number): UnschedulableDecision {
    this.queue.unschedulable(pod.uid, plugins, nowMs)
    return { kind: 'unschedulable', pod, message, nominatedNodeName: undefined, victims: [], demoted: [], visited: 0 }
  }

  // What informers tell --------------------------------------------------------------------------------

  podSet(object: Pod, nowMs: number): void {
    const phase = object.status?.phase
    if (phase === 'Succeeded' || phase === 'Failed') return this.podDeleted(object, nowMs)
    const pod = podInfo(object)
    const nodeName = object.spec.nodeName ?? ''
    if (nodeName !== '') return this.#assigned(pod, nodeName, nowMs)
    if (this.cluster.placement(pod.uid) !== undefined) {
      // It is being bound, or was a moment ago: only if that fails is it of interest what it was.
      if (this.queue.get(pod.uid) !== undefined) this.queue.set(pod, nowMs)
      return
    }
    if (pod.terminating || !this.#isOurs(object)) return this.podDeleted(object, nowMs)
    const nominated = object.status?.nominatedNodeName ?? ''
    if (nominated !== '' && this.cluster.nominationOf(pod.uid) === undefined) this.cluster.nominate(pod, nominated)
    this.queue.set(pod, nowMs)
  }

  podDeleted(object: Pod, nowMs: number): void {
    const uid = uidOf(object)
    this.queue.delete(uid)
    const nominated = this.cluster.nominationOf(uid) !== undefined
    this.cluster.clearNomination(uid)
    const placement = this.cluster.deletePod(uid)
    if (placement !== undefined) this.#happened({ type: 'podGone', pod: placement.pod }, nowMs)
    else if (nominated) this.#happened({ type: 'podGone', pod: podInfo(object) }, nowMs)
  }

  nodeSet(object: Node, nowMs: number): void {
    const { cluster } = this
    const name = object.metadata.name ?? ''
    const before = cluster.setNode(object)
    const node = cluster.node(name)
    if (node === undefined) return
    if (before === undefined) this.#happened({ type: 'nodeAdded', node }, nowMs)
    else if (before !== node.facts) this.#happened({ type: 'nodeUpdated', node, before }, nowMs)
  }

  nodeDeleted(name: string, nowMs: number): void {
    const before = this.cluster.node(name)?.facts
    this.cluster.deleteNode(name)
    if (before !== undefined) this.#happened({ type: 'nodeDeleted', before }, nowMs)
  }

  namespaceSet({ metadata }: Namespace, nowMs: number): void {
    const name = metadata.name ?? ''
    this.cluster.namespaces.set(name, metadata.labels ?? {})
    this.#happened({ type: 'namespaceUpdated', name }, nowMs)
  }

  namespaceDeleted(name: string): void {
    this.cluster.namespaces.delete(name)
  }

  serviceSet({ metadata, spec }: Service): void {
    this.cluster.workloads.setService(metadata.namespace ?? '', metadata.name ?? '', spec.selector)
  }

  #assigned(pod: PodInfo, nodeName: string, nowMs: number): void {
    const { cluster } = this
    const before = cluster.placement(pod.uid)
    const known = before?.pod
    this.queue.delete(pod.uid)
    cluster.clearNomination(pod.uid)
    cluster.setPod(pod, nodeName)
    if (before === undefined || known === undefined || before.assumed) this.#happened({ type: 'podAssigned', pod }, nowMs)
    else if (isNews(pod, known)) this.#happened({ type: 'podUpdated', pod, before: known }, nowMs)
  }

  #isOurs({ spec }: Pod): boolean {
    return (spec.schedulerName ?? defaultSchedulerName) === (this.#options.schedulerName ?? defaultSchedulerName)
  }

  #happened(event: ClusterEvent, nowMs: number): void {
    this.queue.wake(({ pod, plugins }) => {
      for (const name of plugins) if (this.#plugins.get(name)?.helpedBy?.(event, pod, this.cluster) ?? true) return true
      return false
    }, nowMs)
  }
}

/** Whether what plugins look at of a pod on a node has changed. */
function isNews(pod: PodInfo, before: PodInfo): boolean {
  const { requests } = pod
  if (pod.terminating !== before.terminating) return true
  if (requests.milliCpu !== before.requests.milliCpu || requests.memory !== before.requests.memory) return true
  return JSON.stringify(pod.labels) !== JSON.stringify(before.labels)
}
