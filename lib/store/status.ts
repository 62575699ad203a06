// Status: what a member says of itself, once or on each change of who leads. It is this member's view, and may be behind.

import { type Context, type Refusal, refuse, type Sink, type Turn } from '../actor/index.js'
import type { StoreAlarm } from '../storage/index.js'
import { alarmsOf } from './alarming.js'
import type { StoreMemberProtocol } from './protocol.js'
import type { Replica } from './replica.js'

export interface StoreStatus {
  readonly address: string
  readonly leader: string | null
  readonly term: number
  readonly raftIndex: number // Known to be committed.
  readonly appliedIndex: number
  readonly revision: number
  readonly compactRevision: number
  /** Of all versions that can be read; the process keeps its state in memory, and nothing else in that place. */
  readonly dbBytes: number
  readonly dbBytesInUse: number
  readonly isLearner: boolean
  /** What is raised, and, as NOSPACE, whose disk is full as far as this member knows: a leader of all, others of themselves. */
  readonly alarms: readonly StoreAlarm[]
  readonly errors: readonly string[]
}

/** What goes into the header of every answer of a gateway. */
export interface StoreStanding {
  readonly term: number
  readonly leader: string | null
  readonly isLearner: boolean
}

export type StandingSinks = Set<Sink<StoreStanding>>

const watchersMax = 100
const starting = (): Refusal => refuse('no leader', 'this member is recovering')

interface HasReplica {
  readonly replica: Replica | undefined
}

export const statusHandlers = {
  status: (ctx: Context<StoreMemberProtocol, any>, { replica }: HasReplica): StoreStatus | Refusal =>
    replica === undefined ? starting() : statusOf(ctx, replica),
  standing(ctx: Turn<StoreMemberProtocol, any, any>, { replica }: HasReplica): Sink<StoreStanding> | Refusal {
    if (replica === undefined) return starting()
    if (replica.standing.size >= watchersMax) return refuse('overloaded', `${watchersMax} watch the standing of this member`)
    const sink = ctx.stream() as Sink<StoreStanding>
    replica.standing.add(sink)
    sink.push(standingOf(replica))
    return sink
  }
}

function statusOf(ctx: Context<StoreMemberProtocol, any>, replica: Replica): StoreStatus {
  const { raft, applied, mvcc } = replica
  const address = ctx.self
  const { leader, term, commit } = raft.status()
  const dbBytes = mvcc.keyspace.bytes
  return {
    address,
    leader,
    term,
    raftIndex: commit,
    appliedIndex: applied.index,
    revision: mvcc.revision,
    compactRevision: mvcc.compactRevision,
    dbBytes,
    dbBytesInUse: dbBytes,
    isLearner: raft.membership.learners.includes(address),
    alarms: alarmsOf(ctx, replica),
    errors: leader === null ? ['etcdserver: no leader'] : []
  }
}

const standingOf = ({ raft: { term, leader, isVoter } }: Replica): StoreStanding => ({ term, leader, isLearner: !isVoter })

/** To be called when the term or the leader is another. A watcher that does not read hears of the latest when it does. */
export function standingChanged(replica: Replica): void {
  const standing = standingOf(replica)
  for (const sink of replica.standing) sink.push(standing)
}

/** Whether the sink is of a standing. */
export function standingSinkChanged(replica: Replica, sink: Sink<unknown>, event: 'credit' | 'closed'): boolean {
  const { standing } = replica
  if (!standing.has(sink as Sink<StoreStanding>)) return false
  if (event === 'closed') standing.delete(sink as Sink<StoreStanding>)
  else sink.push(standingOf(replica))
  return true
}
