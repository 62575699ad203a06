// Plan: what is to be done now about the containers of one pod. Pure and level-triggered: it looks at what the pod should be
// and what its containers are, never at what happened.
//
// As upstream's computePodActions: init containers one after the other, sidecars among them stay and are restarted; regular
// containers once all that is done; what failed its liveness or startup probe is stopped; what exited is started again as the
// restart policy says, not before its back-off; sidecars go when the last regular container is over for good.

import type { Container, Pod } from '../kinds/index.js'
import { parseTime } from '../object/index.js'
import { type ContainerView, isSidecar, isToRestart, type PodView, viewOf } from './container-view.js'

export interface Plan {
  readonly start: readonly Container[]
  readonly stop: readonly Stop[]
  /** No container runs or will run again. */
  readonly over: boolean
  /** The deadline of the pod has passed: it is to fail. */
  readonly overdue: boolean
  /** When to plan again though nothing happened; Infinity if never. */
  readonly wakeAtMs: number
}

export interface Stop {
  readonly container: Container
  readonly why: 'liveness' | 'startup' | 'pod'
}

interface Draft {
  readonly start: Container[]
  readonly stop: Stop[]
  wakeAtMs: number
}

const never = Number.POSITIVE_INFINITY
const planOf = ({ start, stop, wakeAtMs }: Draft, overdue: boolean, over: boolean): Plan => ({ start, stop, wakeAtMs, overdue, over })

export function planPod(pod: Pod, view: PodView, nowMs: number): Plan {
  const draft: Draft = { start: [], stop: [], wakeAtMs: never }
  const deadlineMs = deadlineOf(pod, view)
  const overdue = view.ending === undefined && nowMs >= deadlineMs
  if (view.ending === undefined && !overdue) {
    const finished = isFinished(pod, view)
    if (finished) stopSidecars(pod, view, draft)
    else planRunning(pod, view, nowMs, draft)
    if (deadlineMs !== never) draft.wakeAtMs = Math.min(draft.wakeAtMs, deadlineMs)
    return planOf(draft, overdue, finished && isIdle(pod, view))
  }
  if (overdue) return planOf(draft, overdue, false)
  stopAll(pod, view, draft)
  return planOf(draft, overdue, isIdle(pod, view))
}

/** Nothing of it runs or is being started or stopped. */
export function isIdle(pod: Pod, view: PodView): boolean {
  return [...(pod.spec.initContainers ?? []), ...pod.spec.containers].every(({ name }) => {
    const { run, busy } = viewOf(view, name)
    return busy === undefined && run?.phase !== 'running'
  })
}

/** Every regular container is over for good, or an init container failed for good. */
export function isFinished(pod: Pod, view: PodView): boolean {
  const { spec } = pod
  if (spec.restartPolicy === 'Never' && (spec.initContainers ?? []).some(one => !isSidecar(one) && failed(viewOf(view, one.name))))
    return true
  return spec.containers.every(({ name }) => {
    const { run, busy } = viewOf(view, name)
    return busy === undefined && run?.phase === 'exited' && !isToRestart(spec.restartPolicy, run.exitCode ?? 0)
  })
}

/** All init containers are done, and all sidecars are started; or a regular container has run, which says the same. */
export function isInitialized(pod: Pod, view: PodView): boolean {
  if (pod.spec.containers.some(({ name }) => viewOf(view, name).run !== undefined)) return true
  return (pod.spec.initContainers ?? []).every(one => isPassed(one, viewOf(view, one.name)))
}

const failed = ({ run, busy }: ContainerView): boolean => busy === undefined && run?.phase === 'exited' && run.exitCode !== 0

function isPassed(container: Container, { run, started }: ContainerView): boolean {
  if (isSidecar(container)) return run?.phase === 'running' && started
  return run?.phase === 'exited' && run.exitCode === 0
}

function planRunning(pod: Pod, view: PodView, nowMs: number, draft: Draft): void {
  const initialized = pod.spec.containers.some(({ name }) => viewOf(view, name).run !== undefined)
  for (const container of pod.spec.initContainers ?? []) {
    const sidecar = isSidecar(container)
    if (initialized && !sidecar) continue
    const state = viewOf(view, container.name)
    planOne(container, state, sidecar ? 'Always' : initPolicy(pod), nowMs, draft)
    if (!initialized && !isPassed(container, state)) return // The next one waits for it.
  }
  for (const container of pod.spec.containers) planOne(container, viewOf(view, container.name), pod.spec.restartPolicy, nowMs, draft)
}

// An init container that succeeded is never run again; one that failed is, unless the pod is never restarted.
const initPolicy = (pod: Pod): string => (pod.spec.restartPolicy === 'Never' ? 'Never' : 'OnFailure')

function planOne(container: Container, state: ContainerView, policy: string | undefined, nowMs: number, draft: Draft): void {
  const { run, busy, unhealthy } = state
  if (busy !== undefined) return
  if (run?.phase === 'running') {
    if (unhealthy !== undefined) draft.stop.push({ container, why: unhealthy })
    return
  }
  if (run !== undefined && !isToRestart(policy, run.exitCode ?? 0)) return
  if (state.retryAtMs > nowMs) draft.wakeAtMs = Math.min(draft.wakeAtMs, state.retryAtMs)
  else draft.start.push(container)
}

// Regular containers together, then sidecars one by one, the last to start first (upstream's termination order).
function stopAll(pod: Pod, view: PodView, draft: Draft): void {
  const plain = [...pod.spec.containers, ...(pod.spec.initContainers ?? []).filter(one => !isSidecar(one))]
  let alive = false
  for (const container of plain) {
    const { run, busy } = viewOf(view, container.name)
    if (busy !== undefined || run?.phase === 'running') alive = true
    if (busy === undefined && run?.phase === 'running') draft.stop.push({ container, why: 'pod' })
  }
  if (!alive) stopSidecars(pod, view, draft)
}

function stopSidecars(pod: Pod, view: PodView, draft: Draft): void {
  for (const container of [...(pod.spec.initContainers ?? [])].reverse()) {
    const { run, busy } = viewOf(view, container.name)
    if (busy === undefined && run?.phase !== 'running') continue
    if (busy === undefined) draft.stop.push({ container, why: 'pod' })
    return
  }
}

/** When the pod has been active for too long. */
function deadlineOf(pod: Pod, view: PodView): number {
  const seconds = pod.spec.activeDeadlineSeconds
  if (seconds === undefined) return never
  const started = pod.status?.startTime === undefined ? undefined : parseTime(pod.status.startTime)
  const fromMs = started ?? view.startedAtMs
  return fromMs === undefined ? never : fromMs + seconds * 1000
}
