// PodWorker: one pod on its node, from the moment it is bound until nothing of it is left.
//
// Level-triggered: whatever happens (the pod changed, a container exited, a probe answered, a time has come) leads to `sync`,
// which looks at the whole pod, does what `planPod` says, and has the status written if it changed.
// Guarantee: a container is started only when the one before it is known to have ended; a deleted pod's object is removed only
// when none of its containers runs.

import type { Flow, Running } from '../actor/index.js'
import type { Container, Pod, PodStatus } from '../kinds/index.js'
import { isBeingDeleted } from '../object/index.js'
import { crashBackOffText, startContainer } from './container-start.js'
import { type ContainerView, newContainerView, type PodEnding, type PodView } from './container-view.js'
import { type BackOffEntry, retryAtMs, tried } from './crash-back-off.js'
import { planPod, type Stop } from './plan.js'
import { type PodHost, subjectOf } from './pod-host.js'
import { fetchVolumes } from './pod-inputs.js'
import { PodProbes } from './pod-probes.js'
import { isRestarted, podStatus } from './pod-status.js'
import type { Health } from './probe.js'
import type { HandlerTarget } from './prober.js'
import { exitOf, recovered } from './recovery.js'
import type { ContainerExit, ContainerReport, VolumeFiles } from './runtime.js'
import { StatusWriter } from './status-writer.js'
import { graceMs, removePod, runHook } from './termination.js'

/** A container and what only the worker needs to know of it. */
interface Cell {
  readonly container: Container
  readonly init: boolean
  crashBackOff: BackOffEntry | undefined
  pullBackOff: { readonly entry: BackOffEntry; readonly failedAtMs: number } | undefined
  stopping: { killAtMs: number; told: boolean; killed: boolean } | undefined
}

const graceSecondsMin = 2 // As upstream: time to end after a preStop hook that used up all of it.
const killRepeatMs = 5_000 // SIGKILL is sent again if its effect is not seen.
const mountRetryMs = 2_000
const passesMax = 16
const hookTimeoutMs = 600_000

export class PodWorker {
  readonly uid: string
  readonly #host: PodHost
  readonly #writer: StatusWriter
  readonly #probes: PodProbes
  readonly #cells = new Map<string, Cell>()
  readonly #views: Map<string, ContainerView>
  readonly #early = new Map<string, ContainerReport>() // Exits heard of before their start was answered.
  readonly #kept: string[] = [] // Ids of runs whose logs are still to be had.
  readonly #runs = new Set<Running>()
  #pod: Pod
  #podIp: string | undefined
  #startedAtMs: number
  #ending: PodEnding | undefined
  #volumes: readonly VolumeFiles[] | undefined
  #starting: Running | undefined
  #finishing: Running | undefined
  #over = false
  #terminal: boolean // Its final phase is in the API: the status is not touched any more.
  #gone = false // The object is no longer in the API.
  #syncing = false
  #again = false

  constructor(host: PodHost, pod: Pod, reports: readonly ContainerReport[]) {
    this.#host = host
    this.#pod = pod
    this.uid = pod.metadata.uid ?? ''
    this.#startedAtMs = host.ctx.clusterMs
    this.#terminal = isTerminal(pod)
    for (const container of pod.spec.initContainers ?? []) this.#cells.set(container.name, newCell(container, true))
    for (const container of pod.spec.containers) this.#cells.set(container.name, newCell(container, false))
    this.#views = recovered(pod, reports, host.ctx.clusterMs)
    this.#writer = new StatusWriter(host, pod, () => this.#status())
    this.#probes = new PodProbes(host, this)
    this.#adopt(reports)
  }

  get pod(): Pod {
    return this.#pod
  }

  get #view(): PodView {
    return { containers: this.#views, podIp: this.#podIp, startedAtMs: this.#startedAtMs, ending: this.#ending }
  }

  get podIp(): string {
    return this.#podIp ?? ''
  }

  view(name: string): ContainerView | undefined {
    return this.#views.get(name)
  }

  health(name: string, health: Health): void {
    this.#set(name, health)
    this.sync()
  }

  /** Ids of the latest run of a container, or of the one before it. */
  runId(container: string, previous: boolean): string | undefined {
    const view = this.#views.get(container)
    return previous ? view?.last?.id : view?.run?.id
  }

  // What happens to it -------------------------------------------------------------------------------

  update(pod: Pod): void {
    this.#pod = pod
    this.#writer.saw(pod)
    if (isTerminal(pod)) this.#terminal = true
    this.sync()
  }

  /** The object is gone from the API: what still runs is ended, in a hurry. */
  deleted(last: Pod): void {
    this.#pod = last
    this.#gone = true
    this.#writer.stop()
    this.sync()
  }

  exited(report: ContainerReport): void {
    const { name, id } = report.config
    const cell = this.#cells.get(name)
    const view = this.#views.get(name)
    if (cell === undefined || view === undefined || report.exit === undefined) return
    if (view.run?.id !== id) return void this.#early.set(id, report)
    if (view.run.phase === 'running') this.#ended(cell, report.exit)
  }

  #ended(cell: Cell, exit: ContainerExit): void {
    const { name } = cell.container
    const view = this.#views.get(name)
    if (view?.run === undefined) return
    const run = { ...view.run, phase: 'exited' as const, ...exitOf(exit) }
    this.#probes.end(name)
    cell.stopping = undefined
    this.#set(name, { run, busy: undefined, started: false, ready: false, unhealthy: undefined })
    if (this.#ending === undefined && isRestarted(this.#pod, cell.container, run)) this.#backOff(cell, run.finishedAtMs ?? this.#nowMs)
    this.sync()
  }

  /** The containers' thread died: what ran there is over. */
  lost(reason: string): void {
    for (const [name, { run }] of [...this.#views]) if (run?.phase === 'running') this.#vanished(name, `its thread ended: ${reason}`)
  }

  /** Compares with what the runtime says was there at `asOfMs`: exits nobody told of are taken note of. */
  reconcile(reports: readonly ContainerReport[], asOfMs: number): void {
    for (const report of reports) if (report.phase === 'exited') this.exited(report)
    const known = new Set(reports.map(({ config }) => config.id))
    for (const [name, { run }] of [...this.#views]) {
      if (run?.phase === 'running' && run.startedAtMs < asOfMs && !known.has(run.id)) this.#vanished(name, 'the runtime does not know it')
    }
    this.sync()
  }

  #vanished(name: string, message: string): void {
    const cell = this.#cells.get(name)
    if (cell !== undefined) this.#ended(cell, { atMs: this.#nowMs, exitCode: 137, reason: 'Error', message })
  }

  // Looking at the whole -----------------------------------------------------------------------------

  sync(): void {
    this.#again = true
    if (this.#syncing) return
    this.#syncing = true
    for (let pass = 0; this.#again && pass < passesMax; pass++) {
      this.#again = false
      this.#pass()
    }
    this.#syncing = false
    if (this.#again) this.#host.wakeAt(this.uid, this.#nowMs)
    if (!this.#gone) this.#writer.changed()
  }

  #pass(): void {
    if (this.#ending === undefined && (this.#gone || isBeingDeleted(this.#pod))) this.#ending = { why: 'deleted' }
    if (this.#ending === undefined && this.#terminal) this.#ending = { why: 'failed' }
    const nowMs = this.#nowMs
    const plan = planPod(this.#pod, this.#view, nowMs)
    if (plan.overdue) return this.#deadlineExceeded()
    let wakeAtMs = plan.wakeAtMs
    if (plan.start.length > 0 && this.#starting === undefined) this.#start(plan.start)
    for (const stop of plan.stop) this.#stop(stop)
    wakeAtMs = Math.min(wakeAtMs, this.#enforceGrace(nowMs), this.#probes.run(this.#cells.values(), nowMs))
    if (wakeAtMs !== Number.POSITIVE_INFINITY) this.#host.wakeAt(this.uid, wakeAtMs)
    if (plan.over && this.#starting === undefined) this.#tearDown()
    else this.#over = false
  }

  #deadlineExceeded(): void {
    const message = 'Pod was active on the node longer than the specified deadline'
    this.#ending = { why: 'failed', reason: 'DeadlineExceeded', message }
    this.#host.recorder.event(subjectOf({ pod: this.#pod }), 'Normal', 'DeadlineExceeded', message)
    this.#again = true
  }

  #status(): PodStatus | undefined {
    if (this.#terminal) return undefined
    const facts = { hostIp: this.#host.facts.hostIp, nowMs: this.#nowMs, over: this.#over }
    return podStatus(this.#writer.pod, this.#view, facts)
  }

  // Starting -------------------------------------------------------------------------------------------

  #start(containers: readonly Container[]): void {
    const run = this.#host.ctx.run(this.#startAll(containers))
    this.#starting = run.done ? undefined : run
  }

  *#startAll(containers: readonly Container[]): Flow<void> {
    if (yield* this.#prepare(containers)) {
      for (const container of containers) {
        if (this.#ending !== undefined) break
        yield* this.#startOne(container)
      }
    }
    this.#starting = undefined
    this.sync()
  }

  /** Address and volumes of the pod. False: later. */
  *#prepare(containers: readonly Container[]): Flow<boolean> {
    const host = this.#host
    const subject = subjectOf({ pod: this.#pod })
    const later = (): false => {
      for (const { name } of containers) this.#set(name, { retryAtMs: this.#nowMs + mountRetryMs })
      return false
    }
    if (this.#pod.spec.hostNetwork === true) this.#podIp = host.facts.hostIp
    this.#podIp ??= host.addresses.allocate(this.uid)
    if (this.#podIp === undefined) {
      const message = `Failed to create pod sandbox: no address is left in ${host.facts.podCidr}`
      host.recorder.event(subject, 'Warning', 'FailedCreatePodSandBox', message)
      return later()
    }
    if (host.runtime.kind === 'simulated') this.#volumes = []
    if (this.#volumes !== undefined) return true
    const volumes = yield* fetchVolumes(host, this.#pod, this.#podIp)
    if (volumes.ok) this.#volumes = volumes.volumes
    else
      host.recorder.event(subject, 'Warning', 'FailedMount', `MountVolume.SetUp failed for volume "${volumes.volume}" : ${volumes.message}`)
    return volumes.ok || later()
  }

  *#startOne(container: Container): Flow<void> {
    const cell = this.#cells.get(container.name) as Cell
    const view = this.#views.get(container.name) ?? newContainerView
    const { run, restartCount } = view
    const attempt = run === undefined ? restartCount : restartCount + 1
    this.#set(container.name, { busy: 'starting' })
    const { init, pullBackOff } = cell
    const request = { pod: this.#pod, container, init, attempt, podIp: this.#podIp ?? '', volumes: this.#volumes ?? [], pullBackOff }
    const result = yield* startContainer(this.#host, request)
    if (!result.ok) {
      const { reason, message } = result
      if (result.pullBackOff !== undefined) cell.pullBackOff = result.pullBackOff
      return this.#set(container.name, { busy: undefined, waiting: { reason, message }, retryAtMs: result.retryAtMs })
    }
    if (run !== undefined) cell.crashBackOff = tried(cell.crashBackOff, run.finishedAtMs ?? run.startedAtMs)
    cell.pullBackOff = undefined
    this.#keep(result.run.id, run?.id)
    this.#began(cell, { run: result.run, last: run ?? view.last, restartCount: attempt, waiting: undefined, busy: undefined })
    if (container.lifecycle?.postStart !== undefined && result.run.phase === 'running') yield* this.#postStart(cell, result.run.id)
  }

  #began(cell: Cell, change: Partial<ContainerView>): void {
    const { name } = cell.container
    const { run } = change
    const running = run?.phase === 'running'
    const health = running ? this.#probes.begin(cell, run.startedAtMs) : { started: false, ready: false, unhealthy: undefined }
    this.#set(name, { ...change, ...health, retryAtMs: 0 })
    const early = run === undefined ? undefined : this.#early.get(run.id)
    this.#early.clear()
    if (running && early !== undefined) this.exited(early)
    else if (run?.phase === 'exited' && isRestarted(this.#pod, cell.container, run)) this.#backOff(cell, run.finishedAtMs ?? this.#nowMs)
  }

  *#postStart(cell: Cell, id: string): Flow<void> {
    const hook = cell.container.lifecycle?.postStart
    if (hook === undefined || (yield* runHook(this.#host, this.#target(cell, id), 'PostStart', hook, hookTimeoutMs))) return
    if (this.#views.get(cell.container.name)?.run?.id === id) this.#host.runtime.stop(id, 'SIGKILL')
  }

  #target({ container, init }: Cell, id: string): HandlerTarget & { readonly init: boolean } {
    return { pod: this.#pod, container, init, id, podIp: this.podIp }
  }

  #backOff(cell: Cell, failedAtMs: number): void {
    const { name } = cell.container
    const dueMs = retryAtMs(cell.crashBackOff, failedAtMs)
    if (dueMs <= this.#nowMs) return this.#set(name, { retryAtMs: dueMs, waiting: undefined })
    const { waiting, event } = crashBackOffText(this.#pod, name, dueMs - failedAtMs)
    this.#set(name, { retryAtMs: dueMs, waiting })
    this.#host.recorder.event(subjectOf({ pod: this.#pod, ...cell }), 'Warning', 'BackOff', event)
  }

  // Stopping -------------------------------------------------------------------------------------------

  #stop({ container, why }: Stop): void {
    const { name } = container
    const cell = this.#cells.get(name) as Cell
    const id = this.#views.get(name)?.run?.id
    if (id === undefined) return
    this.#set(name, { busy: 'stopping', unhealthy: undefined })
    const message = why === 'pod' ? `Stopping container ${name}` : `Container ${name} failed ${why} probe, will be restarted`
    this.#host.recorder.event(subjectOf({ pod: this.#pod, ...cell }), 'Normal', 'Killing', message)
    const timeoutMs = graceMs(this.#pod, container, why)
    cell.stopping = { killAtMs: this.#nowMs + timeoutMs, told: false, killed: false }
    const hook = container.lifecycle?.preStop
    if (hook === undefined) this.#terminate(cell, id)
    else this.track(this.#host.ctx.run(this.#preStop(cell, id, timeoutMs)))
  }

  *#preStop(cell: Cell, id: string, timeoutMs: number): Flow<void> {
    const hook = cell.container.lifecycle?.preStop
    if (hook !== undefined) yield* runHook(this.#host, this.#target(cell, id), 'PreStop', hook, timeoutMs)
    if (this.#views.get(cell.container.name)?.run?.id !== id || cell.stopping === undefined) return
    cell.stopping.killAtMs = Math.max(cell.stopping.killAtMs, this.#nowMs + graceSecondsMin * 1000)
    this.#terminate(cell, id)
    this.sync()
  }

  #terminate(cell: Cell, id: string): void {
    if (cell.stopping === undefined || cell.stopping.told) return
    cell.stopping.told = true
    // Under a simulated runtime the exit is told within this call.
    this.#host.runtime.stop(id, undefined)
  }

  /** Kills what outlived its grace. Answers when to look again. */
  #enforceGrace(nowMs: number): number {
    let wakeAtMs = Number.POSITIVE_INFINITY
    for (const cell of this.#cells.values()) {
      const { stopping } = cell
      const run = this.#views.get(cell.container.name)?.run
      if (stopping === undefined || run?.phase !== 'running') continue
      // A second deletion may shorten the grace.
      if (this.#ending?.why === 'deleted')
        stopping.killAtMs = Math.min(stopping.killAtMs, nowMs + graceMs(this.#pod, cell.container, 'pod'))
      if (stopping.killAtMs <= nowMs) {
        stopping.killed = true
        stopping.killAtMs = nowMs + killRepeatMs
        this.#host.runtime.stop(run.id, 'SIGKILL')
      }
      wakeAtMs = Math.min(wakeAtMs, stopping.killAtMs)
    }
    return wakeAtMs
  }

  #tearDown(): void {
    if (!this.#over) {
      this.#over = true
      // What is over does not need its address; the status keeps showing it.
      if (this.#podIp !== undefined) this.#host.addresses.release(this.#podIp, this.uid)
    }
    if (this.#gone) return this.#release()
    if (isBeingDeleted(this.#pod) && this.#finishing === undefined) {
      this.#writer.changed()
      const removal = removePod(
        this.#host,
        this.#pod,
        () => this.#writer.idle,
        () => this.#gone
      )
      this.#finishing = this.#host.ctx.run(removal)
    }
  }

  #release(): void {
    for (const run of this.#runs) run.cancel()
    for (const id of this.#kept) this.#host.runtime.remove(id)
    this.#host.released(this.uid)
  }

  // State ----------------------------------------------------------------------------------------------

  get #nowMs(): number {
    return this.#host.ctx.clusterMs
  }

  #set(name: string, change: Partial<ContainerView>): void {
    this.#views.set(name, { ...(this.#views.get(name) ?? newContainerView), ...change })
  }

  track(run: Running): void {
    for (const old of this.#runs) if (old.done) this.#runs.delete(old)
    if (!run.done) this.#runs.add(run)
  }

  /** The log of a run is to be had until two more have begun. */
  #keep(id: string, previous: string | undefined): void {
    for (const old of this.#kept.splice(0)) {
      const used = [...this.#views.values()].some(({ run }) => run?.id === old)
      if (used || old === previous) this.#kept.push(old)
      else this.#host.runtime.remove(old)
    }
    this.#kept.push(id)
  }

  #adopt(reports: readonly ContainerReport[]): void {
    for (const { config, phase, startedAtMs } of reports) {
      this.#kept.push(config.id)
      const { ip } = config.pod
      if (ip !== '' && this.#host.addresses.adopt(ip, this.uid)) this.#podIp = ip
      const cell = this.#cells.get(config.name)
      const view = this.#views.get(config.name)
      if (cell === undefined || view?.run?.id !== config.id || phase !== 'running') continue
      this.#set(config.name, this.#probes.adopt(cell, startedAtMs, view))
    }
  }
}

const isTerminal = (pod: Pod): boolean => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'

const newCell = (container: Container, init: boolean): Cell => ({
  container,
  init,
  crashBackOff: undefined,
  pullBackOff: undefined,
  stopping: undefined
})
