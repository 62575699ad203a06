// containers: what runs the containers of one machine, in a thread of its own: it starts them, knows them, and forgets them when
// told. It is to a kubelet what containerd is, and outlives it.

import { type Actor, ask, type Context, type Flow, machineOf, type Outcome, type Ref, type Refusal, refuse } from '../lib/actor/index.js'
import { findModule, type ModuleImage } from '../lib/images/index.js'
import {
  type ContainerConfig,
  type ContainerEvents,
  type ContainerProtocol,
  type ContainerReport,
  type ContainersProtocol,
  containerAddress
} from '../lib/kubelet/index.js'
import { container } from './container.js'

export interface ContainersArgs {
  readonly modules?: readonly ModuleImage[]
  /** Whom containers tell of their end. Default: `<machine>/kubelet`. */
  readonly kubelet?: string
}

interface ContainersState {
  readonly args: ContainersArgs
  readonly known: Map<string, ContainerReport> // By address.
  readonly removed: Set<string> // Addresses that are to be gone when they die.
  readonly volumes: Set<string> // Made, and not to be made again.
}

const startTimeoutMs = 25_000
const containersMax = 2_000

export const containers: Actor<ContainersProtocol, ContainersArgs, ContainersState> = {
  name: 'containers',
  ports: container.ports as NonNullable<typeof container.ports>, // Its children run in its thread, and a thread loads ports for who is started in it.
  init: (_ctx, args) => ({ args, known: new Map(), removed: new Set(), volumes: new Set() }),
  on: {
    start: (ctx, state, config) => start(ctx, state, config),
    list: (_ctx, { known }) => [...known.values()],
    remove(ctx, state, { id }) {
      const address = containerAddress(machineOf(ctx.self), id)
      if (!state.known.delete(address)) return
      state.removed.add(address)
      ctx.stopActor(address, 'removed')
      forgetVolumes(state)
    },
    exited(ctx, { known }, report) {
      const address = containerAddress(machineOf(ctx.self), report.config.id)
      if (known.has(address)) known.set(address, report)
    },
    claim(_ctx, { volumes }, { names }) {
      const fresh = names.filter(name => !volumes.has(name))
      for (const name of fresh) volumes.add(name)
      return fresh
    }
  },
  down(ctx, state, actor, reason) {
    const report = state.known.get(actor)
    if (state.removed.delete(actor) || report === undefined || report.phase === 'exited') return
    // It failed, or its thread did: nobody else tells of it.
    const exit = { atMs: ctx.clusterMs, exitCode: 137, reason: reason === 'memory' ? 'OOMKilled' : 'Error', message: reason }
    const over: ContainerReport = { ...report, phase: 'exited', exit }
    state.known.set(actor, over)
    ctx.tell(kubeletOf(ctx, state), 'containerExited', over)
  }
}

function* start(ctx: Context<ContainersProtocol>, state: ContainersState, config: ContainerConfig): Flow<ContainerReport | Refusal> {
  const machine = machineOf(ctx.self)
  const address = containerAddress(machine, config.id) as Ref<ContainerProtocol>
  if (state.known.has(address)) return refuse('exists', `container ${config.id}`)
  if (state.known.size >= containersMax) return refuse('overloaded', `${containersMax} containers on ${machine}`)
  const modules = state.args.modules ?? []
  const name = address.slice(machine.length + 1)
  // A user's module is trusted, but may hang: it gets a thread of its own.
  const options = findModule(config.image, modules) === undefined ? undefined : { thread: address }
  const args = { config, modules, containers: ctx.self, kubelet: kubeletOf(ctx, state) }
  const { id, pod, attempt, init, image, imageId } = config
  const begun = { config: { id, pod, name: config.name, attempt, init, image, imageId }, startedAtMs: ctx.clusterMs, notes: [] }
  state.known.set(address, { ...begun, phase: 'running' })
  ctx.spawn(name, container, args, options)
  const started: Outcome<ContainerReport> = yield* ask(address, startTimeoutMs, 'started')
  if (!started.ok) {
    state.known.delete(address)
    state.removed.add(address)
    ctx.stopActor(address, 'did not start')
    return refuse('failed', started.error.detail)
  }
  if (state.known.get(address)?.phase === 'running') state.known.set(address, started.value)
  return started.value
}

const kubeletOf = (ctx: Context<ContainersProtocol>, { args }: ContainersState): Ref<ContainerEvents> =>
  (args.kubelet ?? `${machineOf(ctx.self)}/kubelet`) as Ref<ContainerEvents>

/** An emptyDir goes with the last container of its pod; what pods share stays. */
function forgetVolumes({ known, volumes }: ContainersState): void {
  const pods = new Set([...known.values()].map(({ config }) => config.pod.uid))
  for (const name of volumes) {
    const owner = name.slice(0, name.indexOf('/'))
    if (owner !== 'claim' && owner !== 'host' && !pods.has(owner)) volumes.delete(name)
  }
}
