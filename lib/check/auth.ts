// Auth: whether what clients of a store were allowed, refused and told is what its users and roles were when they asked.
//
// The states of users and roles follow from what was told of them (auth-order.ts), and so does where among them an operation may have taken
// effect (auth-places.ts). It is wrong if it was right in none of those. What came of a change in doubt is taken as whatever makes the others right.
// A token that a member does not know is no violation: members forget them when they start again. Nor is one whose user's rights a member
// looked up too early, and that is told so (`auth revision old`).

import { describeAuthOperation } from './auth-excerpt.js'
import type {
  AuthAccess,
  AuthCaller,
  AuthChangeOperation,
  AuthHistory,
  AuthLogin,
  AuthOperation,
  AuthQueryOperation
} from './auth-history.js'
import { refusalOf } from './auth-history.js'
import { type AuthState, changed, isPermitted, isRoot } from './auth-model.js'
import { type AuthNode, AuthOrder, type AuthPlace, isAlwaysEffective, isKnown, type KnownOperation, placeOf } from './auth-order.js'
import { type AuthBounds, AuthPlaces } from './auth-places.js'
import { type Guarantee, guarantees, type Violation, violation, violationsMax } from './guarantee.js'

export interface AuthVerdict {
  readonly violations: readonly Violation[]
  /** What could not be decided. Not a pass. */
  readonly unknown: string | undefined
  /** Changes whose answers were lost, and that took effect for sure. */
  readonly doubtsResolved: number
}

/** Of refusals about users and roles: what is so, or the request would not be refused. The others are of the moment, or of the member. */
const reasons: readonly string[] = [
  'root user not found',
  'root role not granted',
  'user exists',
  'user not found',
  'role exists',
  'role not found',
  'role not granted',
  'permission not granted',
  'permission denied',
  'invalid auth management'
]

type Placed = readonly [AuthPlace, AuthNode]

export function checkAuth(history: AuthHistory): AuthVerdict {
  const order = new AuthOrder(history)
  const apart = [...checkOrder(order), ...(history.partial === true ? [] : checkSame(order.known))]
  const { contradiction, unknown } = order
  if (contradiction !== undefined) {
    const { promise, by, what } = contradiction
    apart.push(violation(guarantees[promise], `${by === undefined ? '' : `${describeAuthOperation(by)}\n`}${what}`))
  }
  if (apart.length > 0 || unknown !== undefined)
    return { violations: apart.slice(0, violationsMax), unknown: apart.length > 0 ? undefined : unknown, doubtsResolved: 0 }
  const judge = new Judge(order, history.operations)
  const violations: Violation[] = []
  for (const operation of history.operations) {
    const found = judge.judge(operation)
    if (found !== undefined) violations.push(found)
    if (violations.length >= violationsMax) break
  }
  return { violations, unknown: undefined, doubtsResolved: resolvedOf(order) }
}

function resolvedOf({ layers, last }: AuthOrder): number {
  const used = (layers.get(last) ?? []).map(node => node.used.length)
  return used.length === 0 ? 0 : used.reduce((least, count) => Math.min(least, count))
}

/** What is told later is not of before. */
function checkOrder(order: AuthOrder): Violation[] {
  const places = new AuthPlaces(order)
  for (const one of order.known) {
    const before = places.toldBefore(one)
    if (before !== undefined && placeOf(before) > placeOf(one))
      return [violation(guarantees.authRevision, `${describeAuthOperation(before)}\n${describeAuthOperation(one)}`)]
  }
  return []
}

function checkSame(known: readonly KnownOperation[]): Violation[] {
  const first = new Map<string, KnownOperation>()
  for (const one of known) {
    if (one.kind !== 'query' || one.query.type === 'status') continue
    const name = `${placeOf(one)} ${JSON.stringify(one.query)}`
    const other = first.get(name)
    const told = ({ outcome: { value } }: KnownOperation): string => JSON.stringify([value.users, value.roles, value.permissions])
    if (other === undefined) first.set(name, one)
    else if (told(other) !== told(one))
      return [violation(guarantees.authSame, `${describeAuthOperation(other)}\n${describeAuthOperation(one)}`)]
  }
  return []
}

class Judge {
  readonly #order: AuthOrder
  readonly #places: AuthPlaces
  readonly #logins = new Map<number, AuthLogin>()
  readonly #tokens = new Map<number, { readonly high: AuthPlace; readonly ends: readonly AuthPlace[] }>()

  constructor(order: AuthOrder, operations: readonly AuthOperation[]) {
    this.#order = order
    this.#places = new AuthPlaces(order)
    for (const one of operations) if (one.kind === 'login') this.#logins.set(one.id, one)
  }

  judge(operation: AuthOperation): Violation | undefined {
    const { outcome } = operation
    if (outcome === undefined || (!outcome.ok && !outcome.error.definite)) return undefined
    const bounds = this.#boundsOf(operation)
    const states = this.#places.statesOf(bounds)
    if (states === undefined) return undefined
    if (states.length === 0) return this.#say(guarantees.realTime, operation, bounds, [])
    const broken = this.#brokenBy(operation, states)
    return broken === undefined ? undefined : this.#say(broken, operation, bounds, states)
  }

  /** A change was allowed by what was just before it. */
  #boundsOf(operation: AuthOperation): AuthBounds {
    const bounds = this.#places.boundsOf(operation)
    if (!isKnown(operation)) return bounds
    const high = placeOf(operation)
    return { low: operation.kind === 'change' ? Math.max(bounds.low, high - 3) : high, high }
  }

  #brokenBy(operation: AuthOperation, states: readonly Placed[]): Guarantee | undefined {
    switch (operation.kind) {
      case 'login':
        return loginBroken(operation, states)
      case 'change':
        return requestBroken(operation, states)
      case 'query':
        return requestBroken(operation, states) ?? this.#queryTokenBroken(operation, states)
      default:
        return this.#accessBroken(operation, states)
    }
  }

  /** Who asks is looked up where it is answered; of a change, where it was asked for, by a member that may not know yet of a new password. */
  #queryTokenBroken({ caller, query, outcome }: AuthQueryOperation, states: readonly Placed[]): Guarantee | undefined {
    if (caller === undefined || query.type === 'status' || outcome?.ok !== true) return undefined
    const isRight = states.some(([place, { state }]) => !state.isEnabled || this.#isGood(caller, place))
    return isRight ? undefined : guarantees.authToken
  }

  #accessBroken(operation: AuthAccess, states: readonly Placed[]): Guarantee | undefined {
    const { caller, needs, kind, outcome } = operation
    if (caller === undefined) return undefined
    const may = (state: AuthState): boolean => !state.isEnabled || (caller.user !== undefined && isPermitted(state, caller.user, needs))
    if (outcome?.ok === true) {
      const right = states.filter(([, { state }]) => may(state))
      if (right.some(([place, { state }]) => !state.isEnabled || this.#isGood(caller, place))) return undefined
      if (right.length > 0) return guarantees.authToken
      if (caller.user === undefined) return guarantees.authNobody
      return { write: guarantees.authWrite, read: guarantees.authRead, staleRead: guarantees.authStaleRead }[kind]
    }
    const code = refusalOf(operation)
    // One may have been taken for nobody where auth was not on yet.
    if (code === 'user empty') return states.some(([, { state }]) => state.isEnabled) ? undefined : guarantees.authNobody
    if (code === 'permission denied') return states.some(([, { state }]) => !may(state)) ? undefined : guarantees.authAllowed
    return undefined
  }

  /** Whether a token may have been good there: nothing that ends it came after the last place at which it may have been given. */
  #isGood({ login }: AuthCaller, place: AuthPlace): boolean {
    const given = login === undefined ? undefined : this.#logins.get(login)
    if (given === undefined) return true
    const { high, ends } = this.#tokenOf(given)
    return !ends.some(at => at > high && at <= place)
  }

  #tokenOf(given: AuthLogin): { readonly high: AuthPlace; readonly ends: readonly AuthPlace[] } {
    const known = this.#tokens.get(given.id)
    if (known !== undefined) return known
    const ends = this.#order.known.filter(one => endsTokens(one, given.name)).map(placeOf)
    const { high: place } = this.#places.boundsOf(given)
    const token = { high: place % 2 === 0 ? place - 1 : place, ends } // Auth was on.
    this.#tokens.set(given.id, token)
    return token
  }

  #say(guarantee: Guarantee, operation: AuthOperation, bounds: AuthBounds, states: readonly Placed[]): Violation {
    const { low, high } = bounds
    const was = states[0]?.[1].state
    const name = operation.kind === 'login' ? operation.name : operation.caller?.user
    const lines = [describeAuthOperation(operation)]
    const cause = this.#causeOf(operation, name, was, Math.min(high, this.#order.last))
    if (cause !== undefined) lines.push(describeAuthOperation(cause))
    const range = high === Number.POSITIVE_INFINITY ? 'on' : `to ${high >> 1}`
    lines.push(
      `it took effect from auth revision ${Math.max(1, low >> 1)} ${range}${was === undefined ? ', which cannot be' : `: ${rightsOf(was, name)}`}`
    )
    return violation(guarantee, lines.join('\n'))
  }

  /** The last change by then that is about that user, one of its roles, or whether auth is on. */
  #causeOf(operation: AuthOperation, name: string | undefined, was: AuthState | undefined, until: AuthPlace): KnownOperation | undefined {
    const roles = name === undefined ? [] : (was?.users[name]?.roles ?? [])
    return this.#order.known
      .filter(one => one !== operation && placeOf(one) <= until && one.kind === 'change' && isAbout(one, name, roles))
      .sort((a, b) => placeOf(b) - placeOf(a) || b.invokedUs - a.invokedUs)[0]
  }
}

function isAbout({ change }: AuthChangeOperation, name: string | undefined, roles: readonly string[]): boolean {
  if (change.type === 'enable' || change.type === 'disable') return name === undefined
  if ('user' in change) return change.user === name
  if (change.type === 'grantPermission' || change.type === 'revokePermission') return roles.includes(change.role)
  return change.name === name || roles.includes(change.name)
}

function rightsOf({ isEnabled, users, roles }: AuthState, name: string | undefined): string {
  if (!isEnabled) return 'auth was off'
  if (name === undefined) return 'auth was on'
  const user = users[name]
  if (user === undefined) return `there was no user ${name}`
  const of = user.roles.map(
    role =>
      `${role} (${(roles[role] ?? []).map(({ access, key, end }) => `${access} ${key}${end === undefined ? '' : `..${end}`}`).join(', ')})`
  )
  return `${name} had ${of.length === 0 ? 'no role' : of.join(', ')}`
}

function endsTokens(one: KnownOperation, name: string): boolean {
  if (!one.outcome.value.isEnabled) return true
  if (one.kind !== 'change' || !isAlwaysEffective(one)) return false
  const { change } = one
  return (change.type === 'changePassword' || change.type === 'deleteUser') && change.name === name
}

function loginBroken({ name, password, outcome }: AuthLogin, states: readonly Placed[]): Guarantee | undefined {
  const some = (is: (state: AuthState) => boolean): boolean => states.some(([, { state }]) => is(state))
  const isRight = ({ isEnabled, users }: AuthState): boolean => isEnabled && users[name] !== undefined && users[name].password === password
  if (outcome?.ok === true) return some(isRight) ? undefined : guarantees.authLogin
  switch (outcome?.error.code) {
    case 'auth failed':
      return some(state => !isRight(state)) ? undefined : guarantees.authRightPassword
    case 'no password user':
      return some(({ users }) => users[name]?.password === undefined) ? undefined : guarantees.authRightPassword
    case 'auth not enabled':
      return some(({ isEnabled }) => !isEnabled) ? undefined : guarantees.authReason
    default:
      return undefined
  }
}

function requestBroken(operation: AuthChangeOperation | AuthQueryOperation, states: readonly Placed[]): Guarantee | undefined {
  const { caller, outcome } = operation
  const some = (is: (state: AuthState) => boolean): boolean => states.some(([, { state }]) => is(state))
  const isEntitled = (state: AuthState): boolean => caller === undefined || !state.isEnabled || entitled(operation, caller, state)
  if (outcome?.ok === true) return some(isEntitled) ? undefined : guarantees.authAdministration
  const code = refusalOf(operation) ?? ''
  if (!reasons.includes(code)) return undefined
  const isSo = (state: AuthState): boolean => {
    if (isEntitled(state)) return refusedAs(operation, state) === code
    return code === 'permission denied' || (code === 'user not found' && state.users[caller?.user ?? ''] === undefined)
  }
  if (some(isSo)) return undefined
  return code === 'permission denied' ? guarantees.authAllowed : guarantees.authReason
}

function entitled(operation: AuthChangeOperation | AuthQueryOperation, { user }: AuthCaller, state: AuthState): boolean {
  if (operation.kind === 'query') {
    const { query } = operation
    if (query.type === 'status' || (query.type === 'user' && query.name === user)) return true
    if (query.type === 'role' && user !== undefined && state.users[user]?.roles.includes(query.name) === true) return true
  }
  return user !== undefined && isRoot(state, user)
}

function refusedAs(operation: AuthChangeOperation | AuthQueryOperation, state: AuthState): string | undefined {
  if (operation.kind === 'change') {
    const made = changed(state, operation.change)
    return typeof made === 'string' ? made : undefined
  }
  const { query } = operation
  if (query.type === 'user') return state.users[query.name] === undefined ? 'user not found' : undefined
  return query.type === 'role' && state.roles[query.name] === undefined ? 'role not found' : undefined
}
