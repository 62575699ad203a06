// Recovery: what a kubelet knows of a pod it finds when it starts: from the containers that are there and from the status in the
// API. Pure.
//
// A container the status says is running, and which is not there, ended unseen: exit code 137, reason ContainerStatusUnknown, as
// upstream. Where no container of the pod is left, its sandbox is gone too: init containers run again, as in a new pod.

import type { ContainerStatus, Pod } from '../kinds/index.js'
import { parseTime } from '../object/index.js'
import { type ContainerRun, type ContainerView, containersOf, isToRestart, newContainerView } from './container-view.js'
import type { ContainerExit, ContainerReport } from './runtime.js'

export function recovered(pod: Pod, reports: readonly ContainerReport[], nowMs: number): Map<string, ContainerView> {
  const views = new Map<string, ContainerView>()
  const statuses = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])]
  const anew = reports.length === 0 && pod.metadata.deletionTimestamp === undefined
  for (const { name } of containersOf(pod)) {
    const own = reports.filter(({ config }) => config.name === name).sort((a, b) => b.config.attempt - a.config.attempt)
    const status = statuses.find(one => one.name === name)
    views.set(name, own.length > 0 ? fromReports(own, status) : fromStatus(pod, status, anew, nowMs))
  }
  return views
}

function fromReports(reports: readonly ContainerReport[], status: ContainerStatus | undefined): ContainerView {
  const run = runOf(reports[0] as ContainerReport)
  const before = reports[1]
  return {
    ...newContainerView,
    run,
    last: before === undefined ? exitedRun(status?.lastState, status, 0) : runOf(before),
    restartCount: run.attempt,
    // What was ready stays so until a probe says otherwise: a restart of the kubelet is no reason to lose traffic.
    started: run.phase === 'running' && status?.started === true,
    ready: run.phase === 'running' && status?.ready === true
  }
}

function fromStatus(pod: Pod, status: ContainerStatus | undefined, anew: boolean, nowMs: number): ContainerView {
  if (status === undefined) return newContainerView
  const { restartCount, state } = status
  const last = exitedRun(status.lastState, status, nowMs)
  const run = exitedRun(state, status, nowMs) ?? (state?.waiting === undefined ? undefined : last)
  if (run === undefined) return { ...newContainerView, restartCount }
  const policy = pod.spec.restartPolicy
  // Where nothing is to be restarted, a lost container is a failed one.
  if (!anew || policy === 'Never' || !isToRestart(policy, run.exitCode ?? 0))
    return { ...newContainerView, run, last: run === last ? undefined : last, restartCount }
  return { ...newContainerView, last: run, restartCount: restartCount + 1 }
}

function exitedRun(state: ContainerStatus['state'], status: ContainerStatus | undefined, nowMs: number): ContainerRun | undefined {
  if (state === undefined || status === undefined) return undefined
  const { terminated, running } = state
  const common = { attempt: status.restartCount, phase: 'exited' as const, image: status.image, imageId: status.imageID }
  const time = (text: string | undefined): number => (text === undefined ? undefined : parseTime(text)) ?? nowMs
  if (terminated !== undefined) {
    const { exitCode, signal, reason, message } = terminated
    return {
      ...common,
      id: terminated.containerID ?? '',
      startedAtMs: time(terminated.startedAt),
      finishedAtMs: time(terminated.finishedAt),
      exitCode,
      ...(signal === undefined ? {} : { signal }),
      ...(reason === undefined ? {} : { reason }),
      ...(message === undefined ? {} : { message })
    }
  }
  if (running === undefined) return undefined
  return {
    ...common,
    id: status.containerID ?? '',
    startedAtMs: time(running.startedAt),
    finishedAtMs: nowMs,
    exitCode: 137,
    reason: 'ContainerStatusUnknown',
    message: 'The container could not be located when the pod was deleted.  The container used to be Running'
  }
}

/** The run that a report tells of. */
export function runOf({ config, phase, startedAtMs, exit }: ContainerReport): ContainerRun {
  const { id, attempt, image, imageId } = config
  return { id, attempt, phase, image, imageId, startedAtMs, ...(exit === undefined ? {} : exitOf(exit)) }
}

export function exitOf(exit: ContainerExit): Partial<ContainerRun> {
  const { atMs, exitCode, signal, reason, message } = exit
  return {
    finishedAtMs: atMs,
    exitCode,
    reason: reason ?? (exitCode === 0 ? 'Completed' : 'Error'),
    ...(signal === undefined ? {} : { signal }),
    ...(message === undefined ? {} : { message })
  }
}
