// Auth run: the part of a run of the store that is about users and roles: who asks for them, and what came of it.

import type { Flow } from '../actor/index.js'
import { type AuthOperation, type AuthVerdict, checkAuth, guarantees, refusalOf, type Violation, violation } from '../check/index.js'
import { type Pending, rootMachine, type World } from '../sim/index.js'
import { forkSeed, type Random, seededRandom } from '../std/index.js'
import { AuthLog, prefixes, rootUser } from './auth-log.js'
import { type AuthDemand, AuthScript, nameOfUser, setUp } from './auth-script.js'
import { AuthSession, type AuthWay } from './auth-session.js'
import type { Recorder } from './recorder.js'
import type { SideRun, SideVerdict } from './side-run.js'
import type { Running } from './store-client.js'
import type { StoreEventName } from './store-events.js'
import type { StorePlan } from './store-plan.js'

const setUpMs = 30_000
const lookMs = 60_000
const guessesMax = 5
const triesMax = 40 // Of a token at one member.

export class AuthRun implements SideRun {
  readonly isPartial = false
  readonly #world: World
  readonly #plan: StorePlan
  readonly #demand: AuthDemand
  readonly #log: AuthLog
  readonly #random: Random
  readonly #recorder: Recorder
  readonly #running: Running
  readonly #violations: Violation[] = []
  #verdict: AuthVerdict | undefined

  constructor(world: World, plan: StorePlan, demand: AuthDemand, random: Random, recorder: Recorder, running: Running) {
    this.#world = world
    this.#plan = plan
    this.#demand = demand
    this.#log = new AuthLog(world)
    this.#random = random
    this.#recorder = recorder
    this.#running = running
  }

  /** Administrators and users by turns, so that the first few are of both. */
  start(machine: string): Pending<void>[] {
    this.#runAlone('setup', session => setUp(session, this.#demand, this.#log, this.#fork()), setUpMs)
    const { administrators, clients, users, certificates, nobodies } = this.#demand
    const roles = Array.from({ length: Math.max(administrators, clients) }, (_, at) => [
      ...(at < clients ? [{ name: `c${at}`, user: nameOfUser(at % users) }] : []),
      ...(at < administrators ? [{ name: `a${at}`, user: rootUser }] : [])
    ]).flat()
    return roles.flatMap(({ name, user }, at) => {
      const random = this.#fork()
      const chance = random()
      const isRoot = user === rootUser
      const way = chance < certificates ? 'certificate' : chance > 1 - nobodies && !isRoot ? 'nothing' : 'token'
      const session = this.#session(name, user, way)
      const script = new AuthScript(session, this.#demand, this.#log, random, this.#running)
      if (at >= this.#plan.clientsMax) return []
      return [this.#world.newClient(`${machine}/${name}`).run(() => (isRoot ? script.administer() : script.use()))]
    })
  }

  /** Every member tells all that it knows of users and roles, and is to let in a token that one of them gave. */
  finish(): void {
    this.#runAlone('looker', session => this.#lookAtAll(session), lookMs)
    const session = this.#session('prover', rootUser, 'token')
    this.#run('prover', () => this.#proveTokens(session), lookMs)
  }

  judge(): SideVerdict {
    const { history } = this.#log
    this.#verdict = checkAuth(history)
    const { violations, unknown } = this.#verdict
    return { violations: [...this.#violations, ...violations], unknown, seen: { auth: history } }
  }

  get operations(): readonly AuthOperation[] {
    return this.#log.operations
  }

  events(): Partial<Record<StoreEventName, number>> {
    return { ...countAuth(this.operations), 'auth change in doubt resolved': this.#verdict?.doubtsResolved ?? 0 }
  }

  *#lookAtAll(session: AuthSession): Flow<void> {
    for (const member of this.#plan.members) {
      session.moveTo(member)
      const [users, roles] = [yield* session.query({ type: 'users' }), yield* session.query({ type: 'roles' })]
      for (const name of users.ok ? (users.value.users ?? []) : []) yield* session.query({ type: 'user', name })
      for (const name of roles.ok ? (roles.value.roles ?? []) : []) yield* session.query({ type: 'role', name })
      session.moveTo(member)
    }
  }

  *#proveTokens(session: AuthSession): Flow<void> {
    const trusted = this.#session('looker', rootUser, 'trusted')
    while (!(yield* trusted.change({ type: 'enable' })).ok);
    const passwords = this.#log.passwordsOf(rootUser).slice(0, guessesMax)
    for (const member of this.#plan.members) {
      let last = ''
      for (let tries = 0; ; tries++) {
        if (tries === triesMax) {
          this.#violations.push(violation(guarantees.authTokenEverywhere, `${member} refuses a token: ${last}`))
          return
        }
        // One that comes back by a snapshot knows no token from before it.
        for (let guess = tries; session.needsLogin; guess++) yield* session.logInWith(passwords[guess % passwords.length] as string)
        session.moveTo(member)
        const put = { type: 'put', key: `${prefixes[0]}/proof`, value: new TextEncoder().encode(session.value()) } as const
        const outcome = yield* session.txn({ compares: [], success: [put], failure: [] })
        if (outcome.ok) break
        last = outcome.error.detail
      }
    }
  }

  #runAlone(name: string, flow: (session: AuthSession) => Flow<unknown>, limitMs: number): void {
    const session = this.#session(name, rootUser, 'trusted')
    this.#run(name, () => flow(session), limitMs)
  }

  #run(name: string, flow: () => Flow<unknown>, limitMs: number): void {
    const pending = this.#world.newClient(`${rootMachine}/${name}`).run(flow)
    this.#world.runUntil(() => pending.done, this.#world.nowMs + limitMs)
    if (!pending.done) this.#violations.push(violation(guarantees.recovery, `${name} is not done after ${limitMs} ms`))
  }

  #session(name: string, user: string, way: AuthWay): AuthSession {
    return new AuthSession({ name, user, way }, this.#plan, this.#fork(), this.#log, this.#recorder)
  }

  #fork(): Random {
    return seededRandom(forkSeed(this.#random))
  }
}

/** What may take rights from somebody. */
const takes: readonly string[] = ['revokeRole', 'revokePermission', 'deleteRole', 'deleteUser', 'changePassword']
const isKeys = ({ kind }: AuthOperation): boolean => kind === 'write' || kind === 'read' || kind === 'staleRead'

function countAuth(operations: readonly AuthOperation[]): Partial<Record<StoreEventName, number>> {
  const count = (is: (operation: AuthOperation) => boolean): number => operations.filter(is).length
  const isRefused = (operation: AuthOperation, code: string): boolean => refusalOf(operation) === code
  const isDone = ({ outcome }: AuthOperation): boolean => outcome?.ok === true
  const taken = operations.filter(one => one.kind === 'change' && takes.includes(one.change.type) && isDone(one))
  const isBeside = (a: AuthOperation, b: AuthOperation): boolean => a.invokedUs < b.returnedUs && b.invokedUs < a.returnedUs
  return {
    'auth changed': count(one => one.kind === 'change' && isDone(one)),
    'auth turned off': count(one => one.kind === 'change' && one.change.type === 'disable' && isDone(one)),
    'password changed': count(one => one.kind === 'change' && one.change.type === 'changePassword' && isDone(one)),
    'denied write': count(one => one.kind === 'write' && isRefused(one, 'permission denied')),
    'denied read': count(one => (one.kind === 'read' || one.kind === 'staleRead') && isRefused(one, 'permission denied')),
    'denied administration': count(one => !isKeys(one) && isRefused(one, 'permission denied')),
    'rights taken while used': taken.filter(one => operations.some(other => isKeys(other) && isDone(other) && isBeside(one, other))).length,
    'token forgotten': count(one => isRefused(one, 'invalid auth token')),
    'wrong password': count(one => one.kind === 'login' && isRefused(one, 'auth failed')),
    'rights looked up too early': count(one => isRefused(one, 'auth revision old')),
    'nobody refused': count(one => isRefused(one, 'user empty'))
  }
}
