// ActorRuntime: the kubelet's side of containers that are actors of another thread, `worker-1/containers`.
//
// That thread is started when it is first needed, by the machine's supervisor, so that it outlives the kubelet. What it says of
// itself is the truth: a kubelet that starts asks it who is there.

import { ask, type Context, type Flow, type Outcome, type Ref, sleep } from '../actor/index.js'
import type { Pod } from '../kinds/index.js'
import {
  type ContainerConfig,
  type ContainerProtocol,
  type ContainerReport,
  type ContainerRuntime,
  type ContainersProtocol,
  containerAddress,
  type ExecCommand,
  type ExecResult,
  type Pull,
  type SignalName
} from './runtime.js'

export interface ActorRuntimeOptions {
  readonly machine: string
  readonly containers: Ref<ContainersProtocol>
  /** Has the containers actor started, if it does not run. */
  readonly need: () => void
  readonly pull: (image: string) => Pull
  /** It runs: it was listed, or has started a container. */
  readonly runs: () => void
}

const startTimeoutMs = 30_000
const listTimeoutMs = 5_000
const triesMax = 40 // Of reaching the containers actor while its thread starts.
const betweenTriesMs = 50
const signalTriesMax = 5
const signalTimeoutMs = 2_000

export class ActorRuntime implements ContainerRuntime {
  readonly kind = 'stand-in'
  readonly #ctx: Pick<Context<unknown, never>, 'tell' | 'run'>
  readonly #options: ActorRuntimeOptions
  #reports: readonly ContainerReport[] = []

  constructor(ctx: Pick<Context<unknown, never>, 'tell' | 'run'>, options: ActorRuntimeOptions) {
    this.#ctx = ctx
    this.#options = options
  }

  /** False: it runs but does not answer. If it does not run, there are no containers. */
  *recover(): Flow<boolean> {
    const listed: Outcome<readonly ContainerReport[]> = yield* ask(this.#options.containers, listTimeoutMs, 'list')
    if (!listed.ok && listed.error.code !== 'unreachable') return false
    if (listed.ok) this.#options.runs()
    this.#reports = listed.ok ? listed.value : []
    return true
  }

  reports(pod: Pod): readonly ContainerReport[] {
    return this.#reports.filter(({ config }) => config.pod.uid === pod.metadata.uid)
  }

  orphans(known: ReadonlySet<string>): readonly string[] {
    return this.#reports.filter(({ config }) => !known.has(config.pod.uid)).map(({ config }) => config.id)
  }

  pull(image: string): Pull {
    return this.#options.pull(image)
  }

  *start(config: ContainerConfig): Flow<Outcome<ContainerReport>> {
    for (let tries = 1; ; tries++) {
      const started: Outcome<ContainerReport> = yield* ask(this.#options.containers, startTimeoutMs, 'start', config)
      if (started.ok) this.#options.runs()
      if (started.ok || !started.error.definite || tries === triesMax) return started
      if (started.error.code !== 'unreachable' && started.error.code !== 'overloaded') return started
      if (started.error.code === 'unreachable') this.#options.need()
      yield* sleep('real', betweenTriesMs)
    }
  }

  // Asked, not told: a signal that got lost would cost a whole grace period.
  stop(id: string, signal: SignalName | undefined): void {
    this.#ctx.run(this.#signal(id, signal))
  }

  *#signal(id: string, signal: SignalName | undefined): Flow<void> {
    for (let tries = 1; tries <= signalTriesMax; tries++) {
      const outcome = yield* ask(this.#address(id), signalTimeoutMs, 'stop', { signal })
      if (outcome.ok) return
      yield* sleep('real', betweenTriesMs)
    }
  }

  remove(id: string): void {
    this.#ctx.tell(this.#options.containers, 'remove', { id })
  }

  *exec(id: string, command: ExecCommand): Flow<Outcome<ExecResult>> {
    return yield* ask(this.#address(id), command.timeoutMs + 1000, 'exec', command)
  }

  #address(id: string): Ref<ContainerProtocol> {
    return containerAddress(this.#options.machine, id) as Ref<ContainerProtocol>
  }
}
