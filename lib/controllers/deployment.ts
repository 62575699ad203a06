// Deployment controller: rolls a deployment's pods out through replica sets, one per pod template.

import type { Flow } from '../actor/index.js'
import { type Informer, indexers, resources } from '../client/index.js'
import type { Deployment, Pod, ReplicaSet } from '../kinds/index.js'
import { controllerOf, isBeingDeleted, matchesLabels, objectKey, selectorOf } from '../object/index.js'
import { claim, planClaim } from './claim.js'
import type { ControllerDefinition, ControllerScope, Reconciled } from './controller.js'
import { Rollout } from './deployment-rollout.js'

export const deploymentController: ControllerDefinition = {
  name: 'deployment-controller',
  interests: [{ resource: resources.deployments }],
  needs: ['replicaset-controller'],
  start: scope => new DeploymentController(scope)
}

class DeploymentController {
  readonly #scope: ControllerScope
  readonly #recorder
  readonly #deployments
  readonly #replicaSets
  readonly #queue
  #pods: Informer<Pod> | undefined // Only for Recreate, which waits until the old pods are gone.

  constructor(scope: ControllerScope) {
    this.#scope = scope
    this.#recorder = scope.recorder('deployment-controller')
    this.#queue = scope.loop({ reconcile: key => this.#reconcile(key) })
    const enqueue = (deployment: Deployment): void => this.#queue.add(objectKey(deployment.metadata))
    this.#deployments = scope.informer({ resource: resources.deployments, indexers: { namespace: indexers.namespace } })
    this.#replicaSets = scope.informer({
      resource: resources.replicaSets,
      indexers: { namespace: indexers.namespace, controller: indexers.controller }
    })
    this.#deployments.addHandler({ add: enqueue, update: (_, deployment) => enqueue(deployment), delete: enqueue })
    this.#replicaSets.addHandler({
      add: replicaSet => this.#replicaSetChanged(replicaSet),
      update: (old, replicaSet) => {
        if (controllerOf(old)?.uid !== controllerOf(replicaSet)?.uid) this.#replicaSetChanged(old)
        this.#replicaSetChanged(replicaSet)
      },
      delete: replicaSet => this.#replicaSetChanged(replicaSet)
    })
  }

  #replicaSetChanged(replicaSet: ReplicaSet): void {
    const controller = controllerOf(replicaSet)
    const namespace = replicaSet.metadata.namespace ?? ''
    if (controller !== undefined) {
      if (controller.kind === 'Deployment') this.#queue.add(`${namespace}/${controller.name}`)
      return
    }
    for (const deployment of this.#deployments.store.byIndex('namespace', namespace)) {
      if (matchesLabels(selectorOf(deployment.spec.selector), replicaSet.metadata.labels)) this.#queue.add(objectKey(deployment.metadata))
    }
  }

  *#reconcile(key: string): Flow<Reconciled> {
    const deployment = this.#deployments.store.get(key)
    if (deployment === undefined) return 'done'
    const { selector } = deployment.spec
    if (Object.keys(selector.matchLabels ?? {}).length === 0 && (selector.matchExpressions ?? []).length === 0) {
      const message = 'This deployment is selecting all pods. A non-empty selector is required.'
      this.#recorder.event(deployment, 'Warning', 'SelectingAll', message)
      return 'done'
    }
    const inNamespace = this.#replicaSets.store.byIndex('namespace', deployment.metadata.namespace ?? '')
    const plan = planClaim(deployment, inNamespace)
    const owned = yield* claim(this.#scope, deployment, resources.deployments, resources.replicaSets, plan)
    if (owned === undefined) return 'retry'
    const fresh = owned.map(one => this.#fresh(one))
    const rollout = new Rollout(this.#scope, this.#recorder, this.#queue, deployment, fresh)
    if (isBeingDeleted(deployment)) return yield* rollout.syncStatusOnly()
    const podsGone = (replicaSets: readonly ReplicaSet[]): boolean => replicaSets.every(one => this.#isVacated(one))
    if (deployment.spec.strategy?.type === 'Recreate' && !this.#podsSynced(key)) return 'done'
    return yield* rollout.sync(podsGone)
  }

  #fresh(replicaSet: ReplicaSet): ReplicaSet {
    const known = this.#replicaSets.store.get(objectKey(replicaSet.metadata))
    return known !== undefined && Number(known.metadata.resourceVersion) > Number(replicaSet.metadata.resourceVersion) ? known : replicaSet
  }

  /** Whether no pod of that replica set runs any more, not even one that is being deleted. */
  #isVacated(replicaSet: ReplicaSet): boolean {
    const pods = this.#pods?.store.byIndex('controller', replicaSet.metadata.uid ?? '') ?? []
    return pods.every(({ status }) => status?.phase === 'Failed' || status?.phase === 'Succeeded')
  }

  #podsSynced(key: string): boolean {
    if (this.#pods === undefined) {
      this.#pods = this.#scope.informer({ resource: resources.pods, indexers: { controller: indexers.controller } })
      const changed = (pod: Pod): void => this.#podGone(pod)
      this.#pods.addHandler({ update: (_, pod) => changed(pod), delete: changed })
    }
    if (this.#pods.synced) return true
    this.#pods.whenSynced(() => this.#queue.add(key))
    return false
  }

  #podGone(pod: Pod): void {
    const controller = controllerOf(pod)
    if (controller?.kind !== 'ReplicaSet') return
    const replicaSet = this.#replicaSets.store.get(`${pod.metadata.namespace}/${controller.name}`)
    if (replicaSet !== undefined) this.#replicaSetChanged(replicaSet)
  }
}
