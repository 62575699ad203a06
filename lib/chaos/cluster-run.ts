// Cluster run: a whole cluster, users and watchers, a nemesis; then peace, first without a minority of the stores if the seed says
// so, in which everything must become what was asked for; then the verdict.

import { type Flow, machineOf, type Ref } from '../actor/index.js'
import { ApiRecorder, checkApi, checkCluster, guarantees, isInDoubt, type LeaderFact, type MemberState } from '../check/index.js'
import { ApiClient, type ApiRef, type Resource, resources } from '../client/index.js'
import type { ApiObject } from '../object/index.js'
import {
  httpPortOf,
  type LogRecord,
  Nemesis,
  type PortMaker,
  resourcesPortOf,
  rootMachine,
  SimulatedSockets,
  StrikeLog,
  World
} from '../sim/index.js'
import { forkSeed, type Random, seededRandom } from '../std/index.js'
import type { StoreRef } from '../storage/index.js'
import type { StoreMemberProtocol } from '../store/index.js'
import type { ChaosMachine, ClusterCast } from './cluster-cast.js'
import { checkPods, checkReplicas, clusterGuarantees } from './cluster-check.js'
import { type ClusterState, missingOf } from './cluster-convergence.js'
import type { ClusterEventName } from './cluster-events.js'
import { ClusterHistory } from './cluster-history.js'
import { Holder } from './cluster-holder.js'
import type { ClusterRunPlan } from './cluster-plan.js'
import { ClusterStrikes } from './cluster-strikes.js'
import { clusterUser } from './cluster-user.js'
import { clusterWatcher } from './cluster-watcher.js'
import { isFailing, kindsOf, type Run, type RunListener, type RunResult, type RunViolation } from './run.js'
import type { Running } from './store-client.js'
import { tierLabel, tiers } from './user-objects.js'
import { UserScript } from './user-script.js'
import { WatchScript } from './watch-script.js'

const startLimitMs = 30_000
const pollMs = 500
const apiTimeoutMs = 5_000
const quietMs = 1_000
const catchUpMs = 10_000 // Whose stream was lost without a word notices by its silence.
const holdersCatchUpMs = 30_000 // As the watchers, but an informer is more patient.
const namespace = 'default'
const watchSecondsMax = 15
/** Whose every version is compared with what clients were told. */
const compared = ['configmaps', 'deployments', 'services', 'pods']

export class ClusterRun {
  readonly #plan: ClusterRunPlan
  readonly #world: World
  readonly #userRandom: Random
  readonly #watcherRandom: Random
  readonly #apiservers: readonly ApiRef[]
  readonly #stores: readonly string[]
  readonly #history: ClusterHistory
  readonly #running: Running
  readonly #recorder: ApiRecorder
  readonly #usersDone: (() => boolean)[] = []
  readonly #watchers: WatchScript[] = []
  readonly #holders: readonly Holder[]
  readonly #strikes: ClusterStrikes
  readonly #nemesis: Nemesis
  readonly #leaders: LeaderFact[] = []
  readonly #violations: RunViolation[] = []
  readonly #counts = new Map<ClusterEventName, number>()
  readonly #decayed = new Set<string>() // Machines.
  #managers = 0 // How often one began to lead.
  #firstLife = Number.POSITIVE_INFINITY // Of the controller of replica sets: the revision at which it was the only one so far.
  readonly #inDoubt = new Map<string, number>() // Creations of pods, by replica set.

  constructor(plan: ClusterRunPlan, cast: ClusterCast, logged: RunListener | undefined) {
    this.#plan = plan
    const random = seededRandom(plan.seed ^ 0x63686173)
    this.#userRandom = seededRandom(forkSeed(random))
    this.#watcherRandom = seededRandom(forkSeed(random))
    this.#running = { stopping: false, operationsLeft: plan.operationsMax }
    this.#world = new World({
      seed: plan.seed,
      ports: portsOf(cast),
      disk: { syncUs: plan.syncUs },
      handover: cast
    })
    this.#recorder = new ApiRecorder({
      nowUs: () => this.#world.timeline.nowUs,
      written: [`configmaps/${namespace}/`],
      lived: ['deployments', 'services'].map(resource => `${resource}/${namespace}/`)
    })
    this.#world.onLog(record => this.#heard(record))
    if (logged !== undefined) this.#world.onLog(logged)
    const machines = cast.plan(plan.shape)
    const called = (actor: string): string[] =>
      machines.flatMap(({ children }) => children.filter(child => child.actor === actor).map(({ address }) => address))
    this.#apiservers = called('apiserver') as unknown as ApiRef[]
    this.#stores = called('store')
    this.#history = new ClusterHistory(this.#stores as unknown as StoreRef[])
    this.#holders = plan.holds ? [new Holder(resources.pods), new Holder(resources.configMaps)] : []
    for (const machine of machines) this.#start(machine, cast)
    const names = machines.map(({ name }) => name).filter(name => name !== rootMachine)
    const log = new StrikeLog(plan.strikes)
    this.#strikes = new ClusterStrikes(this.#world, plan, seededRandom(forkSeed(random)), log)
    this.#nemesis = new Nemesis(this.#world, {
      log,
      seed: forkSeed(random),
      troubles: plan.troubles,
      kindsMin: plan.troubles.length,
      machines: () => names,
      everyMs: plan.troubleEveryMs,
      corruptible: plan.corruptible,
      lastsMsMax: 8_000
    })
  }

  /** A supervisor for each machine, on a machine that no fault befalls: as the main thread. */
  #start({ name, children }: ChaosMachine, cast: ClusterCast): void {
    const { args } = this.#plan
    const own = children.map(child => ({ ...child, args: { ...(child.args as object), ...args[child.actor], ...args[child.address] } }))
    this.#world.start(`${rootMachine}/${name}`, cast.supervisor, { children: own }, `${rootMachine}/main`)
  }

  run(): Run {
    const { plan, world } = { plan: this.#plan, world: this.#world }
    world.newClient(`${rootMachine}/historian`).run(() => this.#history.follow())
    this.#converge('the cluster does not start', startLimitMs, clusterGuarantees.convergence)
    this.#startUsers()
    this.#startWatchers()
    this.#startHolders()
    this.#strikes.start()
    this.#nemesis.rage(Math.max(0, plan.forMs - plan.calmMs - world.nowMs))
    this.#strikes.stop()
    this.#running.stopping = true
    const majority = this.#healMajority()
    const healedMs = world.nowMs
    this.#nemesis.heal()
    this.#awaitUsers()
    const converged = majority && this.#converge('not as asked for', plan.recoveryMs, clusterGuarantees.convergence)
    const recoveredMs = world.nowMs - healedMs
    world.run(Math.max(plan.forMs, world.nowMs + quietMs, healedMs + catchUpMs))
    const states = this.#states()
    this.#checkHolders(converged)
    this.#violations.push(...checkCluster({ leaders: this.#leaders, states }))
    const result = this.#result(converged, recoveredMs)
    const strikes = isFailing(result) ? this.#nemesis.log.inflicted : []
    return { result: { ...result, strikes }, history: undefined, api: this.#recorder, isQuiet: converged, compactsByItself: false }
  }

  /** Heals all but a minority of the stores, if the seed says so. The first machine is never left behind: it may be all there is of the rest. */
  #healMajority(): boolean {
    const { stranded, strandedFirst, recoveryMs } = this.#plan
    const machines = this.#stores.slice(1).map(store => machineOf(store))
    const rest = [...machines.slice(strandedFirst - 1), ...machines.slice(0, strandedFirst - 1)]
    // A store with a damaged log needs a majority beside itself (ADR 0012): those are left behind first.
    const order = [...rest.filter(name => this.#decayed.has(name)), ...rest.filter(name => !this.#decayed.has(name))]
    if (stranded === 0 || this.#nemesis.heal(order.slice(0, stranded)).length === 0) return true
    this.#count('minority left behind')
    this.#awaitUsers()
    return this.#converge('not as asked for', recoveryMs, clusterGuarantees.majority)
  }

  #awaitUsers(): void {
    this.#world.runUntil(() => this.#usersDone.every(done => done()), this.#world.nowMs + this.#plan.timeoutMs + quietMs)
  }

  #result(converged: boolean, recoveredMs: number): RunResult {
    const { operations } = this.#recorder
    const writes = operations.filter(({ verb }) => verb !== 'get' && verb !== 'list')
    const pods = checkPods(this.#history)
    this.#violations.push(...pods.violations)
    this.#violations.push(...checkReplicas(this.#history, { until: this.#firstLife, inDoubt: this.#inDoubt }))
    this.#recorder.store = { resources: new Set(compared), changes: [...this.#history.apiChanges(compared, this.#recorder)] }
    this.#violations.push(...checkApi(this.#recorder, converged))
    for (const { resumed, relisted } of this.#watchers) {
      this.#count('watch resumed', resumed)
      this.#count('watch relisted', relisted)
    }
    const inDoubt = writes.filter(isInDoubt).length
    this.#count('indefinite write', inDoubt)
    this.#count('election', Math.max(0, this.#leaders.length - 1))
    this.#count('eviction', pods.evictions)
    this.#count('controller failover', Math.max(0, this.#managers - 1))
    const members = this.#stores.length
    this.#count(`${members} store${members === 1 ? '' : 's'}` as ClusterEventName)
    return {
      seed: this.#plan.seed,
      members,
      violations: this.#violations,
      unknown: undefined,
      events: Object.fromEntries(this.#counts),
      troubles: [...this.#plan.journey, ...this.#plan.troubles],
      inflicted: kindsOf(this.#nemesis.log.inflicted),
      strikes: [],
      clients: this.#plan.users,
      watchers: this.#watchers.length,
      operations: operations.length,
      acknowledged: writes.filter(({ outcome }) => outcome !== undefined && outcome.kind !== 'failed').length,
      inDoubt,
      revisionLast: this.#history.revision,
      podsMax: pods.podsMax,
      recoveredMs,
      virtualMs: this.#world.nowMs,
      envelopes: this.#world.timeline.happened,
      traceHash: this.#world.trace.hash
    }
  }

  // Who takes part -------------------------------------------------------------------------------------

  #startUsers(): void {
    for (let at = 0; at < this.#plan.users; at++) {
      const name = `user-${at}`
      const { deploymentsMax, replicasMin, replicasMax, mix } = this.#plan
      const random = seededRandom(forkSeed(this.#userRandom))
      const options = { name, namespace, random, recorder: this.#recorder, deploymentsMax, replicasMin, replicasMax, mix }
      const script = new UserScript(options)
      const ownRandom = seededRandom(forkSeed(this.#userRandom))
      const actor = this.#world.newClient(`${rootMachine}/${name}`)
      const pending = actor.run(ctx => clusterUser(script, this.#clientOf(ctx), this.#plan, ownRandom, this.#running))
      this.#usersDone.push(() => pending.done)
    }
  }

  #startWatchers(): void {
    const selector = { [tierLabel]: tiers[0] as string }
    const watched: readonly (() => void)[] = [
      () => this.#startWatcher('pods', resources.pods),
      () => this.#startWatcher('configmaps', resources.configMaps),
      () => this.#startWatcher('deployments', resources.deployments),
      () => this.#startWatcher('tier', resources.configMaps, namespace, selector)
    ]
    for (const start of watched.slice(0, this.#plan.watchersMax)) start()
  }

  #startWatcher(what: string, resource: Resource, within?: string, selector?: Readonly<Record<string, string>>): void {
    const client = `watcher-of-${what}`
    const random = seededRandom(forkSeed(this.#watcherRandom))
    const options = { client, resource, namespace: within, selector, random, recorder: this.#recorder }
    const script = new WatchScript({ ...options, timeoutSecondsMax: watchSecondsMax })
    this.#watchers.push(script)
    this.#world.newClient(`${rootMachine}/${client}`).run(ctx => clusterWatcher(script, this.#clientOf(ctx)))
  }

  #startHolders(): void {
    if (this.#holders.length === 0) return
    this.#world.newClient(`${rootMachine}/holder`).perform(ctx => {
      const client = this.#clientOf(ctx)
      for (const holder of this.#holders) holder.start(ctx, client)
    })
  }

  #clientOf(ctx: ConstructorParameters<typeof ApiClient>[0]): ApiClient {
    return new ApiClient(ctx, { apiservers: this.#apiservers, attemptTimeoutMs: this.#plan.timeoutMs })
  }

  // What happens ---------------------------------------------------------------------------------------

  #heard({ atUs, address, event, fields }: LogRecord): void {
    switch (event) {
      case 'became leader':
        this.#strikes.leader = address
        return void this.#leaders.push({ term: Number(fields.term), member: address, atUs })
      case 'snapshot installed':
        return this.#count('follower snapshot')
      case 'torn tail cut':
        return this.#count('torn tail')
      case 'corruptDisk':
        return void this.#decayed.add(String(fields.machine))
      case 'log damaged':
      case 'snapshot damaged':
        // Rejoining heals it, and would hide that a store harmed its own log.
        if (!this.#decayed.has(machineOf(address)))
          this.#violate(guarantees.noDamage, `${address} at ${atUs} us: ${JSON.stringify(fields)}`)
        return this.#count('damaged log')
      case 'rejoined':
        return this.#count('rejoin')
      case 'crashMachine':
        return this.#count('machine lost')
      case 'started leading':
        if (this.#managers++ > 0) this.#endFirstLife()
        return
      case 'controller ended':
        if (fields.controller === 'replicaset-controller') this.#endFirstLife()
        return this.#count('controller failover')
      case 'creation in doubt':
        return void this.#inDoubt.set(String(fields.replicaSet), (this.#inDoubt.get(String(fields.replicaSet)) ?? 0) + 1)
      case 'failed':
      case 'gave up':
      case 'request failed':
        return this.#violate(clusterGuarantees.noFailure, `${address} at ${atUs} us: ${event} ${JSON.stringify(fields)}`)
      default:
    }
  }

  #endFirstLife(): void {
    this.#firstLife = Math.min(this.#firstLife, this.#history.revision)
  }

  #count(event: ClusterEventName, by = 1): void {
    this.#counts.set(event, (this.#counts.get(event) ?? 0) + by)
  }

  #violate(guarantee: string, excerpt: string): void {
    if (this.#violations.length < 20) this.#violations.push({ guarantee, excerpt })
  }

  // Liveness -------------------------------------------------------------------------------------------

  /** Runs until everything is as asked for; else a violation. */
  #converge(what: string, withinMs: number, guarantee: string): boolean {
    const limitMs = this.#world.nowMs + withinMs
    for (;;) {
      const missing = this.#missing()
      if (missing.length === 0) return true
      if (this.#world.nowMs >= limitMs) {
        this.#violate(guarantee, `${what} after ${withinMs} ms:\n${missing.slice(0, 20).join('\n')}`)
        return false
      }
      this.#world.run(this.#world.nowMs + pollMs)
    }
  }

  #missing(): string[] {
    const pending = this.#world.client.run(ctx => this.#read(this.#clientOf(ctx)))
    this.#world.runUntil(() => pending.done, this.#world.nowMs + 8 * apiTimeoutMs)
    if (pending.value === undefined) return ['no answer']
    if (typeof pending.value === 'string') return [pending.value]
    const missing = missingOf(pending.value, this.#plan.shape.nodes)
    if (this.#history.revision === 0) missing.push('no history')
    return missing
  }

  *#read(client: ApiClient): Flow<ClusterState | string> {
    const lists: Record<string, readonly ApiObject[]> = {}
    const wanted = {
      nodes: resources.nodes,
      deployments: resources.deployments,
      replicaSets: resources.replicaSets,
      pods: resources.pods,
      services: resources.services,
      slices: resources.endpointSlices,
      endpoints: resources.endpoints
    }
    for (const [name, resource] of Object.entries(wanted)) {
      const where = resource.namespaced ? { namespace } : {}
      const list = yield* client.list(resource as Resource, { ...where, timeoutMs: apiTimeoutMs })
      if (!list.ok) return `${name}: ${list.error.reason} ${list.error.message}`
      lists[name] = list.value.items
    }
    return lists as unknown as ClusterState
  }

  #checkHolders(converged: boolean): void {
    const limitMs = this.#world.nowMs + holdersCatchUpMs
    const differences = (): string[] => this.#holders.flatMap(holder => holder.differences(this.#history.newest(holder.resource.plural)))
    while (converged && differences().length > 0 && this.#world.nowMs < limitMs) this.#world.run(this.#world.nowMs + pollMs)
    const differs = converged ? differences() : []
    if (differs.length > 0) this.#violate(clusterGuarantees.held, differs.slice(0, 20).join('\n'))
    for (const { wrong } of this.#holders) if (wrong.length > 0) this.#violate(clusterGuarantees.told, wrong.join('\n'))
  }

  /** What members hold once they agree, or at the limit. */
  #states(): MemberState[] {
    const limitMs = this.#world.nowMs + 5_000
    for (;;) {
      const states = this.#stores.flatMap(member => {
        const answer = this.#world.client.call(member as Ref<StoreMemberProtocol>, quietMs, 'hash', { revision: 0 })
        if (answer.ok) return [{ member, ...answer.value }]
        if (this.#world.nowMs >= limitMs)
          this.#violate(clusterGuarantees.convergence, `${member} does not tell its hash: ${answer.error.detail}`)
        return []
      })
      const agree = states.length === this.#stores.length && checkCluster({ leaders: [], states }).length === 0
      const caughtUp = agree && this.#history.revision >= (states[0]?.revision ?? 0)
      if (caughtUp || this.#world.nowMs >= limitMs) return states
      this.#world.run(this.#world.nowMs + pollMs)
    }
  }
}

function portsOf(cast: ClusterCast): Record<string, PortMaker> {
  const sockets = new SimulatedSockets()
  return {
    http: httpPortOf as unknown as PortMaker,
    resources: (() => resourcesPortOf(cast.resources)) as unknown as PortMaker,
    sockets: sockets.port
  }
}
