// Cluster plan: what a seed says about a run of a whole cluster: how many of what, who asks for what, what breaks.

import type { Trouble } from '../sim/index.js'
import { type Random, seededRandom } from '../std/index.js'
import type { ChaosShape } from './cluster-cast.js'
import { allowed, between, pick } from './draw.js'
import type { RunOptions } from './run.js'
import { strand } from './store-plan.js'
import type { UserMix } from './user-script.js'

/** What a person does on the journey; each names its target by what it is. */
export const journeyTroubles = [
  'killStoreLeader',
  'powerOffStoreLeader',
  'killApiserver',
  'killScheduler',
  'killControllerManager',
  'killController',
  'killKubelet',
  'killWorker',
  'killControlMachine'
] as const
export type JourneyTrouble = (typeof journeyTroubles)[number]

export interface ClusterRunPlan {
  readonly seed: number
  readonly shape: ChaosShape
  readonly users: number
  readonly deploymentsMax: number // Of each user.
  readonly replicasMin: number
  readonly replicasMax: number
  /** What users do, one to another. */
  readonly mix: UserMix
  /** Of one user, between an answer and the next request, on average. */
  readonly thinkMs: number
  readonly timeoutMs: number
  readonly journey: readonly JourneyTrouble[]
  readonly journeyEveryMs: number
  readonly troubles: readonly Trouble[]
  readonly troubleEveryMs: number
  /** Machines whose disks may decay. A minority, or acknowledged writes are lost and rightly so. */
  readonly corruptible: readonly string[]
  /** From the start: faults end that long before the end, and then everything must converge. */
  readonly forMs: number
  readonly calmMs: number
  /** How soon after the last fault everything must have converged. */
  readonly recoveryMs: number
  /** To every actor of that name, or to the one at that address, beside what the cluster's plan says. */
  readonly args: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  readonly syncUs: number
  /** So many machines with a store are left behind while the others recover; beginning with this one. */
  readonly stranded: number
  readonly strandedFirst: number
  /** Whether somebody holds objects by informers, as controllers do. */
  readonly holds: boolean
  readonly strikes: readonly number[] | undefined
  readonly watchersMax: number
  /** Of users. */
  readonly operationsMax: number
}

/** All but the decay of a disk end by themselves. Copies and overtaking are not of this list: no link between threads does that. */
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
  'failDisk',
  'corrupt'
]

export const clusterFaults: readonly string[] = [...journeyTroubles, ...clusterTroubles, strand]

const onShare = 0.5
const kindsMin = 2 // Of each of the two lists.
const workerShare = 0.5 // Of runs in which a worker stays away for long, whatever else happens: nothing else leads to evictions.
const strandShare = 0.4 // Of runs, if there can be a minority.
const usersMost = 4
const holdShare = 0.25 // Of runs: it costs as much as two controllers.
export const clusterForMs = 60_000

function some<V>(random: Random, of: readonly V[]): V[] {
  let on: V[] = []
  while (on.length < kindsMin) on = of.filter(kind => on.includes(kind) || random() < onShare)
  return on
}

export function clusterPlan(seed: number, options: RunOptions = {}): ClusterRunPlan {
  const random = seededRandom(seed ^ 0x436c7573)
  const { faults } = options
  const stores = pick(random, [1, 3, 3, 5])
  const worker = random() < workerShare
  const others = some(random, journeyTroubles)
  const journey = journeyTroubles.filter(kind => others.includes(kind) || (worker && kind === 'killWorker'))
  const troubles = some(random, clusterTroubles)
  const left = between(random, 1, Math.max(1, (stores - 1) >> 1))
  const drawn = random() < strandShare
  return {
    seed,
    shape: {
      nodes: pick(random, [1, 2, 3, 3, 3, 4]),
      stores,
      apiservers: pick(random, [1, 2]),
      controllerManagers: pick(random, [1, 2]),
      schedulers: pick(random, [1, 1, 2]),
      runtime: 'simulated',
      unknownImages: 'simulate',
      nodeGraceMs: 10_000
    },
    users: Math.min(between(random, 2, usersMost), options.clients ?? usersMost),
    deploymentsMax: 2,
    replicasMin: 0,
    replicasMax: 5,
    mix: drawMix(random),
    thinkMs: pick(random, [800, 1600, 3200]), // Many seeds of little load find more than few of much, for the same time.
    timeoutMs: pick(random, [2_000, 10_000]),
    journey: faults === undefined ? journey : allowed(journeyTroubles, faults),
    journeyEveryMs: pick(random, [2_000, 4_000, 8_000]),
    troubles: faults === undefined ? troubles : allowed(clusterTroubles, faults),
    troubleEveryMs: pick(random, [1_500, 4_000, 10_000]),
    corruptible: Array.from({ length: (stores - 1) >> 1 }, (_, at) => `control-${stores - 1 - at}`),
    forMs: options.forMs ?? clusterForMs,
    calmMs: 10_000,
    recoveryMs: 90_000,
    args: {
      store: {
        // Limits far below those of use, so that what they lead to happens within seconds.
        snapshots: { entriesMax: pick(random, [100, 300, 1000]), bytesMax: pick(random, [262_144, 1 << 20]) },
        segmentBytesMax: pick(random, [16_384, 131_072, 1 << 20]),
        raft: { tailEntriesMax: pick(random, [5, 50, 200]) },
        ...(random() < 0.3 ? { compactEveryMs: 15_000 } : {})
      }
    },
    syncUs: pick(random, [500, 5_000, 20_000]),
    stranded: stores > 1 && (faults?.includes(strand) ?? drawn) ? left : 0,
    strandedFirst: between(random, 1, Math.max(1, stores - 1)),
    // Not of the same source: what else a seed says stays as it is.
    holds: seededRandom(seed ^ 0x486f6c64)() < holdShare,
    strikes: options.strikes,
    watchersMax: options.watchers ?? Number.POSITIVE_INFINITY,
    operationsMax: options.operations ?? Number.POSITIVE_INFINITY,
    ...options.plan
  }
}

function drawMix(random: Random): UserMix {
  return {
    deployment: pick(random, [20, 40, 80]),
    service: pick(random, [10, 20]),
    own: pick(random, [20, 40, 80]),
    count: pick(random, [20, 45, 90]),
    share: pick(random, [15, 30, 60]),
    list: pick(random, [0, 25, 50]),
    get: pick(random, [0, 20, 40])
  }
}
