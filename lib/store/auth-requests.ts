// Auth requests: what clients ask of users and roles. Changes are commands; what there is, is read as keys are. Here, too, logs in who gives
// the right password.
//
// Guarantee: a password goes to the port that hashes it and nowhere else: not into the log, not to another member. A token is
// given only if the password was right at the auth revision that there is when the login is applied: etcd gives one that was
// right before, and does not tell it (server/etcdserver/v3_server.go, Authenticate).

import { ask, type Flow, type Refusal, refuse } from '../actor/index.js'
import { type AuthChange, type AuthFailureCode, authLimits, type Caller, rootName } from '../auth/index.js'
import { failed } from '../mvcc/index.js'
import { secretsPort } from '../ports/index.js'
import type {
  StoreAsked,
  StoreAuthAnswer,
  StoreAuthChange,
  StoreAuthQuery,
  StoreAuthRequest,
  StoreCredentials,
  StoreToken
} from '../storage/index.js'
import { callerOf, passedOn } from './access.js'
import { refusalOf } from './answers.js'
import { standingOf } from './auth-answers.js'
import { type HasReplica, type MemberTurn, starting, write } from './proposing.js'
import { confirmed } from './reading.js'
import type { Replica } from './replica.js'

/** Each needs that users or roles changed while the password was looked at. */
const loginTriesMax = 10
const queries: ReadonlySet<string> = new Set<StoreAuthQuery['type']>(['status', 'user', 'users', 'role', 'roles'])

export const authHandlers = {
  auth(ctx: MemberTurn, { replica }: HasReplica, request: StoreAuthRequest): any {
    if (replica === undefined) return starting()
    if (isQuery(request)) return confirmed(ctx, replica, later => ctx.answer(later, answerOfQuery(ctx, replica, request)))
    const misfit = misfitOfPassword(request)
    if (misfit !== undefined) return misfit
    const change = changeOf(request)
    if (change !== undefined) return write(ctx, replica, { type: 'auth', change }, request.caller)
    return hashed(ctx, request)
  },
  /** With a hash instead of a password. */
  changeAuth(ctx: MemberTurn, { replica }: HasReplica, { change, caller }: { readonly change: AuthChange } & StoreAsked): any {
    return replica === undefined ? starting() : write(ctx, replica, { type: 'auth', change }, caller)
  },
  authenticate: logIn
}

const isQuery = (request: StoreAuthRequest): request is StoreAuthQuery & StoreAsked => queries.has(request.type)

function misfitOfPassword(request: StoreAuthChange): Refusal | undefined {
  const length = 'password' in request ? (request.password?.length ?? 0) : 0
  return length > authLimits.passwordLengthMax
    ? refuse('invalid', `a password has at most ${authLimits.passwordLengthMax} characters`)
    : undefined
}

/** Undefined: its password is to be hashed first. */
function changeOf(request: StoreAuthChange & StoreAsked): AuthChange | undefined {
  if (request.type === 'changePassword')
    return request.password === '' ? { type: 'changePassword', name: request.name, hash: '' } : undefined
  if (request.type === 'addUser') return request.noPassword === true ? { type: 'addUser', name: request.name } : undefined
  const { caller: _, ...change } = request
  return change
}

function* hashed(ctx: MemberTurn, request: StoreAuthChange & StoreAsked): Flow<unknown> {
  const { leftMs } = ctx
  if (request.type !== 'addUser' && request.type !== 'changePassword') return refuse('invalid', `${request.type} has no password`)
  const { type, name, password = '', caller } = request
  const made = yield* ask(ctx.port(secretsPort), leftMs, 'hash', { password })
  if (!made.ok) return passedOn(made)
  return passedOn(
    yield* ask(ctx.self, leftMs, 'changeAuth', { change: { type, name, hash: made.value }, ...(caller === undefined ? {} : { caller }) })
  )
}

function* logIn(ctx: MemberTurn, state: HasReplica, { name, password }: StoreCredentials): Flow<StoreToken | Refusal> {
  const untilMs = ctx.nowMs + ctx.leftMs
  for (let tries = 1; ; tries++) {
    const current = yield* ask(ctx.self, untilMs - ctx.nowMs, 'revision') // All that was acknowledged of users before is known here.
    if (!current.ok) return passedOn(current) as Refusal
    const auth = state.replica?.mvcc.auth
    if (auth === undefined) return starting()
    const misfit = auth.misfitOfLogin(name)
    const hash = auth.user(name)?.hash
    if (misfit !== undefined || hash === undefined) return noLogin(misfit, auth.user(name) !== undefined)
    if (password.length > authLimits.passwordLengthMax) return failure('authFailed') // No user has one.
    const { revision: authRevision } = auth
    const compared = yield* ask(ctx.port(secretsPort), untilMs - ctx.nowMs, 'matches', { password, hash })
    if (!compared.ok) return passedOn(compared) as Refusal
    if (!compared.value) return failure('authFailed')
    const token = yield* ask(ctx.port(secretsPort), untilMs - ctx.nowMs, 'token')
    if (!token.ok) return passedOn(token) as Refusal
    const change: AuthChange = { type: 'authenticate', user: name, token: token.value, authRevision }
    const given = yield* ask(ctx.self, untilMs - ctx.nowMs, 'changeAuth', { change })
    if (given.ok || given.error.code !== 'auth revision old' || tries === loginTriesMax) return passedOn(given) as StoreToken | Refusal
  }
}

/** As etcd's CheckPassword. */
function noLogin(misfit: AuthFailureCode | undefined, isUser: boolean): Refusal {
  if (misfit === 'authFailed' && isUser)
    return refuse('no password user', 'auth: authentication failed, password was given for no password user')
  return failure(misfit ?? 'authFailed')
}

const failure = (code: AuthFailureCode): Refusal => refusalOf(failed(code))

function answerOfQuery(ctx: MemberTurn, replica: Replica, query: StoreAuthQuery & StoreAsked): StoreAuthAnswer | Refusal {
  const { auth } = replica.mvcc
  const misfit = query.type === 'status' || query.caller === undefined || !auth.isEnabled ? undefined : misfitOfQuery(ctx, replica, query)
  if (misfit !== undefined) return misfit
  const answer = standingOf(replica)
  switch (query.type) {
    case 'status':
      return answer
    case 'users':
      return { ...answer, users: auth.users().map(({ name }) => name) }
    case 'roles':
      return { ...answer, roles: auth.roles().map(({ name }) => name) }
    case 'user': {
      const user = auth.user(query.name)
      return user === undefined ? failure('userNotFound') : { ...answer, roles: user.roles }
    }
    case 'role': {
      const role = auth.role(query.name)
      if (role === undefined) return failure('roleNotFound')
      // As etcd: the role root has all keys, whatever was granted to it.
      return { ...answer, permissions: query.name === rootName ? [{ access: 'readwrite', key: '', end: '\0' }] : role.permissions }
    }
  }
}

/** Everybody may look at himself, and at his roles; root at everything. */
function misfitOfQuery(ctx: MemberTurn, replica: Replica, query: StoreAuthQuery & StoreAsked): Refusal | undefined {
  const { auth } = replica.mvcc
  const caller: Caller | Refusal = callerOf(ctx, replica, query.caller ?? {})
  if (!('user' in caller)) return caller
  const misfit = auth.misfitOfRoot(caller)
  if (misfit === undefined) return undefined
  const isOwn =
    (query.type === 'user' && caller.user === query.name && caller.user !== '') ||
    (query.type === 'role' && auth.user(caller.user)?.roles.includes(query.name) === true)
  return isOwn ? undefined : failure(misfit)
}
