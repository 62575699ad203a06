// Claim: which objects belong to a controller: those it controls and selects stay, those it controls and no longer selects are
// released, those nobody controls and it selects are adopted (upstream's ControllerRefManager). Planning is pure; applying is a flow.

import type { Flow } from '../actor/index.js'
import type { Resource } from '../client/index.js'
import { type ApiObject, controllerOf, isBeingDeleted, type LabelSelector, matchesLabels, selectorOf } from '../object/index.js'
import type { ControllerScope } from './controller.js'

export interface ClaimPlan<T> {
  readonly keep: readonly T[]
  readonly adopt: readonly T[]
  readonly release: readonly T[]
}

/** `objects` are of the owner's namespace. */
export function planClaim<T extends ApiObject>(
  owner: ApiObject & { readonly spec: { readonly selector: LabelSelector } },
  objects: Iterable<T>,
  adoptable: (object: T) => boolean = () => true
): ClaimPlan<T> {
  const selector = selectorOf(owner.spec.selector)
  const plan = { keep: [] as T[], adopt: [] as T[], release: [] as T[] }
  for (const object of objects) {
    const controller = controllerOf(object)
    const matches = matchesLabels(selector, object.metadata.labels)
    if (controller !== undefined) {
      if (controller.uid !== owner.metadata.uid) continue
      if (matches) plan.keep.push(object)
      else if (!isBeingDeleted(owner)) plan.release.push(object)
    } else if (matches && !isBeingDeleted(owner) && !isBeingDeleted(object) && adoptable(object)) plan.adopt.push(object)
  }
  return plan
}

/** Carries a plan out. Answers what the owner controls now; undefined: not all could be done, try again. */
export function* claim<T extends ApiObject>(
  scope: ControllerScope,
  owner: ApiObject,
  ownerResource: Resource,
  resource: Resource<T>,
  plan: ClaimPlan<T>
): Flow<T[] | undefined> {
  const owned = [...plan.keep]
  if (plan.adopt.length > 0) {
    // Nothing is adopted on the word of a cache: the owner may be gone, and another of its name there.
    const live = yield* scope.client.get(ownerResource, owner.metadata)
    if (!live.ok) return undefined
    if (live.value.metadata.uid !== owner.metadata.uid || isBeingDeleted(live.value)) return undefined
  }
  for (const object of plan.adopt) {
    const { name, uid } = owner.metadata
    const { apiVersion, kind } = owner
    const reference = { apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true }
    const patch = { metadata: { uid: object.metadata.uid, ownerReferences: [reference] } }
    const result = yield* scope.client.patch(resource, object.metadata, patch, { type: 'strategic' })
    if (result.ok) owned.push(result.value)
    else if (result.error.reason !== 'NotFound') return undefined
  }
  for (const object of plan.release) {
    const patch = { metadata: { uid: object.metadata.uid, ownerReferences: [{ $patch: 'delete', uid: owner.metadata.uid }] } }
    const result = yield* scope.client.patch(resource, object.metadata, patch, { type: 'strategic' })
    // Gone, or another object by now (422: the uid differs): nothing to release.
    if (!result.ok && result.error.reason !== 'NotFound' && result.error.reason !== 'Invalid') return undefined
  }
  return owned
}
