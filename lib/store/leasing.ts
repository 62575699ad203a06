// Leasing: what clients ask of leases. Which there are, all members agree on (lib/mvcc); when they end, the leader's clock says.
//
// Guarantee: a lease that was granted or kept alive lives for its time to live from then on, on the clock of whoever leads, unless
// it is revoked; told to be gone, it never comes back. A renewal and a remaining time are answered only by a leader that
// a majority confirmed after they were asked (Raft §8, as a read): etcd's are answered by whoever still believes it leads,
// and a deposed leader may, and may even have leases revoked (etcd #12528, #15247). A lease whose time is over is told gone only once its revocation is applied.
// A leader gives every lease its whole time, or what its checkpoint left, when it has applied an entry of its own term: then it knows
// all that was granted and revoked before it.
// Time is `real`: the monotonic clock of the leader's machine. See docs/adr/0011.

import { ask, type Context, type Later, type Refusal, refuse } from '../actor/index.js'
import { type CommandResult, LeaseClock, leaseTtlSecondsMax } from '../mvcc/index.js'
import type { StoreAsked, StoreCaller, StoreLease } from '../storage/index.js'
import { misfitOfLeaseBy, userOf } from './access.js'
import { refusalOf } from './answers.js'
import { enter, enterUnasked, type HasReplica, type MemberTurn, starting, toLeader, write } from './proposing.js'
import { confirmed } from './reading.js'
import type { Replica } from './replica.js'

export interface LeaseLimits {
  /** Below it a time to live is raised to it: longer than an election takes (etcd's minLeaseTTL). */
  readonly ttlSecondsMin: number
  /** What every lease is given when a leader begins: an election's time, in which nobody could be kept alive. */
  readonly extensionMs: number
  readonly checkpointEveryMs: number
}

export interface Leasing {
  readonly limits: LeaseLimits
  /** Of the term this member leads, from the first entry of it that was applied here. */
  clock: LeaseClock | undefined
  term: number
}

/** As etcd: a thousand a second. */
const revocationsPerTickMax = 50
const revocationRetryMs = 3_000
/** As etcd's maxLeaseCheckpointBatchSize. */
const checkpointsMax = 1_000
const moreCheckpointsMs = 200
export const checkpointEveryMsDefault = 5 * 60_000

export const newLeasing = (
  limits: LeaseLimits = { ttlSecondsMin: 1, extensionMs: 0, checkpointEveryMs: checkpointEveryMsDefault }
): Leasing => ({
  limits,
  clock: undefined,
  term: 0
})

export const leaseHandlers = {
  grantLease(
    ctx: MemberTurn,
    { replica }: HasReplica,
    { id, ttlSeconds, caller }: { readonly id: number; readonly ttlSeconds: number } & StoreAsked
  ): any {
    if (replica === undefined) return starting()
    const misfit = misfitOfId(id)
    if (misfit !== undefined) return misfit
    if (!Number.isSafeInteger(ttlSeconds)) return refuse('invalid', 'a time to live is a whole number of seconds')
    if (ttlSeconds > leaseTtlSecondsMax) return refuse('lease ttl too large', 'etcdserver: too large lease TTL')
    const ttl = Math.max(replica.leasing.limits.ttlSecondsMin, ttlSeconds)
    return write(ctx, replica, { type: 'leaseGrant', id: id === 0 ? chosenId(ctx) : id, ttlSeconds: ttl }, caller)
  },
  revokeLease(ctx: MemberTurn, { replica }: HasReplica, { id, caller }: { readonly id: number } & StoreAsked): any {
    if (replica === undefined) return starting()
    return misfitOfId(id) ?? write(ctx, replica, { type: 'leaseRevoke', id }, caller)
  },
  keepAliveLease(ctx: MemberTurn, { replica }: HasReplica, { id, caller }: { readonly id: number } & StoreAsked): any {
    if (replica === undefined) return starting()
    const asker = askerOf(ctx, replica, caller)
    if ('code' in asker) return asker
    if (replica.raft.isLeader) return renew(ctx, replica, { id, ...asker })
    return toLeader(replica, leader => ask(leader, ctx.leftMs, 'renewLease', { id, ...asker }))
  },
  renewLease: (ctx: MemberTurn, { replica }: HasReplica, lease: { readonly id: number } & Asker): any =>
    replica?.raft.isLeader === true ? renew(ctx, replica, lease) : notLeading(),
  lease(ctx: MemberTurn, { replica }: HasReplica, { caller, ...query }: LeaseQuery & StoreAsked): any {
    if (replica === undefined) return starting()
    const asker = askerOf(ctx, replica, caller)
    if ('code' in asker) return asker
    if (replica.raft.isLeader) return describe(ctx, replica, { ...query, ...asker })
    return toLeader(replica, leader => ask(leader, ctx.leftMs, 'describeLease', { ...query, ...asker }))
  },
  describeLease: (ctx: MemberTurn, { replica }: HasReplica, query: LeaseQuery & Asker): any =>
    replica?.raft.isLeader === true ? describe(ctx, replica, query) : notLeading(),
  leases(ctx: MemberTurn, { replica }: HasReplica, asked?: StoreAsked): any {
    if (replica === undefined) return starting()
    const asker = askerOf(ctx, replica, asked?.caller)
    if ('code' in asker) return asker
    return confirmed(ctx, replica, later => ctx.answer(later, list(replica, asker)))
  }
}

interface LeaseQuery {
  readonly id: number
  readonly keys?: boolean
}
/** By name, so that the leader, who may have lost a token, need not know it. */
interface Asker {
  readonly user?: string
}

function askerOf(ctx: MemberTurn, replica: Replica, caller: StoreCaller | undefined): Asker | Refusal {
  if (caller === undefined) return {}
  const user = userOf(ctx, replica, caller)
  return typeof user === 'string' ? { user } : user
}

/** As etcd: for who may read all keys of all leases. */
function list(replica: Replica, { user }: Asker): { readonly ids: readonly number[]; readonly revision: number } | Refusal {
  const { mvcc } = replica
  const ids = mvcc.leases.list().map(({ id }) => id)
  const nobody = misfitOfLeaseBy(replica, user, 0, 'none')
  if (nobody !== undefined) return nobody
  if (user !== undefined && mvcc.auth.isEnabled) {
    for (const id of ids) {
      const misfit = misfitOfLeaseBy(replica, user, id, 'read')
      if (misfit !== undefined) return misfit
    }
  }
  return { ids, revision: mvcc.revision }
}

const notLeading = (): Refusal => refuse('no leader', 'it leads no more')

function misfitOfId(id: number): Refusal | undefined {
  if (Number.isSafeInteger(id) && id >= 0) return undefined
  return refuse('invalid', `a lease id is a whole number from 1 to ${Number.MAX_SAFE_INTEGER}, not ${id}`)
}

const chosenId = (ctx: MemberTurn): number => 1 + Math.floor(ctx.random() * (Number.MAX_SAFE_INTEGER - 1))

function renew(ctx: MemberTurn, replica: Replica, { id, user }: { readonly id: number } & Asker): Later<any> {
  return confirmed(ctx, replica, later => {
    const { leasing, mvcc, raft } = replica
    const { clock } = leasing
    if (clock === undefined || !raft.isLeader) return ctx.answer(later, notLeading())
    const misfit = misfitOfLeaseBy(replica, user, id, 'write')
    if (misfit !== undefined) return ctx.answer(later, misfit)
    if (!mvcc.leases.has(id)) return ctx.answer(later, { ttlSeconds: 0, revision: mvcc.revision })
    const ttlSeconds = clock.keepAlive(id, ctx.nowMs)
    if (ttlSeconds === undefined) return enter(replica, { type: 'leaseRevoke', id }, { later, answer: goneAnswer })
    const checkpoint = clock.checkpointOf(id)
    if (checkpoint === 0) return ctx.answer(later, { ttlSeconds, revision: mvcc.revision })
    enter(
      replica,
      { type: 'leaseCheckpoint', id, remainingTtlSeconds: 0 },
      {
        later,
        answer: (_result, revision) => {
          clock.cleared(id, checkpoint)
          return { ttlSeconds: replica.mvcc.leases.has(id) ? ttlSeconds : 0, revision }
        }
      }
    )
  })
}

/** Of a revocation that says to a renewal that it came too late. */
const goneAnswer: Parameters<typeof enter>[2]['answer'] = (result, revision) =>
  result.type === 'failed' && result.code !== 'leaseNotFound' ? refusalOf(result) : { ttlSeconds: 0, revision }

function describe(ctx: MemberTurn, replica: Replica, { id, keys, user }: LeaseQuery & Asker): Later<StoreLease> {
  return confirmed(ctx, replica, later => {
    const { leasing, mvcc, raft } = replica
    if (leasing.clock === undefined || !raft.isLeader) return ctx.answer(later, notLeading())
    const misfit = misfitOfLeaseBy(replica, user, id, keys === true ? 'read' : 'none')
    if (misfit !== undefined) return ctx.answer(later, misfit)
    const lease = mvcc.leases.get(id)
    const { revision } = mvcc
    if (lease === undefined) return ctx.answer(later, { id, grantedTtlSeconds: 0, remainingTtlSeconds: -1, keys: [], revision })
    ctx.answer(later, {
      id,
      grantedTtlSeconds: lease.ttlSeconds,
      remainingTtlSeconds: Math.floor((leasing.clock.remainingMs(id, ctx.nowMs) ?? 0) / 1000),
      keys: keys === true ? [...lease.keys].sort() : [],
      revision
    })
  })
}

/** Before an entry is applied: the first of its own term makes a leader the one that says when leases end. */
export function promoteLeasing(ctx: Context<any, any>, { leasing, mvcc, raft }: Replica, entryTerm: number): void {
  if (leasing.term === entryTerm && leasing.clock !== undefined) return
  if (!raft.isLeader || entryTerm !== raft.term) return
  leasing.clock = LeaseClock.promoted(mvcc.leases.list(), ctx.nowMs, leasing.limits.extensionMs)
  leasing.term = entryTerm
  if (leasing.clock.size > 0) ctx.log('leases taken over', { leases: leasing.clock.size, term: entryTerm })
}

/** What was applied of leases, on the clock of a leader. */
export function noteLease(ctx: Context<any, any>, { leasing: { clock } }: Replica, result: CommandResult): void {
  if (clock === undefined) return
  if (result.type === 'leaseGrant') clock.granted(result.id, result.ttlSeconds, ctx.nowMs)
  else if (result.type === 'leaseRevoke') clock.revoked(result.id)
}

export function demoteLeasing({ leasing, raft }: Replica): void {
  if (leasing.clock !== undefined && (!raft.isLeader || raft.term !== leasing.term)) leasing.clock = undefined
}

/** To be called at every tick. */
export function revokeDue(ctx: Context<any, any>, replica: Replica): void {
  const { clock } = replica.leasing
  if (clock === undefined || (clock.nextMs ?? Number.POSITIVE_INFINITY) > ctx.nowMs) return
  const ids = clock.due(ctx.nowMs, revocationsPerTickMax, revocationRetryMs)
  for (const id of ids) enterUnasked(replica, { type: 'leaseRevoke', id })
  ctx.log('leases expired', { leases: ids.length })
}

/** Gives the time after which it should be called again. */
export function checkpointLeases(ctx: Context<any, any>, replica: Replica): number {
  const { clock, limits } = replica.leasing
  const againMs = Math.max(moreCheckpointsMs, limits.checkpointEveryMs / 5)
  if (clock === undefined) return againMs
  const checkpoints = clock.checkpoints(ctx.nowMs, limits.checkpointEveryMs, checkpointsMax)
  for (const checkpoint of checkpoints) enterUnasked(replica, { type: 'leaseCheckpoint', ...checkpoint })
  if (checkpoints.length > 0) ctx.log('leases checkpointed', { leases: checkpoints.length })
  return checkpoints.length === checkpointsMax ? moreCheckpointsMs : againMs
}
