// PodStatus: what a kubelet reports of a pod: container states, phase, conditions. Pure, and the same input gives the same status.
//
// Conditions, reasons and texts are upstream's (kubelet_pods.go getPhase, status/generate.go). What others wrote into the status
// (readiness gates, the scheduler's condition, nominatedNodeName) is kept.

import type { Container, ContainerState, ContainerStatus, Pod, PodStatus } from '../kinds/index.js'
import { type Condition, findCondition, formatTime, setCondition } from '../object/index.js'
import { type ContainerRun, type ContainerView, isSidecar, isToRestart, type PodView, viewOf } from './container-view.js'
import { isInitialized } from './plan.js'

export interface StatusFacts {
  readonly hostIp: string
  readonly nowMs: number
  /** Nothing of it will run again: what stopped decides between Succeeded and Failed. */
  readonly over: boolean
}

export function podStatus(pod: Pod, view: PodView, facts: StatusFacts): PodStatus {
  const old = pod.status ?? {}
  const initialized = isInitialized(pod, view)
  const hasInit = (pod.spec.initContainers ?? []).length > 0
  const init = (pod.spec.initContainers ?? []).map(one => containerStatus(one, viewOf(view, one.name), 'PodInitializing', !isSidecar(one)))
  const waitingReason = hasInit && !initialized ? 'PodInitializing' : 'ContainerCreating'
  const main = pod.spec.containers.map(one => containerStatus(one, viewOf(view, one.name), waitingReason, false))
  // As upstream's status manager: no final phase, and no reason for it, while a container may still run.
  const failed = view.ending?.why === 'failed' && facts.over ? view.ending : undefined
  const phase = failed !== undefined ? 'Failed' : phaseOf(pod, init, main, facts.over)
  const { phase: _phase, message: _message, reason: _reason, ...kept } = old
  const { reason, message } = failed ?? {}
  const startTime = old.startTime ?? (view.startedAtMs === undefined ? undefined : formatTime(view.startedAtMs))
  const podIp = pod.spec.hostNetwork === true ? facts.hostIp : view.podIp
  return {
    ...kept,
    ...(pod.metadata.generation === undefined ? {} : { observedGeneration: pod.metadata.generation }),
    phase,
    ...(reason === undefined ? {} : { reason }),
    ...(message === undefined ? {} : { message }),
    hostIP: facts.hostIp,
    hostIPs: [{ ip: facts.hostIp }],
    ...(podIp === undefined ? {} : { podIP: podIp, podIPs: [{ ip: podIp }] }),
    ...(startTime === undefined ? {} : { startTime }),
    ...(hasInit ? { initContainerStatuses: init } : {}),
    containerStatuses: main,
    conditions: podConditions(pod, view, { phase, init, main, nowMs: facts.nowMs })
  }
}

// Containers -------------------------------------------------------------------------------------------

function containerStatus(container: Container, view: ContainerView, waitingReason: string, runsOnce: boolean): ContainerStatus {
  const { run, last, restartCount } = view
  const running = run?.phase === 'running'
  const waits = view.waiting !== undefined && !running
  const before = waits && run !== undefined ? run : last
  return {
    name: container.name,
    state: waits ? { waiting: { ...view.waiting } } : run === undefined ? { waiting: { reason: waitingReason } } : stateOf(run),
    lastState: before === undefined ? {} : stateOf(before),
    ready: runsOnce ? run?.phase === 'exited' && run.exitCode === 0 && !waits : running && view.ready,
    restartCount,
    image: run?.image ?? container.image ?? '',
    imageID: run?.imageId ?? '',
    ...(run === undefined ? {} : { containerID: run.id }),
    started: running && view.started,
    ...(container.resources === undefined ? {} : { resources: container.resources }),
    ...(container.resources?.requests === undefined ? {} : { allocatedResources: container.resources.requests })
  }
}

function stateOf(run: ContainerRun): ContainerState {
  const startedAt = formatTime(run.startedAtMs)
  if (run.phase === 'running') return { running: { startedAt } }
  const { exitCode = 0, signal, message } = run
  return {
    terminated: {
      exitCode,
      ...(signal === undefined ? {} : { signal }),
      reason: run.reason ?? (exitCode === 0 ? 'Completed' : 'Error'),
      ...(message === undefined ? {} : { message }),
      startedAt,
      finishedAt: formatTime(run.finishedAtMs ?? run.startedAtMs),
      containerID: run.id
    }
  }
}

// Phase --------------------------------------------------------------------------------------------------

export function phaseOf(pod: Pod, init: readonly ContainerStatus[], main: readonly ContainerStatus[], over: boolean): string {
  const policy = pod.spec.restartPolicy
  const count = { running: 0, waiting: 0, stopped: 0, succeeded: 0 }
  for (const { state, lastState } of main) {
    const ended = state?.terminated ?? (state?.waiting === undefined ? undefined : lastState?.terminated)
    if (state?.running !== undefined) count.running++
    else if (ended === undefined) count.waiting++
    else {
      count.stopped++
      if (state?.terminated?.exitCode === 0) count.succeeded++
    }
  }
  const begun = count.running + count.stopped > 0
  const initState = initPhase(pod, init)
  if (initState === 'failed' && (policy === 'Never' || over)) return 'Failed'
  if (initState !== 'done' && !begun) return over && count.stopped === 0 && initState !== 'pending' ? 'Failed' : 'Pending'
  if (count.waiting > 0) return over && count.stopped > 0 ? 'Failed' : 'Pending'
  if (count.running > 0) return 'Running'
  if (count.stopped === 0) return 'Pending'
  if (count.stopped === count.succeeded && (over || policy !== 'Always')) return 'Succeeded'
  if (over || policy === 'Never') return 'Failed'
  return 'Running' // It is about to be restarted.
}

function initPhase(pod: Pod, statuses: readonly ContainerStatus[]): 'done' | 'pending' | 'failed' {
  let pending = false
  for (const [index, container] of (pod.spec.initContainers ?? []).entries()) {
    const status = statuses[index]
    if (isSidecar(container)) {
      if (status?.started !== true) pending = true
      continue
    }
    const exit = status?.state?.terminated ?? (status?.state?.waiting === undefined ? undefined : status.lastState?.terminated)
    if (exit === undefined) pending = true
    else if (exit.exitCode !== 0) return 'failed'
  }
  return pending ? 'pending' : 'done'
}

// Conditions ---------------------------------------------------------------------------------------------

interface ConditionFacts {
  readonly phase: string
  readonly init: readonly ContainerStatus[]
  readonly main: readonly ContainerStatus[]
  readonly nowMs: number
}

type Judgement = Pick<Condition, 'status'> & { readonly reason?: string; readonly message?: string }

function podConditions(pod: Pod, view: PodView, facts: ConditionFacts): Condition[] {
  const containersReady = judgeReady(pod, facts)
  const judgements: Record<string, Judgement> = {
    PodReadyToStartContainers: { status: isSandboxed(pod, view) ? 'True' : 'False' },
    Initialized: judgeInitialized(pod, view, facts),
    Ready: judgeGates(pod, containersReady),
    ContainersReady: containersReady,
    PodScheduled: { status: 'True' }
  }
  let conditions: readonly Condition[] = pod.status?.conditions ?? []
  for (const [type, judgement] of Object.entries(judgements)) conditions = judged(conditions, pod, type, judgement, facts.nowMs)
  const order = Object.keys(judgements)
  const ours = order.map(type => findCondition(conditions, type) as Condition)
  return [...ours, ...conditions.filter(({ type }) => !order.includes(type))]
}

// The whole condition is ours: a reason of before does not stay.
function judged(conditions: readonly Condition[], pod: Pod, type: string, judgement: Judgement, nowMs: number): readonly Condition[] {
  const { generation } = pod.metadata
  const old = findCondition(conditions, type)
  const bare: Condition = { type, ...(generation === undefined ? {} : { observedGeneration: generation }), ...judgement }
  if (old === undefined) return setCondition(conditions, bare, nowMs)
  const lastTransitionTime = old.status === judgement.status ? (old.lastTransitionTime ?? formatTime(nowMs)) : formatTime(nowMs)
  return conditions.map(one => (one.type === type ? { ...bare, lastTransitionTime } : one))
}

const isSandboxed = (pod: Pod, view: PodView): boolean => {
  if (view.podIp === undefined && pod.spec.hostNetwork !== true) return false
  return [...view.containers.values()].some(({ run, busy }) => busy !== undefined || run?.phase === 'running') || view.ending === undefined
}

function judgeInitialized(pod: Pod, view: PodView, { phase, init }: ConditionFacts): Judgement {
  if ((pod.spec.initContainers ?? []).length === 0 || isInitialized(pod, view)) return { status: 'True' }
  if (phase === 'Succeeded') return { status: 'True', reason: 'PodCompleted' }
  const incomplete = init
    .filter((status, index) => {
      const container = pod.spec.initContainers?.[index] as Container
      return isSidecar(container) ? status.started !== true : !status.ready
    })
    .map(({ name }) => name)
  return {
    status: 'False',
    reason: 'ContainersNotInitialized',
    message: `containers with incomplete status: [${incomplete.join(' ')}]`
  }
}

function judgeReady(pod: Pod, { phase, init, main }: ConditionFacts): Judgement {
  if (phase === 'Succeeded') return { status: 'False', reason: 'PodCompleted' }
  if (phase === 'Failed') return { status: 'False', reason: 'PodFailed' }
  const sidecars = init.filter((_, index) => isSidecar(pod.spec.initContainers?.[index] as Container))
  const unready = [...sidecars, ...main].filter(({ ready }) => !ready).map(({ name }) => name)
  if (unready.length === 0) return { status: 'True' }
  return { status: 'False', reason: 'ContainersNotReady', message: `containers with unready status: [${unready.join(' ')}]` }
}

function judgeGates(pod: Pod, containersReady: Judgement): Judgement {
  if (containersReady.status !== 'True') return containersReady
  const messages: string[] = []
  for (const { conditionType } of pod.spec.readinessGates ?? []) {
    const gate = findCondition(pod.status?.conditions, conditionType)
    if (gate === undefined) messages.push(`corresponding condition of pod readiness gate "${conditionType}" does not exist.`)
    else if (gate.status !== 'True') {
      messages.push(`the status of pod readiness gate "${conditionType}" is not "True", but ${gate.status}`)
    }
  }
  return messages.length === 0 ? { status: 'True' } : { status: 'False', reason: 'ReadinessGatesNotReady', message: messages.join(', ') }
}

/** Whether that run, now exited, is to be followed by another, as the pod stands. */
export function isRestarted(pod: Pod, container: Container, run: ContainerRun): boolean {
  const init = (pod.spec.initContainers ?? []).some(({ name }) => name === container.name)
  if (!init) return isToRestart(pod.spec.restartPolicy, run.exitCode ?? 0)
  return isSidecar(container) || (pod.spec.restartPolicy !== 'Never' && run.exitCode !== 0)
}
