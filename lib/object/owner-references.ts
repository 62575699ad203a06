// Owner references: who an object belongs to. The owner that manages it is its controller; there is at most one.

import type { ApiObject, OwnerReference } from './api-object.js'

export const controllerOf = (object: ApiObject): OwnerReference | undefined =>
  object.metadata.ownerReferences?.find(reference => reference.controller === true)

export function isControlledBy(object: ApiObject, owner: ApiObject): boolean {
  return owner.metadata.uid !== undefined && controllerOf(object)?.uid === owner.metadata.uid
}

/** The reference a controller puts on what it creates (metav1.NewControllerRef). `owner` is stored: it has a name and a uid. */
export function controllerReference(owner: ApiObject): OwnerReference {
  return {
    apiVersion: owner.apiVersion,
    kind: owner.kind,
    name: owner.metadata.name ?? '',
    uid: owner.metadata.uid ?? '',
    controller: true,
    blockOwnerDeletion: true
  }
}
