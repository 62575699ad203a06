// Auth excerpt: operations of those who have users, roles and tokens, as short lines of text.

import type { AuthCaller, AuthOperation } from './auth-history.js'
import { cameOf, timeOf } from './excerpt.js'

export function describeAuthOperation(operation: AuthOperation): string {
  const { client, to, caller, invokedUs, returnedUs, outcome } = operation
  return `${client}${nameOf(caller)} > ${to} [${timeOf(invokedUs)}, ${timeOf(returnedUs)}] ${authAsked(operation)} = ${cameOf(outcome)}`
}

function nameOf(caller: AuthCaller | undefined): string {
  if (caller === undefined) return ''
  if (caller.user === undefined) return ' as nobody'
  return ` as ${caller.user} by ${caller.login === undefined ? 'certificate' : `token ${caller.login}`}`
}

/** What was asked for, without who and when. */
export function authAsked(operation: AuthOperation): string {
  switch (operation.kind) {
    case 'change':
      return JSON.stringify(operation.change)
    case 'query':
      return JSON.stringify(operation.query)
    case 'login':
      return `login ${operation.id} of ${operation.name} with ${operation.password}`
    default:
      return `${operation.kind} ${operation.needs.map(({ access, key, end }) => `${access} ${key}${end === undefined ? '' : `..${end}`}`).join(', ')}`
  }
}
