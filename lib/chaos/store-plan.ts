// Plan: what a seed says about a run of the store: how many members, how they are set, who asks what of them, what breaks.
//
// Rates and limits differ between seeds by orders of magnitude; half of what could happen does not happen in a run at
// all, since a mixture of everything never lets one thing go far. What a workload asks is its own; the rest is drawn here.

import { diskDefaults, type Trouble, troubles } from '../sim/index.js'
import { forkSeed, integerBelow, type Random, seededRandom } from '../std/index.js'
import type { AuthDemand } from './auth-script.js'
import { allowed, between, pick } from './draw.js'
import type { LeaseDemand } from './lease-client.js'
import type { RunOptions } from './run.js'

/** How often, one to another. */
export interface StoreMix {
  readonly put: number
  readonly compareAndSwap: number
  /** Reads everything, and writes one key or two. */
  readonly txn: number
  /** Compares and changes several keys, in both branches. */
  readonly multi: number
  /** A transaction in a transaction, sometimes in one more. */
  readonly nested: number
  readonly delete: number
  readonly range: number
  readonly oldRange: number
  /** Ordered by something else than the key, of bounded revisions, limited: all of that now and then. */
  readonly sortedRange: number
  readonly serializable: number
  readonly revision: number
  readonly compact: number
  /** Raises an alarm, and lowers all after a while: meanwhile nothing grows, or nothing changes. */
  readonly alarm: number
}

/** Shares of watchers, each drawn for itself. */
export interface WatcherMix {
  readonly narrow: number // One key, not all.
  readonly slow: number // Now and then it does not read, so that its stream runs out of credit.
  readonly roaming: number // Leaves its member every few seconds.
  readonly fromStart: number // Begins with the first revision, not with the next.
}

/** What a workload draws of a plan. */
export interface StoreDemand {
  readonly clients: number
  /** Clients that only read, and often: they see what a leader serves that was deposed and does not know. */
  readonly readers: number
  readonly watchers: number
  readonly keys: number
  readonly valueBytesMax: number
  readonly mix: StoreMix
  readonly watcherMix: WatcherMix
  /** Operations a virtual second, of all clients together. */
  readonly perSecond: number
  /** Leases, and nobody who writes anything else: their ends are revisions that no client claims. */
  readonly leases?: LeaseDemand
  /** Users and roles, and nobody else who writes. */
  readonly auth?: AuthDemand
  /** Members come and go, about so often. Absent: they stay. */
  readonly movesEveryMs?: number
  /** Of these moves, the share in which several members are replaced at once. Absent: none. */
  readonly replaceShare?: number
  /** Linearizable reads rest on leases, and so on clocks: none of them is broken then. */
  readonly leaseReads?: boolean
  /** Entries between two snapshots, and those kept behind one, of who writes too little for the limits of the others. */
  readonly logLimits?: { readonly snapshotEntriesMax: number; readonly tailEntriesMax: number }
}

export interface StorePlan extends StoreDemand {
  readonly seed: number
  /** Of the workload: the same seed means something else in each. */
  readonly salt: number
  readonly members: readonly string[]
  readonly timeoutMs: number
  /** How soon what has died is started again, as a supervisor would. */
  readonly restartMs: number
  /** In which anything may fail. */
  readonly safetyMs: number
  /** Once a majority has healed, and once all faults have ended: how soon its members must take a write again. */
  readonly recoveryMs: number
  /** So many members are left behind while the majority recovers; beginning with this one. */
  readonly stranded: number
  readonly strandedFirst: number
  readonly troubles: readonly Trouble[]
  readonly troublesMin: number
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
  readonly strikes: readonly number[] | undefined
  /** Clients with readers, watchers and operations that take part, at most. */
  readonly clientsMax: number
  readonly watchersMax: number
  readonly operationsMax: number
}

const clusterId = 'chaos'
const recoveryMs = 15_000
export const storeForMs = 12_000
const slowSyncUs = 20_000 // A disk on which a crash often meets a save.
const troublesMin = 3
const troubleLastsMsMax = 6_000
const strandShare = 0.4 // Of runs, if there can be a minority.
const all = Number.POSITIVE_INFINITY

const storeTroubles: readonly Trouble[] = troubles.filter(trouble => trouble !== 'duplicate')

/** A minority is left behind when the majority is healed. No strike like the others: it comes last. */
export const strand = 'strand'
export const storeFaults: readonly string[] = [...storeTroubles, strand]

export function storePlan(seed: number, salt: number, demand: (random: Random) => StoreDemand, options: RunOptions): StorePlan {
  const random = seededRandom(seed ^ salt)
  const asked = demand(seededRandom(forkSeed(random)))
  const size = pick(random, [1, 1, 3, 3, 3, 3, 3, 5, 5, 5])
  const members = Array.from({ length: size }, (_, at) => `control-${at}/store`)
  // A minority: more decay than that loses acknowledged writes, and rightly so.
  const minority = (size - 1) >> 1
  const moves = asked.movesEveryMs !== undefined
  const decaying = moves ? Math.min(1, minority) : minority // Of members that may go at any time.
  const corruptible = members.slice(size - decaying).map(member => member.split('/')[0] as string)
  const left = between(random, 1, Math.max(1, minority))
  const first = integerBelow(random, size)
  const drawn = random() < strandShare
  const sync = pick(random, [diskDefaults.syncUs, diskDefaults.syncUs, slowSyncUs])
  const strands = minority > 0 && (options.faults?.includes(strand) ?? drawn)
  const may = allowed(storeTroubles, options.faults).filter(trouble => {
    if (asked.leaseReads === true && (trouble === 'drift' || trouble === 'jump')) return false
    return trouble !== 'corrupt' || minority > 0
  })
  return {
    ...asked,
    seed,
    salt,
    members,
    timeoutMs: pick(random, [300, 1000, 3000]),
    restartMs: pick(random, [50, 300, 1500]),
    safetyMs: options.forMs ?? storeForMs,
    recoveryMs,
    stranded: strands ? left : 0,
    strandedFirst: first,
    troubles: may,
    troublesMin: options.faults === undefined ? troublesMin : may.length,
    troubleEveryMs: pick(random, [150, 400, 1000]),
    troubleLastsMsMax,
    leaderShare: pick(random, [0, 0, 0.5]),
    corruptible,
    syncUs: options.faults === undefined ? sync : diskDefaults.syncUs,
    remoteClients: random() < 0.5,
    args: {
      clusterId,
      ...within(drawArgs(random), asked.logLimits),
      ...(asked.leaseReads === true ? { leaseReads: true } : {}),
      ...(asked.leases === undefined ? {} : { leaseCheckpointEveryMs: asked.leases.checkpointEveryMs })
    },
    strikes: options.strikes,
    clientsMax: options.clients ?? all,
    watchersMax: options.watchers ?? all,
    operationsMax: options.operations ?? all,
    ...options.plan
  }
}

/** Limits far below those of use, so that what they lead to happens within seconds. */
function drawArgs(random: Random) {
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
    ...(random() < 0.3 ? { compactEveryMs: pick(random, [500, 2000]) } : {}),
    roomBytes: pick(random, [8 << 10, 64 << 10, 2 << 20]) // The smaller it is, the sooner a full disk is felt.
  }
}

function within(args: ReturnType<typeof drawArgs>, limits: StoreDemand['logLimits']): ReturnType<typeof drawArgs> {
  if (limits === undefined) return args
  const { snapshotEntriesMax: entriesMax, tailEntriesMax } = limits
  return { ...args, snapshots: { ...args.snapshots, entriesMax }, raft: { ...args.raft, tailEntriesMax } }
}
