// Lease run: the part of a run of the store that is about leases: who asks for them, and what came of it.

import { checkLeases, type LeaderFact, type LeaseHistory, type LeaseOperation, leaseEndsWithinUs } from '../check/index.js'
import { type Pending, rootMachine, type Strike, type World } from '../sim/index.js'
import { forkSeed, type Random, seededRandom } from '../std/index.js'
import { LeaseClient, type LeaseDemand, LeaseLog } from './lease-client.js'
import type { SideRun, SideVerdict } from './side-run.js'
import type { Running } from './store-client.js'
import type { StoreEventName } from './store-events.js'
import type { StorePlan } from './store-plan.js'

/** A faulty clock goes at most so much faster (lib/sim/nemesis.ts). */
const rateMax = 1.2001
const lookMs = 60_000
const lingerMs = 5_000 // What was in doubt has happened by then, or never will.

export class LeaseRun implements SideRun {
  readonly isPartial = true
  readonly #world: World
  readonly #plan: StorePlan
  readonly #demand: LeaseDemand
  readonly #log: LeaseLog
  readonly #random: Random
  readonly #running: Running

  constructor(world: World, plan: StorePlan, demand: LeaseDemand, random: Random, running: Running) {
    this.#world = world
    this.#plan = plan
    this.#demand = demand
    this.#log = new LeaseLog(world)
    this.#random = random
    this.#running = running
  }

  start(machine: string): Pending<void>[] {
    const clients: Pending<void>[] = []
    for (let at = 0; at < this.#demand.clients + this.#demand.onlookers; at++) {
      const looks = at >= this.#demand.clients
      const name = `${looks ? 'o' : 'l'}${at}`
      const client = this.#client(name)
      if (at >= this.#plan.clientsMax) continue
      clients.push(this.#world.newClient(`${machine}/${name}`).run(() => (looks ? client.watch() : client.run())))
    }
    return clients
  }

  /** Waits until every lease must be gone, and has a look at all of them. */
  finish(): void {
    const ttlMs = this.#demand.ttlSecondsMax * 1000
    this.#world.run(this.#world.nowMs + lingerMs + ttlMs + leaseEndsWithinUs / 1000 + 1000)
    const looker = this.#client('looker')
    const pending = this.#world.newClient(`${rootMachine}/looker`).run(() => looker.lookAtAll())
    this.#world.runUntil(() => pending.done, this.#world.nowMs + lookMs)
  }

  judge(steadyUs: number | undefined, leaders: readonly LeaderFact[], strikes: readonly Strike[]): SideVerdict {
    const leases = this.#history(steadyUs, leaders, strikes)
    return { violations: checkLeases(leases), seen: { leases } }
  }

  #history(steadyUs: number | undefined, leaders: readonly LeaderFact[], strikes: readonly Strike[]): LeaseHistory {
    const jumps = strikes.flatMap(({ atMs, faults }) =>
      faults.flatMap(fault => (fault.fault === 'jump' ? [{ atUs: atMs * 1000, byUs: fault.byMs * 1000 }] : []))
    )
    const led = leaders.at(-1)?.atUs ?? 0
    return {
      operations: this.#log.operations,
      clocks: { rateMax, jumps },
      ...(steadyUs === undefined ? {} : { steadyUs: Math.max(steadyUs, led) })
    }
  }

  get operations(): readonly LeaseOperation[] {
    return this.#log.operations
  }

  events(leaders: readonly LeaderFact[]): Partial<Record<StoreEventName, number>> {
    const { operations } = this.#log
    const granted = new Map<number, number>()
    for (const { kind, id, outcome, returnedUs } of operations) if (kind === 'grant' && outcome?.ok === true) granted.set(id, returnedUs)
    const renewed = operations.filter(one => one.kind === 'keepAlive' && one.outcome?.ok === true && one.outcome.value.ttlSeconds > 0)
    const gone = operations.filter(one => one.kind === 'keepAlive' && one.outcome?.ok === true && one.outcome.value.ttlSeconds === 0)
    const isAfterFailover = ({ id, invokedUs }: LeaseOperation): boolean =>
      leaders.some(({ atUs }) => atUs > (granted.get(id) ?? Number.POSITIVE_INFINITY) && atUs < invokedUs)
    return {
      'lease renewed': renewed.length,
      'lease renewed after failover': renewed.filter(isAfterFailover).length,
      'lease told gone': gone.length,
      'lease revoked': operations.filter(one => one.kind === 'revoke' && one.outcome?.ok === true).length
    }
  }

  #client(name: string): LeaseClient {
    const random = seededRandom(forkSeed(this.#random))
    const { members, timeoutMs } = this.#plan
    return new LeaseClient(name, { members, timeoutMs, leases: this.#demand }, random, this.#log, this.#running)
  }
}
