// API objects: what every Kubernetes object has in common, JSON-shaped.
//
// Timestamps are RFC 3339 strings, quantities strings, absent fields are absent (never undefined, never null: the
// schema walk removes nulls as Go's decoder does). Types are mutable; who may mutate is said where an object is
// handed over. An object read from a cache is frozen: clone it first.

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json }

export interface ApiObject {
  apiVersion: string
  kind: string
  metadata: ObjectMeta
}

export interface ObjectMeta {
  name?: string
  generateName?: string
  namespace?: string
  selfLink?: string
  uid?: string
  resourceVersion?: string
  generation?: number
  creationTimestamp?: string
  deletionTimestamp?: string
  deletionGracePeriodSeconds?: number
  labels?: Record<string, string>
  annotations?: Record<string, string>
  ownerReferences?: OwnerReference[]
  finalizers?: string[]
  managedFields?: ManagedFieldsEntry[]
}

export interface OwnerReference {
  apiVersion: string
  kind: string
  name: string
  uid: string
  controller?: boolean
  blockOwnerDeletion?: boolean
}

export interface ManagedFieldsEntry {
  manager?: string
  operation?: 'Apply' | 'Update'
  apiVersion?: string
  time?: string
  fieldsType?: 'FieldsV1'
  fieldsV1?: FieldsV1
  subresource?: string
}

/** A set of field paths: `f:name` a field, `k:{…}` a map-list item by its keys, `v:…` a set item, `.` the item itself. */
export interface FieldsV1 {
  [path: string]: FieldsV1
}

export interface ListMeta {
  resourceVersion?: string
  continue?: string
  remainingItemCount?: number
  selfLink?: string
}

export interface ApiList<T extends ApiObject = ApiObject> {
  apiVersion: string
  kind: string
  metadata: ListMeta
  items: T[]
}

export interface LabelSelector {
  matchLabels?: Record<string, string>
  matchExpressions?: LabelSelectorRequirement[]
}

export interface LabelSelectorRequirement {
  key: string
  operator: string // In, NotIn, Exists, DoesNotExist
  values?: string[]
}

/** metav1.Condition and its older cousins, which lack observedGeneration and add their own probe times. */
export interface Condition {
  type: string
  status: string // True, False, Unknown
  observedGeneration?: number
  lastTransitionTime?: string
  lastUpdateTime?: string
  lastHeartbeatTime?: string
  lastProbeTime?: string
  reason?: string
  message?: string
}

export interface ObjectReference {
  apiVersion?: string
  kind?: string
  namespace?: string
  name?: string
  uid?: string
  resourceVersion?: string
  fieldPath?: string
}

export interface LocalObjectReference {
  name?: string
}

export interface DeleteOptions {
  apiVersion?: string
  kind?: string
  gracePeriodSeconds?: number
  preconditions?: { uid?: string; resourceVersion?: string }
  orphanDependents?: boolean
  propagationPolicy?: string // Orphan, Background, Foreground
  dryRun?: string[]
}

export type IntOrString = number | string
