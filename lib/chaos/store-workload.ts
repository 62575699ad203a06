// Store workload: members of a store, clients and watchers, a nemesis; then peace, in which all must find their way back; then the verdict.

import { machineOf, type Ref } from '../actor/index.js'
import { checkCluster, checkStore, guarantees, type LeaderFact, type MemberState, type Violation, violation } from '../check/index.js'
import { type LogRecord, Nemesis, type Pending, rootMachine, World } from '../sim/index.js'
import { forkSeed, type Random, seededRandom } from '../std/index.js'
import type { StoreMemberProtocol } from '../store/index.js'
import { type Member, Recorder } from './recorder.js'
import type { RunResult, StoreCast, StoreEventName } from './result.js'
import { keyEnd, keyPrefix, type Running, StoreClient } from './store-client.js'
import { readerMix, readerThinkMs, type StorePlan, storePlan } from './store-plan.js'
import { StoreWatcher } from './store-watcher.js'

const clientMachine = 'client-0'
const startMs = 2000 // For the first election.
const quietMs = 1000 // For watchers to catch up once their members have.
const pollMs = 200
const probeTimeoutMs = 1000
const allClients = 'observer'

/** A run as the seed says. The same seed gives the same run, while nothing in it is changed. */
export function runStore(
  seed: number,
  cast: StoreCast,
  overrides: Partial<StorePlan> = {},
  logged?: (record: LogRecord) => void
): RunResult {
  return new StoreRun(storePlan(seed, overrides), cast, logged).run()
}

class StoreRun {
  readonly #plan: StorePlan
  readonly #world: World
  readonly #recorder: Recorder
  readonly #random: Random
  readonly #running: Running = { stopping: false }
  readonly #clients: Pending<void>[] = []
  readonly #watchers: StoreWatcher[] = []
  readonly #leaders: LeaderFact[] = []
  readonly #violations: Violation[] = []
  readonly #counts = new Map<StoreEventName, number>()
  readonly #decayed = new Set<string>() // Machines.
  readonly #nemesis: Nemesis

  constructor(plan: StorePlan, cast: StoreCast, logged: ((record: LogRecord) => void) | undefined) {
    this.#plan = plan
    this.#random = seededRandom(plan.seed ^ 0x776f726b)
    this.#world = new World({ seed: plan.seed, disk: { syncUs: plan.syncUs } })
    this.#recorder = new Recorder(this.#world)
    this.#world.onLog(record => this.#heard(record))
    if (logged !== undefined) this.#world.onLog(logged)
    for (const member of plan.members) this.#world.start(member, cast.store, { ...plan.args, members: plan.members })
    this.#nemesis = new Nemesis(this.#world, {
      seed: forkSeed(this.#random),
      troubles: plan.troubles,
      machines: plan.members.map(member => machineOf(member)),
      actors: address => plan.members.includes(address),
      everyMs: plan.troubleEveryMs,
      lastsMsMax: plan.troubleLastsMsMax,
      aim: () => this.#leaderMachine,
      aimShare: plan.leaderShare,
      kindsMin: 3,
      corruptible: plan.corruptible
    })
  }

  run(): RunResult {
    const { plan, world } = { plan: this.#plan, world: this.#world }
    this.#supervise()
    world.run(startMs)
    this.#startWatchers()
    this.#startClients()
    this.#nemesis.run(plan.safetyMs, 0)
    const healedMs = world.nowMs
    const recovered = this.#probe(healedMs + plan.recoveryMs)
    const recoveredMs = world.nowMs - healedMs
    this.#running.stopping = true
    world.runUntil(() => this.#clients.every(client => client.done), world.nowMs + plan.timeoutMs + quietMs)
    const states = recovered ? this.#converged(world.nowMs + plan.recoveryMs) : []
    world.run(world.nowMs + quietMs)
    this.#violations.push(...checkCluster({ leaders: this.#leaders, states }))
    return this.#result(recovered, recoveredMs)
  }

  #result(isQuiet: boolean, recoveredMs: number): RunResult {
    const { operations } = this.#recorder
    const verdict = checkStore({
      history: this.#recorder,
      isWhole: watch => watch.client.startsWith(allClients),
      compactedMax: this.#compactedMax(),
      isQuiet
    })
    const writes = operations.filter(operation => operation.kind === 'txn')
    const acknowledged = writes.filter(({ outcome }) => outcome?.ok === true).length
    const inDoubt = writes.filter(({ outcome }) => outcome === undefined || (!outcome.ok && !outcome.error.definite)).length
    this.#count('indefinite write', inDoubt)
    this.#count('doubt resolved', verdict.doubtsResolved)
    this.#count('compaction', operations.filter(({ kind, outcome }) => kind === 'compact' && outcome?.ok === true).length)
    this.#count('election', Math.max(0, this.#leaders.length - 1))
    for (const { resumed, compacted } of this.#watchers) {
      this.#count('watch resumed', resumed)
      this.#count('watch compacted', compacted)
    }
    return {
      seed: this.#plan.seed,
      members: this.#plan.members.length,
      violations: [...this.#violations, ...verdict.violations],
      unknown: verdict.unknown,
      events: Object.fromEntries(this.#counts) as RunResult['events'],
      troubles: this.#nemesis.on,
      operations: operations.length,
      acknowledged,
      inDoubt,
      revisionLast: verdict.revisionLast,
      recoveredMs,
      virtualMs: this.#world.nowMs,
      traceHash: this.#world.trace.hash
    }
  }

  #compactedMax(): number {
    if ('compactEveryMs' in this.#plan.args) return Number.POSITIVE_INFINITY
    const asked = this.#recorder.operations.map(operation => (operation.kind === 'compact' ? operation.revision : 0))
    return asked.reduce((most, revision) => Math.max(most, revision), 0)
  }

  // Who takes part -------------------------------------------------------------------------------------

  /** Starts again what has died, as a supervisor does; machines that are down are the nemesis's. */
  #supervise(): void {
    const { restartMs, members } = this.#plan
    this.#world.at(this.#world.nowMs + restartMs, () => {
      this.#world.restart(({ address }) => members.includes(address))
      this.#supervise()
    })
  }

  #startClients(): void {
    const machine = this.#plan.remoteClients ? clientMachine : rootMachine
    const { clients, readers } = this.#plan
    for (let at = 0; at < clients + readers; at++) {
      const name = at < clients ? `c${at}` : `r${at - clients}`
      const plan = at < clients ? this.#plan : { ...this.#plan, mix: readerMix, thinkMs: readerThinkMs }
      const client = new StoreClient(name, plan, this.#fork(), this.#recorder, this.#running)
      const actor = this.#world.newClient(`${machine}/${name}`)
      this.#clients.push(actor.run(() => client.run()))
    }
  }

  /** One observer of everything at each member, next to it as it were; and watchers that roam. */
  #startWatchers(): void {
    const all = { key: keyPrefix, end: keyEnd, slowShare: 0, window: 256 }
    this.#plan.members.forEach((member, at) => {
      this.#startWatcher(rootMachine, { ...all, name: `${allClients}${at}`, member: member as Member, startRevision: 1 })
    })
    const machine = this.#plan.remoteClients ? clientMachine : rootMachine
    for (let at = 0; at < this.#plan.watchers; at++) {
      const name = `w${at}`
      const narrow = this.#random() < 0.5
      const key = `${keyPrefix}${narrow ? '01' : ''}`
      const end = narrow ? undefined : keyEnd
      const slowShare = this.#random() < 0.5 ? 0.2 : 0
      const window = this.#random() < 0.5 ? 2 : 256
      const startRevision = this.#random() < 0.5 ? 1 : 0
      this.#startWatcher(machine, { name, key, end, member: undefined, startRevision, window, slowShare })
    }
  }

  #startWatcher(machine: string, options: ConstructorParameters<typeof StoreWatcher>[0]): void {
    const watcher = new StoreWatcher(options, this.#plan, this.#fork(), this.#recorder, this.#running)
    this.#watchers.push(watcher)
    this.#world.newClient(`${machine}/${options.name}`).run(() => watcher.run())
  }

  #fork(): Random {
    return seededRandom(forkSeed(this.#random))
  }

  // What happens ---------------------------------------------------------------------------------------

  #heard({ atUs, address, event, fields }: LogRecord): void {
    switch (event) {
      case 'became leader':
        this.#leaders.push({ term: Number(fields.term), member: address, atUs })
        return
      case 'snapshot installed':
        return this.#count('follower snapshot')
      case 'snapshot taken':
        return this.#count('snapshot')
      case 'torn tail cut':
        return this.#count('torn tail')
      case 'corruptDisk':
        this.#decayed.add(String(fields.machine))
        return
      case 'log damaged':
      case 'snapshot damaged':
        // Rejoining heals it, and would hide that a member harmed its own log.
        if (!this.#decayed.has(machineOf(address)))
          this.#violations.push(violation(guarantees.noDamage, `${address} at ${atUs} us: ${event} ${JSON.stringify(fields)}`))
        return this.#count('damaged log')
      case 'rejoined':
        return this.#count('rejoin')
      case 'failed':
        this.#violations.push(violation(guarantees.noFailure, `${address} at ${atUs} us: ${String(fields.detail)}`))
        return
      case 'ended': {
        const reason = String(fields.reason)
        if (reason.includes('no space left')) this.#count('full disk')
        else if (reason.includes('input/output error')) this.#count('failed disk')
        return
      }
      default:
    }
  }

  get #leaderMachine(): string | undefined {
    const member = this.#leaders.at(-1)?.member
    return member === undefined ? undefined : machineOf(member)
  }

  #count(event: StoreEventName, by = 1): void {
    this.#counts.set(event, (this.#counts.get(event) ?? 0) + by)
  }

  // Liveness -------------------------------------------------------------------------------------------

  /** A write through every member succeeds again. */
  #probe(limitMs: number): boolean {
    for (const member of this.#plan.members) {
      let last = ''
      for (;;) {
        if (this.#world.nowMs >= limitMs) {
          this.#violations.push(
            violation(guarantees.recovery, `${member} takes no write ${this.#plan.recoveryMs} ms after the last fault: ${last}`)
          )
          return false
        }
        const put = { type: 'put', key: `${keyPrefix}probe`, value: new TextEncoder().encode(`${member} ${this.#world.nowMs}`) } as const
        const pending = this.#world.client.run(() =>
          this.#recorder.txn('probe', member as Member, probeTimeoutMs, { compares: [], success: [put], failure: [] })
        )
        this.#world.runUntil(() => pending.done, this.#world.nowMs + probeTimeoutMs + 100)
        if (pending.value?.ok === true) break
        last = pending.value === undefined ? 'no answer' : pending.value.error.detail
        this.#world.run(this.#world.nowMs + 50)
      }
    }
    return true
  }

  /** What members hold once they agree, or at the limit. */
  #converged(limitMs: number): MemberState[] {
    for (;;) {
      const states = this.#states()
      if (checkCluster({ leaders: [], states }).length === 0 || this.#world.nowMs >= limitMs) return states
      this.#world.run(this.#world.nowMs + pollMs)
    }
  }

  #states(): MemberState[] {
    return this.#plan.members.flatMap(member => {
      const answer = this.#world.client.call(member as Ref<StoreMemberProtocol>, quietMs, 'hash', { revision: 0 })
      if (answer.ok) return [{ member, ...answer.value }]
      this.#violations.push(violation(guarantees.recovery, `${member} does not tell its hash: ${answer.error.detail}`))
      return []
    })
  }
}
