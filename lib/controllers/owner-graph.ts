// OwnerGraph: who owns whom, by uid, as the garbage collector's informers tell it. Pure.
//
// Every change answers which objects have to be looked at: `examine` (is an owner gone? may a foreground deletion end?) and
// `orphan` (an owner that is to leave its dependents behind). The graph may be behind: what is deleted is verified live before.

import type { Resource } from '../client/index.js'
import type { ApiObject, OwnerReference } from '../object/index.js'

export const foregroundFinalizer = 'foregroundDeletion'
export const orphanFinalizer = 'orphan'

export interface GraphNode {
  readonly uid: string
  readonly resource: Resource
  readonly namespace: string | undefined
  readonly name: string
  readonly owners: readonly OwnerReference[]
  readonly beingDeleted: boolean
  /** Deleted in the foreground: it stays until its blocking dependents are gone. */
  readonly deletesDependents: boolean
  readonly orphansDependents: boolean
}

export interface Due {
  readonly examine: readonly string[]
  readonly orphan: readonly string[]
}

const nothing: Due = { examine: [], orphan: [] }

export class OwnerGraph {
  readonly #nodes = new Map<string, GraphNode>()
  readonly #dependents = new Map<string, Set<string>>() // owner's uid -> uids; the owner itself need not be known.

  get size(): number {
    return this.#nodes.size
  }

  get(uid: string): GraphNode | undefined {
    return this.#nodes.get(uid)
  }

  dependentsOf(uid: string): GraphNode[] {
    return [...(this.#dependents.get(uid) ?? [])].map(dependent => this.#nodes.get(dependent) as GraphNode)
  }

  /** Dependents that keep this object from being gone while it is deleted in the foreground. */
  blockingDependentsOf(uid: string): GraphNode[] {
    return this.dependentsOf(uid).filter(({ owners }) => owners.some(owner => owner.uid === uid && owner.blockOwnerDeletion === true))
  }

  observed(object: ApiObject, resource: Resource): Due {
    const node = nodeOf(object, resource)
    const old = this.#nodes.get(node.uid)
    this.#nodes.set(node.uid, node)
    const examine = new Set<string>()
    for (const { uid } of old?.owners ?? []) {
      if (node.owners.some(owner => owner.uid === uid && owner.blockOwnerDeletion === true)) continue
      if (!node.owners.some(owner => owner.uid === uid)) this.#disown(uid, node.uid)
      if (this.#nodes.get(uid)?.deletesDependents === true) examine.add(uid) // It may not have to wait for this one any more.
    }
    for (const { uid } of node.owners) {
      if (old?.owners.some(owner => owner.uid === uid) === true) continue
      const set = this.#dependents.get(uid)
      if (set === undefined) this.#dependents.set(uid, new Set([node.uid]))
      else set.add(node.uid)
      // An owner that is not known may be gone for long; one that is being deleted in the foreground takes this one along.
      const owner = this.#nodes.get(uid)
      if (owner === undefined || owner.deletesDependents) examine.add(node.uid)
    }
    const orphan = node.orphansDependents && old?.orphansDependents !== true ? [node.uid] : []
    if (node.deletesDependents && old?.deletesDependents !== true) {
      for (const dependent of this.#dependents.get(node.uid) ?? []) examine.add(dependent)
      examine.add(node.uid)
    }
    return { examine: [...examine], orphan }
  }

  gone(uid: string): Due {
    const node = this.#nodes.get(uid)
    if (node === undefined) return nothing
    this.#nodes.delete(uid)
    const examine = new Set<string>(this.#dependents.get(uid))
    for (const owner of node.owners) {
      this.#disown(owner.uid, uid)
      if (this.#nodes.get(owner.uid)?.deletesDependents === true) examine.add(owner.uid)
    }
    return { examine: [...examine], orphan: [] }
  }

  #disown(owner: string, dependent: string): void {
    const set = this.#dependents.get(owner)
    if (set?.delete(dependent) === true && set.size === 0) this.#dependents.delete(owner)
  }
}

function nodeOf({ metadata }: ApiObject, resource: Resource): GraphNode {
  const beingDeleted = metadata.deletionTimestamp !== undefined
  const has = (finalizer: string): boolean => metadata.finalizers?.includes(finalizer) === true
  return {
    uid: metadata.uid ?? '',
    resource,
    namespace: metadata.namespace,
    name: metadata.name ?? '',
    owners: metadata.ownerReferences ?? [],
    beingDeleted,
    deletesDependents: beingDeleted && has(foregroundFinalizer),
    orphansDependents: beingDeleted && has(orphanFinalizer)
  }
}

/** What has become of an owner, as a live read tells. */
export type OwnerState = 'solid' | 'gone' | 'waiting' // waiting: it is being deleted in the foreground.

export interface OwnerVerdict {
  readonly action: 'keep' | 'release' | 'delete'
  /** With `release`: the references that stay. */
  readonly owners: readonly OwnerReference[]
  readonly propagationPolicy: 'Background' | 'Foreground' | 'Orphan'
}

/** What to do with an object, given the state of each of its owners (upstream's attemptToDeleteItem). */
export function judge(object: ApiObject, states: readonly OwnerState[], hasDependents: boolean): OwnerVerdict {
  const owners = object.metadata.ownerReferences ?? []
  const finalizers = object.metadata.finalizers ?? []
  if (owners.length === 0 || states.every(state => state === 'solid')) return { action: 'keep', owners, propagationPolicy: 'Background' }
  const solid = owners.filter((_, index) => states[index] === 'solid')
  if (solid.length > 0) return { action: 'release', owners: solid, propagationPolicy: 'Background' }
  // An owner that waits for this one to go is waited for by its own dependents in turn.
  if (states.includes('waiting') && hasDependents) return { action: 'delete', owners, propagationPolicy: 'Foreground' }
  if (finalizers.includes(orphanFinalizer)) return { action: 'delete', owners, propagationPolicy: 'Orphan' }
  if (finalizers.includes(foregroundFinalizer)) return { action: 'delete', owners, propagationPolicy: 'Foreground' }
  return { action: 'delete', owners, propagationPolicy: 'Background' }
}
