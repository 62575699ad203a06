// Runtime: what a kubelet needs of whatever runs its containers, and the messages of those that are actors.
//
// A container outlives its kubelet: it knows what it is (`ContainerConfig`) and tells who asks. It tells its kubelet of its exit
// by an event; a kubelet that was away learns it from `list`.

import type { Flow, Outcome, Stream } from '../actor/index.js'
import type { Pod } from '../kinds/index.js'

/** Everything a container is told at its start. Plain data; enough to know it again. */
export interface ContainerConfig {
  readonly id: string
  readonly pod: PodIdentity
  readonly name: string
  readonly attempt: number
  readonly init: boolean
  readonly image: string // Normalised: what status shows.
  readonly imageId: string
  readonly command: readonly string[] | undefined // Instead of the image's ENTRYPOINT.
  readonly args: readonly string[] | undefined // Instead of the image's CMD.
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string | undefined
  readonly resolvConf: string // The content of /etc/resolv.conf.
  readonly ports: readonly { readonly containerPort: number; readonly protocol: string; readonly name?: string }[]
  readonly mounts: readonly Mount[]
  readonly volumes: readonly VolumeFiles[]
  readonly runAs: { readonly uid?: number; readonly gid?: number }
  readonly terminationMessagePath: string
  /** Of a simulated container: when it exits by itself, and how. */
  readonly script: ExitScript | undefined
}

export interface PodIdentity {
  readonly namespace: string
  readonly name: string
  readonly uid: string
  readonly node: string
  readonly ip: string
  readonly hostname: string
}

export interface Mount {
  readonly path: string
  readonly volume: string // Unique on the node: pod uid and name, or what pods share.
  readonly subPath?: string
  readonly readOnly?: boolean
}

export interface VolumeFiles {
  readonly name: string
  readonly files: Readonly<Record<string, Uint8Array | string>> // By path relative to its root.
  readonly kept: boolean // It is written by containers (emptyDir and the like): made once, then left alone.
}

export interface ExitScript {
  readonly afterMs: number // Of the cluster's clock.
  readonly exitCode: number
}

export interface ContainerReport {
  readonly config: Pick<ContainerConfig, 'id' | 'pod' | 'name' | 'attempt' | 'init' | 'image' | 'imageId'>
  readonly phase: 'running' | 'exited'
  readonly startedAtMs: number
  readonly exit?: ContainerExit
  /** What a user should know: a port that was moved, an image that is only simulated. */
  readonly notes: readonly string[]
}

export interface ContainerExit {
  readonly atMs: number
  readonly exitCode: number
  readonly signal?: number
  readonly reason?: string // OOMKilled, ...; default by the exit code.
  readonly message?: string
}

export interface ExecResult {
  readonly code: number
  readonly stdout: Uint8Array
  readonly stderr: Uint8Array
  readonly timedOut: boolean
}

export interface ExecCommand {
  readonly argv: readonly string[]
  readonly stdin?: Uint8Array
  readonly timeoutMs: number // Real.
}

/** `logs`: as the query of pods/log. */
export interface LogOptions {
  readonly follow?: boolean
  readonly tailLines?: number
  readonly sinceSeconds?: number
  readonly sinceTime?: string
  readonly timestamps?: boolean
  readonly limitBytes?: number
}

export type SignalName = 'SIGTERM' | 'SIGKILL' | 'SIGINT' | 'SIGHUP' | 'SIGQUIT' | 'SIGUSR1' | 'SIGUSR2' | 'SIGWINCH'

/** What one container accepts. */
export interface ContainerProtocol {
  /** Answered once it runs, or has exited at once. */
  started(): ContainerReport
  status(): ContainerReport
  stop(how: { readonly signal: SignalName | undefined }): void // Undefined: the image's own stop signal.
  exec(command: ExecCommand): ExecResult
  /** Each item is whole lines as the API sends them. */
  logs(options: LogOptions): Stream<Uint8Array>
}

/** What the runtime of a machine accepts: `worker-1/containers`. */
export interface ContainersProtocol {
  /** Starts a container. Refused `exists`, or `failed` with why. */
  start(config: ContainerConfig): ContainerReport
  list(): readonly ContainerReport[]
  /** Ends it, if it runs, and forgets it with its log. */
  remove(container: { readonly id: string }): void
  /** From a container that is over. */
  exited(report: ContainerReport): void
  /** From a container: of these volumes, those nobody has made yet in its thread. The asker makes them. */
  claim(volumes: { readonly names: readonly string[] }): readonly string[]
}

/** What a kubelet must accept. */
export interface ContainerEvents {
  containerExited(report: ContainerReport): void
}

export type Pull =
  | { readonly ok: true; readonly image: string; readonly imageId: string; readonly simulated: boolean }
  | { readonly ok: false; readonly reason: 'InvalidImageName' | 'ErrImagePull'; readonly message: string }

export interface ContainerRuntime {
  readonly kind: 'stand-in' | 'simulated'
  /** Its containers of earlier lives of the kubelet are known once this is through. */
  recover(): Flow<boolean>
  reports(pod: Pod): readonly ContainerReport[]
  orphans(known: ReadonlySet<string>): readonly string[] // Ids of containers of pods, by uid, nobody knows any more.
  pull(image: string): Pull
  start(config: ContainerConfig): Flow<Outcome<ContainerReport>>
  stop(id: string, signal: SignalName | undefined): void
  remove(id: string): void
  exec(id: string, command: ExecCommand): Flow<Outcome<ExecResult>>
}

/** The address of a container: short, and unique as its id is. */
export const containerAddress = (machine: string, id: string): string =>
  `${machine}/container-${id.slice(id.indexOf('//') + 2).slice(0, 20)}`

export const containersThread = (machine: string): string => `${machine}/containers`
