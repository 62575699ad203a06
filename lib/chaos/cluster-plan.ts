// Cluster plan: what a seed says about a run of a whole cluster: how many of what, who asks for what, what breaks.

import type { Trouble } from '../sim/index.js'
import { integerBelow, type Random, seededRandom } from '../std/index.js'
import type { ChaosShape } from './cluster-result.js'

/** What a person does on the journey; each names its target by what it is. */
export const strikes = [
  'kill store leader',
  'power off store leader',
  'kill apiserver',
  'kill scheduler',
  'kill controller-manager',
  'kill controller',
  'kill kubelet',
  'kill worker',
  'kill control machine'
] as const
export type Strike = (typeof strikes)[number]

export interface ClusterRunPlan {
  readonly seed: number
  readonly shape: ChaosShape
  readonly users: number
  readonly deploymentsMax: number // Of each user.
  readonly replicasMax: number
  /** Of one user, between an answer and the next request, on average. */
  readonly thinkMs: number
  readonly timeoutMs: number
  readonly strikes: readonly Strike[]
  readonly strikeEveryMs: number
  readonly troubles: readonly Trouble[]
  readonly troubleEveryMs: number
  /** From the start: faults end that long before the end, and then everything must converge. */
  readonly forMs: number
  readonly calmMs: number
  /** How soon after the last fault everything must have converged. */
  readonly recoveryMs: number
  /** To every store, beside what the cluster's plan says. */
  readonly storeArgs: Readonly<Record<string, unknown>>
  readonly syncUs: number
}

/** All of them end by themselves. Copies and overtaking are not of this list: no link between threads does that. */
export const clusterTroubles: readonly Trouble[] = [
  'crashThread',
  'pauseActor',
  'pauseThread',
  'pauseMachine',
  'isolate',
  'partition',
  'oneWay',
  'slow',
  'lose',
  'drift',
  'jump',
  'slowDisk',
  'fullDisk',
  'failDisk'
]

const onShare = 0.5
const kindsMin = 2 // Of each of the two lists.

const pick = <V>(random: Random, of: readonly V[]): V => of[integerBelow(random, of.length)] as V

function some<V>(random: Random, of: readonly V[]): V[] {
  let on: V[] = []
  while (on.length < kindsMin) on = of.filter(kind => on.includes(kind) || random() < onShare)
  return on
}

export function clusterPlan(seed: number, overrides: Partial<ClusterRunPlan> = {}): ClusterRunPlan {
  const random = seededRandom(seed ^ 0x436c7573)
  return {
    seed,
    shape: {
      nodes: 3,
      stores: 3,
      apiservers: pick(random, [1, 2]),
      controllerManagers: pick(random, [1, 2]),
      schedulers: pick(random, [1, 1, 2]),
      runtime: 'simulated',
      unknownImages: 'simulate',
      nodeGraceMs: 10_000
    },
    users: 3,
    deploymentsMax: 2,
    replicasMax: 5,
    thinkMs: pick(random, [300, 600, 1200]),
    timeoutMs: pick(random, [2_000, 10_000]),
    strikes: some(random, strikes),
    strikeEveryMs: pick(random, [2_000, 4_000, 8_000]),
    troubles: some(random, clusterTroubles),
    troubleEveryMs: pick(random, [1_500, 4_000, 10_000]),
    forMs: 60_000,
    calmMs: 10_000,
    recoveryMs: 90_000,
    storeArgs: {
      // Limits far below those of use, so that what they lead to happens within seconds.
      snapshots: { entriesMax: pick(random, [100, 300, 1000]), bytesMax: pick(random, [262_144, 1 << 20]) },
      segmentBytesMax: pick(random, [16_384, 131_072, 1 << 20]),
      raft: { tailEntriesMax: pick(random, [5, 50, 200]) },
      ...(random() < 0.3 ? { compactEveryMs: 15_000 } : {})
    },
    syncUs: pick(random, [500, 5_000, 20_000]),
    ...overrides
  }
}
