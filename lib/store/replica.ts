// Replica: one member of the replicated store: Raft, its log's bytes, the state machine, and who waits for what.
//
// Guarantee: a write is answered once a majority has it on disk and it is applied here; a linearizable read sees
// every write answered before it was asked; the revision of an answer is the store's at that point. What is told
// to others that rests on this member's disk is recorded after the save it rests on.

import type { Context, Later } from '../actor/index.js'
import { type CommandResult, CommandWriter, type Mvcc } from '../mvcc/index.js'
import { type Message, Raft, type RaftConfig, type Recovered } from '../raft/index.js'
import type { WalBatch, WalSnapshot, WalWriter } from '../wal/index.js'
import type { FullDisks } from './full-disks.js'
import { type Leasing, newLeasing } from './leasing.js'
import type { WaitingChange, WaitingTransfer } from './membership.js'
import { type News, noNews } from './news.js'
import { newQuota, type Quota, quotaBytesDefault } from './quota.js'
import type { Reads } from './reading.js'
import { type Room, spend } from './room.js'
import type { SnapshotContent } from './snapshot-file.js'
import type { StandingSinks } from './status.js'
import { Tokens } from './tokens.js'
import { newWatching, type Watching } from './watching.js'

export interface Replica {
  readonly clusterId: string
  readonly raft: Raft
  readonly wal: WalWriter
  readonly life: string // Names this life in the commands it proposes.
  readonly commands: CommandWriter
  readonly pending: Map<number, Pending> // Proposed commands, by number, that wait to be applied here.
  readonly reads: Reads
  readonly watching: Watching
  readonly tokens: Tokens
  readonly news: News
  readonly monitored: Set<string> // Members whose death is told here.
  changes: WaitingChange[]
  transfer: WaitingTransfer | undefined
  readonly standing: StandingSinks
  readonly segments: { sequence: number; firstIndex: number }[]
  leasing: Leasing
  quota: Quota
  mvcc: Mvcc
  numberLast: number
  reminded: number // Times that one who was removed was told so.
  shown: { readonly term: number; readonly leader: string | null; readonly isLearner: boolean; readonly alarms: string }
  applied: { index: number; bytesSinceSnapshot: number; snapshotIndex: number }
  snapshotting: boolean
  readonly room: Room
  readonly fullDisks: FullDisks
  readonly sending: Map<number, number> // Indexes of snapshot files, and when a part of each was last asked for.
  receiving: { message: Extract<Message, { type: 'snapshot' }> } | undefined
  received: SnapshotContent | undefined // Durable in its file, for Raft to install in the next batch.
}

export interface Pending {
  readonly term: number
  readonly later: Later<any> | undefined // Undefined: nobody waits.
  /** What the result is to whoever waits: an answer of the protocol, or a refusal. */
  readonly answer: (result: CommandResult, revision: number) => unknown
}

export interface ReplicaParts {
  readonly clusterId: string
  readonly config: RaftConfig
  readonly recovered: Recovered | null
  readonly snapshot: WalSnapshot | undefined
  readonly mvcc: Mvcc
  readonly wal: WalWriter
  readonly segments: readonly { readonly sequence: number; readonly firstIndex: number }[]
  readonly life: string
  readonly room: Room
}

export function newReplica({ clusterId, config, recovered, snapshot, mvcc, wal, segments, life, room }: ReplicaParts): Replica {
  const snapshotIndex = snapshot?.index ?? 0
  return {
    clusterId,
    raft: new Raft(config, recovered, snapshotIndex),
    wal,
    life,
    commands: new CommandWriter(life),
    pending: new Map(),
    reads: { queued: [], confirming: new Map(), confirmed: [], contextLast: 0, isCurrent: false },
    watching: newWatching(mvcc),
    tokens: new Tokens(recovered?.entries.at(-1)?.index ?? snapshotIndex),
    news: noNews(),
    monitored: new Set(),
    changes: [],
    transfer: undefined,
    standing: new Set(),
    leasing: newLeasing(),
    quota: newQuota(quotaBytesDefault),
    segments: [...segments],
    mvcc,
    numberLast: 0,
    reminded: 0,
    shown: { term: -1, leader: null, isLearner: false, alarms: '' },
    applied: { index: snapshotIndex, bytesSinceSnapshot: 0, snapshotIndex },
    snapshotting: false,
    room,
    fullDisks: new Map(),
    sending: new Map(),
    receiving: undefined,
    received: undefined
  }
}

/** Every save of a member's log goes through here, so that each segment it begins is known and can be released one day. */
export function saveBatch(ctx: Context<any, any>, replica: Replica, batch: WalBatch): void {
  const { wal, segments, raft } = replica
  const { sequence, offset, bytes } = wal.encode(batch)
  if (offset === 0) segments.push({ sequence, firstIndex: batch.entries?.[0]?.index ?? raft.status().lastIndex + 1 })
  spend(replica, bytes.length)
  ctx.save(bytes, sequence)
}
