// Program: what a stand-in image runs: a small value with no I/O of its own, run by a container actor.
//
// A program is told of its start, of HTTP requests and of signals; what it wants done it says to its process. It keeps its own
// state in what `begin` returns, so that one Program serves any number of containers.

import type { HttpRequest, HttpResponse } from '../ports/index.js'

/** What a program may read and do. */
export interface Process {
  readonly argv: readonly string[] // ENTRYPOINT and CMD as overridden; never empty.
  readonly env: Readonly<Record<string, string>>
  readonly image: string
  readonly pod: {
    readonly namespace: string
    readonly name: string
    readonly uid: string
    readonly node: string
    readonly ip: string
    readonly hostname: string
  }
  readonly container: string
  readonly nowMs: number // The cluster's clock.
  out(line: string): void
  err(line: string): void
  exit(code: number): void
  /** Serves HTTP on that port of the pod's address; it is up before the container counts as started. */
  listenHttp(port: number): void
  /** Answers every datagram, or connection, to that port with these bytes. */
  say(transport: 'TCP' | 'UDP', port: number, bytes: Uint8Array): void
  /** Goes on as a process of the shell: its output and exit are the container's. */
  shell(argv: readonly string[]): void
  /** Goes on as a JS module of the user's, in this thread. */
  module(url: string): void
}

export interface Answer {
  readonly status: number
  readonly contentType?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body: string | Uint8Array
}

export interface Running {
  http?(request: HttpRequest): Answer
  /** Default: the process ends with 128 + the signal's number. SIGKILL never comes here. */
  signal?(signal: string): void
}

export interface Program {
  begin(process: Process): Running
}

export interface Image {
  readonly repositories: readonly string[] // `docker.io/library/nginx`
  readonly entrypoint: readonly string[]
  readonly cmd: readonly string[]
  readonly stopSignal: string // SIGTERM unless the image says otherwise.
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  readonly program: Program
}

/** A container's command: Kubernetes' `command` replaces ENTRYPOINT (and CMD with it), `args` replaces CMD. */
export function argvOf(
  image: Pick<Image, 'entrypoint' | 'cmd'>,
  command: readonly string[] | undefined,
  args: readonly string[] | undefined
): readonly string[] {
  const has = command !== undefined && command.length > 0
  const rest = args !== undefined && args.length > 0 ? args : has ? [] : image.cmd
  return [...(has ? command : image.entrypoint), ...rest]
}

const encoder = new TextEncoder()

export function responseOf({ id, method }: HttpRequest, { status, contentType = 'text/plain', headers, body }: Answer): HttpResponse {
  const bytes = method === 'HEAD' ? new Uint8Array(0) : typeof body === 'string' ? encoder.encode(body) : body
  return { id, status, headers: { 'content-type': contentType, ...headers }, body: bytes }
}
