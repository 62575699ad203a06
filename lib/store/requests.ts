// Requests: what clients ask of keys: reads, of this member's state, and writes, which go into the log.

import { ask, refuse } from '../actor/index.js'
import { isVoterOf } from '../raft/index.js'
import type { StoreAsked, StoreRange, StoreTxn } from '../storage/index.js'
import { misfitOfRead } from './access.js'
import { misfitOfTxn, rangeAnswer, txnOf } from './answers.js'
import { type HasReplica, type MemberTurn, starting, toLeader, write } from './proposing.js'
import { addRead } from './reading.js'
import type { Replica } from './replica.js'

interface Member extends HasReplica {
  readonly args: { readonly txnBytesMax?: number }
}

const txnBytesMaxDefault = 4 << 20 // Above the apiserver's own limit of 3 MiB a body.

export const keyHandlers = {
  range(ctx: MemberTurn, { replica }: Member, query: StoreRange & StoreAsked): any {
    if (replica === undefined) return starting()
    if (query.serializable === true && replica.reads.isCurrent) return misfitOfRead(ctx, replica, query) ?? rangeAnswer(replica.mvcc, query)
    if (isBehind(replica, ctx.from)) return toLeader(replica, leader => ask(leader, ctx.leftMs, 'range', query))
    const later = ctx.defer()
    if (!addRead(replica, { kind: 'range', query, later })) ctx.answer(later, refuse('overloaded', 'too many reads wait'))
    return later
  },
  revision(ctx: MemberTurn, { replica }: Member): any {
    if (replica === undefined) return starting()
    if (isBehind(replica, ctx.from)) return toLeader(replica, leader => ask(leader, ctx.leftMs, 'revision'))
    const later = ctx.defer()
    if (!addRead(replica, { kind: 'revision', later })) ctx.answer(later, refuse('overloaded', 'too many reads wait'))
    return later
  },
  txn(ctx: MemberTurn, { args, replica }: Member, request: StoreTxn & StoreAsked): any {
    if (replica === undefined) return starting()
    const txn = txnOf(request)
    return misfitOfTxn(txn, args.txnBytesMax ?? txnBytesMaxDefault) ?? write(ctx, replica, txn, request.caller)
  },
  compact(ctx: MemberTurn, { replica }: Member, { revision, caller }: { readonly revision: number } & StoreAsked): any {
    return replica === undefined ? starting() : write(ctx, replica, { type: 'compact', revision }, caller)
  }
}

/** Without room it takes no entries: a linearizable read would wait for those it lacks. Who asks for another member is not passed on again. */
const isBehind = ({ raft, room }: Replica, from: string): boolean =>
  room.isFull && !raft.isLeader && raft.leader !== null && !isVoterOf(raft.membership, from)
