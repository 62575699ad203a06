// Garbage collector: deletes what belongs to nobody any more, and carries out foreground deletion and orphaning.
//
// It follows the metadata of every kind the API serves. Guarantee: nothing is deleted because of a cache: an owner counts as gone
// only after a live read said so (NotFound, or another uid), and a deletion carries the uid it is meant for.

import type { Flow } from '../actor/index.js'
import { groupResource, type Informer, type Resource, resources } from '../client/index.js'
import type { ApiObject, OwnerReference } from '../object/index.js'
import type { ControllerDefinition, ControllerScope, Reconciled } from './controller.js'
import { discover, isCollectable } from './discovery.js'
import { type Due, foregroundFinalizer, type GraphNode, judge, OwnerGraph, type OwnerState, orphanFinalizer } from './owner-graph.js'

const wants = ({ kind, metadata }: ApiObject, deleted: boolean): boolean => {
  if (deleted) return kind !== 'Pod' || (metadata.finalizers ?? []).length > 0 // Pods come and go, and own little.
  if (metadata.finalizers?.some(name => name === foregroundFinalizer || name === orphanFinalizer) === true) return true
  return (metadata.ownerReferences ?? []).length > 0
}

export const garbageCollector: ControllerDefinition = {
  name: 'garbage-collector',
  interests: [
    // Owners of most of what there is: their deletion is noticed from the start.
    { resource: resources.deployments, wants },
    { resource: resources.replicaSets, wants },
    { resource: resources.services, wants },
    { resource: resources.nodes, wants },
    // Leases are owned by their nodes: nothing to do until a node goes, and they change all the time.
    { resource: 'discovered', skips: ({ plural }) => plural === 'leases', wants }
  ],
  needs: [],
  patienceMs: 3_000,
  start: scope => new GarbageCollector(scope)
}

const discoverEveryMs = 30_000 // As upstream; CRDs that come and go are noticed at once.
const absentMax = 500 // Owners known to be gone, as upstream's cache.
const crdGroup = 'apiextensions.k8s.io'

class GarbageCollector {
  readonly #scope: ControllerScope
  readonly #graph = new OwnerGraph()
  readonly #informers = new Map<string, Informer<ApiObject>>()
  readonly #absent = new Set<string>()
  readonly #queue
  readonly #discovery

  constructor(scope: ControllerScope) {
    this.#scope = scope
    this.#discovery = scope.loop({ workers: 1, reconcile: () => this.#discover() })
    this.#queue = scope.loop({
      workers: 20, // As --concurrent-gc-syncs.
      reconcile: key => (key.startsWith('orphan/') ? this.#orphan(key.slice('orphan/'.length)) : this.#examine(key))
    })
    this.#discovery.add('')
  }

  // The kinds ---------------------------------------------------------------------------------------

  *#discover(): Flow<Reconciled> {
    const { resources: found, failures } = yield* discover(this.#scope.client)
    this.#discovery.addAfter('', discoverEveryMs, 'real')
    const served = new Map(found.filter(isCollectable).map(resource => [groupResource(resource), resource]))
    for (const [name, resource] of served) if (!this.#informers.has(name)) this.#follow(name, resource)
    if (failures.length > 0) return 'retry' // What could not be asked for is not known to be gone.
    for (const [name, informer] of [...this.#informers]) {
      if (served.has(name)) continue
      this.#scope.release(informer)
      this.#informers.delete(name)
      for (const object of informer.store.values()) this.#due(this.#graph.gone(object.metadata.uid ?? ''))
    }
    return 'done'
  }

  #follow(name: string, resource: Resource): void {
    const informer = this.#scope.informer({ resource, metadataOnly: true })
    this.#informers.set(name, informer)
    informer.addHandler({
      add: object => this.#due(this.#graph.observed(object, resource)),
      update: (_, object) => this.#due(this.#graph.observed(object, resource)),
      delete: ({ metadata }) => {
        this.#absent.add(metadata.uid ?? '')
        if (this.#absent.size > absentMax) for (const oldest of this.#absent) if (this.#absent.delete(oldest)) break
        this.#due(this.#graph.gone(metadata.uid ?? ''))
      }
    })
    if (resource.group !== crdGroup) return
    const again = (): void => this.#discovery.addAfter('', 100, 'real')
    informer.addHandler({ add: (_, initial) => (initial ? undefined : again()), update: again, delete: again })
  }

  #due({ examine, orphan }: Due): void {
    for (const uid of examine) this.#queue.add(uid)
    for (const uid of orphan) this.#queue.add(`orphan/${uid}`)
  }

  // One object --------------------------------------------------------------------------------------

  *#examine(uid: string): Flow<Reconciled> {
    const node = this.#graph.get(uid)
    if (node === undefined || (node.beingDeleted && !node.deletesDependents)) return 'done'
    if (!node.deletesDependents && this.#allOwned(node)) return 'done'
    const live = yield* this.#live(node)
    if (live === 'unknown') return 'retry'
    if (live === 'gone') return 'done'
    if (node.deletesDependents) return yield* this.#finishForeground(node, live)
    const states: OwnerState[] = []
    for (const owner of live.metadata.ownerReferences ?? []) {
      const state = yield* this.#stateOf(owner, live.metadata.namespace)
      if (state === 'unknown') return 'retry'
      states.push(state)
    }
    const dependents = this.#graph.dependentsOf(uid)
    const verdict = judge(live, states, dependents.length > 0)
    switch (verdict.action) {
      case 'keep':
        return 'done'
      case 'release':
        return yield* this.#patch(node, live, { ownerReferences: verdict.owners })
      case 'delete': {
        // Two that wait for each other would wait for ever: the dependent does not block any more.
        if (verdict.propagationPolicy === 'Foreground' && dependents.some(one => one.deletesDependents)) {
          const owners = (live.metadata.ownerReferences ?? []).map(owner => ({ ...owner, blockOwnerDeletion: false }))
          if ((yield* this.#patch(node, live, { ownerReferences: owners })) === 'retry') return 'retry'
        }
        const deletion = { preconditions: { uid }, propagationPolicy: verdict.propagationPolicy }
        const result = yield* this.#scope.client.delete(node.resource, node, deletion)
        return result.ok || result.error.reason === 'NotFound' || result.error.reason === 'Conflict' ? 'done' : 'retry'
      }
    }
  }

  /** Every owner is in the graph and not waiting: should one be gone, its deletion is still to be told. */
  #allOwned({ owners }: GraphNode): boolean {
    return owners.every(({ uid }) => this.#graph.get(uid)?.deletesDependents === false)
  }

  *#finishForeground(node: GraphNode, live: ApiObject): Flow<Reconciled> {
    const blocking = this.#graph.blockingDependentsOf(node.uid)
    if (blocking.length === 0) return yield* this.#removeFinalizer(node, live, foregroundFinalizer)
    for (const dependent of blocking) if (!dependent.deletesDependents) this.#queue.add(dependent.uid)
    return 'done'
  }

  *#orphan(uid: string): Flow<Reconciled> {
    const owner = this.#graph.get(uid)
    if (owner === undefined || !owner.orphansDependents) return 'done'
    for (const dependent of this.#graph.dependentsOf(uid)) {
      const live = yield* this.#live(dependent)
      if (live === 'unknown') return 'retry'
      if (live === 'gone') continue
      const ownerReferences = (live.metadata.ownerReferences ?? []).filter(reference => reference.uid !== uid)
      if ((yield* this.#patch(dependent, live, { ownerReferences })) === 'retry') return 'retry'
    }
    const live = yield* this.#live(owner)
    if (live === 'unknown') return 'retry'
    return live === 'gone' ? 'done' : yield* this.#removeFinalizer(owner, live, orphanFinalizer)
  }

  *#removeFinalizer(node: GraphNode, live: ApiObject, finalizer: string): Flow<Reconciled> {
    const finalizers = live.metadata.finalizers ?? []
    if (!finalizers.includes(finalizer)) return 'done'
    return yield* this.#patch(node, live, { finalizers: finalizers.filter(name => name !== finalizer) })
  }

  // A merge patch, since custom resources know no other, with the revision that was read: lists are replaced as a whole.
  *#patch(
    node: GraphNode,
    live: ApiObject,
    change: { ownerReferences?: readonly OwnerReference[]; finalizers?: readonly string[] }
  ): Flow<Reconciled> {
    const { uid, resourceVersion } = live.metadata
    const result = yield* this.#scope.client.patch(node.resource, node, { metadata: { uid, resourceVersion, ...change } })
    return result.ok || result.error.reason === 'NotFound' ? 'done' : 'retry'
  }

  // What is there, live -------------------------------------------------------------------------------

  *#live(node: GraphNode): Flow<ApiObject | 'gone' | 'unknown'> {
    const result = yield* this.#scope.client.get(node.resource, node)
    if (result.ok) return result.value.metadata.uid === node.uid ? result.value : 'gone'
    return result.error.reason === 'NotFound' ? 'gone' : 'unknown'
  }

  *#stateOf(owner: OwnerReference, namespace: string | undefined): Flow<OwnerState | 'unknown'> {
    if (this.#absent.has(owner.uid)) return 'gone'
    const resource = this.#resourceOf(owner)
    // A kind that is not served is no proof that its object is gone.
    if (resource === undefined) return 'unknown'
    if (resource.namespaced && namespace === undefined) return 'unknown'
    const at = { namespace: resource.namespaced ? namespace : undefined, name: owner.name }
    const result = yield* this.#scope.client.get(resource, at)
    if (!result.ok) {
      if (result.error.reason !== 'NotFound') return 'unknown'
      this.#absent.add(owner.uid)
      return 'gone'
    }
    const { uid, deletionTimestamp, finalizers } = result.value.metadata
    if (uid !== owner.uid) return 'gone'
    return deletionTimestamp !== undefined && finalizers?.includes(foregroundFinalizer) === true ? 'waiting' : 'solid'
  }

  // In whatever version the reference names it: the object is the same.
  #resourceOf({ apiVersion, kind }: OwnerReference): Resource | undefined {
    const slash = apiVersion.indexOf('/')
    const group = slash < 0 ? '' : apiVersion.slice(0, slash)
    for (const { resource } of this.#informers.values()) if (resource.group === group && resource.kind === kind) return resource
    return undefined
  }
}
