// Taint eviction: deletes pods from nodes whose NoExecute taints they do not tolerate, or not for so long. Times by the cluster's clock.

import type { Flow } from '../actor/index.js'
import { type Informer, type Recorder, resources, type WorkQueue } from '../client/index.js'
import type { Node, Pod } from '../kinds/index.js'
import { isBeingDeleted, objectKey, semanticEqual } from '../object/index.js'
import type { ControllerScope, Reconciled } from './controller.js'
import { planEviction, type Scheduled } from './eviction-plan.js'
import { disrupt } from './pod-disruption.js'

export class TaintEviction {
  readonly #scope: ControllerScope
  readonly #recorder: Recorder
  readonly #pods: Informer<Pod>
  readonly #nodes: Informer<Node>
  readonly #queue: WorkQueue
  readonly #waiting = new Map<string, Scheduled & { readonly uid: string }>()

  /** `pods` is indexed by `node`. */
  constructor(scope: ControllerScope, pods: Informer<Pod>, nodes: Informer<Node>) {
    this.#scope = scope
    this.#pods = pods
    this.#nodes = nodes
    this.#recorder = scope.recorder('taint-eviction-controller')
    this.#queue = scope.loop({ workers: 8, reconcile: key => this.#reconcile(key) })
    const enqueue = (pod: Pod): void => this.#queue.add(objectKey(pod.metadata))
    pods.addHandler({ add: enqueue, update: (_, pod) => enqueue(pod), delete: enqueue })
    const tainted = ({ metadata }: Node): void => {
      for (const pod of pods.store.byIndex('node', metadata.name ?? '')) enqueue(pod)
    }
    nodes.addHandler({
      add: node => ((node.spec?.taints ?? []).length > 0 ? tainted(node) : undefined),
      update: (old, node) => (semanticEqual(old.spec?.taints, node.spec?.taints) ? undefined : tainted(node))
    })
  }

  *#reconcile(key: string): Flow<Reconciled> {
    const { ctx, client } = this.#scope
    const pod = this.#pods.store.get(key)
    const nowMs = ctx.clusterMs
    const known = this.#waiting.get(key)
    const same = known?.uid === pod?.metadata.uid ? known : undefined
    if (pod === undefined || isBeingDeleted(pod) || (pod.spec.nodeName ?? '') === '') {
      this.#waiting.delete(key)
      return 'done'
    }
    const taints = this.#nodes.store.get(pod.spec.nodeName ?? '')?.spec?.taints ?? []
    const planned = planEviction(pod, taints, same, nowMs)
    if (planned === undefined) {
      this.#waiting.delete(key)
      if (same !== undefined) this.#recorder.event(pod, 'Normal', 'TaintManagerEviction', `Cancelling deletion of Pod ${key}`)
      return 'done'
    }
    this.#waiting.set(key, { ...planned, uid: pod.metadata.uid ?? '' })
    if (planned.atMs > nowMs) {
      this.#queue.addAfter(key, planned.atMs - nowMs, 'cluster')
      return 'done'
    }
    this.#recorder.event(pod, 'Normal', 'TaintManagerEviction', `Marking for deletion Pod ${key}`)
    const marked = yield* disrupt(this.#scope, pod, 'DeletionByTaintManager', 'Taint manager: deleting due to NoExecute taint')
    if (!marked) return 'retry'
    const result = yield* client.delete(resources.pods, pod.metadata, { preconditions: { uid: pod.metadata.uid ?? '' } })
    if (!result.ok && result.error.reason !== 'NotFound' && result.error.reason !== 'Conflict') return 'retry'
    this.#waiting.delete(key)
    return 'done'
  }
}
