// Cluster result: what came of a run of a whole cluster, as plain data that crosses threads; and what such a run is given.

import type { AnyActor } from '../actor/index.js'

/** What runs should exercise; a workload that never does proves little. */
export const clusterEvents = [
  'election', // Of the store, beyond the first.
  'follower snapshot',
  'torn tail',
  'indefinite write', // Of a user: nobody told whether it took effect.
  'watch resumed', // By a user, from the last revision it was told.
  'watch relisted', // Its revision was forgotten.
  'eviction', // A pod deleted because of its node's taints.
  'controller failover', // A controller-manager began to lead that did not lead before, or a controller was started again.
  'machine lost',
  'rejoin'
] as const
export type ClusterEventName = (typeof clusterEvents)[number]

/** Of these each must occur in a share of seeds. */
export const clusterEventsWanted: readonly ClusterEventName[] = [
  'election',
  'follower snapshot',
  'torn tail',
  'indefinite write',
  'watch resumed',
  'eviction',
  'controller failover'
]

export interface ClusterViolation {
  readonly guarantee: string
  readonly excerpt: string
}

export interface ClusterResult {
  readonly seed: number
  readonly violations: readonly ClusterViolation[]
  readonly events: Readonly<Partial<Record<ClusterEventName, number>>>
  /** Kinds of fault that befell it. */
  readonly troubles: readonly string[]
  readonly faults: number
  readonly operations: number
  readonly acknowledged: number
  readonly inDoubt: number
  readonly revisionLast: number
  readonly podsMax: number
  /** From the end of the last fault until everything had converged. */
  readonly recoveredMs: number
  readonly virtualMs: number
  readonly envelopes: number
  readonly traceHash: string
}

/** What a user may choose of the cluster; the plan of the cast makes machines of it. */
export interface ChaosShape {
  readonly nodes: number
  readonly stores: number
  readonly apiservers: number
  readonly controllerManagers: number
  readonly schedulers: number
  readonly runtime: 'simulated'
  readonly unknownImages: 'simulate'
  readonly nodeGraceMs: number
}

export interface ChaosChild {
  readonly address: string
  readonly actor: string
  readonly args: unknown
  readonly thread: string
}

export interface ChaosMachine {
  readonly name: string
  readonly children: readonly ChaosChild[]
}

/** The cast: passed in, since what thinks does not import actors, and reads no files. */
export interface ClusterCast {
  readonly supervisor: AnyActor
  readonly plan: (shape: ChaosShape) => readonly ChaosMachine[]
  /** What the build generated, by name. */
  readonly resources: ReadonlyMap<string, Uint8Array>
}
