// PodGC: deletes pods that nobody else will: too many terminated ones, those of nodes that are gone, those deleted unscheduled.

import type { Flow } from '../actor/index.js'
import { resources } from '../client/index.js'
import type { Pod } from '../kinds/index.js'
import { isBeingDeleted } from '../object/index.js'
import type { ControllerDefinition, ControllerScope, Reconciled } from './controller.js'
import { disrupt } from './pod-disruption.js'
import { type Doomed, planPodGc } from './pod-gc-plan.js'
import { isPodTerminal } from './pod-state.js'

export const podGcController: ControllerDefinition = {
  name: 'pod-garbage-collector',
  interests: [{ resource: resources.pods }, { resource: resources.nodes, wants: (_, deleted) => deleted }],
  needs: [],
  patienceMs: 10_000,
  start: scope => new PodGcController(scope)
}

const sweep = 'sweep'

class PodGcController {
  readonly #scope: ControllerScope
  readonly #pods
  readonly #nodes
  readonly #queue
  readonly #missing = new Map<string, { readonly sinceMs: number; gone: boolean }>()

  constructor(scope: ControllerScope) {
    this.#scope = scope
    this.#pods = scope.informer({ resource: resources.pods })
    this.#nodes = scope.informer({ resource: resources.nodes, metadataOnly: true })
    this.#queue = scope.loop({ workers: 1, reconcile: () => this.#sweep() })
    this.#queue.add(sweep)
    this.#pods.addHandler({ add: pod => this.#seen(pod), update: (_, pod) => this.#seen(pod) })
    this.#nodes.addHandler({ delete: () => this.#queue.add(sweep) })
  }

  // The one case that does not wait for the next sweep: such a pod hangs in full view of whoever deleted it.
  #seen(pod: Pod): void {
    if (isBeingDeleted(pod) && (pod.spec.nodeName ?? '') === '') this.#queue.add(sweep)
  }

  *#sweep(): Flow<Reconciled> {
    const { options } = this.#scope
    this.#queue.addAfter(sweep, options.podGcPeriodMs, 'cluster')
    yield* this.#verifyNodes()
    const isGone = (name: string): boolean => this.#missing.get(name)?.gone === true
    const doomed = planPodGc([...this.#pods.store.values()], options.terminatedPodsMax, isGone)
    const results: boolean[] = []
    for (const one of doomed) results.push(yield* this.#end(one))
    return results.every(ended => ended) ? 'done' : 'retry'
  }

  /** A node that no list shows is gone once it has been missing for the quarantine and a live read says so. */
  *#verifyNodes(): Flow<void> {
    const { ctx, client, options } = this.#scope
    const named = new Set([...this.#pods.store.values()].map(({ spec }) => spec.nodeName ?? ''))
    named.delete('')
    for (const name of this.#missing.keys()) if (!named.has(name) || this.#nodes.store.get(name) !== undefined) this.#missing.delete(name)
    for (const name of named) {
      if (this.#nodes.store.get(name) !== undefined) continue
      const missing = this.#missing.get(name) ?? { sinceMs: ctx.clusterMs, gone: false }
      this.#missing.set(name, missing)
      const leftMs = missing.sinceMs + options.orphanQuarantineMs - ctx.clusterMs
      if (missing.gone) continue
      if (leftMs > 0) {
        this.#queue.addAfter(sweep, leftMs, 'cluster')
        continue
      }
      const live = yield* client.get(resources.nodes, { name })
      if (!live.ok && live.error.reason === 'NotFound') missing.gone = true
    }
  }

  *#end({ pod, why }: Doomed): Flow<boolean> {
    const { client, ctx } = this.#scope
    if (why === 'orphaned') {
      const failed = isPodTerminal(pod) ? {} : { phase: 'Failed' }
      if (!(yield* disrupt(this.#scope, pod, 'DeletionByPodGC', 'PodGC: node no longer exists', failed))) return false
    }
    ctx.log('pod ended', { namespace: pod.metadata.namespace, name: pod.metadata.name, why })
    const deletion = { gracePeriodSeconds: 0, preconditions: { uid: pod.metadata.uid ?? '' } }
    const result = yield* client.delete(resources.pods, pod.metadata, deletion)
    return result.ok || result.error.reason === 'NotFound' || result.error.reason === 'Conflict'
  }
}
