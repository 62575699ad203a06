// Store run: members of a store, clients and watchers, a nemesis; then peace, first for a majority if the seed says so, in which
// all must find their way back; then the verdict.

import { machineOf, type Ref } from '../actor/index.js'
import {
  checkCluster,
  checkStore,
  type Guarantee,
  guarantees,
  type LeaderFact,
  type MemberState,
  type Violation,
  violation
} from '../check/index.js'
import { type LogRecord, Nemesis, type Pending, rootMachine, StrikeLog, World } from '../sim/index.js'
import { forkSeed, type Random, seededRandom } from '../std/index.js'
import type { StoreMemberProtocol } from '../store/index.js'
import { AuthRun } from './auth-run.js'
import { LeaseRun } from './lease-run.js'
import { MemberMover } from './member-mover.js'
import { type Member, Recorder } from './recorder.js'
import { isFailing, kindsOf, type Run, type RunListener, type RunResult, type StoreCast } from './run.js'
import type { SideRun } from './side-run.js'
import { keyEnd, keyPrefix, readerMix, StoreClient, type StoreRunning } from './store-client.js'
import { changeEvents, countEvents, type StoreEventName, saidEvents } from './store-events.js'
import { StoreLogs } from './store-logs.js'
import type { StorePlan } from './store-plan.js'
import { drawWatcher, StoreWatcher } from './store-watcher.js'

const clientMachine = 'client-0'
const startMs = 2000 // For the first election.
const quietMs = 1000 // For watchers to catch up once their members have.
const pollMs = 200
const probeTimeoutMs = 1000
const allClients = 'observer'
const readersShare = 0.5 // Of operations, where there are readers.

export class StoreRun {
  readonly #plan: StorePlan
  readonly #world: World
  readonly #recorder: Recorder
  readonly #watcherRandom: Random
  readonly #clientRandom: Random
  readonly #running: StoreRunning
  readonly #clients: Pending<void>[] = []
  readonly #watchers: StoreWatcher[] = []
  readonly #leaders: LeaderFact[] = []
  readonly #logs: StoreLogs
  readonly #violations: Violation[] = []
  readonly #counts = new Map<StoreEventName, number>()
  readonly #decayed = new Set<string>() // Machines.
  readonly #nemesis: Nemesis
  readonly #side: SideRun | undefined
  readonly #mover: MemberMover | undefined

  constructor(plan: StorePlan, cast: StoreCast, logged: RunListener | undefined) {
    this.#plan = plan
    const random = seededRandom(plan.seed ^ ~plan.salt)
    this.#watcherRandom = seededRandom(forkSeed(random))
    this.#clientRandom = seededRandom(forkSeed(random))
    this.#running = { stopping: false, operationsLeft: plan.operationsMax, alarms: 0 }
    this.#world = new World({
      seed: forkSeed(random),
      disk: { syncUs: plan.syncUs },
      handover: cast
    })
    this.#recorder = new Recorder(this.#world)
    this.#logs = new StoreLogs(this.#world, plan.members)
    this.#mover = this.#makeMover(cast)
    this.#world.onLog(record => this.#heard(record))
    if (logged !== undefined) this.#world.onLog(logged)
    for (const member of plan.members) this.#world.start(member, cast.store, { ...plan.args, members: plan.members })
    this.#nemesis = new Nemesis(this.#world, {
      seed: forkSeed(random),
      troubles: plan.troubles,
      machines: () => this.#all.map(member => machineOf(member)),
      actors: address => this.#all.includes(address),
      everyMs: plan.troubleEveryMs,
      lastsMsMax: plan.troubleLastsMsMax,
      aim: () => this.#leaders.slice(-1).map(({ member }) => machineOf(member))[0],
      aimShare: plan.leaderShare,
      kindsMin: plan.troublesMin,
      corruptible: plan.corruptible,
      log: new StrikeLog(plan.strikes)
    })
    this.#side = this.#makeSide(random)
  }

  run(): Run {
    const { plan, world } = { plan: this.#plan, world: this.#world }
    this.#supervise()
    world.run(startMs)
    this.#logs.start()
    this.#startWatchers()
    this.#startClients()
    const moving = this.#startMoving()
    this.#nemesis.rage(plan.safetyMs)
    this.#settleMembers(moving)
    const majority = this.#healMajority()
    const healedMs = world.nowMs
    this.#nemesis.heal()
    const recovered = majority && this.#probe(this.#members, healedMs + plan.recoveryMs, guarantees.recovery)
    const recoveredMs = world.nowMs - healedMs
    const steadyUs = recovered ? world.timeline.nowUs : undefined
    this.#running.stopping = true
    world.runUntil(() => this.#clients.every(client => client.done), world.nowMs + plan.timeoutMs + quietMs)
    if (recovered) this.#side?.finish()
    const states = recovered ? this.#converged(world.nowMs + plan.recoveryMs) : []
    world.run(world.nowMs + quietMs)
    if (recovered) this.#checkRemoved()
    this.#violations.push(...checkCluster({ leaders: this.#leaders, states, logs: this.#logs.facts }))
    const side = this.#side?.judge(steadyUs, this.#leaders, this.#nemesis.log.inflicted)
    this.#violations.push(...(side?.violations ?? []))
    const result = this.#result(recovered, recoveredMs, side?.unknown)
    return {
      result: isFailing(result) ? { ...result, strikes: this.#nemesis.log.inflicted } : result,
      history: this.#recorder,
      ...side?.seen,
      compactsByItself: 'compactEveryMs' in this.#plan.args
    }
  }

  #result(isQuiet: boolean, recoveredMs: number, unknown: string | undefined): RunResult {
    const { operations } = this.#recorder
    const verdict = checkStore({
      history: this.#side?.isPartial === true ? { ...this.#recorder, partial: true } : this.#recorder,
      isWhole: watch => watch.client.startsWith(allClients),
      compactedMax: this.#compactedMax(),
      isQuiet
    })
    const events = countEvents(this.#plan, operations, this.#watchers)
    for (const [event, count] of this.#counts) events[event] = count
    Object.assign(events, this.#side?.events(this.#leaders))
    events['alarm raised'] = this.#running.alarms
    events['doubt resolved'] = verdict.doubtsResolved
    events.election = Math.max(0, this.#leaders.length - 1)
    return {
      seed: this.#plan.seed,
      members: this.#plan.members.length,
      violations: [...this.#violations, ...verdict.violations],
      unknown: unknown ?? verdict.unknown,
      events,
      troubles: this.#nemesis.on,
      inflicted: kindsOf(this.#nemesis.log.inflicted),
      strikes: [],
      clients: this.#clients.length,
      watchers: this.#watchers.length - this.#plan.members.length,
      operations: operations.length + (this.#side?.operations.length ?? 0),
      acknowledged: operations.filter(({ kind, outcome }) => kind === 'txn' && outcome?.ok === true).length,
      inDoubt: events['indefinite write'] ?? 0,
      revisionLast: verdict.revisionLast,
      podsMax: 0,
      recoveredMs,
      virtualMs: this.#world.nowMs,
      envelopes: this.#world.timeline.happened,
      traceHash: this.#world.trace.hash
    }
  }

  #compactedMax(): number {
    if ('compactEveryMs' in this.#plan.args) return Number.POSITIVE_INFINITY
    const asked = this.#recorder.operations.map(operation => (operation.kind === 'compact' ? operation.revision : 0))
    return asked.reduce((most, revision) => Math.max(most, revision), 0)
  }

  // Who takes part -------------------------------------------------------------------------------------

  #makeSide(random: Random): SideRun | undefined {
    const { leases, auth } = this.#plan
    if (leases !== undefined) return new LeaseRun(this.#world, this.#plan, leases, fork(random), this.#running)
    return auth && new AuthRun(this.#world, this.#plan, auth, fork(random), this.#recorder, this.#running)
  }

  /** Starts again what has died, as a supervisor does; machines that are down are the nemesis's. */
  #supervise(): void {
    const { restartMs } = this.#plan
    this.#world.at(this.#world.nowMs + restartMs, () => {
      this.#world.restart(({ address }) => this.#all.includes(address) && this.#mover?.gone.has(address) !== true)
      this.#supervise()
    })
  }

  /** Writers and readers by turns, so that the first few are of both. */
  #startClients(): void {
    const { remoteClients, clients, readers, clientsMax, perSecond, keys, valueBytesMax, timeoutMs } = this.#plan
    const machine = remoteClients ? clientMachine : rootMachine
    const forReaders = readers > 0 ? readersShare : 0
    const writer = { mix: this.#plan.mix, thinkMs: (clients * 1000) / (perSecond * (1 - forReaders)) }
    const reader = { mix: readerMix, thinkMs: (readers * 1000) / (perSecond * forReaders) }
    const roles = Array.from({ length: Math.max(clients, readers) }, (_, at) => [
      ...(at < clients ? [{ name: `c${at}`, ...writer }] : []),
      ...(at < readers ? [{ name: `r${at}`, ...reader }] : [])
    ]).flat()
    this.#clients.push(...(this.#side?.start(machine) ?? []))
    roles.forEach(({ name, mix, thinkMs }, at) => {
      const random = fork(this.#clientRandom)
      if (at >= clientsMax) return
      const plan = { members: this.#all, keys, valueBytesMax, timeoutMs, mix, thinkMs }
      const client = new StoreClient(name, plan, random, this.#recorder, this.#running)
      this.#clients.push(this.#world.newClient(`${machine}/${name}`).run(() => client.run()))
    })
  }

  /** One observer of everything at each member, next to it as it were; and others of all sorts. */
  #startWatchers(): void {
    const { members, remoteClients, watchers, watchersMax, watcherMix } = this.#plan
    const whole = { key: keyPrefix, end: keyEnd, slowMs: 0, roamMs: undefined, window: 256, startRevision: 1 }
    members.forEach((member, at) => {
      this.#startWatcher(rootMachine, { ...whole, name: `${allClients}${at}`, member: member as Member }, fork(this.#watcherRandom))
    })
    for (let at = 0; at < Math.min(watchers, watchersMax); at++) {
      const random = fork(this.#watcherRandom)
      this.#startWatcher(remoteClients ? clientMachine : rootMachine, drawWatcher(`w${at}`, members, watcherMix, random), random)
    }
  }

  #startWatcher(machine: string, options: ConstructorParameters<typeof StoreWatcher>[0], random: Random): void {
    const watcher = new StoreWatcher(options, this.#plan.members, random, this.#recorder, this.#running)
    this.#watchers.push(watcher)
    this.#world.newClient(`${machine}/${options.name}`).run(() => watcher.run())
  }

  // What happens ---------------------------------------------------------------------------------------

  #heard(record: LogRecord): void {
    const { atUs, address, event, fields } = record
    this.#mover?.heard(record)
    switch (event) {
      case 'became leader':
        this.#elected({ term: Number(fields.term), member: address, atUs })
        return this.#count('election while joint', this.#mover?.isJoint === true ? 1 : 0)
      case 'membership changed':
        return this.#count(changeEvents[fields.kind as string] as StoreEventName)
      case 'corruptDisk':
        this.#decayed.add(String(fields.machine))
        return
      case 'log damaged':
      case 'snapshot damaged':
        // Rejoining heals it, and would hide that a member harmed its own log.
        if (!this.#decayed.has(machineOf(address)))
          this.#violations.push(violation(guarantees.noDamage, `${address} at ${atUs} us: ${event} ${JSON.stringify(fields)}`))
        return this.#count('damaged log')
      case 'leases expired':
      case 'leases checkpointed':
        return this.#count(event === 'leases expired' ? 'lease expired' : 'lease checkpointed', Number(fields.leases))
      case 'failed':
        this.#violations.push(violation(guarantees.noFailure, `${address} at ${atUs} us: ${String(fields.detail)}`))
        return
      case 'ended': {
        const reason = String(fields.reason)
        // A member has room for what it saves, set aside before: it outlives a full disk.
        if (reason.includes('no space left')) this.#violations.push(violation(guarantees.noFailure, `${address} at ${atUs} us: ${reason}`))
        else if (reason.includes('input/output error')) this.#count('failed disk')
        return
      }
      default: {
        const said = saidEvents.get(event)
        if (said !== undefined) this.#count(said)
      }
    }
  }

  /** One that comes late, of a term that is over, may have been given its votes long before. */
  #elected(leader: LeaderFact): void {
    const { member, term, atUs } = leader
    const mover = this.#mover
    if (mover?.removals.isOver(member, mover.voters) === true && this.#leaders.every(other => other.term < term))
      this.#violations.push(violation(guarantees.removedStops, `${member} at ${atUs} us leads term ${term}`))
    this.#leaders.push(leader)
  }

  #count(event: StoreEventName, by = 1): void {
    this.#counts.set(event, (this.#counts.get(event) ?? 0) + by)
  }

  // Members --------------------------------------------------------------------------------------------

  #makeMover(cast: StoreCast): MemberMover | undefined {
    const { movesEveryMs, replaceShare = 0, members, args, corruptible, troubles, salt, seed } = this.#plan
    if (movesEveryMs === undefined) return undefined
    return new MemberMover({
      founders: members,
      everyMs: movesEveryMs,
      random: seededRandom(seed ^ (salt * 7)),
      replacing: { share: replaceShare, random: seededRandom(seed ^ (salt * 11)) },
      votersMin: corruptible.length > 0 && troubles.includes('corrupt') ? 3 : 1,
      start: address => this.#world.start(address, cast.store, { ...args, members })
    })
  }

  #startMoving(): Pending<void> | undefined {
    const mover = this.#mover
    return mover === undefined ? undefined : this.#world.client.run(() => mover.run())
  }

  /** Everybody that ever was a member. */
  get #all(): readonly string[] {
    return this.#mover?.known ?? this.#plan.members
  }

  /** Those of now. */
  get #members(): readonly string[] {
    return this.#mover?.members ?? this.#plan.members
  }

  /** Nothing is decided about members any more, and all know it. Else those left behind could be more than a minority, of members to come. */
  #settleMembers(moving: Pending<void> | undefined): void {
    const mover = this.#mover
    if (mover === undefined || moving === undefined) return
    mover.isStopping = true
    this.#nemesis.heal()
    const limitMs = this.#world.nowMs + this.#plan.recoveryMs
    this.#world.runUntil(() => moving.done, limitMs)
    const settled = (): boolean => !mover.isJoint && this.#members.every(member => this.#leaderOf(member) !== undefined)
    while (!settled() && this.#world.nowMs < limitMs) this.#world.run(this.#world.nowMs + pollMs)
    this.#counts.set('leadership moved', mover.moved)
  }

  #leaderOf(member: string): string | undefined {
    const answer = this.#world.client.call(member as Ref<StoreMemberProtocol>, quietMs, 'revision')
    return answer.ok ? member : undefined
  }

  /** They hear of it from a leader that reminds them: as soon as all else has recovered, and no sooner. */
  #checkRemoved(): void {
    const removed = [...(this.#mover?.removals.all() ?? [])]
    this.#world.runUntil(() => removed.every(member => !this.#world.lives(member)), this.#world.nowMs + this.#plan.recoveryMs)
    for (const member of removed.filter(member => this.#world.lives(member))) {
      this.#violations.push(violation(guarantees.removedStops, `${member} still runs ${this.#world.nowMs} ms after the beginning`))
    }
  }

  // Liveness -------------------------------------------------------------------------------------------

  /** Heals all but a minority, if the seed says so: the others must do without it. */
  #healMajority(): boolean {
    const { strandedFirst, recoveryMs } = this.#plan
    const members = this.#mover?.voters ?? this.#plan.members
    const stranded = Math.min(this.#plan.stranded, (members.length - 1) >> 1)
    if (stranded === 0) return true
    // Those whose disks decayed are left behind first, and the others of them may wait: a damaged member needs a majority beside itself (ADR 0012).
    const machines = [...members.slice(strandedFirst), ...members.slice(0, strandedFirst)].map(member => machineOf(member))
    const order = [...machines.filter(name => this.#decayed.has(name)), ...machines.filter(name => !this.#decayed.has(name))]
    const behind = new Set(this.#nemesis.heal(order.slice(0, stranded)))
    if (behind.size === 0) return true
    this.#count('minority left behind')
    const rest = members.filter(member => !behind.has(machineOf(member)) && !this.#decayed.has(machineOf(member)))
    return this.#probe(rest, this.#world.nowMs + recoveryMs, guarantees.majority)
  }

  /** A write through every one of these members succeeds again. */
  #probe(members: readonly string[], limitMs: number, guarantee: Guarantee): boolean {
    for (const member of members) {
      let last = ''
      for (;;) {
        if (this.#world.nowMs >= limitMs) {
          this.#violations.push(violation(guarantee, `${member} takes no write after ${this.#plan.recoveryMs} ms: ${last}`))
          return false
        }
        const put = { type: 'put', key: `${keyPrefix}probe`, value: new TextEncoder().encode(`${member} ${this.#world.nowMs}`) } as const
        const pending = this.#world.client.run(() =>
          this.#recorder.txn('probe', member as Member, probeTimeoutMs, { compares: [], success: [put], failure: [] })
        )
        this.#world.runUntil(() => pending.done, this.#world.nowMs + probeTimeoutMs + 100)
        if (pending.value?.ok === true) break
        last = pending.value === undefined ? 'no answer' : pending.value.error.detail
        // What a client raised and did not get to lower is no fault of the store.
        if (this.#running.alarms > 0) this.#world.client.call(member as Member, probeTimeoutMs, 'alarms', { action: 'deactivate' })
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
    return this.#members.flatMap(member => {
      const answer = this.#world.client.call(member as Ref<StoreMemberProtocol>, quietMs, 'hash', { revision: 0 })
      if (answer.ok) return [{ member, ...answer.value }]
      this.#violations.push(violation(guarantees.recovery, `${member} does not tell its hash: ${answer.error.detail}`))
      return []
    })
  }
}

const fork = (random: Random): Random => seededRandom(forkSeed(random))
