// Scheduler: kube-scheduler. Gives pods without a node one, if it leads; otherwise it watches, ready to take over.
//
// What it decides is lib/scheduler's. Here is who leads (Lease kube-scheduler in kube-system), what informers tell, and the writes:
// bindings, conditions, events, victims of preemption, at most `writesMax` at a time. Nothing is polled: a turn that hears of
// a pod or a node decides. Losing the lease ends it, as it ends upstream's process; its supervisor starts it again.

import type { Actor, Context, Flow } from '../lib/actor/index.js'
import { ApiClient, type ApiRef, Elector, Informer, isNotFound, Recorder, resources } from '../lib/client/index.js'
import type { Pod } from '../lib/kinds/index.js'
import { type Condition, setCondition } from '../lib/object/index.js'
import {
  type BindDecision,
  type Decision,
  defaultSchedulerName,
  type PodInfo,
  Scheduler,
  type UnschedulableDecision
} from '../lib/scheduler/index.js'

export interface SchedulerArgs {
  readonly apiservers: readonly ApiRef[]
  readonly schedulerName?: string
  readonly percentageOfNodesToScore?: number
  /** `name`: of the Lease, as --leader-elect-resource-name; schedulers with leases of their own lead at once. */
  readonly election?: {
    readonly name?: string
    readonly leaseDurationMs?: number
    readonly renewDeadlineMs?: number
    readonly retryPeriodMs?: number
  }
}

export interface SchedulerProtocol {
  /** How many pods wait, by where they are in the queue. */
  queued(): Readonly<Record<string, number>>
}

type SchedulerTimer = 'again' | 'due'
type SchedulerContext = Context<SchedulerProtocol, SchedulerTimer>

interface SchedulerState {
  readonly scheduler: Scheduler
  readonly schedulerName: string
  readonly client: ApiClient
  readonly recorder: Recorder
  readonly elector: Elector
  readonly informers: readonly { readonly synced: boolean }[]
  writes: number // In flight.
  dueMs: number // What the timer `due` is set to, on the cluster's clock.
}

const writesMax = 64
const costPerTurnMax = 20_000 // Looks at a node; some 20 ms.
const costOfPod = 20 // Beside its looks at nodes.
const verifyTimeoutMs = 60_000

export const scheduler: Actor<SchedulerProtocol, SchedulerArgs, SchedulerState, SchedulerTimer> = {
  name: 'scheduler',
  init(ctx, args) {
    const schedulerName = args.schedulerName ?? defaultSchedulerName
    const client = new ApiClient(ctx, { apiservers: args.apiservers, fieldManager: 'kube-scheduler' })
    const { percentageOfNodesToScore = 0 } = args
    const core = new Scheduler({ random: ctx.random, schedulerName, percentageOfNodesToScore })
    const state: SchedulerState = {
      scheduler: core,
      schedulerName,
      client,
      recorder: new Recorder(ctx, client, { component: schedulerName }),
      elector: new Elector(ctx, client, {
        name: 'kube-scheduler',
        ...args.election,
        namespace: 'kube-system',
        identity: ctx.self,
        started: () => ctx.show({ leader: true, holder: ctx.self }),
        stopped: reason => ctx.stop(`leadership lost: ${reason}`),
        observed: holder => ctx.show({ leader: state.elector.leading, holder })
      }),
      informers: startInformers(ctx, client, core),
      writes: 0,
      dueMs: Number.POSITIVE_INFINITY
    }
    ctx.show({ leader: false, holder: '' })
    state.elector.start()
    return state
  },
  on: {
    queued: (_ctx, state) => state.scheduler.queue.counts()
  },
  timers: {
    again: () => undefined, // Their turns are followed by `settled`.
    due: (_ctx, state) => {
      state.dueMs = Number.POSITIVE_INFINITY
    }
  },
  settled: decide,
  // Bindings may still be on their way: the apiserver binds a pod once, whoever leads.
  stopping(_ctx, { elector }) {
    elector.stop()
  }
}

function startInformers(ctx: SchedulerContext, client: ApiClient, core: Scheduler): SchedulerState['informers'] {
  const pods = new Informer(ctx, client, { resource: resources.pods })
  pods.addHandler({
    add: pod => core.podSet(pod, ctx.clusterMs),
    update: (_old, pod) => core.podSet(pod, ctx.clusterMs),
    delete: pod => core.podDeleted(pod, ctx.clusterMs)
  })
  const nodes = new Informer(ctx, client, { resource: resources.nodes })
  nodes.addHandler({
    add: node => core.nodeSet(node, ctx.clusterMs),
    update: (_old, node) => core.nodeSet(node, ctx.clusterMs),
    delete: node => core.nodeDeleted(node.metadata.name ?? '', ctx.clusterMs)
  })
  const namespaces = new Informer(ctx, client, { resource: resources.namespaces, metadataOnly: true })
  namespaces.addHandler({
    add: namespace => core.namespaceSet(namespace, ctx.clusterMs),
    update: (_old, namespace) => core.namespaceSet(namespace, ctx.clusterMs),
    delete: ({ metadata }) => core.namespaceDeleted(metadata.name ?? '')
  })
  const services = new Informer(ctx, client, { resource: resources.services })
  services.addHandler({
    add: service => core.serviceSet(service),
    update: (_old, service) => core.serviceSet(service),
    delete: ({ metadata }) => core.cluster.workloads.deleteService(metadata.namespace ?? '', metadata.name ?? '')
  })
  const { workloads } = core.cluster
  const replicaSets = new Informer(ctx, client, { resource: resources.replicaSets })
  replicaSets.addHandler({
    add: ({ metadata, spec }) => workloads.setOwner('ReplicaSet', metadata.namespace ?? '', metadata.name ?? '', spec.selector),
    delete: ({ metadata }) => workloads.deleteOwner('ReplicaSet', metadata.namespace ?? '', metadata.name ?? '')
  })
  const informers = [nodes, pods, namespaces, services, replicaSets]
  for (const informer of informers) informer.start()
  return informers
}

/** Decides on as many pods as a turn may, and sees to it that the next turn comes when there is more to do. */
function decide(ctx: SchedulerContext, state: SchedulerState): void {
  const { scheduler: core, elector, informers } = state
  if (!elector.leading || !informers.every(({ synced }) => synced)) return
  const nowMs = ctx.clusterMs
  for (let cost = 0; cost < costPerTurnMax; ) {
    if (state.writes >= writesMax) return // The end of a write is a turn.
    const decision = core.next(nowMs)
    if (decision === undefined) break
    cost += costOfPod + decision.visited
    carryOut(ctx, state, decision)
  }
  if (core.queue.hasNext(nowMs)) return ctx.timer('again', 'real', 0)
  const dueMs = core.queue.dueMs()
  if (dueMs === state.dueMs) return
  state.dueMs = dueMs
  if (dueMs === Number.POSITIVE_INFINITY) ctx.cancel('due')
  else ctx.timer('due', 'cluster', Math.max(0, dueMs - nowMs))
}

function carryOut(ctx: SchedulerContext, state: SchedulerState, decision: Decision): void {
  if (decision.kind === 'bind') return write(ctx, state, bind(ctx, state, decision))
  const { pod, message, victims, nominatedNodeName, demoted } = decision
  state.recorder.event(pod.pod, 'Warning', 'FailedScheduling', message)
  const status = statusPatch(ctx, state, decision)
  if (status !== undefined) write(ctx, state, patchStatus(ctx, state, pod, status))
  for (const other of demoted) write(ctx, state, patchStatus(ctx, state, other, { nominatedNodeName: '' }))
  for (const victim of victims) write(ctx, state, evict(ctx, state, pod, victim, nominatedNodeName ?? ''))
}

function write(ctx: SchedulerContext, state: SchedulerState, flow: Flow<void>): void {
  state.writes++
  ctx.run(counted(state, flow))
}

function* counted(state: SchedulerState, flow: Flow<void>): Flow<void> {
  try {
    yield* flow
  } finally {
    state.writes--
  }
}

// Binding ------------------------------------------------------------------------------------------

function* bind(ctx: SchedulerContext, state: SchedulerState, { pod, nodeName }: BindDecision): Flow<void> {
  const { scheduler: core, client, recorder } = state
  const at = { ...pod.pod.metadata, uid: pod.uid }
  const result = yield* client.bind(at, nodeName)
  const isBound = result.ok || (!result.error.definite && (yield* isBoundTo(ctx, state, pod, nodeName)))
  if (isBound) {
    core.bound(pod.uid)
    recorder.event(pod.pod, 'Normal', 'Scheduled', `Successfully assigned ${pod.key} to ${nodeName}`)
    return
  }
  core.bindFailed(pod.uid, ctx.clusterMs)
  if (result.ok || isNotFound(result)) return // It was deleted meanwhile: the informer will say so.
  const message = `binding rejected: running Bind plugin "DefaultBinder": ${result.error.message}`
  ctx.log('binding failed', { pod: pod.key, node: nodeName, message })
  recorder.event(pod.pod, 'Warning', 'FailedScheduling', message)
  const condition = unscheduled(ctx, pod.pod, 'SchedulerError', message)
  if (condition !== undefined) yield* patchStatus(ctx, state, pod, { conditions: [condition] })
}

/** Nobody knows whether the binding was made: its object says so. Until it can be read, the pod keeps its place. */
function* isBoundTo(ctx: SchedulerContext, { client }: SchedulerState, pod: PodInfo, nodeName: string): Flow<boolean> {
  for (;;) {
    const read = yield* client.get(resources.pods, pod.pod.metadata, { timeoutMs: verifyTimeoutMs })
    if (read.ok) return read.value.metadata.uid === pod.uid && read.value.spec.nodeName === nodeName
    if (isNotFound(read)) return false
    ctx.log('binding not verified', { pod: pod.key, message: read.error.message })
    yield { step: 'sleep', clock: 'real', delayMs: 1000 }
  }
}

// What is said of pods that have no node ---------------------------------------------------------------

type StatusPatch = { readonly conditions?: readonly Condition[]; readonly nominatedNodeName?: string }

function statusPatch(ctx: SchedulerContext, { scheduler: core }: SchedulerState, decision: UnschedulableDecision): StatusPatch | undefined {
  const { pod, message, nominatedNodeName } = decision
  const newest = core.queue.get(pod.uid)?.pod.pod ?? pod.pod
  const condition = unscheduled(ctx, newest, 'Unschedulable', message)
  if (condition === undefined && nominatedNodeName === undefined) return undefined
  return {
    ...(condition === undefined ? {} : { conditions: [condition] }),
    ...(nominatedNodeName === undefined ? {} : { nominatedNodeName })
  }
}

/** The condition to write; undefined: the pod has it. */
function unscheduled(ctx: SchedulerContext, { metadata, status }: Pod, reason: string, message: string): Condition | undefined {
  const generation = metadata.generation
  const wanted: Condition = { type: 'PodScheduled', status: 'False', reason, message }
  if (generation !== undefined && generation > 0) wanted.observedGeneration = generation
  const before = status?.conditions ?? []
  const after = setCondition(before, wanted, ctx.clusterMs)
  return after === before ? undefined : after.find(({ type }) => type === 'PodScheduled')
}

function* patchStatus(ctx: SchedulerContext, { client }: SchedulerState, pod: PodInfo, status: StatusPatch): Flow<void> {
  // With its uid, so that the status is not that of another pod of the name.
  const patch = { metadata: { uid: pod.uid }, status }
  const result = yield* client.patch(resources.pods, pod.pod.metadata, patch, { type: 'strategic', subresource: 'status' })
  if (!result.ok && !isNotFound(result)) ctx.log('status not written', { pod: pod.key, message: result.error.message })
}

/** Deletes a victim of preemption, having said why in its status. */
function* evict(ctx: SchedulerContext, state: SchedulerState, pod: PodInfo, victim: PodInfo, nodeName: string): Flow<void> {
  const { client, recorder, schedulerName } = state
  if (victim.terminating) return
  const wanted: Condition = {
    type: 'DisruptionTarget',
    status: 'True',
    reason: 'PreemptionByScheduler',
    message: `${schedulerName}: preempting to accommodate a higher priority pod`
  }
  const before = victim.pod.status?.conditions ?? []
  const condition = setCondition(before, wanted, ctx.clusterMs).find(({ type }) => type === wanted.type)
  if (condition !== undefined) yield* patchStatus(ctx, state, victim, { conditions: [condition] })
  const deleted = yield* client.delete(resources.pods, victim.pod.metadata, { preconditions: { uid: victim.uid } })
  if (deleted.ok) recorder.event(victim.pod, 'Normal', 'Preempted', `Preempted by pod ${pod.uid} on node ${nodeName}`)
  else if (!isNotFound(deleted)) ctx.log('victim not deleted', { pod: victim.key, message: deleted.error.message })
}
