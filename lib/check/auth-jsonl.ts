// JSON lines of auth: what clients asked in whose name, and were told, written and read. The whole of it is in docs/checking.md.

import type { StoreAuthChange, StoreAuthQuery, StorePermission } from '../storage/index.js'
import type { AuthCaller, AuthDone, AuthHistory, AuthNeed, AuthOperation, AuthTold } from './auth-history.js'
import type { Fields } from './json-fields.js'
import { outcomeOf, timesOf } from './json-outcome.js'
import { type HistoryHeader, historyFormat, historyVersion, outcomeData, untilOf } from './jsonl.js'

/** The lines of a history, without line ends. */
export function* encodeAuthHistory({ operations, partial }: AuthHistory, header: HistoryHeader = {}): Generator<string> {
  const some = partial === true ? { partial } : {}
  yield JSON.stringify({ format: historyFormat, version: historyVersion, kind: 'auth', ...header, ...some })
  for (const operation of operations) yield JSON.stringify(lineOf(operation))
}

function lineOf(operation: AuthOperation): object {
  const { kind, client, to, caller, invokedUs, returnedUs } = operation
  const as = caller === undefined ? {} : { as: caller }
  const line = { op: kind, client, to, ...as, from: invokedUs, until: untilOf(returnedUs) }
  switch (operation.kind) {
    case 'change':
      return { ...line, change: operation.change, ...outcomeData(operation.outcome, toldData) }
    case 'query':
      return { ...line, query: operation.query, ...outcomeData(operation.outcome, toldData) }
    case 'login': {
      const { id, name, password } = operation
      return { ...line, id, name, password, ...outcomeData(operation.outcome, () => ({})) }
    }
    default:
      return { ...line, needs: operation.needs, ...outcomeData(operation.outcome, ({ revision, wrote }) => ({ revision, wrote })) }
  }
}

const toldData = ({ revision, authRevision, isEnabled, users, roles, permissions }: AuthTold): object => ({
  revision,
  authRevision,
  isEnabled,
  users,
  roles,
  permissions
})

export class AuthHistoryDecoder {
  readonly #operations: AuthOperation[] = []
  readonly #partial: boolean

  constructor(header: Fields) {
    this.#partial = header.optionalBoolean('partial') ?? false
  }

  take(line: Fields): void {
    this.#operations.push(operationOf(line))
  }

  finish(): AuthHistory {
    return { kind: 'auth', operations: this.#operations, ...(this.#partial ? { partial: true } : {}) }
  }
}

function operationOf(line: Fields): AuthOperation {
  const kind = line.oneOf('op', ['change', 'query', 'login', 'write', 'read', 'staleRead'])
  const caller = line.has('as') ? { caller: callerOf(line.fields('as')) } : {}
  const asked = { client: line.string('client'), to: line.optionalString('to') ?? '', ...caller, ...timesOf(line) }
  switch (kind) {
    case 'change':
      return { ...asked, kind, change: changeOf(line.fields('change')), outcome: outcomeOf(line, toldOf) }
    case 'query':
      return { ...asked, kind, query: queryOf(line.fields('query')), outcome: outcomeOf(line, toldOf) }
    case 'login': {
      const [id, name, password] = [line.number('id'), line.string('name'), line.string('password')]
      return { ...asked, kind, id, name, password, outcome: outcomeOf(line, () => ({})) }
    }
    default:
      return { ...asked, kind, needs: line.list('needs', needOf), outcome: outcomeOf(line, doneOf) }
  }
}

function callerOf(of: Fields): AuthCaller {
  const [user, login] = [of.optionalString('user'), of.optionalNumber('login')]
  return { ...(user === undefined ? {} : { user }), ...(login === undefined ? {} : { login }) }
}

const endOf = (of: Fields): { end?: string } => (of.has('end') ? { end: of.string('end') } : {})
const needOf = (of: Fields): AuthNeed => ({ access: of.oneOf('access', ['read', 'write']), key: of.string('key'), ...endOf(of) })
const doneOf = (of: Fields): AuthDone => ({ revision: of.number('revision'), wrote: of.boolean('wrote') })

const permissionOf = (of: Fields): StorePermission => ({
  access: of.oneOf('access', ['read', 'write', 'readwrite']),
  key: of.string('key'),
  ...endOf(of)
})

function changeOf(of: Fields): StoreAuthChange {
  const users = ['addUser', 'deleteUser', 'changePassword', 'grantRole', 'revokeRole'] as const
  const roles = ['addRole', 'deleteRole', 'grantPermission', 'revokePermission'] as const
  const type = of.oneOf('type', ['enable', 'disable', ...users, ...roles])
  switch (type) {
    case 'enable':
    case 'disable':
      return { type }
    case 'addUser': {
      const [password, noPassword] = [of.optionalString('password'), of.optionalBoolean('noPassword')]
      return {
        type,
        name: of.string('name'),
        ...(password === undefined ? {} : { password }),
        ...(noPassword === undefined ? {} : { noPassword })
      }
    }
    case 'changePassword':
      return { type, name: of.string('name'), password: of.string('password') }
    case 'grantRole':
    case 'revokeRole':
      return { type, user: of.string('user'), role: of.string('role') }
    case 'grantPermission':
      return { type, role: of.string('role'), permission: permissionOf(of.fields('permission')) }
    case 'revokePermission':
      return { type, role: of.string('role'), key: of.string('key'), ...endOf(of) }
    default:
      return { type, name: of.string('name') }
  }
}

function queryOf(of: Fields): StoreAuthQuery {
  const type = of.oneOf('type', ['status', 'user', 'users', 'role', 'roles'])
  return type === 'user' || type === 'role' ? { type, name: of.string('name') } : { type }
}

function toldOf(of: Fields): AuthTold {
  return {
    revision: of.number('revision'),
    authRevision: of.number('authRevision'),
    isEnabled: of.boolean('isEnabled'),
    ...(of.has('users') ? { users: of.strings('users') } : {}),
    ...(of.has('roles') ? { roles: of.strings('roles') } : {}),
    ...(of.has('permissions') ? { permissions: of.list('permissions', permissionOf) } : {})
  }
}
