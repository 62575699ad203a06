// ReplicaSet controller: keeps the number of pods that a replica set asks for.

import type { Flow } from '../actor/index.js'
import { indexers, resources } from '../client/index.js'
import type { Pod, ReplicaSet } from '../kinds/index.js'
import { controllerOf, formatTime, generateName, isBeingDeleted, objectKey, semanticEqual } from '../object/index.js'
import { claim, planClaim } from './claim.js'
import type { ControllerDefinition, ControllerScope, Reconciled } from './controller.js'
import { Expectations } from './expectations.js'
import { isPodActive, isPodReady } from './pod-state.js'
import { type Failure, nextAvailableMs, planReplicas, podOf, replicaSetStatus, selects, slowStart } from './replica-set-plan.js'

export const replicaSetController: ControllerDefinition = {
  name: 'replicaset-controller',
  interests: [{ resource: resources.replicaSets }],
  needs: [],
  start: scope => new ReplicaSetController(scope)
}

const unreconciledMs = 1_000 // When expectations may have to be given up, look again.

class ReplicaSetController {
  readonly #scope: ControllerScope
  readonly #expectations = new Expectations()
  readonly #recorder
  readonly #replicaSets
  readonly #pods
  readonly #queue

  constructor(scope: ControllerScope) {
    this.#scope = scope
    this.#recorder = scope.recorder('replicaset-controller')
    this.#queue = scope.loop({ reconcile: key => this.#reconcile(key) })
    this.#replicaSets = scope.informer({
      resource: resources.replicaSets,
      indexers: { namespace: indexers.namespace, controller: indexers.controller }
    })
    this.#pods = scope.informer({ resource: resources.pods, indexers: { namespace: indexers.namespace, controller: indexers.controller } })
    this.#replicaSets.addHandler({
      add: replicaSet => this.#queue.add(objectKey(replicaSet.metadata)),
      update: (_, replicaSet) => this.#queue.add(objectKey(replicaSet.metadata)),
      delete: replicaSet => {
        this.#expectations.forget(objectKey(replicaSet.metadata))
        this.#queue.add(objectKey(replicaSet.metadata))
      }
    })
    this.#pods.addHandler({
      add: pod => this.#podAdded(pod),
      update: (old, pod) => this.#podUpdated(old, pod),
      delete: pod => this.#podDeleted(pod)
    })
  }

  // What a pod's change is to its replica sets ----------------------------------------------------

  #ownerOf(pod: Pod): ReplicaSet | undefined {
    const controller = controllerOf(pod)
    if (controller?.kind !== 'ReplicaSet') return undefined
    const owner = this.#replicaSets.store.get(`${pod.metadata.namespace}/${controller.name}`)
    return owner?.metadata.uid === controller.uid ? owner : undefined
  }

  #podAdded(pod: Pod): void {
    if (isBeingDeleted(pod)) return this.#podDeleted(pod) // Seen first when it is already on its way out.
    const owner = this.#ownerOf(pod)
    if (owner !== undefined) {
      const key = objectKey(owner.metadata)
      this.#expectations.creationObserved(key)
      this.#queue.add(key)
    } else if (controllerOf(pod) === undefined) this.#orphanChanged(pod)
    else this.#creationSeenEarly(pod)
  }

  // The pods' informer may be ahead of the replica sets': the owner is queued when it comes, and must find this pod counted.
  #creationSeenEarly(pod: Pod): void {
    const controller = controllerOf(pod)
    if (controller?.kind === 'ReplicaSet') this.#expectations.creationObserved(`${pod.metadata.namespace}/${controller.name}`)
  }

  #podUpdated(old: Pod, pod: Pod): void {
    if (isBeingDeleted(pod)) {
      this.#podDeleted(pod)
      return
    }
    const before = this.#ownerOf(old)
    const owner = this.#ownerOf(pod)
    if (before !== undefined && before !== owner) this.#queue.add(objectKey(before.metadata))
    if (owner !== undefined) this.#queue.add(objectKey(owner.metadata))
    else if (controllerOf(pod) === undefined) this.#orphanChanged(pod)
  }

  // A pod counts as deleted as soon as its deletion has begun: its replacement does not wait for its grace.
  #podDeleted(pod: Pod): void {
    const controller = controllerOf(pod)
    if (controller?.kind !== 'ReplicaSet') return
    const key = `${pod.metadata.namespace}/${controller.name}`
    this.#expectations.deletionObserved(key, pod.metadata.uid ?? '')
    this.#queue.add(key)
  }

  #orphanChanged(pod: Pod): void {
    for (const replicaSet of this.#replicaSets.store.byIndex('namespace', pod.metadata.namespace ?? '')) {
      if (selects(replicaSet, pod)) this.#queue.add(objectKey(replicaSet.metadata))
    }
  }

  // Reconciling -------------------------------------------------------------------------------------

  *#reconcile(key: string): Flow<Reconciled> {
    const { ctx } = this.#scope
    const replicaSet = this.#replicaSets.store.get(key)
    if (replicaSet === undefined) {
      this.#expectations.forget(key)
      return 'done'
    }
    const caughtUp = this.#expectations.satisfied(key, ctx.nowMs)
    const inNamespace = this.#pods.store.byIndex('namespace', replicaSet.metadata.namespace ?? '')
    const plan = planClaim(replicaSet, inNamespace, isPodActive)
    const owned = yield* claim(this.#scope, replicaSet, resources.replicaSets, resources.pods, {
      ...plan,
      keep: plan.keep.filter(isPodActive)
    })
    if (owned === undefined) return 'retry'
    let failure: Failure | undefined
    if (caughtUp && !isBeingDeleted(replicaSet)) failure = yield* this.#manage(key, replicaSet, owned)
    else if (!caughtUp) this.#queue.addAfter(key, unreconciledMs, 'real')
    const updated = yield* this.#updateStatus(key, owned, failure)
    return failure !== undefined || !updated ? 'retry' : 'done'
  }

  *#manage(key: string, replicaSet: ReplicaSet, active: readonly Pod[]): Flow<Failure | undefined> {
    const { create, remove } = planReplicas(replicaSet, active, this.#related(replicaSet), this.#scope.ctx.clusterMs)
    if (create > 0) return yield* this.#create(key, replicaSet, create)
    if (remove.length > 0) return yield* this.#remove(key, replicaSet, remove)
    return undefined
  }

  *#create(key: string, replicaSet: ReplicaSet, count: number): Flow<Failure | undefined> {
    const { ctx } = this.#scope
    this.#expectations.expectCreations(key, count, ctx.nowMs)
    let started = 0
    for (const size of slowStart(count)) {
      const flows = Array.from({ length: size }, () => this.#createPod(key, replicaSet))
      started += size
      const faults = (yield* this.#scope.all(flows)).filter(fault => fault !== undefined)
      if (faults.length === 0) continue
      for (let skipped = started; skipped < count; skipped++) this.#expectations.creationObserved(key)
      // Nothing can be created where everything is being deleted: no failure, no retry (upstream's NamespaceTerminatingCause).
      return faults[0]?.includes('being terminated') ? undefined : { reason: 'FailedCreate', message: faults[0] as string }
    }
    return undefined
  }

  *#createPod(key: string, replicaSet: ReplicaSet): Flow<string | undefined> {
    const { ctx, client } = this.#scope
    const pod = podOf(
      replicaSet,
      generateName(`${replicaSet.metadata.name}-`, () => ctx.random())
    )
    const result = yield* client.create(resources.pods, pod)
    if (result.ok) {
      this.#recorder.event(replicaSet, 'Normal', 'SuccessfulCreate', `Created pod: ${result.value.metadata.name}`)
      return undefined
    }
    // After a failure that may have happened, the pod may still show; the expectation is given up anyway, as upstream does.
    if (!result.error.definite) ctx.log('creation in doubt', { replicaSet: key, pod: pod.metadata.name ?? '' })
    this.#expectations.creationObserved(key)
    this.#recorder.event(replicaSet, 'Warning', 'FailedCreate', `Error creating: ${result.error.message}`)
    return result.error.message
  }

  *#remove(key: string, replicaSet: ReplicaSet, pods: readonly Pod[]): Flow<Failure | undefined> {
    for (const pod of pods) this.#expectations.expectDeletion(key, pod.metadata.uid ?? '', this.#scope.ctx.nowMs)
    const faults = yield* this.#scope.all(pods.map(pod => this.#removePod(key, replicaSet, pod)))
    const message = faults.find(fault => fault !== undefined)
    return message === undefined ? undefined : { reason: 'FailedDelete', message }
  }

  *#removePod(key: string, replicaSet: ReplicaSet, pod: Pod): Flow<string | undefined> {
    const uid = pod.metadata.uid ?? ''
    const result = yield* this.#scope.client.delete(resources.pods, pod.metadata, { preconditions: { uid } })
    if (result.ok) {
      this.#recorder.event(replicaSet, 'Normal', 'SuccessfulDelete', `Deleted pod: ${pod.metadata.name}`)
      return undefined
    }
    this.#expectations.deletionObserved(key, uid)
    if (result.error.reason === 'NotFound') return undefined
    this.#recorder.event(replicaSet, 'Warning', 'FailedDelete', `Error deleting: ${result.error.message}`)
    return result.error.message
  }

  *#updateStatus(key: string, owned: readonly Pod[], failure: Failure | undefined): Flow<boolean> {
    const { ctx, client } = this.#scope
    const replicaSet = this.#replicaSets.store.get(key)
    if (replicaSet === undefined) return true
    const nowMs = ctx.clusterMs
    // What was created or deleted just now is counted when the informer shows it.
    const pods = owned.map(pod => this.#pods.store.get(objectKey(pod.metadata)) ?? pod).filter(isPodActive)
    const dueMs = nextAvailableMs(replicaSet, pods.filter(isPodReady), nowMs)
    if (dueMs !== undefined) this.#queue.addAfter(key, dueMs - nowMs, 'cluster')
    const status = replicaSetStatus(replicaSet, pods, failure, nowMs, formatTime(nowMs))
    if (semanticEqual(replicaSet.status, status)) return true
    const result = yield* client.updateStatus(resources.replicaSets, { ...replicaSet, status })
    return result.ok || result.error.reason === 'NotFound'
  }

  #related(replicaSet: ReplicaSet): Pod[] {
    const controller = controllerOf(replicaSet)
    if (controller === undefined) return this.#pods.store.byIndex('controller', replicaSet.metadata.uid ?? '')
    const siblings = this.#replicaSets.store.byIndex('controller', controller.uid)
    return siblings.flatMap(sibling => this.#pods.store.byIndex('controller', sibling.metadata.uid ?? ''))
  }
}
