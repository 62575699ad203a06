// Auth shrink: the smallest part of a history about users and roles that still breaks the same promise.
//
// Who is named by a violation matters, with what it is a user of: changes of other users and roles are left out, and the history is `partial`. Changes
// that remain all stay, since without one of them what it explained would look wrong; whatever only asks can go.

import { checkAuth } from './auth.js'
import { describeAuthOperation } from './auth-excerpt.js'
import type { AuthHistory, AuthOperation } from './auth-history.js'
import { smallest } from './shrink.js'

const checksMax = 400

export function shrinkAuth(
  history: AuthHistory,
  { guarantee, excerpt }: { readonly guarantee: string; readonly excerpt: string }
): AuthHistory {
  let checks = checksMax
  const breaks = (some: AuthHistory): boolean => checks-- > 0 && checkAuth(some).violations.some(found => found.guarantee === guarantee)
  const named = history.operations.filter(operation => excerpt.includes(describeAuthOperation(operation)))
  const [first] = named
  if (first === undefined) return history
  const untilUs = named.reduce((most, { returnedUs }) => Math.max(most, returnedUs), 0)
  const asked = history.operations.filter(({ invokedUs }) => invokedUs <= untilUs)
  const beginnings = [related(history, asked, named), { ...history, operations: asked }, history]
  const begun = beginnings.find(breaks)
  if (begun === undefined) return history
  const isDroppable = (operation: AuthOperation): boolean => operation.kind !== 'change' && !named.includes(operation)
  const without = (kept: readonly AuthOperation[]): AuthHistory => ({
    ...begun,
    operations: begun.operations.filter(one => !isDroppable(one) || kept.includes(one))
  })
  return without(smallest(begun.operations.filter(isDroppable), kept => breaks(without(kept))))
}

/** Changes of those who are named, of every role that they ever had, and of whether auth is on. */
function related(history: AuthHistory, asked: readonly AuthOperation[], named: readonly AuthOperation[]): AuthHistory {
  const users = new Set(['root'])
  const roles = new Set<string>()
  for (const operation of named) {
    if (operation.caller?.user !== undefined) users.add(operation.caller.user)
    if (operation.kind === 'login') users.add(operation.name)
  }
  for (const one of asked) if (one.kind === 'change' && 'user' in one.change && users.has(one.change.user)) roles.add(one.change.role)
  const isKept = (operation: AuthOperation): boolean => {
    if (operation.kind !== 'change') return true
    const { change } = operation
    if (change.type === 'enable' || change.type === 'disable') return true
    if ('user' in change) return users.has(change.user)
    if (change.type === 'grantPermission' || change.type === 'revokePermission') return roles.has(change.role)
    return change.type === 'addRole' || change.type === 'deleteRole' ? roles.has(change.name) : users.has(change.name)
  }
  return { ...history, operations: asked.filter(isKept), partial: true }
}
