// SimulatedRuntime: containers that are nothing but their status, for nodes by the thousand.
//
// They start after a delay, stop when told, and exit by themselves only as a script says. They have no log, no port and no
// shell; probes of theirs always succeed. A restarted kubelet takes them over from what the API says of them.

import { type Flow, type Outcome, sleep } from '../actor/index.js'
import type { ClientContext } from '../client/index.js'
import type { Pod } from '../kinds/index.js'
import { parseTime } from '../object/index.js'
import { containersOf } from './container-view.js'
import type {
  ContainerConfig,
  ContainerExit,
  ContainerReport,
  ContainerRuntime,
  ExecResult,
  ExitScript,
  Pull,
  SignalName
} from './runtime.js'

export interface SimulatedRuntimeOptions {
  readonly startDelayMs: number // Of the cluster's clock.
  readonly exited: (report: ContainerReport) => void
  readonly pull: (image: string) => Pull
}

const signalNumbers: Partial<Record<SignalName, number>> = { SIGKILL: 9 }

export class SimulatedRuntime implements ContainerRuntime {
  readonly kind = 'simulated'
  readonly #ctx: ClientContext
  readonly #options: SimulatedRuntimeOptions
  readonly #containers = new Map<string, ContainerReport>()

  constructor(ctx: ClientContext, options: SimulatedRuntimeOptions) {
    this.#ctx = ctx
    this.#options = options
  }

  // biome-ignore lint/correctness/useYield: a flow that never has to wait.
  *recover(): Flow<boolean> {
    return true
  }

  reports(pod: Pod): readonly ContainerReport[] {
    const reports: ContainerReport[] = []
    const statuses = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])]
    for (const { name } of containersOf(pod)) {
      const status = statuses.find(one => one.name === name)
      const running = status?.state?.running
      if (status === undefined || running === undefined) continue
      const init = pod.spec.containers.every(one => one.name !== name)
      const report: ContainerReport = {
        config: {
          id: status.containerID ?? '',
          pod: identity(pod),
          name,
          attempt: status.restartCount,
          init,
          image: status.image,
          imageId: status.imageID
        },
        phase: 'running',
        startedAtMs: parseTime(running.startedAt ?? '') ?? this.#ctx.clusterMs,
        notes: []
      }
      this.#containers.set(report.config.id, report)
      reports.push(report)
    }
    return reports
  }

  orphans(): readonly string[] {
    return []
  }

  pull(image: string): Pull {
    const pulled = this.#options.pull(image)
    return pulled.ok || pulled.reason === 'InvalidImageName' ? pulled : { ok: true, image, imageId: image, simulated: true }
  }

  *start(config: ContainerConfig): Flow<Outcome<ContainerReport>> {
    if (this.#options.startDelayMs > 0) yield* sleep('cluster', this.#options.startDelayMs)
    const report: ContainerReport = { config, phase: 'running', startedAtMs: this.#ctx.clusterMs, notes: [] }
    this.#containers.set(config.id, report)
    if (config.script !== undefined) this.#ctx.run(this.#play(config.id, config.script))
    return { ok: true, value: report }
  }

  stop(id: string, signal: SignalName | undefined): void {
    const number = signal === undefined ? undefined : signalNumbers[signal]
    this.#exit(id, { atMs: this.#ctx.clusterMs, exitCode: number === undefined ? 0 : 128 + number })
  }

  remove(id: string): void {
    this.#containers.delete(id)
  }

  // biome-ignore lint/correctness/useYield: a flow that never has to wait.
  *exec(): Flow<Outcome<ExecResult>> {
    const nothing = new Uint8Array(0)
    return { ok: true, value: { code: 0, stdout: nothing, stderr: nothing, timedOut: false } }
  }

  *#play(id: string, { afterMs, exitCode }: ExitScript): Flow<void> {
    yield* sleep('cluster', afterMs)
    this.#exit(id, { atMs: this.#ctx.clusterMs, exitCode })
  }

  #exit(id: string, exit: ContainerExit): void {
    const report = this.#containers.get(id)
    if (report === undefined || report.phase === 'exited') return
    const over: ContainerReport = { ...report, phase: 'exited', exit }
    this.#containers.set(id, over)
    this.#options.exited(over)
  }
}

const identity = (pod: Pod): ContainerReport['config']['pod'] => ({
  namespace: pod.metadata.namespace ?? '',
  name: pod.metadata.name ?? '',
  uid: pod.metadata.uid ?? '',
  node: pod.spec.nodeName ?? '',
  ip: pod.status?.podIP ?? '',
  hostname: pod.spec.hostname ?? pod.metadata.name ?? ''
})
