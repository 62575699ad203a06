// ContainerView: what a kubelet knows of one container of a pod: its latest run, the one before, and why it waits.
//
// Times are milliseconds of the cluster's clock. Values are replaced, never changed: a planner may keep what it was given.

import type { Container, Pod } from '../kinds/index.js'

/** One run of a container, from its start to its removal. */
export interface ContainerRun {
  readonly id: string // `kabuki://<64 hex digits>`
  readonly attempt: number // 0 for the first: what restartCount shows.
  readonly phase: 'running' | 'exited'
  readonly image: string // Normalised.
  readonly imageId: string
  readonly startedAtMs: number
  readonly finishedAtMs?: number
  readonly exitCode?: number
  readonly signal?: number
  readonly reason?: string // Completed, Error, OOMKilled, ContainerStatusUnknown
  readonly message?: string
}

export interface ContainerView {
  readonly run: ContainerRun | undefined
  readonly last: ContainerRun | undefined // The one before `run`; it has exited.
  readonly restartCount: number
  /** Why it does not run, if there is more to say than that it has not started or has exited. */
  readonly waiting: { readonly reason: string; readonly message?: string } | undefined
  /** An operation is under way: nothing else is to be started. */
  readonly busy: 'starting' | 'stopping' | undefined
  /** It is not to be started before this. */
  readonly retryAtMs: number
  readonly started: boolean // The startup probe passed, or there is none.
  readonly ready: boolean // The readiness probe says so, or there is none.
  readonly unhealthy: 'liveness' | 'startup' | undefined // Its probe gave up on this run.
}

export const newContainerView: ContainerView = {
  run: undefined,
  last: undefined,
  restartCount: 0,
  waiting: undefined,
  busy: undefined,
  retryAtMs: 0,
  started: false,
  ready: false,
  unhealthy: undefined
}

export interface PodView {
  readonly containers: ReadonlyMap<string, ContainerView> // Init containers too: names are unique in a pod.
  readonly podIp: string | undefined
  readonly startedAtMs: number | undefined // When this kubelet first took it: status.startTime.
  /** The pod as a whole is over or being ended: nothing is started any more. */
  readonly ending: PodEnding | undefined
}

export interface PodEnding {
  readonly why: 'deleted' | 'failed' // failed: by the kubelet's own judgement, for `reason`.
  readonly reason?: string // DeadlineExceeded
  readonly message?: string
}

/** An init container that stays: a sidecar. */
export const isSidecar = (container: Container): boolean => container.restartPolicy === 'Always'

export const viewOf = (view: PodView, name: string): ContainerView => view.containers.get(name) ?? newContainerView

export const containersOf = (pod: Pod): readonly Container[] => [...(pod.spec.initContainers ?? []), ...pod.spec.containers]

/** As upstream's ShouldContainerBeRestarted, for a run that has exited. */
export function isToRestart(policy: string | undefined, exitCode: number): boolean {
  if (policy === 'Never') return false
  return policy === 'OnFailure' ? exitCode !== 0 : true
}
