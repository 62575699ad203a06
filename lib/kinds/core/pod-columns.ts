// Pod columns: READY, STATUS and RESTARTS of `kubectl get pods`, by the rules of upstream's printPod.

import { age, ageColumn, type Cell, column, findCondition, humanDuration, nameColumn, parseTime, wideColumn } from '../../object/index.js'
import type { Container, Pod } from './pod-spec.js'
import type { ContainerStatus } from './pod-status.js'

export const podColumns = [
  nameColumn,
  column('Ready', 'The aggregate readiness state of this pod for accepting traffic.'),
  column('Status', 'The aggregate status of the containers in this pod.'),
  column(
    'Restarts',
    'The number of times the containers in this pod have been restarted and when the last container in this pod has restarted.'
  ),
  ageColumn,
  wideColumn('IP', 'The address of the pod, reachable within the cluster; empty until one is allocated.'),
  wideColumn('Node', 'The node this pod is scheduled to.'),
  wideColumn('Nominated Node', 'The node the pod is expected to run on once those it preempts have gone.'),
  wideColumn('Readiness Gates', 'The further conditions that must be true before the pod is ready.')
]

export function podCells(pod: Pod, nowMs: number): Cell[] {
  const { ready, total, reason, restarts, lastRestartMs } = summarize(pod)
  const restartCell =
    restarts > 0 && lastRestartMs !== undefined ? `${restarts} (${humanDuration(nowMs - lastRestartMs)} ago)` : String(restarts)
  return [
    pod.metadata.name ?? '',
    `${ready}/${total}`,
    reason,
    restartCell,
    age(pod.metadata.creationTimestamp, nowMs),
    pod.status?.podIPs?.[0]?.ip || pod.status?.podIP || '<none>',
    pod.spec.nodeName || '<none>',
    pod.status?.nominatedNodeName || '<none>',
    readinessGates(pod)
  ]
}

interface Summary {
  readonly ready: number
  readonly total: number
  readonly reason: string
  readonly restarts: number
  readonly lastRestartMs: number | undefined
}

/** What the STATUS column says, and what it counts. */
export function summarize(pod: Pod): Summary {
  const status = pod.status ?? {}
  const sidecars = (pod.spec.initContainers ?? []).filter(isSidecar)
  const total = pod.spec.containers.length + sidecars.length
  let reason = status.reason || status.phase || ''
  const scheduled = findCondition(status.conditions, 'PodScheduled')
  if (scheduled?.reason === 'SchedulingGated') reason = 'SchedulingGated'

  const init = summarizeInit(pod)
  if (init.reason !== undefined) reason = init.reason
  let ready = init.ready
  let restarts = init.restarts
  let lastRestart = init.lastRestartMs
  // As upstream: once initialized, only sidecars' restarts count among the init containers'.
  if (init.reason === undefined || findCondition(status.conditions, 'Initialized')?.status === 'True') {
    restarts = init.sidecarRestarts
    lastRestart = init.sidecarRestartMs
    let running = false
    for (const container of [...(status.containerStatuses ?? [])].reverse()) {
      restarts += container.restartCount
      lastRestart = later(lastRestart, restartMs(container))
      const { waiting, terminated } = container.state ?? {}
      if (waiting?.reason) reason = waiting.reason
      else if (terminated !== undefined) reason = terminated.reason || exitText(terminated)
      else if (container.ready && container.state?.running !== undefined) {
        running = true
        ready++
      }
    }
    if (reason === 'Completed' && running) {
      reason = findCondition(status.conditions, 'Ready')?.status === 'True' ? 'Running' : 'NotReady'
    }
  }
  if (pod.metadata.deletionTimestamp !== undefined) {
    if (status.reason === 'NodeLost') reason = 'Unknown'
    else if (status.phase !== 'Succeeded' && status.phase !== 'Failed') reason = 'Terminating'
  }
  return { ready, total, reason, restarts, lastRestartMs: lastRestart }
}

interface InitSummary {
  readonly reason: string | undefined // Set while the pod is initializing.
  readonly ready: number
  readonly restarts: number
  readonly lastRestartMs: number | undefined
  readonly sidecarRestarts: number
  readonly sidecarRestartMs: number | undefined
}

function summarizeInit(pod: Pod): InitSummary {
  const specs = new Map((pod.spec.initContainers ?? []).map(container => [container.name, container]))
  const seen = { ready: 0, restarts: 0, lastRestartMs: undefined, sidecarRestarts: 0, sidecarRestartMs: undefined } as {
    ready: number
    restarts: number
    lastRestartMs: number | undefined
    sidecarRestarts: number
    sidecarRestartMs: number | undefined
  }
  const statuses = pod.status?.initContainerStatuses ?? []
  for (const [index, container] of statuses.entries()) {
    const spec = specs.get(container.name)
    const sidecar = spec !== undefined && isSidecar(spec)
    seen.restarts += container.restartCount
    seen.lastRestartMs = later(seen.lastRestartMs, restartMs(container))
    if (sidecar) {
      seen.sidecarRestarts += container.restartCount
      seen.sidecarRestartMs = later(seen.sidecarRestartMs, restartMs(container))
    }
    const { waiting, terminated } = container.state ?? {}
    if (terminated?.exitCode === 0) continue
    if (sidecar && container.started) {
      if (container.ready) seen.ready++
      continue
    }
    const reason =
      terminated !== undefined
        ? `Init:${terminated.reason || exitText(terminated)}`
        : waiting?.reason && waiting.reason !== 'PodInitializing'
          ? `Init:${waiting.reason}`
          : `Init:${index}/${pod.spec.initContainers?.length ?? 0}`
    return { ...seen, reason }
  }
  return { ...seen, reason: undefined }
}

const isSidecar = (container: Container): boolean => container.restartPolicy === 'Always'

const exitText = (terminated: { exitCode: number; signal?: number }): string =>
  terminated.signal ? `Signal:${terminated.signal}` : `ExitCode:${terminated.exitCode}`

function restartMs(container: ContainerStatus): number | undefined {
  const finished = container.lastState?.terminated?.finishedAt
  return finished === undefined ? undefined : parseTime(finished)
}

const later = (a: number | undefined, b: number | undefined): number | undefined => (a === undefined || (b !== undefined && b > a) ? b : a)

function readinessGates(pod: Pod): string {
  const gates = pod.spec.readinessGates ?? []
  if (gates.length === 0) return '<none>'
  const met = gates.filter(gate => findCondition(pod.status?.conditions, gate.conditionType)?.status === 'True')
  return `${met.length}/${gates.length}`
}
