// Auth session: somebody in front of the store: a user with a token that he logs in for, with a certificate, or with nothing; who asks
// for keys, and for users and roles.

import { ask, type Flow, type Outcome, sleep } from '../actor/index.js'
import { type AuthCaller, hasWritten } from '../check/index.js'
import type { Random } from '../std/index.js'
import type { StoreAuthAnswer, StoreAuthChange, StoreAuthQuery, StoreCaller, StoreRange, StoreTxn } from '../storage/index.js'
import { type AuthLog, type AuthMember, needsOf } from './auth-log.js'
import { pick } from './draw.js'
import type { Member, Recorder } from './recorder.js'

/** How somebody shows who he is. `trusted`: a part of the store's own. */
export type AuthWay = 'token' | 'certificate' | 'nothing' | 'trusted'

const guessesMax = 3
const oldPasswordShare = 0.15
const pauseMs = 20
const looksMax = 10
const sessionShare = 0.9 // Of requests that go to the member asked before.

export interface SessionPlan {
  readonly members: readonly string[]
  readonly timeoutMs: number
}

export class AuthSession {
  readonly name: string
  readonly user: string
  readonly #way: AuthWay
  readonly #plan: SessionPlan
  readonly #random: Random
  readonly #log: AuthLog
  readonly #recorder: Recorder
  #member: Member
  #token: { readonly token: string; readonly login: number } | undefined
  #count = 0
  #wrong = 0 // Passwords, one after the other.

  constructor(who: { name: string; user: string; way: AuthWay }, plan: SessionPlan, random: Random, log: AuthLog, recorder: Recorder) {
    this.name = who.name
    this.user = who.user
    this.#way = who.way
    this.#plan = plan
    this.#random = random
    this.#log = log
    this.#recorder = recorder
    this.#member = this.#anyMember()
  }

  get needsLogin(): boolean {
    return this.#way === 'token' && this.#token === undefined
  }
  get member(): Member {
    return this.#member
  }

  /** A text of its own. */
  value(): string {
    return `${this.name} ${++this.#count}`
  }

  moveTo(member: string): void {
    this.#member = member as Member
  }
  roam(): void {
    if (this.#random() > sessionShare) this.#member = this.#anyMember()
  }

  /** With the newest password that he heard of, mostly. */
  *logIn(): Flow<boolean> {
    const known = this.#log.passwordsOf(this.user)
    const guesses = known.slice(0, guessesMax)
    const guess = this.#random() < oldPasswordShare ? pick(this.#random, guesses) : guesses[this.#wrong % guesses.length]
    return yield* this.logInWith(guess ?? '')
  }

  *logInWith(password: string): Flow<boolean> {
    const id = this.#log.next()
    const { user: name } = this
    const outcome = yield* this.#asked(
      this.#log.record(
        { kind: 'login', id, name, password, ...this.#base() },
        () => ask(this.#member as AuthMember, this.#plan.timeoutMs, 'authenticate', { name, password }),
        () => ({})
      )
    )
    if (outcome.ok) this.#token = { token: outcome.value.token, login: id }
    this.#wrong = !outcome.ok && outcome.error.code === 'auth failed' ? this.#wrong + 1 : 0
    return outcome.ok
  }

  *change(change: StoreAuthChange): Flow<Outcome<StoreAuthAnswer>> {
    const asked = this.#caller
    return yield* this.#asked(
      this.#log.record(
        { kind: 'change', change, ...this.#base(), ...this.#named },
        () => ask(this.#member as AuthMember, this.#plan.timeoutMs, 'auth', { ...change, ...asked }),
        toldOf
      )
    )
  }

  /** What somebody does who is to know what came of it: after a change in doubt he looks until he is told. */
  *changeForSure(change: StoreAuthChange): Flow<Outcome<StoreAuthAnswer>> {
    const outcome = yield* this.change(change)
    for (let looks = 0; !outcome.ok && !outcome.error.definite && looks < looksMax; looks++) {
      const told = yield* this.query(aboutOf(change))
      if (told.ok) break
      if (this.needsLogin) yield* this.logIn()
    }
    return outcome
  }

  *query(query: StoreAuthQuery): Flow<Outcome<StoreAuthAnswer>> {
    const asked = this.#caller
    return yield* this.#asked(
      this.#log.record(
        { kind: 'query', query, ...this.#base(), ...this.#named },
        () => ask(this.#member as AuthMember, this.#plan.timeoutMs, 'auth', { ...query, ...asked }),
        toldOf
      )
    )
  }

  *txn(txn: StoreTxn): Flow<Outcome<unknown>> {
    const { caller } = this.#caller
    return yield* this.#asked(
      this.#log.record(
        { kind: 'write', needs: needsOf(txn), ...this.#base(), ...this.#named },
        () => this.#recorder.txn(this.name, this.#member, this.#plan.timeoutMs, txn, caller),
        answer => ({ revision: answer.revision, wrote: hasWritten(txn, answer) })
      )
    )
  }

  *range(query: StoreRange): Flow<Outcome<unknown>> {
    const { caller } = this.#caller
    const { key, end } = query
    const need = { access: 'read', key, ...(end === undefined ? {} : { end }) } as const
    return yield* this.#asked(
      this.#log.record(
        { kind: query.serializable === true ? 'staleRead' : 'read', needs: [need], ...this.#base(), ...this.#named },
        () => this.#recorder.range(this.name, this.#member, this.#plan.timeoutMs, query, caller),
        ({ revision }) => ({ revision, wrote: false })
      )
    )
  }

  /** Who is told that his token is no good logs in again; who is not answered goes to another member. */
  *#asked<V>(asking: Flow<Outcome<V>>): Flow<Outcome<V>> {
    const outcome = yield* asking
    if (outcome.ok) return outcome
    const { code, definite } = outcome.error
    if (code === 'invalid auth token') this.#token = undefined
    if (!definite || code === 'no leader' || this.#random() < 0.1) this.#member = this.#anyMember()
    yield* sleep('real', pauseMs)
    return outcome
  }

  get #caller(): { readonly caller?: StoreCaller } {
    if (this.#way === 'trusted') return {}
    if (this.#way === 'certificate') return { caller: { commonName: this.user } }
    return { caller: this.#token === undefined ? {} : { token: this.#token.token } }
  }

  /** The same, as a history tells it. */
  get #named(): { readonly caller?: AuthCaller } {
    if (this.#way === 'trusted') return {}
    if (this.#way === 'certificate') return { caller: { user: this.user } }
    return { caller: this.#token === undefined ? {} : { user: this.user, login: this.#token.login } }
  }

  #base(): { client: string; to: string; invokedUs: number; returnedUs: number; outcome: undefined } {
    return { client: this.name, to: this.#member, invokedUs: this.#log.nowUs, returnedUs: Number.POSITIVE_INFINITY, outcome: undefined }
  }

  #anyMember(): Member {
    return pick(this.#random, this.#plan.members) as Member
  }
}

function aboutOf(change: StoreAuthChange): StoreAuthQuery {
  if (change.type === 'enable' || change.type === 'disable') return { type: 'status' }
  if ('user' in change) return { type: 'user', name: change.user }
  if ('role' in change) return { type: 'role', name: change.role }
  return { type: change.type === 'addRole' || change.type === 'deleteRole' ? 'role' : 'user', name: change.name }
}

const toldOf = ({ revision, authRevision, isEnabled, users, roles, permissions }: StoreAuthAnswer): object => ({
  revision,
  authRevision,
  isEnabled,
  ...(users === undefined ? {} : { users }),
  ...(roles === undefined ? {} : { roles }),
  ...(permissions === undefined ? {} : { permissions })
})
