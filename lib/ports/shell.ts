// shell: a port that runs the command lines of stand-in containers in a simulated shell. Nothing runs on the host.
//
// A run is a process with a root filesystem of its own, volumes that it may share with other runs of the thread,
// an environment, a host name and a pod address. What it writes is told as it is written; sleeps are on the cluster
// clock; wget, nc and nslookup go out through the sockets of the cluster, from the pod's own address.
//
// Guarantee: `shellExit` comes exactly once for each accepted run, after all its output. Output over the rate a run
// may write at slows the script down and is never dropped. It says nothing about CPU or memory limits of the pod.

import type { PortKind } from '../actor/index.js'

export const shellPort: PortKind<ShellProtocol> = { name: 'shell' }

export type ShellSignal = 'SIGTERM' | 'SIGKILL' | 'SIGINT' | 'SIGHUP' | 'SIGQUIT' | 'SIGUSR1' | 'SIGUSR2'

export interface ShellProtocol {
  /** Makes a volume, or replaces the content of one. Volumes are known by name to every run of the thread. */
  volume(volume: ShellVolume): void
  removeVolume(volume: { readonly name: string }): void
  /** Starts a process. Refused with `invalid`, `exists` (the id), `not found` (a volume, or the command) or `overloaded`. */
  run(run: ShellRun): void
  /** A command beside a run, in its filesystem and environment: what exec probes and `kubectl exec` do. `not found`: no such run. */
  exec(command: ShellExec): ShellResult
  /** As kill(2): handlers set by `trap` run; otherwise the process ends with 128 + the signal's number. False: no such run. */
  signal(signal: { readonly id: number; readonly signal: ShellSignal }): boolean
  /** A file of a run; null if there is none, or no such run. */
  readFile(file: { readonly id: number; readonly path: string }): Uint8Array | null
  /** Whether this shell knows the command: `sh`, `sleep`, `cat`, ... */
  knows(command: { readonly name: string }): boolean
}

/** Absolute path (in a volume: relative to its root) -> content. */
export type ShellFiles = Readonly<Record<string, Uint8Array | string>>

export interface ShellVolume {
  readonly name: string // Unique in the thread: pod uid and volume name.
  readonly files: ShellFiles
  readonly bytesMax?: number // Writes over it fail with ENOSPC.
}

export interface ShellMount {
  readonly path: string
  readonly volume: string
  readonly subPath?: string
  readonly readOnly?: boolean
}

export interface ShellRun {
  readonly id: number // Chosen by the owner; may be used again once its exit was told.
  readonly argv: readonly string[] // `['sh', '-c', script, ...]`, or any command the shell knows.
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
  readonly hostname: string
  readonly podIp?: string // Bound by what it dials; default: any local address.
  readonly files?: ShellFiles
  readonly mounts?: readonly ShellMount[]
  readonly uid?: number
  readonly gid?: number
}

export interface ShellExec {
  readonly id: number // Of the run.
  readonly argv: readonly string[]
  readonly stdin?: Uint8Array
  readonly timeoutMs: number // Real milliseconds; over it the command is killed, code 137 and `timedOut`.
}

export interface ShellResult {
  readonly code: number
  readonly stdout: Uint8Array // Each cut at `execOutputBytesMax`.
  readonly stderr: Uint8Array
  readonly timedOut: boolean
}

/** What the owner must accept. Output and exit come as tells, `shellResolve` as an ask. */
export interface ShellOwner {
  shellOutput(output: { readonly id: number; readonly stream: 'stdout' | 'stderr'; readonly bytes: Uint8Array }): void
  /** `signal`: it was ended by one it did not handle. `detail`: why it could not go on, when that was the shell's doing. */
  shellExit(exit: { readonly id: number; readonly code: number; readonly signal?: ShellSignal; readonly detail?: string }): void
  /** A fully qualified name (no final dot), looked up by run `id`. An empty list: no such name. */
  shellResolve(query: { readonly id: number; readonly name: string }): { readonly addresses: readonly string[] }
}

export const execOutputBytesMax = 1 << 20
