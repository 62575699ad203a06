// Auth script: what administrators of a store do to its users and roles, and what users do with what is left to them.

import { type Flow, sleep } from '../actor/index.js'
import type { Random } from '../std/index.js'
import type { StoreAccess, StoreAuthChange, StoreAuthQuery, StoreOp, StorePermission } from '../storage/index.js'
import { type AuthLog, keysOfPrefix, prefixes, rangeOfPrefix, rootUser } from './auth-log.js'
import type { AuthSession } from './auth-session.js'
import { between, pick } from './draw.js'
import type { Running } from './store-client.js'

/** How often, one to another. */
export interface AuthMix {
  readonly role: number // Of a user: granted, revoked.
  readonly permission: number // Of a role.
  readonly password: number
  readonly user: number // Deleted, and added again.
  readonly roles: number // As users.
  readonly switch: number // Auth off, and on again.
  readonly query: number
}

export interface AuthDemand {
  readonly administrators: number
  /** Who has a name; each is one client or more. */
  readonly users: number
  readonly clients: number
  readonly roles: number
  readonly thinkMs: number
  readonly administratorThinkMs: number
  /** Of clients: those with a certificate, and those with nothing. */
  readonly certificates: number
  readonly nobodies: number
  readonly mix: AuthMix
}

export const nameOfUser = (at: number): string => `u${at}`
export const nameOfRole = (at: number): string => `r${at}`

const encoder = new TextEncoder()
const betweenMsMax = 300 // From a deletion to the next addition.
const offMsMax = 800
const setupTries = 200
const grantShare = 0.6 // Of rights given or taken.
const meddleShare = 0.05 // Of a user's requests: what only root may.
const accesses: readonly StoreAccess[] = ['read', 'write', 'readwrite', 'readwrite']

/** What there is when everybody begins: root, roles over a prefix each, users with a role or two; and auth on. */
export function* setUp(session: AuthSession, { users, roles }: AuthDemand, log: AuthLog, random: Random): Flow<boolean> {
  const changes: StoreAuthChange[] = [
    { type: 'addUser', name: rootUser, password: log.noteNewPassword(rootUser) },
    { type: 'grantRole', user: rootUser, role: rootUser }
  ]
  for (let at = 0; at < roles; at++) {
    changes.push({ type: 'addRole', name: nameOfRole(at) })
    changes.push({ type: 'grantPermission', role: nameOfRole(at), permission: permissionOf('readwrite', prefixes[at % prefixes.length]) })
  }
  for (let at = 0; at < users; at++) {
    const user = nameOfUser(at)
    changes.push({ type: 'addUser', name: user, password: log.noteNewPassword(user) })
    changes.push({ type: 'grantRole', user, role: nameOfRole(at % roles) })
    if (random() < 0.5) changes.push({ type: 'grantRole', user, role: pick(random, namesOf(roles, nameOfRole)) })
  }
  for (const change of [...changes, { type: 'enable' } as const]) {
    let tries = setupTries
    for (let isDone = false; !isDone; tries--) {
      if (tries === 0) return false
      const outcome = yield* session.change(change)
      isDone = outcome.ok || outcome.error.code.endsWith('exists') // An answer was lost.
    }
  }
  return true
}

const namesOf = (count: number, nameOf: (at: number) => string): string[] => Array.from({ length: count }, (_, at) => nameOf(at))
const permissionOf = (access: StoreAccess, prefix: string | undefined): StorePermission => ({ access, ...rangeOfPrefix(prefix) })

export class AuthScript {
  readonly #session: AuthSession
  readonly #demand: AuthDemand
  readonly #log: AuthLog
  readonly #random: Random
  readonly #running: Running
  readonly #users: readonly string[]
  readonly #roles: readonly string[]
  readonly #kinds: readonly (keyof AuthMix)[]

  constructor(session: AuthSession, demand: AuthDemand, log: AuthLog, random: Random, running: Running) {
    this.#session = session
    this.#demand = demand
    this.#log = log
    this.#random = random
    this.#running = running
    this.#users = namesOf(demand.users, nameOfUser)
    this.#roles = namesOf(demand.roles, nameOfRole)
    this.#kinds = (Object.entries(demand.mix) as [keyof AuthMix, number][]).flatMap(([kind, weight]) =>
      Array<keyof AuthMix>(weight).fill(kind)
    )
  }

  *administer(): Flow<void> {
    yield* this.#turns(this.#demand.administratorThinkMs, () => this.#decide(pick(this.#random, this.#kinds)))
  }

  *use(): Flow<void> {
    yield* this.#turns(this.#demand.thinkMs, () => (this.#random() < meddleShare ? this.#meddle() : this.#touch()))
  }

  *#turns(thinkMs: number, turn: () => Flow<unknown>): Flow<void> {
    while (!this.#running.stopping) {
      yield* sleep('real', -Math.log(1 - this.#random()) * thinkMs)
      if (--this.#running.operationsLeft < 0) return
      this.#session.roam()
      if (this.#session.needsLogin && this.#random() < 0.9) yield* this.#session.logIn()
      else yield* turn()
    }
  }

  // Administrators -------------------------------------------------------------------------------------

  *#decide(kind: keyof AuthMix): Flow<unknown> {
    const user = pick(this.#random, this.#users)
    const role = pick(this.#random, this.#roles)
    const session = this.#session
    switch (kind) {
      case 'role':
        return yield* session.changeForSure({ type: this.#random() < grantShare ? 'grantRole' : 'revokeRole', user, role })
      case 'permission':
        return yield* session.changeForSure(this.#permission(role))
      case 'password': {
        return yield* this.#withPassword('changePassword', this.#random() < 0.1 ? rootUser : user)
      }
      case 'user':
        yield* session.changeForSure({ type: 'deleteUser', name: user })
        yield* sleep('real', this.#random() * betweenMsMax)
        yield* this.#withPassword('addUser', user)
        return yield* session.changeForSure({ type: 'grantRole', user, role })
      case 'roles':
        yield* session.changeForSure({ type: 'deleteRole', name: role })
        yield* sleep('real', this.#random() * betweenMsMax)
        yield* session.changeForSure({ type: 'addRole', name: role })
        yield* session.changeForSure({ type: 'grantPermission', role, permission: permissionOf('readwrite', pick(this.#random, prefixes)) })
        return yield* session.changeForSure({ type: 'grantRole', user, role })
      case 'switch':
        yield* session.changeForSure({ type: 'disable' })
        yield* sleep('real', this.#random() * offMsMax)
        return yield* session.changeForSure({ type: 'enable' })
      default:
        return yield* session.query(this.#query(user, role))
    }
  }

  *#withPassword(type: 'addUser' | 'changePassword', name: string): Flow<void> {
    const password = this.#log.noteNewPassword(name)
    const outcome = yield* this.#session.changeForSure({ type, name, password })
    if (!outcome.ok && outcome.error.definite) this.#log.takeBackPassword(name, password)
  }

  /** Over a prefix, over a key of it, now and then over all. */
  #permission(role: string): StoreAuthChange {
    const chance = this.#random()
    const prefix = chance < 0.1 ? undefined : pick(this.#random, prefixes)
    const keys = prefix !== undefined && chance > 0.7 ? { key: this.#keyOf(prefix) } : rangeOfPrefix(prefix)
    if (this.#random() > grantShare) return { type: 'revokePermission', role, ...keys }
    return { type: 'grantPermission', role, permission: { access: pick(this.#random, accesses), ...keys } }
  }

  #query(user: string, role: string): StoreAuthQuery {
    const chance = this.#random()
    if (chance < 0.35) return { type: 'user', name: user }
    if (chance < 0.7) return { type: 'role', name: role }
    return { type: pick(this.#random, ['users', 'roles', 'status'] as const) }
  }

  // Users ----------------------------------------------------------------------------------------------

  #keyOf(prefix: string): string {
    return `${prefix}/${between(this.#random, 0, keysOfPrefix - 1)}`
  }

  *#touch(): Flow<unknown> {
    const prefix = pick(this.#random, prefixes)
    const key = this.#keyOf(prefix)
    const chance = this.#random()
    if (chance < 0.3) return yield* this.#session.txn({ compares: [], success: [this.#put(key)], failure: [] })
    if (chance < 0.4) return yield* this.#session.txn({ compares: [], success: [this.#deletion(prefix, key)], failure: [] })
    if (chance < 0.55) return yield* this.#transact(prefix, key)
    const query = this.#random() < 0.6 ? { key } : rangeOfPrefix(this.#random() < 0.1 ? undefined : prefix)
    return yield* this.#session.range(chance < 0.85 ? query : { ...query, serializable: true })
  }

  #put(key: string): StoreOp {
    const prev = this.#random() < 0.2 ? { prevKv: true } : {}
    return { type: 'put', key, value: encoder.encode(this.#session.value()), ...prev }
  }

  #deletion(prefix: string, key: string): StoreOp {
    return this.#random() < 0.3 ? { type: 'delete', ...rangeOfPrefix(prefix) } : { type: 'delete', key }
  }

  /** Reads here, writes there: both must be allowed, in whichever branch. */
  *#transact(prefix: string, key: string): Flow<unknown> {
    const other = this.#keyOf(this.#random() < 0.5 ? prefix : pick(this.#random, prefixes))
    const compares = [{ key, target: 'version', result: 'greater', operand: 0 } as const]
    const then: StoreOp[] = [this.#put(other)]
    const failure: StoreOp[] = this.#random() < 0.5 ? [{ type: 'range', key }] : [this.#put(key)]
    return yield* this.#session.txn({ compares, success: then, failure })
  }

  /** Tries what is root's, and looks at itself and at others. */
  *#meddle(): Flow<unknown> {
    const { user } = this.#session
    const role = pick(this.#random, this.#roles)
    if (this.#random() < 0.4) return yield* this.#session.change({ type: 'grantRole', user, role })
    return yield* this.#session.query(this.#query(this.#random() < 0.5 ? user : pick(this.#random, this.#users), role))
  }
}
