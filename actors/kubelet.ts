// kubelet: one worker machine's agent: registers the node, keeps its Lease, runs the pods bound to it.
//
// Containers outlive it. A kubelet that starts takes over what it finds; pods whose objects are gone are cleaned up.

import {
  type Actor,
  type Context,
  type Flow,
  machineOf,
  open,
  type Ref,
  type Refusal,
  refuse,
  type Stream,
  sleep
} from '../lib/actor/index.js'
import { ApiClient, type ApiRef, type ClientContext, Informer, Recorder, resources } from '../lib/client/index.js'
import { type ModuleImage, resolveImage } from '../lib/images/index.js'
import type { Pod, ResourceList } from '../lib/kinds/index.js'
import {
  ActorRuntime,
  type ContainerEvents,
  type ContainerProtocol,
  type ContainerReport,
  type ContainerRuntime,
  type ContainersProtocol,
  capacityDefault,
  containerAddress,
  containersThread,
  type ExecResult,
  type LogOptions,
  NodeAgent,
  type NodeFacts,
  nodeAgentDefaults,
  PodAddresses,
  PodWorkers,
  SimulatedRuntime,
  simulatedStatusCheckMs
} from '../lib/kubelet/index.js'
import { socketsPort } from '../lib/ports/index.js'
import type { SupervisorProtocol } from './supervisor.js'

export interface KubeletArgs {
  readonly node: string
  readonly podPrefix: string // `127.9.2`: the node is .1, its pods are the rest of the /24.
  readonly apiservers: readonly ApiRef[]
  readonly runtime?: 'stand-in' | 'simulated' // Default: stand-in.
  readonly startDelayMs?: number // Of simulated containers, on the cluster's clock; default 0.
  readonly images?: readonly ModuleImage[]
  readonly unknownImages?: 'refuse' | 'simulate' // Default: refuse.
  readonly labels?: Readonly<Record<string, string>>
  readonly taints?: NodeFacts['taints']
  readonly capacity?: ResourceList
  readonly leaseRenewMs?: number
  readonly statusReportMs?: number
  /** Starts the containers actor when it is first needed. Default: `root/<machine>`. */
  readonly supervisor?: string
}

export interface LogQuery extends LogOptions {
  readonly namespace: string
  readonly pod: string
  readonly container: string
  readonly previous?: boolean
}

export interface ExecQuery {
  readonly namespace: string
  readonly pod: string
  readonly container: string
  readonly argv: readonly string[]
  readonly stdin?: Uint8Array
  readonly timeoutMs: number
}

export interface KubeletProtocol extends ContainerEvents {
  /** A container's log as pods/log sends it. Refused `not found` (no such pod here), `bad request` (no such run, or it has not begun). */
  logs(query: LogQuery): Stream<Uint8Array>
  /** One command, without a terminal, to its end. */
  exec(command: ExecQuery): ExecResult
}

interface KubeletState {
  readonly args: KubeletArgs
  readonly runtime: ContainerRuntime
  readonly workers: PodWorkers
  readonly containers: Ref<ContainersProtocol>
  watched: boolean // The containers actor is monitored.
  registered: boolean // The Node says Ready.
  synced: boolean // It knows its pods.
}

type KubeletContext = Context<KubeletProtocol, 'pods'>

export const kubeletVersion = 'v1.34.0-kabuki'
const reconcileMs = 30_000 // Real. Exits are told; this is for those that got lost.
const recoverRetryMs = 100
const openTimeoutMs = 5_000

export const kubelet: Actor<KubeletProtocol, KubeletArgs, KubeletState, 'pods'> = {
  name: 'kubelet',
  mailboxMax: 16_384,
  ports: [socketsPort],
  init(ctx, args) {
    const client = new ApiClient(ctx as ClientContext, { apiservers: args.apiservers, fieldManager: 'kubelet' })
    const recorder = new Recorder(ctx as ClientContext, client, { component: 'kubelet', host: args.node })
    const facts = nodeFacts(args)
    const runtime = newRuntime(ctx, args, () => state)
    const host = {
      ctx: ctx as ClientContext,
      client,
      recorder,
      runtime,
      sockets: ctx.port(socketsPort),
      addresses: new PodAddresses(args.podPrefix),
      facts
    }
    const workers = new PodWorkers(ctx as ClientContext, host, delayMs => ctx.timer('pods', 'cluster', delayMs))
    const state: KubeletState = {
      args,
      runtime,
      workers,
      containers: containersThread(machineOf(ctx.self)) as Ref<ContainersProtocol>,
      watched: false,
      registered: false,
      synced: false
    }
    const { leaseRenewMs = nodeAgentDefaults.leaseRenewMs, statusReportMs = nodeAgentDefaults.statusReportMs } = args
    const statusCheckMs = runtime.kind === 'simulated' ? simulatedStatusCheckMs : nodeAgentDefaults.statusCheckMs
    const registered = (): void => {
      state.registered = true
      show(ctx, state)
    }
    new NodeAgent(ctx as ClientContext, client, recorder, { facts, leaseRenewMs, statusCheckMs, statusReportMs, registered }).start()
    if (runtime.kind !== 'simulated') ctx.tell(ctx.port(socketsPort), 'place', { address: args.podPrefix, machine: machineOf(ctx.self) })
    ctx.run(begin(ctx, state, client))
    return state
  },
  on: {
    containerExited: (_ctx, { workers }, report) => workers.exited(report),
    *logs(ctx, state, query) {
      const address = containerOf(ctx, state, query, query.previous === true)
      if (typeof address !== 'string') return address
      const opened = yield* open(address, openTimeoutMs, 'logs', logOptions(query))
      if (!opened.ok) return refuse(opened.error.code, opened.error.detail)
      const sink = ctx.stream()
      const source = opened.value
      try {
        for (;;) {
          const batch = yield* source.next()
          if (batch.kind === 'end') return
          if (batch.kind === 'failed') return refuse(batch.error.code, batch.error.detail)
          if (batch.kind !== 'items') continue
          for (const item of batch.items) {
            while (!sink.push(item)) if (!(yield { step: 'credit', sink })) return
          }
        }
      } finally {
        source.close()
      }
    },
    *exec(ctx, state, query) {
      const address = containerOf(ctx, state, query, false)
      if (typeof address !== 'string') return address
      const { argv, stdin, timeoutMs } = query
      const id = state.workers.find(query.namespace, query.pod)?.runId(query.container, false) ?? ''
      const outcome = yield* state.runtime.exec(id, { argv, timeoutMs, ...(stdin === undefined ? {} : { stdin }) })
      return outcome.ok ? outcome.value : refuse(outcome.error.code, outcome.error.detail)
    }
  },
  timers: { pods: (_ctx, { workers }) => workers.wake() },
  down(ctx, state, actor, reason) {
    if (actor !== state.containers) return
    state.watched = false
    ctx.log('containers lost', { reason })
    state.workers.lost(reason)
  }
}

const show = (ctx: KubeletContext, { workers, runtime, registered, synced }: KubeletState): void =>
  ctx.show({ ready: registered && synced, pods: workers.size, runtime: runtime.kind })

/** Takes over the containers that are there, then the pods. */
function* begin(ctx: KubeletContext, state: KubeletState, client: ApiClient): Flow<void> {
  while (!(yield* state.runtime.recover())) yield* sleep('real', recoverRetryMs)
  const { workers, runtime, args } = state
  const pods = new Informer<Pod>(ctx as ClientContext, client, { resource: resources.pods, fieldSelector: `spec.nodeName=${args.node}` })
  const found: Pod[] = []
  pods.addHandler({
    add: (pod, initial) => (initial ? void found.push(pod) : workers.add(pod)),
    update: (_old, pod) => workers.add(pod),
    delete: pod => workers.delete(pod)
  })
  pods.whenSynced(() => {
    workers.takeOver(found.splice(0))
    for (const id of runtime.orphans(workers.uids())) runtime.remove(id)
    state.synced = true
    show(ctx, state)
  })
  pods.start()
  if (runtime.kind === 'simulated') return
  for (;;) {
    yield* sleep('real', reconcileMs)
    if (!state.watched) continue
    const asOfMs = ctx.clusterMs
    if (yield* runtime.recover()) workers.reconcile(asOfMs)
    show(ctx, state)
  }
}

function newRuntime(ctx: KubeletContext, args: KubeletArgs, state: () => KubeletState): ContainerRuntime {
  const pull = (image: string) => resolveImage(image, args.images ?? [], args.unknownImages ?? 'refuse')
  if (args.runtime === 'simulated') {
    const exited = (report: ContainerReport): void => state().workers.exited(report)
    return new SimulatedRuntime(ctx as ClientContext, { startDelayMs: args.startDelayMs ?? 0, exited, pull })
  }
  const machine = machineOf(ctx.self)
  const supervisor = (args.supervisor ?? `root/${machine}`) as Ref<SupervisorProtocol>
  const containers = containersThread(machine) as Ref<ContainersProtocol>
  return new ActorRuntime(ctx, {
    machine,
    containers,
    pull,
    need: () => ctx.tell(supervisor, 'need', { address: containers }),
    runs: () => {
      if (state().watched) return
      state().watched = true
      ctx.monitor(containers)
    }
  })
}

function nodeFacts(args: KubeletArgs): NodeFacts {
  const { node, podPrefix, runtime = 'stand-in' } = args
  return {
    name: node,
    hostIp: `${podPrefix}.1`,
    podCidr: `${podPrefix}.0/24`,
    version: kubeletVersion,
    capacity: { ...capacityDefault, ...args.capacity },
    labels: args.labels ?? {},
    taints: args.taints ?? [],
    runtime: `kabuki-${runtime}://1.34`,
    ids: { machine: node, system: node, boot: node }
  }
}

function containerOf(
  ctx: KubeletContext,
  state: KubeletState,
  { namespace, pod, container }: Pick<LogQuery, 'namespace' | 'pod' | 'container'>,
  previous: boolean
): Ref<ContainerProtocol> | Refusal {
  const worker = state.workers.find(namespace, pod)
  if (worker === undefined) return refuse('not found', `pod ${JSON.stringify(pod)} does not run here`)
  if (state.runtime.kind === 'simulated') return refuse('not supported', 'simulated containers write no log and run no command')
  const id = worker.runId(container, previous)
  if (id !== undefined) return containerAddress(machineOf(ctx.self), id) as Ref<ContainerProtocol>
  const why = previous ? 'previous terminated container' : 'container'
  if (previous) return refuse('bad request', `${why} ${JSON.stringify(container)} in pod ${JSON.stringify(pod)} not found`)
  return refuse('bad request', `${why} ${JSON.stringify(container)} in pod ${JSON.stringify(pod)} is waiting to start`)
}

function logOptions({ namespace: _namespace, pod: _pod, container: _container, previous: _previous, ...options }: LogQuery): LogOptions {
  return options
}
