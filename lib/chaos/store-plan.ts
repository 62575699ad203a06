// Plan: what a seed says about a run of the store: how many members, how they are set, who asks what of them, what breaks.
//
// Rates and limits differ between seeds by orders of magnitude; half of what could happen does not happen in a run at
// all, since a mixture of everything never lets one thing go far.

import { diskDefaults, type Trouble, troubles } from '../sim/index.js'
import { integerBelow, type Random, seededRandom } from '../std/index.js'

export interface StoreMix {
  readonly put: number
  readonly compareAndSwap: number
  readonly txn: number
  readonly delete: number
  readonly range: number
  readonly oldRange: number
  readonly serializable: number
  readonly revision: number
  readonly compact: number
}

export interface StorePlan {
  readonly seed: number
  readonly members: readonly string[]
  readonly clients: number
  /** Clients that only read, and often: they see what a leader serves that was deposed and does not know. */
  readonly readers: number
  readonly watchers: number
  readonly keys: number
  readonly valueBytesMax: number
  readonly mix: StoreMix
  /** Of one client, between an answer and the next request, on average. */
  readonly thinkMs: number
  readonly timeoutMs: number
  /** How soon what has died is started again, as a supervisor would. */
  readonly restartMs: number
  readonly safetyMs: number
  /** After all faults: how soon every member must take a write again. */
  readonly recoveryMs: number
  readonly troubles: readonly Trouble[]
  readonly troubleEveryMs: number
  readonly troubleLastsMsMax: number
  /** Of troubles of one machine, those that befall the leader's; the others befall any. */
  readonly leaderShare: number
  readonly corruptible: readonly string[]
  /** What a sync of a disk takes, on average. */
  readonly syncUs: number
  /** Whether clients are behind the same faulty network, or next to whom they ask. */
  readonly remoteClients: boolean
  /** To the store, beside its members. */
  readonly args: Readonly<Record<string, unknown>>
}

const clusterId = 'chaos'
const recoveryMs = 15_000
const safetyMsDefault = 12_000
const troubleLastsMsMax = 6_000
export const opsPerSecond = 200

const pick = <V>(random: Random, of: readonly V[]): V => of[integerBelow(random, of.length)] as V
const between = (random: Random, low: number, high: number): number => low + integerBelow(random, high - low + 1)
const sometimes = (random: Random, share: number, value: number): number => (random() < share ? value : 0)

/** Of a reader, between an answer and the next request, on average. */
export const readerThinkMs = 10
export const readerMix: StoreMix = {
  put: 0,
  compareAndSwap: 0,
  txn: 0,
  delete: 0,
  range: 4,
  oldRange: 0,
  serializable: 0,
  revision: 1,
  compact: 0
}

export function storePlan(seed: number, overrides: Partial<StorePlan> = {}): StorePlan {
  const random = seededRandom(seed ^ 0x53746f72)
  const size = pick(random, [1, 3, 3, 3, 3, 3, 3, 5, 5, 5])
  const members = Array.from({ length: size }, (_, at) => `control-${at}/store`)
  const clients = between(random, 2, 8)
  // A minority: more decay than that loses acknowledged writes, and rightly so.
  const decays = (size - 1) >> 1
  const corruptible = members.slice(size - decays).map(member => member.split('/')[0] as string)
  const may = troubles.filter(trouble => trouble !== 'duplicate' && (trouble !== 'corrupt' || decays > 0))
  return {
    seed,
    members,
    clients,
    readers: between(random, 0, 3),
    watchers: between(random, 1, 4),
    keys: pick(random, [2, 4, 8, 16, 32]),
    valueBytesMax: pick(random, [8, 64, 1024]),
    mix: drawMix(random),
    thinkMs: (clients * 1000) / opsPerSecond,
    timeoutMs: pick(random, [300, 1000, 3000]),
    restartMs: pick(random, [50, 300, 1500]),
    safetyMs: safetyMsDefault,
    recoveryMs,
    troubles: may,
    troubleEveryMs: pick(random, [150, 400, 1000]),
    troubleLastsMsMax,
    leaderShare: 0,
    corruptible,
    syncUs: diskDefaults.syncUs,
    remoteClients: random() < 0.5,
    args: { clusterId, ...drawArgs(random) },
    ...overrides
  }
}

function drawMix(random: Random): StoreMix {
  return {
    put: 1 + integerBelow(random, 8),
    compareAndSwap: sometimes(random, 0.7, 4),
    txn: sometimes(random, 0.7, 3),
    delete: sometimes(random, 0.7, 2),
    range: 1 + integerBelow(random, 6),
    oldRange: sometimes(random, 0.4, 1),
    serializable: sometimes(random, 0.4, 1),
    revision: sometimes(random, 0.4, 1),
    compact: sometimes(random, 0.5, 0.2)
  }
}

/** Limits far below those of use, so that what they lead to happens within seconds. */
function drawArgs(random: Random): Record<string, unknown> {
  return {
    snapshots: { entriesMax: pick(random, [10, 40, 150, 1000]), bytesMax: pick(random, [4096, 65536, 1 << 20]) },
    segmentBytesMax: pick(random, [1024, 8192, 65536, 1 << 20]),
    raft: {
      tailEntriesMax: pick(random, [0, 5, 50, 1000]),
      appendBytesMax: pick(random, [200, 4096, 1 << 20]),
      inflightMessagesMax: pick(random, [1, 4, 256]),
      // Elections by the dozen in some runs.
      ...(random() < 0.3 ? { heartbeatTicks: 1, electionTicks: 4, electionJitterTicks: 4, retryTicks: 2 } : {}),
      committedBytesMax: pick(random, [100, 8 << 20])
    },
    ...(random() < 0.3 ? { compactEveryMs: pick(random, [500, 2000]) } : {})
  }
}
