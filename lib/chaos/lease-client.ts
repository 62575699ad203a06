// Lease client: grants leases, keeps them alive, in time, late or not at all, attaches keys, revokes, looks, and goes on looking after a
// lease is gone; and looks at those of other clients.

import { ask, type Flow, type Outcome, sleep } from '../actor/index.js'
import type { LeaseOperation } from '../check/index.js'
import type { World } from '../sim/index.js'
import type { Random } from '../std/index.js'
import { between, pick } from './draw.js'
import type { Member } from './recorder.js'
import type { Running } from './store-client.js'

export interface LeaseDemand {
  readonly clients: number
  readonly ttlSecondsMax: number
  readonly thinkMs: number
  /** Of turns: how often a lease is revoked by its owner. */
  readonly revoke: number
  /** Of leases: those that nobody renews from some time on. */
  readonly neglect: number
  /** Of turns: how often a client waits for the last moment to renew. */
  readonly lastMoment: number
  readonly checkpointEveryMs: number
  /** Clients that only look, mostly at the leases granted last, and stay where they are answered: they see what a deposed leader tells. */
  readonly onlookers: number
  /** Of turns: with leases of anybody's. */
  readonly meddle: number
}

interface Held {
  readonly id: number
  readonly ttlSeconds: number
  readonly isNeglected: boolean
  turnsLeft: number
  keys: number
  /** On the client's clock. */
  endsUs: number
}

const keyPrefix = 'l/'
const keyEnd = '~' // After every digit.
const encoder = new TextEncoder()
const sharedMax = 20
const turnsMax = 40
const afterwards = 4 // Turns with a lease that is gone.
const pauseMs = 20
const aroundMs = 100

/** What all of them know of each other, and what they saw. */
export class LeaseLog {
  readonly operations: LeaseOperation[] = []
  readonly ids: number[] = []
  readonly #world: World
  #last = 0

  constructor(world: World) {
    this.#world = world
  }

  next(): number {
    return ++this.#last
  }

  get nowUs(): number {
    return this.#world.timeline.nowUs
  }
}

export class LeaseClient {
  readonly #name: string
  readonly #members: readonly string[]
  readonly #timeoutMs: number
  readonly #demand: LeaseDemand
  readonly #random: Random
  readonly #log: LeaseLog
  readonly #running: Running
  #member: Member

  constructor(
    name: string,
    plan: { readonly members: readonly string[]; readonly timeoutMs: number; readonly leases: LeaseDemand },
    random: Random,
    log: LeaseLog,
    running: Running
  ) {
    this.#name = name
    this.#members = plan.members
    this.#timeoutMs = plan.timeoutMs
    this.#demand = plan.leases
    this.#random = random
    this.#log = log
    this.#running = running
    this.#member = this.#anyMember()
  }

  *run(): Flow<void> {
    let held: Held | undefined
    while (!this.#running.stopping) {
      yield* sleep('real', -Math.log(1 - this.#random()) * this.#demand.thinkMs)
      if (--this.#running.operationsLeft < 0) return
      if (this.#random() > 0.9) this.#member = this.#anyMember()
      if (held === undefined || held.turnsLeft <= 0) held = yield* this.#grant()
      else if (this.#random() < this.#demand.meddle) yield* this.#meddle()
      else yield* this.#tend(held)
    }
  }

  *watch(): Flow<void> {
    while (!this.#running.stopping) {
      yield* sleep('real', -Math.log(1 - this.#random()) * this.#demand.thinkMs)
      const id = this.#log.ids.at(-1 - Math.floor(this.#random() ** 2 * sharedMax))
      if (id === undefined) continue
      if (--this.#running.operationsLeft < 0) return
      if (this.#random() < 0.8) yield* this.#look(id)
      else yield* this.#keepAlive(id)
    }
  }

  /** Everything there is to know of each lease, once all is over. */
  *lookAtAll(): Flow<void> {
    for (const id of this.#log.ids) {
      yield* this.#look(id)
      yield* this.#read(id)
    }
  }

  *#grant(): Flow<Held | undefined> {
    const id = this.#log.next()
    const ttlSeconds = between(this.#random, 1, this.#demand.ttlSecondsMax)
    this.#log.ids.push(id)
    const outcome = yield* this.#record({ kind: 'grant', ttlSeconds, ...this.#asked(id) }, () =>
      ask(this.#member, this.#timeoutMs, 'grantLease', { id, ttlSeconds })
    )
    const isNeglected = this.#random() < this.#demand.neglect
    return outcome.ok
      ? { id, ttlSeconds, isNeglected, turnsLeft: turnsMax, keys: 0, endsUs: this.#log.nowUs + ttlSeconds * 1e6 }
      : undefined
  }

  *#tend(held: Held): Flow<void> {
    held.turnsLeft--
    const { id } = held
    const chance = this.#random()
    if (held.keys < 3 && chance < 0.3) return yield* this.#attach(id, ++held.keys)
    if (chance < 0.45) return yield* this.#look(id)
    if (chance < 0.6) return yield* this.#read(id)
    if (chance < 0.6 + this.#demand.revoke) return yield* this.#revoke(held)
    if (chance > 1 - this.#demand.lastMoment) yield* this.#waitForEnd(held)
    if (held.isNeglected && held.turnsLeft < turnsMax / 2) return yield* this.#read(id)
    const outcome = yield* this.#keepAlive(id)
    if (outcome.ok) held.endsUs = this.#log.nowUs + outcome.value.ttlSeconds * 1e6
    if (outcome.ok && outcome.value.ttlSeconds === 0) held.turnsLeft = Math.min(held.turnsLeft, afterwards)
  }

  /** Until some time before the lease ends, or about when it does: what comes then meets its revocation, or comes just in time. */
  *#waitForEnd({ endsUs }: Held): Flow<void> {
    const leftMs = (endsUs - this.#log.nowUs) / 1000
    const ms = this.#random() < 0.5 ? leftMs * (0.5 + this.#random() / 2) : leftMs + (this.#random() - 0.3) * aroundMs
    if (ms > 0) yield* sleep('real', ms)
  }

  /** With a lease of anybody's. */
  *#meddle(): Flow<void> {
    const id = pick(this.#random, this.#log.ids.slice(-sharedMax))
    const chance = this.#random()
    if (chance < 0.5) yield* this.#look(id)
    else if (chance < 0.75) yield* this.#read(id)
    else yield* this.#keepAlive(id)
  }

  *#attach(id: number, number: number): Flow<void> {
    const key = `${keyPrefix}${id}/${number}`
    const put = { type: 'put', key, value: encoder.encode(this.#name), lease: id } as const
    yield* this.#record({ kind: 'attach', key, ...this.#asked(id) }, () =>
      ask(this.#member, this.#timeoutMs, 'txn', { compares: [], success: [put], failure: [] })
    )
  }

  *#keepAlive(id: number): Flow<Outcome<{ readonly ttlSeconds: number }>> {
    return yield* this.#record({ kind: 'keepAlive', ...this.#asked(id) }, () =>
      ask(this.#member, this.#timeoutMs, 'keepAliveLease', { id })
    )
  }

  *#revoke(held: Held): Flow<void> {
    const { id } = held
    held.turnsLeft = Math.min(held.turnsLeft, afterwards)
    yield* this.#record({ kind: 'revoke', ...this.#asked(id) }, () => ask(this.#member, this.#timeoutMs, 'revokeLease', { id }))
  }

  *#look(id: number): Flow<void> {
    yield* this.#record({ kind: 'look', ...this.#asked(id) }, () => ask(this.#member, this.#timeoutMs, 'lease', { id, keys: true }))
  }

  *#read(id: number): Flow<void> {
    const key = `${keyPrefix}${id}/`
    yield* this.#record({ kind: 'read', ...this.#asked(id) }, () => this.#keysOf(key))
  }

  *#keysOf(key: string): Flow<Outcome<{ readonly keys: readonly string[] }>> {
    const outcome = yield* ask(this.#member, this.#timeoutMs, 'range', { key, end: `${key}${keyEnd}`, keysOnly: true })
    return outcome.ok ? { ok: true, value: { keys: outcome.value.kvs.map(kv => kv.key) } } : outcome
  }

  #anyMember(): Member {
    return pick(this.#random, this.#members) as Member
  }

  #asked(id: number): { client: string; to: string; id: number; invokedUs: number; returnedUs: number; outcome: undefined } {
    const returnedUs = Number.POSITIVE_INFINITY
    return { client: this.#name, to: this.#member, id, invokedUs: this.#log.nowUs, returnedUs, outcome: undefined }
  }

  *#record<V>(operation: LeaseOperation, perform: () => Flow<Outcome<V>>): Flow<Outcome<V>> {
    this.#log.operations.push(operation)
    const outcome = yield* perform()
    const own = operation as { outcome: Outcome<unknown> | undefined; returnedUs: number }
    own.outcome = outcome
    if (outcome.ok || outcome.error.definite) own.returnedUs = this.#log.nowUs
    if (!outcome.ok) {
      this.#member = this.#anyMember()
      yield* sleep('real', pauseMs)
    }
    return outcome
  }
}
