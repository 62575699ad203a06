// Auth model: users and roles as a slow and obvious state, and what each change makes of it: the measure of what a store tells.
//
// States are never changed: a change gives another one.

import type { StoreAuthChange, StorePermission } from '../storage/index.js'
import type { AuthNeed } from './auth-history.js'

export interface AuthUser {
  /** Undefined: it has none. */
  readonly password: string | undefined
  readonly roles: readonly string[]
}

export interface AuthState {
  readonly isEnabled: boolean
  readonly users: Readonly<Record<string, AuthUser>>
  readonly roles: Readonly<Record<string, readonly StorePermission[]>>
}

export const noAuth: AuthState = { isEnabled: false, users: {}, roles: {} }
const root = 'root'

/** A text: why not, as the store says it. The same state: it was so already. */
export function changed(state: AuthState, change: StoreAuthChange): AuthState | string {
  switch (change.type) {
    case 'enable':
      if (state.isEnabled) return state
      if (state.users[root] === undefined) return 'root user not found'
      return state.users[root].roles.includes(root) ? { ...state, isEnabled: true } : 'root role not granted'
    case 'disable':
      return state.isEnabled ? { ...state, isEnabled: false } : state
    case 'addRole':
      if (change.name === '') return 'role empty'
      return state.roles[change.name] === undefined ? withRole(state, change.name, []) : 'role exists'
    case 'deleteRole':
      return withoutRole(state, change.name)
    case 'grantPermission':
    case 'revokePermission':
      return withPermission(state, change)
    default:
      return withUser(state, change)
  }
}

type UserChange = StoreAuthChange & { readonly type: 'addUser' | 'deleteUser' | 'changePassword' | 'grantRole' | 'revokeRole' }

function withUser(state: AuthState, change: UserChange): AuthState | string {
  const name = 'user' in change ? change.user : change.name
  const user = state.users[name]
  const set = (next: AuthUser): AuthState => ({ ...state, users: { ...state.users, [name]: next } })
  if (change.type === 'addUser') {
    if (name === '') return 'user empty'
    if (user !== undefined) return 'user exists'
    return set({ password: change.noPassword === true ? undefined : (change.password ?? ''), roles: [] })
  }
  if (change.type === 'deleteUser' && state.isEnabled && name === root) return 'invalid auth management'
  if (change.type === 'revokeRole' && state.isEnabled && name === root && change.role === root) return 'invalid auth management'
  if (user === undefined) return 'user not found'
  switch (change.type) {
    case 'deleteUser': {
      const { [name]: _gone, ...users } = state.users
      return { ...state, users }
    }
    case 'changePassword':
      return set(user.password === undefined ? { ...user } : { ...user, password: change.password })
    case 'grantRole':
      if (change.role !== root && state.roles[change.role] === undefined) return 'role not found'
      return user.roles.includes(change.role) ? state : set({ ...user, roles: [...user.roles, change.role].sort() })
    case 'revokeRole':
      return user.roles.includes(change.role)
        ? set({ ...user, roles: user.roles.filter(role => role !== change.role) })
        : 'role not granted'
  }
}

const withRole = (state: AuthState, name: string, permissions: readonly StorePermission[]): AuthState => ({
  ...state,
  roles: { ...state.roles, [name]: permissions }
})

/** With it goes what was granted of it. */
function withoutRole(state: AuthState, name: string): AuthState | string {
  if (state.isEnabled && name === root) return 'invalid auth management'
  if (state.roles[name] === undefined) return 'role not found'
  const { [name]: _gone, ...roles } = state.roles
  const users = Object.entries(state.users).map(([user, own]) => [user, { ...own, roles: own.roles.filter(role => role !== name) }])
  return { ...state, roles, users: Object.fromEntries(users) as AuthState['users'] }
}

function withPermission(
  state: AuthState,
  change: StoreAuthChange & { readonly type: 'grantPermission' | 'revokePermission' }
): AuthState | string {
  const own = state.roles[change.role]
  if (own === undefined) return 'role not found'
  const { key, end } = change.type === 'grantPermission' ? change.permission : change
  const others = own.filter(one => one.key !== key || (one.end ?? '') !== (end ?? ''))
  if (change.type === 'grantPermission') return withRole(state, change.role, [...others, change.permission].sort(byKeys))
  return others.length < own.length ? withRole(state, change.role, others) : 'permission not granted'
}

const byKeys = (a: StorePermission, b: StorePermission): number => {
  if (a.key !== b.key) return a.key < b.key ? -1 : 1
  return (a.end ?? '') < (b.end ?? '') ? -1 : 1
}

export const isRoot = ({ users }: AuthState, name: string): boolean => users[name]?.roles.includes(root) === true

/** Whether a user may do all of that, with all its roles together. */
export function isPermitted(state: AuthState, name: string, needs: readonly AuthNeed[]): boolean {
  const user = state.users[name]
  if (user === undefined) return false
  if (isRoot(state, name)) return true
  const permissions = user.roles.flatMap(role => state.roles[role] ?? [])
  return needs.every(need => {
    const ranges = permissions.filter(({ access }) => access === 'readwrite' || access === need.access).map(rangeOf)
    return isCovered(rangeOf(need), ranges)
  })
}

interface KeyRange {
  readonly begin: string
  /** Exclusive; undefined: none. */
  readonly end: string | undefined
}

const rangeOf = ({ key, end = '' }: { readonly key: string; readonly end?: string | undefined }): KeyRange => {
  if (end === '') return { begin: key, end: `${key}\0` } // The next key.
  return { begin: key, end: end === '\0' ? undefined : end }
}

/** Goes from its begin to its end over whatever reaches further. */
function isCovered({ begin, end }: KeyRange, ranges: readonly KeyRange[]): boolean {
  let at = begin
  for (;;) {
    let further: string | undefined = at
    for (const range of ranges) {
      if (range.begin > at) continue
      if (range.end === undefined) return true
      if (range.end > further) further = range.end
    }
    if (end !== undefined && further >= end) return true
    if (further === at) return false
    at = further
  }
}

/** Equal texts of equal states. */
export const authStateText = ({ isEnabled, users, roles }: AuthState): string =>
  JSON.stringify([isEnabled, Object.entries(users).sort(byName), Object.entries(roles).sort(byName)])

const byName = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number => (a < b ? -1 : 1)
