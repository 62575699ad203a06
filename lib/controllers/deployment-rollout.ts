// Rollout: one look at a deployment and its replica sets, and the next step. The flows around deployment-plan and -status.

import type { Flow } from '../actor/index.js'
import { apiVersionOf, type Recorder, resources, type WorkQueue } from '../client/index.js'
import type { Deployment, DeploymentStatus, ReplicaSet } from '../kinds/index.js'
import { controllerReference, findCondition, isControlledBy, objectKey, semanticEqual } from '../object/index.js'
import type { ControllerScope, Reconciled } from './controller.js'
import {
  annotationsOf,
  maxRevision,
  newReplicaSetAnnotations,
  revisionAnnotation,
  revisionOf,
  sizeAnnotations
} from './deployment-annotations.js'
import {
  isActive,
  isScalingEvent,
  newReplicaSetSize,
  planCleanup,
  planRollingUpdate,
  planScale,
  type Scaling,
  sizeOf
} from './deployment-plan.js'
import {
  countedStatus,
  deadlineAfterMs,
  hasProgressDeadline,
  isComplete,
  pausedCondition,
  progressing,
  rolloutStatus,
  withCondition
} from './deployment-status.js'
import { byCreation } from './pod-state.js'
import { hashLabel, sameTemplate, templateHash } from './template-hash.js'

/** A write that failed: the look is given up, and the deployment looked at again. */
class GivenUp extends Error {}

const progressingReason = { created: 'NewReplicaSetCreated', found: 'FoundNewReplicaSet', failed: 'ReplicaSetCreateError' } as const

export class Rollout {
  readonly #scope: ControllerScope
  readonly #recorder: Recorder
  readonly #queue: WorkQueue
  #deployment: Deployment
  #all: ReplicaSet[]

  constructor(scope: ControllerScope, recorder: Recorder, queue: WorkQueue, deployment: Deployment, replicaSets: readonly ReplicaSet[]) {
    this.#scope = scope
    this.#recorder = recorder
    this.#queue = queue
    this.#deployment = deployment
    this.#all = [...replicaSets]
  }

  *sync(podsGone: (replicaSets: readonly ReplicaSet[]) => boolean): Flow<Reconciled> {
    try {
      const condition = pausedCondition(this.#deployment, this.#scope.ctx.clusterMs)
      if (condition !== undefined) yield* this.#setStatus({ conditions: withCondition(this.#deployment.status?.conditions, condition) })
      if (this.#deployment.spec.paused === true || isScalingEvent(this.#deployment, this.#all)) yield* this.#resize()
      else if (this.#deployment.spec.strategy?.type === 'Recreate') yield* this.#recreate(podsGone)
      else yield* this.#roll()
      return 'done'
    } catch (error) {
      if (error instanceof GivenUp) return 'retry'
      throw error
    }
  }

  *syncStatusOnly(): Flow<Reconciled> {
    try {
      yield* this.#syncCounts()
      return 'done'
    } catch (error) {
      if (error instanceof GivenUp) return 'retry'
      throw error
    }
  }

  // Strategies --------------------------------------------------------------------------------------

  *#resize(): Flow<void> {
    yield* this.#revise(false)
    for (const scaling of planScale(this.#deployment, this.#newest(), this.#old())) yield* this.#scale(scaling)
    if (this.#deployment.spec.paused === true) yield* this.#cleanup()
    yield* this.#syncCounts()
  }

  *#roll(): Flow<void> {
    const newest = yield* this.#revise(true)
    if (newest === undefined) return
    const steps = planRollingUpdate(this.#deployment, newest, this.#old())
    for (const scaling of steps) yield* this.#scale(scaling)
    if (steps.length === 0 && isComplete(this.#deployment, this.#deployment.status ?? {})) yield* this.#cleanup()
    yield* this.#syncRollout()
  }

  *#recreate(podsGone: (replicaSets: readonly ReplicaSet[]) => boolean): Flow<void> {
    yield* this.#revise(false)
    const down = this.#old().filter(isActive)
    for (const replicaSet of down) yield* this.#scale({ replicaSet, replicas: 0 })
    if (down.length === 0 && podsGone(this.#old())) {
      const newest = this.#newest() ?? (yield* this.#revise(true))
      if (newest === undefined) return
      yield* this.#scale({ replicaSet: newest, replicas: this.#deployment.spec.replicas ?? 1 })
      if (isComplete(this.#deployment, this.#deployment.status ?? {})) yield* this.#cleanup()
    }
    yield* this.#syncRollout()
  }

  // Replica sets ------------------------------------------------------------------------------------

  /** The oldest with the deployment's template: should there be two, everyone agrees on which. */
  #newest(): ReplicaSet | undefined {
    return [...this.#all].sort(byCreation).find(({ spec }) => sameTemplate(spec.template, this.#deployment.spec.template))
  }

  #old(): ReplicaSet[] {
    const newest = this.#newest()
    return this.#all.filter(one => one.metadata.uid !== newest?.metadata.uid)
  }

  /** Brings the newest replica set's revision and annotations up to date, and the deployment's; creates it if it is to. */
  *#revise(create: boolean): Flow<ReplicaSet | undefined> {
    const existing = this.#newest()
    const revision = maxRevision(this.#old()) + 1
    if (existing !== undefined) return yield* this.#reviseExisting(existing, revision)
    return create ? yield* this.#create(revision) : undefined
  }

  *#reviseExisting(existing: ReplicaSet, revision: number): Flow<ReplicaSet> {
    const annotations = newReplicaSetAnnotations(this.#deployment, annotationsOf(existing), revision, true)
    const { minReadySeconds } = this.#deployment.spec
    let newest = existing
    if (!semanticEqual(annotations, annotationsOf(existing)) || (minReadySeconds ?? 0) !== (existing.spec.minReadySeconds ?? 0)) {
      const spec = { ...existing.spec, minReadySeconds: minReadySeconds ?? 0 }
      newest = yield* this.#update({ ...existing, metadata: { ...existing.metadata, annotations }, spec })
    }
    const message = `Found new replica set "${newest.metadata.name}"`
    const isNew = findCondition(this.#deployment.status?.conditions, 'Progressing') === undefined
    yield* this.#noteRevision(newest, isNew ? progressing('True', progressingReason.found, message, this.#scope.ctx.clusterMs) : undefined)
    return newest
  }

  *#create(revision: number): Flow<ReplicaSet | undefined> {
    const { client, ctx } = this.#scope
    const made = this.#compose(revision)
    const name = made.metadata.name as string
    const result = yield* client.create(resources.replicaSets, made)
    let newest: ReplicaSet
    if (result.ok) {
      newest = result.value
      const size = sizeOf(newest)
      if (size > 0) this.#event('ScalingReplicaSet', `Scaled up replica set ${name} from 0 to ${size}`)
    } else if (result.error.reason === 'AlreadyExists') newest = yield* this.#collided(name)
    else {
      if (result.error.message.includes('being terminated')) return undefined
      const message = `Failed to create new replica set "${name}": ${result.error.message}`
      this.#recorder.event(this.#deployment, 'Warning', progressingReason.failed, message)
      if (hasProgressDeadline(this.#deployment)) {
        const condition = progressing('False', progressingReason.failed, message, ctx.clusterMs)
        yield* this.#setStatus({ conditions: withCondition(this.#deployment.status?.conditions, condition) })
      }
      throw new GivenUp()
    }
    this.#all.push(newest)
    const condition = progressing('True', progressingReason.created, `Created new replica set "${name}"`, ctx.clusterMs)
    yield* this.#noteRevision(newest, result.ok ? condition : undefined)
    return newest
  }

  #compose(revision: number): ReplicaSet {
    const deployment = this.#deployment
    const { template, selector, replicas = 1, minReadySeconds } = deployment.spec
    const hash = templateHash(template, deployment.status?.collisionCount)
    const labels = { ...template.metadata?.labels, [hashLabel]: hash }
    return {
      apiVersion: apiVersionOf(resources.replicaSets),
      kind: 'ReplicaSet',
      metadata: {
        name: `${deployment.metadata.name}-${hash}`,
        namespace: deployment.metadata.namespace ?? '',
        labels,
        annotations: newReplicaSetAnnotations(deployment, {}, revision, false),
        ownerReferences: [{ ...controllerReference(deployment), apiVersion: 'apps/v1', kind: 'Deployment' }]
      },
      spec: {
        replicas: replicas === 0 ? 0 : newReplicaSetSize(deployment, this.#all, 0),
        ...(minReadySeconds === undefined ? {} : { minReadySeconds }),
        selector: { ...selector, matchLabels: { ...selector.matchLabels, [hashLabel]: hash } },
        template: { ...template, metadata: { ...template.metadata, labels } }
      }
    }
  }

  /** There is one of that name. Ours, made before we knew: then it is the one. Otherwise the hash must change. */
  *#collided(name: string): Flow<ReplicaSet> {
    const found = yield* this.#scope.client.get(resources.replicaSets, { namespace: this.#deployment.metadata.namespace, name })
    if (!found.ok) throw new GivenUp()
    const { template } = this.#deployment.spec
    if (isControlledBy(found.value, this.#deployment) && sameTemplate(found.value.spec.template, template)) return found.value
    yield* this.#setStatus({ collisionCount: (this.#deployment.status?.collisionCount ?? 0) + 1 })
    throw new GivenUp()
  }

  // One write for both: annotations may be changed together with the status.
  *#noteRevision(newest: ReplicaSet, condition: ReturnType<typeof progressing> | undefined): Flow<void> {
    const { metadata, status } = this.#deployment
    const revision = annotationsOf(newest)[revisionAnnotation]
    const conditions =
      condition !== undefined && hasProgressDeadline(this.#deployment) ? withCondition(status?.conditions, condition) : undefined
    const isNoted = revision === undefined || annotationsOf(this.#deployment)[revisionAnnotation] === revision
    if (isNoted && conditions === undefined) return
    if (!isNoted) {
      const annotations = { ...annotationsOf(this.#deployment), [revisionAnnotation]: revision }
      this.#deployment = { ...this.#deployment, metadata: { ...metadata, annotations } }
    }
    yield* this.#setStatus(conditions === undefined ? {} : { conditions })
  }

  *#scale({ replicaSet, replicas }: Scaling): Flow<void> {
    const annotations = { ...annotationsOf(replicaSet), ...sizeAnnotations(this.#deployment) }
    const before = sizeOf(replicaSet)
    if (replicas === before && semanticEqual(annotations, annotationsOf(replicaSet))) return
    const { metadata, spec } = replicaSet
    yield* this.#update({ ...replicaSet, metadata: { ...metadata, annotations }, spec: { ...spec, replicas } })
    if (replicas === before) return
    const way = replicas > before ? 'up' : 'down'
    this.#event('ScalingReplicaSet', `Scaled ${way} replica set ${metadata.name} from ${before} to ${replicas}`)
  }

  *#update(replicaSet: ReplicaSet): Flow<ReplicaSet> {
    const result = yield* this.#scope.client.update(resources.replicaSets, replicaSet)
    if (!result.ok) throw new GivenUp()
    this.#all = this.#all.map(one => (one.metadata.uid === result.value.metadata.uid ? result.value : one))
    return result.value
  }

  *#cleanup(): Flow<void> {
    for (const replicaSet of planCleanup(this.#deployment, this.#old(), revisionOf)) {
      const result = yield* this.#scope.client.delete(resources.replicaSets, replicaSet.metadata)
      if (!result.ok && result.error.reason !== 'NotFound') throw new GivenUp()
      this.#all = this.#all.filter(one => one !== replicaSet)
    }
  }

  // Status ------------------------------------------------------------------------------------------

  *#syncCounts(): Flow<void> {
    const status = countedStatus(this.#deployment, this.#all, this.#newest(), this.#scope.ctx.clusterMs)
    if (!semanticEqual(status, this.#deployment.status ?? {})) yield* this.#setStatus(status)
  }

  *#syncRollout(): Flow<void> {
    const { ctx } = this.#scope
    const status = rolloutStatus(this.#deployment, this.#all, this.#newest(), ctx.clusterMs)
    if (!semanticEqual(status, this.#deployment.status ?? {})) yield* this.#setStatus(status)
    const afterMs = deadlineAfterMs(this.#deployment, status, ctx.clusterMs)
    if (afterMs !== undefined) this.#queue.addAfter(objectKey(this.#deployment.metadata), afterMs, 'cluster')
  }

  *#setStatus(status: DeploymentStatus): Flow<void> {
    const next = { ...this.#deployment, status: { ...this.#deployment.status, ...status } }
    for (const count of ['replicas', 'updatedReplicas', 'readyReplicas', 'availableReplicas', 'unavailableReplicas'] as const) {
      // A count that fell to zero is absent in a whole status; a part leaves the others as they were.
      if (status.observedGeneration !== undefined && status[count] === undefined) delete next.status[count]
    }
    const result = yield* this.#scope.client.updateStatus(resources.deployments, next)
    if (!result.ok) throw new GivenUp()
    this.#deployment = result.value
  }

  #event(reason: string, message: string): void {
    this.#recorder.event(this.#deployment, 'Normal', reason, message)
  }
}
