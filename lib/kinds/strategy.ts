// Strategy: what happens to any object before it is stored, in upstream's order (registry/rest BeforeCreate and BeforeUpdate).
//
// These functions change the object given, which the caller owns, and return its faults; an object with faults is not stored.
// Defaults are the caller's to apply first, as upstream's decoder does. Time, uid and chance are arguments.

import {
  type ApiObject,
  carryOverMetadata,
  type FieldError,
  formatTime,
  generateName,
  validateMetadata,
  validateMetadataUpdate
} from '../object/index.js'
import type { Random } from '../std/index.js'
import type { Scale } from './autoscaling/scale.js'
import type { Kind } from './kind.js'

export interface Creation {
  readonly namespace: string // Of the request; '' for cluster-scoped kinds.
  readonly nowMs: number // The cluster's clock.
  readonly uid: string
  readonly random: Random
}

/** Makes a decoded and defaulted object ready to be stored for the first time. Returns its faults. */
export function beforeCreate<T extends ApiObject>(kind: Kind<T>, object: T, creation: Creation): FieldError[] {
  const meta = object.metadata
  for (const name of ['deletionTimestamp', 'deletionGracePeriodSeconds', 'resourceVersion', 'selfLink', 'generation'] as const)
    delete meta[name]
  if (kind.namespaced) meta.namespace ??= creation.namespace
  meta.uid = creation.uid
  meta.creationTimestamp = formatTime(creation.nowMs)
  if (kind.generationChanged !== undefined) meta.generation = 1
  if (meta.generateName && !meta.name) meta.name = generateName(meta.generateName, creation.random)
  kind.prepareForCreate(object)
  return [...validateMetadata(meta, kind), ...kind.validate(object)]
}

/** Makes a decoded and defaulted object ready to replace `old`. Returns its faults. `old` is not changed, but may be shared. */
export function beforeUpdate<T extends ApiObject>(kind: Kind<T>, object: T, old: T): FieldError[] {
  carryOverMetadata(object.metadata, old.metadata)
  kind.prepareForUpdate(object, old)
  bumpGeneration(kind, object, old)
  return [...validateMetadataUpdate(object.metadata, old.metadata), ...kind.validateUpdate(object, old)]
}

/** The same for an update through `/status`. */
export function beforeStatusUpdate<T extends ApiObject>(kind: Kind<T>, object: T, old: T): FieldError[] {
  carryOverMetadata(object.metadata, old.metadata)
  kind.prepareForStatusUpdate(object, old)
  return [...validateMetadataUpdate(object.metadata, old.metadata), ...kind.validateStatusUpdate(object, old)]
}

function bumpGeneration<T extends ApiObject>(kind: Kind<T>, object: T, old: T): void {
  if (kind.generationChanged === undefined) return
  const generation = old.metadata.generation ?? 0
  if (kind.generationChanged(object, old)) object.metadata.generation = generation + 1
  else if (old.metadata.generation !== undefined) object.metadata.generation = generation
}

/** All selectable fields of an object. */
export function selectableFields<T extends ApiObject>(kind: Kind<T>, object: T): Record<string, string> {
  return {
    'metadata.name': object.metadata.name ?? '',
    'metadata.namespace': object.metadata.namespace ?? '',
    ...kind.fields(object)
  }
}

/** The object as autoscaling/v1 Scale; undefined for kinds that cannot be scaled. */
export function toScale<T extends ApiObject>(kind: Kind<T>, object: T): Scale | undefined {
  const { scale } = kind
  if (scale === undefined) return undefined
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata
  const metadata = Object.fromEntries(
    Object.entries({ name, namespace, uid, resourceVersion, creationTimestamp }).filter(([, value]) => value !== undefined)
  )
  return {
    apiVersion: 'autoscaling/v1',
    kind: 'Scale',
    metadata,
    spec: { replicas: scale.specReplicas(object) },
    status: { replicas: scale.statusReplicas(object), selector: scale.selector(object) }
  }
}
