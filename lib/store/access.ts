// Access: who asks, and whether he may, of all that is no command: commands are judged where they are applied (lib/mvcc/access.ts).
//
// Guarantee: while auth is on, nothing is done or told for somebody from outside who may not have it, by this member's users and roles:
// of a linearizable read by those of after it was confirmed, of a lease's renewal by the confirmed leader's, of all else by those
// known here when it is asked, as in etcd. A request without a caller is never asked who it is.

import { ask, doubt, type Flow, type Outcome, passOn, type Refusal, refuse } from '../actor/index.js'
import { type AuthFailureCode, anonymous, type Caller } from '../auth/index.js'
import { failed, misfitOfLease } from '../mvcc/index.js'
import type { StoreAsked, StoreCaller, StoreRange } from '../storage/index.js'
import { refusalOf } from './answers.js'
import type { HasReplica, MemberTurn } from './proposing.js'
import type { Replica } from './replica.js'
import { indexOfToken } from './tokens.js'

interface Clock {
  readonly nowMs: number
}

/** The name that a caller has here; empty: none. */
export function userOf({ nowMs }: Clock, { tokens, mvcc }: Replica, { token, commonName }: StoreCaller): string | Refusal {
  if (token === undefined) return commonName ?? ''
  const user = tokens.userOf(token, nowMs)
  if (user !== undefined) return user
  return mvcc.auth.isEnabled ? refuse('invalid auth token', 'etcdserver: invalid auth token') : ''
}

/** As whom something is asked here and now. While auth is off it does not matter who it is, only that it is somebody from outside. */
export function callerOf(clock: Clock, replica: Replica, asked: StoreCaller): Caller | Refusal {
  const { auth } = replica.mvcc
  if (!auth.isEnabled) return anonymous
  const user = userOf(clock, replica, asked)
  return typeof user === 'string' ? namedCaller(replica, user) : user
}

const namedCaller = ({ mvcc: { auth } }: Replica, user: string): Caller => (user === '' ? anonymous : { user, authRevision: auth.revision })

const refusalFor = (code: AuthFailureCode | undefined): Refusal | undefined => (code === undefined ? undefined : refusalOf(failed(code)))

/** What a request needs of its caller: to be somebody, to be root, or to read those keys. */
export type Need = 'user' | 'root' | { readonly key: string; readonly end?: string | undefined }

export function misfitOfNeed(clock: Clock, replica: Replica, asked: StoreCaller | undefined, need: Need): Refusal | undefined {
  const { auth } = replica.mvcc
  if (asked === undefined || !auth.isEnabled) return undefined
  const caller = callerOf(clock, replica, asked)
  if (!('user' in caller)) return caller
  if (need === 'user') return caller.user === '' ? refusalFor('userEmpty') : undefined
  return refusalFor(need === 'root' ? auth.misfitOfRoot(caller) : auth.misfitOfKeys(caller, need, 'read'))
}

export const misfitOfRead = (clock: Clock, replica: Replica, { caller, key, end }: StoreRange & StoreAsked): Refusal | undefined =>
  caller === undefined ? undefined : misfitOfNeed(clock, replica, caller, { key, end })

/** Of somebody whom another member knows by that name; undefined: none from outside. As etcd: root may with any lease. */
export function misfitOfLeaseBy(
  replica: Replica,
  user: string | undefined,
  id: number,
  access: 'read' | 'write' | 'none'
): Refusal | undefined {
  const { mvcc } = replica
  if (user === undefined || !mvcc.auth.isEnabled) return undefined
  const caller = namedCaller(replica, user)
  if (caller.user === '') return refusalFor('userEmpty')
  return access === 'none' ? undefined : refusalFor(misfitOfLease(mvcc, caller, id, access))
}

/** Messages for which one need not be root: their handlers look themselves, or it is enough to be somebody. */
const looksItself = 'looks itself'
const needs: ReadonlyMap<string, Need | typeof looksItself> = new Map<string, Need | typeof looksItself>([
  ...['status', 'members'].map(type => [type, 'user'] as const),
  ...['range', 'txn', 'compact', 'watch', 'requestProgress', 'grantLease', 'revokeLease', 'keepAliveLease', 'lease', 'leases'].map(
    type => [type, looksItself] as const
  ),
  ...['alarms', 'auth', 'changeAuth', 'authenticate', 'admit'].map(type => [type, looksItself] as const)
])

type Handler = (ctx: MemberTurn, state: HasReplica, body: (StoreAsked & object) | undefined) => unknown

/** The same handlers, each before it a look at who asks. */
export function guarded<H extends object>(handlers: H): H {
  const all = Object.entries(handlers) as [string, Handler][]
  return Object.fromEntries(all.map(([type, handler]) => [type, guardedBy(type, handler)])) as H
}

function guardedBy(type: string, handler: Handler): Handler {
  const need = needs.get(type) ?? 'root'
  return (ctx, state, body) => {
    const asked = body?.caller
    const { replica } = state
    if (asked === undefined || replica === undefined) return handler(ctx, state, body)
    if (asked.token !== undefined && isAhead(ctx, replica, asked.token)) return askAgain(ctx, state, type, body)
    const misfit = need === looksItself ? undefined : misfitOfNeed(ctx, replica, asked, need)
    return misfit ?? handler(ctx, state, body)
  }
}

/** Another member may have applied its login, and this one not yet. */
const isAhead = ({ nowMs }: Clock, { tokens, applied }: Replica, token: string): boolean =>
  tokens.userOf(token, nowMs) === undefined && indexOfToken(token) > applied.index

/** Asks itself, once it has all that was answered to anybody before this was asked: a token, for one. */
function* askAgain(ctx: MemberTurn, state: HasReplica, type: string, body: (StoreAsked & object) | undefined): Flow<unknown> {
  const { leftMs } = ctx
  if (type === 'watch') return refuse('no leader', 'this member has not yet heard of that token') // It answers no ask.
  const current = yield* ask(ctx.self, leftMs, 'revision')
  if (!current.ok) return passedOn(current)
  const { replica } = state
  const token = body?.caller?.token
  if (replica === undefined || token === undefined || isAhead(ctx, replica, token))
    return refuse('invalid auth token', 'etcdserver: invalid auth token')
  return passedOn(yield* ask(ctx.self, leftMs, type as 'range', body as StoreRange & StoreAsked))
}

/** An answer of somebody else as one's own. */
export function passedOn<V>(outcome: Outcome<V>): V | Refusal {
  if (outcome.ok) return outcome.value
  return outcome.error.definite ? passOn(outcome.error) : doubt(outcome.error.code, outcome.error.detail)
}
