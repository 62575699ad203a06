// ContainerStart: the steps from a container of a pod's spec to one that runs: image, volumes, environment, start. Flows; each
// step that fails says why, in upstream's reasons and words, and when to try again.

import type { Flow } from '../actor/index.js'
import type { Container, Pod } from '../kinds/index.js'
import type { ContainerRun } from './container-view.js'
import { type BackOffEntry, goDuration, retryAtMs, tried } from './crash-back-off.js'
import { expand } from './environment.js'
import { type PodHost, podText, type Subject, subjectOf } from './pod-host.js'
import { fetchEnvironment } from './pod-inputs.js'
import { runOf } from './recovery.js'
import { resolvConf } from './resolver.js'
import type { ContainerConfig, ExitScript, Pull, VolumeFiles } from './runtime.js'
import { volumeName } from './volumes.js'

export interface StartRequest {
  readonly pod: Pod
  readonly container: Container
  readonly init: boolean
  readonly attempt: number
  readonly podIp: string
  readonly volumes: readonly VolumeFiles[]
  readonly pullBackOff: { readonly entry: BackOffEntry | undefined; readonly failedAtMs: number } | undefined
}

export type StartResult =
  | { readonly ok: true; readonly run: ContainerRun }
  | {
      readonly ok: false
      readonly reason: string
      readonly message: string
      readonly retryAtMs: number
      readonly pullBackOff?: { readonly entry: BackOffEntry; readonly failedAtMs: number }
    }

const configRetryMs = 10_000 // As upstream's pod worker backs off after a failed sync.

export function* startContainer(host: PodHost, request: StartRequest): Flow<StartResult> {
  const pulled = pullImage(host, request)
  if (!pulled.ok) return pulled
  const { pod, container, init, podIp } = request
  const simulated = host.runtime.kind === 'simulated'
  const environment = simulated ? ({ ok: true, env: {} } as const) : yield* fetchEnvironment(host, pod, container, podIp)
  const subject = subjectOf({ pod, container, init })
  if (!environment.ok) {
    const { message } = environment
    host.recorder.event(subject, 'Warning', 'Failed', `Error: ${message}`)
    return { ok: false, reason: 'CreateContainerConfigError', message, retryAtMs: host.ctx.clusterMs + configRetryMs }
  }
  const config = containerConfig(host, request, pulled.image, environment.env)
  const started = yield* host.runtime.start(config)
  if (!started.ok) {
    const message = started.error.detail
    host.recorder.event(subject, 'Warning', 'Failed', `Error: ${message}`)
    return { ok: false, reason: 'RunContainerError', message, retryAtMs: host.ctx.clusterMs + configRetryMs }
  }
  // By the thousand, events are most of the writes: simulated containers tell of their start, and leave out how it came about.
  if (!simulated) host.recorder.event(subject, 'Normal', 'Created', `Created container: ${container.name}`)
  host.recorder.event(subject, 'Normal', 'Started', `Started container ${container.name}`)
  for (const note of started.value.notes) host.recorder.event(subject, 'Normal', 'StandIn', note)
  return { ok: true, run: runOf(started.value) }
}

type PullResult = { readonly ok: true; readonly image: Pull & { ok: true } } | (StartResult & { ok: false })

function pullImage(host: PodHost, { pod, container, init, pullBackOff }: StartRequest): PullResult {
  const { recorder, runtime, ctx } = host
  const image = container.image ?? ''
  const subject = subjectOf({ pod, container, init })
  const nowMs = ctx.clusterMs
  const dueMs = pullBackOff === undefined ? 0 : retryAtMs(pullBackOff.entry, pullBackOff.failedAtMs)
  if (pullBackOff !== undefined && dueMs > nowMs) return pullBackedOff(host, { pod, container, init }, image, dueMs)
  const present = container.imagePullPolicy !== 'Always'
  const pulled = runtime.pull(image)
  if (pulled.ok) {
    if (runtime.kind === 'simulated') return { ok: true, image: pulled }
    if (present) recorder.event(subject, 'Normal', 'Pulled', `Container image "${image}" already present on machine`)
    else {
      recorder.event(subject, 'Normal', 'Pulling', `Pulling image "${image}"`)
      recorder.event(subject, 'Normal', 'Pulled', `Successfully pulled image "${image}" in 0s (0s including waiting). Image size: 0 bytes.`)
    }
    return { ok: true, image: pulled }
  }
  const { reason, message } = pulled
  if (reason === 'InvalidImageName') {
    recorder.event(subject, 'Warning', 'InspectFailed', message)
    recorder.event(subject, 'Warning', 'Failed', 'Error: InvalidImageName')
    return { ok: false, reason, message, retryAtMs: nowMs + configRetryMs }
  }
  if (container.imagePullPolicy === 'Never') {
    const absent = `Container image "${image}" is not present with pull policy of Never`
    recorder.event(subject, 'Warning', 'ErrImageNeverPull', absent)
    return { ok: false, reason: 'ErrImageNeverPull', message: absent, retryAtMs: nowMs + configRetryMs }
  }
  recorder.event(subject, 'Normal', 'Pulling', `Pulling image "${image}"`)
  recorder.event(subject, 'Warning', 'Failed', `Failed to pull image "${image}": ${message}`)
  recorder.event(subject, 'Warning', 'Failed', 'Error: ErrImagePull')
  // Upstream looks again at once, and then finds itself in back-off.
  const entry = tried(pullBackOff?.entry, nowMs)
  return { ok: false, reason, message, retryAtMs: nowMs + backOffShownMs, pullBackOff: { entry, failedAtMs: nowMs } }
}

const backOffShownMs = 1_000 // ErrImagePull is seen this long before ImagePullBackOff takes its place.

function pullBackedOff({ recorder, runtime }: PodHost, subject: Subject, image: string, dueMs: number): PullResult {
  const about = subjectOf(subject)
  recorder.event(about, 'Normal', 'BackOff', `Back-off pulling image "${image}"`)
  recorder.event(about, 'Warning', 'Failed', 'Error: ImagePullBackOff')
  const pulled = runtime.pull(image)
  const why = pulled.ok ? '' : `: ErrImagePull: ${pulled.message}`
  return { ok: false, reason: 'ImagePullBackOff', message: `Back-off pulling image "${image}"${why}`, retryAtMs: dueMs }
}

function containerConfig(
  host: PodHost,
  request: StartRequest,
  pulled: Pull & { ok: true },
  env: Readonly<Record<string, string>>
): ContainerConfig {
  const { pod, container, init, attempt, podIp, volumes } = request
  const { metadata, spec } = pod
  const used = new Set((container.volumeMounts ?? []).map(({ name }) => name))
  const named = (spec.volumes ?? []).filter(({ name }) => used.has(name))
  const names = new Map(named.map(volume => [volume.name, volumeName(pod, volume)]))
  const security = { ...spec.securityContext, ...container.securityContext }
  const hostname = spec.hostname ?? (spec.hostNetwork === true ? host.facts.name : (metadata.name ?? ''))
  return {
    id: newContainerId(host.ctx.random),
    pod: {
      namespace: metadata.namespace ?? '',
      name: metadata.name ?? '',
      uid: metadata.uid ?? '',
      node: host.facts.name,
      ip: podIp,
      hostname
    },
    name: container.name,
    attempt,
    init,
    image: pulled.image,
    imageId: pulled.imageId,
    command: container.command?.map(text => expand(text, env)),
    args: container.args?.map(text => expand(text, env)),
    env: { HOSTNAME: hostname, ...env },
    cwd: container.workingDir,
    resolvConf: resolvConf(pod, host.facts.hostIp),
    ports: (container.ports ?? []).map(({ containerPort, protocol = 'TCP', name }) => ({
      containerPort,
      protocol,
      ...(name === undefined ? {} : { name })
    })),
    mounts: (container.volumeMounts ?? []).map(({ name, mountPath, subPath, subPathExpr, readOnly }) => ({
      path: mountPath,
      volume: names.get(name) ?? name,
      ...(subPathExpr !== undefined ? { subPath: expand(subPathExpr, env) } : subPath === undefined ? {} : { subPath }),
      ...(readOnly === undefined ? {} : { readOnly })
    })),
    volumes: volumes.filter(({ name }) => [...names.values()].includes(name)),
    runAs: {
      ...(security.runAsUser === undefined ? {} : { uid: security.runAsUser }),
      ...(security.runAsGroup === undefined ? {} : { gid: security.runAsGroup })
    },
    terminationMessagePath: container.terminationMessagePath ?? '/dev/termination-log',
    script: scriptOf(pod, init)
  }
}

/** Annotations that let a simulated container exit by itself: after how many seconds, with which code. An init container does at once. */
export const runSecondsAnnotation = 'kabuki.dev/run-seconds'
export const exitCodeAnnotation = 'kabuki.dev/exit-code'

function scriptOf({ metadata }: Pod, init: boolean): ExitScript | undefined {
  const seconds = Number(metadata.annotations?.[runSecondsAnnotation])
  const exitCode = Number(metadata.annotations?.[exitCodeAnnotation] ?? 0)
  if (init) return { afterMs: 0, exitCode: 0 }
  return Number.isFinite(seconds) ? { afterMs: seconds * 1000, exitCode: Number.isInteger(exitCode) ? exitCode : 1 } : undefined
}

function newContainerId(random: () => number): string {
  let hex = ''
  for (let i = 0; i < 8; i++)
    hex += Math.floor(random() * 0x100000000)
      .toString(16)
      .padStart(8, '0')
  return `kabuki://${hex}`
}

/** The waiting state of a container that keeps failing, and its event. */
export const crashBackOffText = (
  pod: Pod,
  container: string,
  delayMs: number
): { waiting: { reason: string; message: string }; event: string } => ({
  waiting: {
    reason: 'CrashLoopBackOff',
    message: `back-off ${goDuration(delayMs)} restarting failed container=${container} pod=${podText(pod)}`
  },
  event: `Back-off restarting failed container ${container} in pod ${podText(pod)}`
})
