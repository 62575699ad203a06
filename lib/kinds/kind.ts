// Kind: everything the API server has to know of one kind of object, as data and pure functions.
//
// A kind is one file and one line in `index.ts`. Functions that change an object change the one they are given: its caller
// owns it (a fresh decode or a clone), nothing else may hold it. They assume the schema walk has been here: types are right,
// nulls and unknown fields are gone. They keep no state and take time as an argument.

import type { ApiObject, Cell, FieldError, TableColumn } from '../object/index.js'

export interface Kind<T extends ApiObject = ApiObject> {
  readonly group: string // '' is the core group.
  readonly version: string
  readonly kind: string
  readonly plural: string
  readonly singular: string
  readonly shortNames: readonly string[]
  readonly categories: readonly string[]
  readonly namespaced: boolean
  readonly verbs: readonly Verb[]
  readonly subresources: readonly Subresource[]
  readonly schemaName: string // `io.k8s.api.core.v1.Pod`
  /** Where objects are stored. Two kinds of the same storage are two views of the same objects (events). */
  readonly storage: string // `pods`, `deployments.apps`
  /** Faults of a name, or of a generateName's prefix; in upstream's words. */
  nameFaults(name: string, isPrefix: boolean): string[]

  /** Fills in what the user left out, as upstream's versioned defaults do. Idempotent; run on every decode. */
  defaults(object: T): void
  /** Resets what a client may not set at creation (status, for most). Metadata is `beforeCreate`'s. */
  prepareForCreate(object: T): void
  /** Carries over from `old` what an update of the main resource may not change (status, for most). */
  prepareForUpdate(object: T, old: T): void
  /** The same for `/status`: everything but status and what upstream lets through comes from `old`. */
  prepareForStatusUpdate(object: T, old: T): void
  /** Whether the change from `old` is one `metadata.generation` counts. Absent: this kind has no generation. */
  generationChanged?(object: T, old: T): boolean
  /** Faults of a new object, metadata excluded (`validateCreate` adds them). */
  validate(object: T): FieldError[]
  /** Faults of an update of the main resource, metadata excluded (`validateUpdate` adds them). */
  validateUpdate(object: T, old: T): FieldError[]
  validateStatusUpdate(object: T, old: T): FieldError[]
  /** Whether PUT may create, and whether an update may leave out the resource version. */
  readonly allowCreateOnUpdate: boolean
  readonly allowUnconditionalUpdate: boolean

  /** Values of the selectable fields; `metadata.name` and `metadata.namespace` are always there. */
  fields(object: T): Record<string, string>
  readonly selectableFields: readonly string[]

  readonly columns: readonly TableColumn[]
  /** One cell a column, as kubectl get prints them. `nowMs`: the cluster's clock, Unix milliseconds. */
  cells(object: T, nowMs: number): Cell[]

  /**
   * Graceful deletion: the seconds to wait, given what the DeleteOptions asked for. 0 deletes at once. Absent: always at once.
   * Upstream's RESTGracefulDeleteStrategy.CheckGracefulDelete.
   */
  graceSeconds?(object: T, requestedSeconds: number | undefined): number
  readonly scale?: ScaleMapping<T>
  /** Events expire: their storage's time to live, unless configured otherwise. */
  readonly ttlSeconds?: number
}

export type Verb = 'create' | 'delete' | 'deletecollection' | 'get' | 'list' | 'patch' | 'update' | 'watch'

export interface Subresource {
  readonly name: string // status, scale, log, binding, eviction, exec, attach, portforward, proxy, ephemeralcontainers, resize, token, finalize, approval
  readonly kind: string
  readonly verbs: readonly string[]
  /** Where the kind is of another group version than its resource: Scale of autoscaling/v1, Eviction of policy/v1. */
  readonly group?: string
  readonly version?: string
}

/** How a kind is seen through autoscaling/v1 Scale. */
export interface ScaleMapping<T extends ApiObject = ApiObject> {
  specReplicas(object: T): number
  statusReplicas(object: T): number
  /** Label selector in string form; what the autoscaler lists pods with. */
  selector(object: T): string
  setReplicas(object: T, replicas: number): void
}
