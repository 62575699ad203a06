// Cluster cast: who plays in a run of a whole cluster: passed in, since what thinks does not import actors, and reads no files.

import type { AnyActor } from '../actor/index.js'
import type { Handover } from '../sim/index.js'

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

export interface ClusterCast extends Handover {
  readonly supervisor: AnyActor
  readonly plan: (shape: ChaosShape) => readonly ChaosMachine[]
  /** What the build generated, by name. */
  readonly resources: ReadonlyMap<string, Uint8Array>
}
