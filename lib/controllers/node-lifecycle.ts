// Node lifecycle controller: notices nodes that went silent, says so in their conditions and taints, and in their pods' readiness.
//
// NoExecute taints, which evict, are put on a limited number of nodes a second in each zone, and on none while every zone is down:
// then the fault is more likely between the nodes and the control plane (upstream's disruption modes).

import type { Flow } from '../actor/index.js'
import { indexers, resources } from '../client/index.js'
import type { Node, Pod } from '../kinds/index.js'
import { findCondition, formatTime, isBeingDeleted, parseTime, semanticEqual } from '../object/index.js'
import type { ControllerDefinition, ControllerScope, Reconciled } from './controller.js'
import {
  evictionsPerSecond,
  type Heartbeat,
  heartbeat,
  lostConditions,
  notReadyTaint,
  plannedTaints,
  readyStatus,
  unreachableTaint,
  zoneOf,
  zoneState
} from './node-health.js'
import { isPodReady, isPodTerminal } from './pod-state.js'
import { TaintEviction } from './taint-eviction.js'

export const nodeLifecycleController: ControllerDefinition = {
  name: 'node-lifecycle-controller',
  interests: [{ resource: resources.nodes }],
  needs: [],
  start: scope => new NodeLifecycleController(scope)
}

const leaseNamespace = 'kube-node-lease'

interface Zone {
  tokens: number
  lastMs: number
  perSecond: number
}

class NodeLifecycleController {
  readonly #scope: ControllerScope
  readonly #recorder
  readonly #nodes
  readonly #leases
  readonly #pods
  readonly #queue
  readonly #heartbeats = new Map<string, Heartbeat>()
  readonly #zones = new Map<string, Zone>()
  readonly #wasReady = new Map<string, boolean>()
  readonly #toMark = new Set<string>() // Lost nodes whose pods still may say that they are ready.
  #allDown = false
  #judging = false

  constructor(scope: ControllerScope) {
    this.#scope = scope
    this.#recorder = scope.recorder('node-controller')
    this.#queue = scope.loop({ workers: 8, reconcile: name => this.#reconcile(name) })
    this.#nodes = scope.informer({ resource: resources.nodes })
    this.#leases = scope.informer({ resource: resources.leases, namespace: leaseNamespace })
    this.#pods = scope.informer({ resource: resources.pods, indexers: { node: indexers.node } })
    this.#nodes.addHandler({
      add: ({ metadata }) => this.#queue.add(metadata.name ?? ''),
      update: (_, { metadata }) => this.#queue.add(metadata.name ?? ''),
      delete: ({ metadata }) => this.#removed(metadata.name ?? '')
    })
    // A pod may come to a node that is lost already. Not whenever it changes, as upstream: a kubelet that lives after all would say
    // the opposite, and so on without end.
    this.#pods.addHandler({
      add: pod => this.#podCame(pod),
      update: (old, pod) => (old.spec.nodeName === pod.spec.nodeName ? undefined : this.#podCame(pod))
    })
    new TaintEviction(scope, this.#pods, this.#nodes)
    scope.ctx.run(this.#monitor())
  }

  // Leases are renewed all the time and only looked at here: a renewal costs no work of its own. All nodes are judged before any
  // is evicted from, so that a whole zone that falls silent at once is seen as one (upstream's monitorNodeHealth).
  *#monitor(): Flow<void> {
    for (;;) {
      yield { step: 'sleep', clock: 'cluster', delayMs: this.#scope.options.nodeMonitorPeriodMs }
      if (!this.#scope.synced) continue
      this.#judging = true
      const nodes = yield* this.#scope.all([...this.#nodes.store.values()].map(node => this.#judge(node)))
      this.#judgeZones(nodes)
      this.#judging = false
      for (const { metadata } of nodes) this.#queue.add(metadata.name ?? '')
    }
  }

  #podCame({ spec: { nodeName: name = '' } }: Pod): void {
    if (this.#wasReady.get(name) !== false) return
    this.#toMark.add(name)
    this.#queue.add(name)
  }

  #removed(name: string): void {
    this.#heartbeats.delete(name)
    this.#wasReady.delete(name)
    this.#toMark.delete(name)
  }

  *#reconcile(name: string): Flow<Reconciled> {
    const node = this.#nodes.store.get(name)
    if (node === undefined) return 'done'
    if (!(yield* this.#taint(node))) return 'retry'
    const ready = readyStatus(node) === 'True'
    const was = this.#wasReady.get(name)
    this.#wasReady.set(name, ready)
    if (ready) this.#toMark.delete(name)
    else if (was !== false) this.#toMark.add(name)
    if (was === true && !ready) {
      const message = `Node ${name} status is now: NodeNotReady`
      this.#recorder.event({ kind: 'Node', name, uid: node.metadata.uid ?? '' }, 'Normal', 'NodeNotReady', message)
    }
    if (!this.#toMark.delete(name) || (yield* this.#markPods(name))) return 'done'
    this.#toMark.add(name)
    return 'retry'
  }

  /** Gives a node up that was silent for the grace period. Answers the node as it is now. */
  *#judge(node: Node): Flow<Node> {
    const { ctx, client, options } = this.#scope
    const name = node.metadata.name ?? ''
    const nowMs = ctx.clusterMs
    const renewTime = this.#leases.store.get(`${leaseNamespace}/${name}`)?.spec?.renewTime
    const beat = heartbeat(this.#heartbeats.get(name), node, renewTime, nowMs)
    this.#heartbeats.set(name, beat)
    const reports = findCondition(node.status?.conditions, 'Ready') !== undefined
    const graceMs = reports ? options.nodeMonitorGracePeriodMs : options.nodeStartupGracePeriodMs
    // A node that never reported is given the time since it was created.
    const sinceMs = reports ? beat.seenMs : Math.min(beat.seenMs, parseTime(node.metadata.creationTimestamp ?? '') ?? beat.seenMs)
    if (nowMs <= sinceMs + graceMs) return node
    const conditions = lostConditions(node, nowMs)
    if (conditions === node.status?.conditions) return node
    const result = yield* client.updateStatus(resources.nodes, { ...node, status: { ...node.status, conditions: [...conditions] } })
    return result.ok ? result.value : node // The next pass tries again.
  }

  // Taints ------------------------------------------------------------------------------------------

  *#taint(node: Node): Flow<boolean> {
    const { ctx, client } = this.#scope
    const taints = plannedTaints(node, this.#mayEvict(node), ctx.clusterMs)
    if (semanticEqual(taints, node.spec?.taints)) return true
    const { uid, resourceVersion, name } = node.metadata
    const patch = { metadata: { uid, resourceVersion }, spec: { taints } }
    const result = yield* client.patch(resources.nodes, { name }, patch)
    const zone = this.#zones.get(zoneOf(node))
    // What a failed write took, the next try may take again.
    if (!result.ok && zone !== undefined && taints.some(({ effect }) => effect === 'NoExecute')) zone.tokens = 1
    return result.ok || result.error.reason === 'NotFound'
  }

  /** A node that is tainted stays so while it is not ready, unless every zone is down; a further one takes a token of its zone. */
  #mayEvict(node: Node): boolean {
    if (readyStatus(node) === 'True' || this.#allDown) return false
    const taints = (node.spec?.taints ?? []).filter(({ effect }) => effect === 'NoExecute')
    if (taints.some(({ key }) => key === notReadyTaint || key === unreachableTaint)) return true
    const zone = this.#zones.get(zoneOf(node))
    if (zone === undefined || this.#judging) return false // It is looked at again when all are judged.
    const nowMs = this.#scope.ctx.clusterMs
    zone.tokens = Math.min(1, zone.tokens + ((nowMs - zone.lastMs) / 1000) * zone.perSecond)
    zone.lastMs = nowMs
    if (zone.perSecond > 0 && zone.tokens >= 1) {
      zone.tokens = 0
      return true
    }
    if (zone.perSecond > 0) this.#queue.addAfter(node.metadata.name ?? '', ((1 - zone.tokens) / zone.perSecond) * 1000 + 1, 'cluster')
    return false
  }

  #judgeZones(nodes: readonly Node[]): void {
    const { options, ctx } = this.#scope
    const counts = new Map<string, { ready: number; notReady: number }>()
    for (const node of nodes) {
      const count = counts.get(zoneOf(node)) ?? { ready: 0, notReady: 0 }
      counts.set(zoneOf(node), count)
      if (readyStatus(node) === 'True') count.ready++
      else count.notReady++
    }
    const states = new Map(
      [...counts].map(([zone, { ready, notReady }]) => [zone, zoneState(ready, notReady, options.unhealthyZoneFraction)])
    )
    const allDown = states.size > 0 && [...states.values()].every(state => state === 'FullDisruption')
    if (allDown !== this.#allDown) ctx.log(allDown ? 'every zone is down: no evictions' : 'zones are back: evictions go on')
    this.#allDown = allDown
    for (const zone of this.#zones.keys()) if (!states.has(zone)) this.#zones.delete(zone)
    for (const [name, state] of states) {
      const { ready, notReady } = counts.get(name) as { ready: number; notReady: number }
      const perSecond = evictionsPerSecond(state, allDown, ready + notReady, options)
      const zone = this.#zones.get(name)
      if (zone === undefined) this.#zones.set(name, { tokens: 1, lastMs: ctx.clusterMs, perSecond })
      else zone.perSecond = perSecond
    }
  }

  // Pods --------------------------------------------------------------------------------------------

  /** A lost node cannot say that its pods are not ready: this controller does, so that services leave them out. */
  *#markPods(name: string): Flow<boolean> {
    const { client, ctx } = this.#scope
    let settled = true
    for (const pod of this.#pods.store.byIndex('node', name)) {
      if (!isPodReady(pod) || isPodTerminal(pod) || isBeingDeleted(pod)) continue
      const condition = { type: 'Ready', status: 'False', lastTransitionTime: formatTime(ctx.clusterMs) }
      const patch = { metadata: { uid: pod.metadata.uid }, status: { conditions: [condition] } }
      const result = yield* client.patch(resources.pods, pod.metadata, patch, { type: 'strategic', subresource: 'status' })
      if (!result.ok && result.error.reason !== 'NotFound') settled = false
      else this.#recorder.event(pod, 'Warning', 'NodeNotReady', 'Node is not ready')
    }
    return settled
  }
}
