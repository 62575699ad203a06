// shell: the real implementation, on just-bash. An actor of the host's own, one for each owner; see lib/ports/shell.ts.
//
// just-bash is loaded when a container first needs it (about 100 ms). Volumes belong to the thread, not to the owner:
// the containers of a pod may have owners of their own.

import type * as justBash from 'just-bash'
import type { InMemoryFs } from 'just-bash'
import {
  type AnyActor,
  ask,
  type Context,
  type Flow,
  type Later,
  machineOf,
  type Ref,
  type Refusal,
  type Running,
  refuse,
  sleep
} from '../../actor/index.js'
import type { ShellExec, ShellOwner, ShellProtocol, ShellResult, ShellRun, ShellSignal, ShellVolume } from '../../ports/index.js'
import type { PortLoader, PortServices } from '../port-services.js'
import { newRoot, newVolume, refill, volumeBytesMax } from './shell-files.js'
import { commandFiles, knownCommands, ShellProcess } from './shell-run.js'
import { Network } from './sockets-network.js'

const runsMax = 512
const volumesMax = 4096
const resolveTimeoutMs = 5000
const outputDelayMs = 5 // What a script writes within it is told at once.
const outputChunkBytes = 64 << 10
const mailboxMax = 1 << 18 // Bounded by runs and what each has under way; none may be lost.

export const loadShell: PortLoader = async () => services => {
  const volumes = new Map<string, InMemoryFs>()
  return (owner, post) => shellActor(new Shell(services, owner, post, volumes), owner)
}

/** What the port tells itself. */
interface Notices {
  worked(work: { readonly id: number; readonly outcome: unknown }): void
  wrote(output: { readonly id: number; readonly stream: 'stdout' | 'stderr'; readonly bytes: Uint8Array }): void
  ended(exit: { readonly id: number; readonly code: number; readonly signal?: ShellSignal; readonly detail?: string }): void
  napping(nap: { readonly id: number; readonly delayMs: number }): void
  lookup(query: { readonly id: number; readonly run: number; readonly name: string }): void
}

type Handlers = {
  [K in keyof ShellProtocol]: (ctx: Context<Notices>, state: undefined, ...body: Parameters<ShellProtocol[K]>) => unknown
}
type NoticeHandlers = { [K in keyof Notices]: (ctx: Context<Notices>, state: undefined, ...body: Parameters<Notices[K]>) => unknown }

function shellActor(shell: Shell, owner: string): AnyActor {
  const to = owner as Ref<ShellOwner>
  const on: Handlers & NoticeHandlers = {
    volume: (ctx, _, volume) => shell.begin(ctx, shell.volume(volume)),
    removeVolume: (_, __, { name }) => void shell.volumes.delete(name),
    run: (ctx, _, run) => shell.reserve(run) ?? shell.begin(ctx, shell.run(run)),
    exec: (ctx, _, command) =>
      shell.has(command.id) ? shell.begin(ctx, shell.exec(command)) : refuse('not found', `no run ${command.id}`),
    signal: (_, __, { id, signal }) => shell.signal(id, signal),
    readFile: (ctx, _, file) => shell.begin(ctx, shell.readFile(file.id, file.path)),
    knows: (ctx, _, { name }) => shell.begin(ctx, shell.knows(name)),
    worked: (ctx, _, { id, outcome }) => shell.worked(ctx, id, outcome),
    wrote: (ctx, _, output) => ctx.tell(to, 'shellOutput', output),
    ended: (ctx, _, exit) => ctx.tell(to, 'shellExit', exit),
    napping: (ctx, _, { id, delayMs }) => shell.napping(ctx, id, delayMs),
    *lookup(_, __, { id, run, name }): Flow<void> {
      shell.found(id, yield* ask(to, resolveTimeoutMs, 'shellResolve', { id: run, name }))
    }
  }
  return { name: 'shell', init: () => undefined, on: on as AnyActor['on'], stopping: () => shell.close(), mailboxMax }
}

class Shell {
  readonly volumes: Map<string, InMemoryFs>
  readonly #services: PortServices
  readonly #owner: string
  readonly #network: Network
  readonly #post: <K extends keyof Notices & string>(type: K, body: Parameters<Notices[K]>[0]) => void
  readonly #runs = new Map<number, { process: ShellProcess | undefined; readonly output: Output }>()
  readonly #works = new Map<number, Later<unknown>>()
  readonly #naps = new Map<number, { readonly wake: () => void; running: Running | undefined }>()
  readonly #lookups = new Map<number, { resolve(addresses: readonly string[]): void; reject(error: Error): void }>()
  #idLast = 0
  #closed = false

  constructor(services: PortServices, owner: string, post: (type: string, body: unknown) => void, volumes: Map<string, InMemoryFs>) {
    this.#services = services
    this.#owner = owner
    this.#network = new Network(services)
    this.volumes = volumes
    this.#post = post
  }

  // Requests ----------------------------------------------------------------------------------------

  begin(ctx: Context<Notices>, work: Promise<unknown>): undefined {
    const id = ++this.#idLast
    this.#works.set(id, (ctx as unknown as { defer(): Later<unknown> }).defer())
    const settle = (outcome: unknown): void => {
      if (!this.#closed) this.#post('worked', { id, outcome })
    }
    work.then(settle, error => settle(refuse('failed', error instanceof Error ? error.message : String(error))))
    return undefined
  }

  worked(ctx: Context<Notices>, id: number, outcome: unknown): void {
    const later = this.#works.get(id)
    this.#works.delete(id)
    if (later !== undefined) ctx.answer(later, outcome)
  }

  async volume({ name, files, bytesMax = volumeBytesMax }: ShellVolume): Promise<undefined | Refusal> {
    const module = await load()
    const known = this.volumes.get(name)
    if (known !== undefined) await refill(known, files)
    else if (this.volumes.size >= volumesMax) return refuse('overloaded', `${volumesMax} volumes exist`)
    else this.volumes.set(name, newVolume(module, files, bytesMax))
    return undefined
  }

  /** Why the run cannot be; undefined: its id is taken for it. */
  reserve({ id, argv, mounts = [] }: ShellRun): Refusal | undefined {
    if (argv.length === 0) return refuse('invalid', 'no command')
    if (this.#runs.has(id)) return refuse('exists', `run ${id}`)
    if (this.#runs.size >= runsMax) return refuse('overloaded', `${runsMax} runs`)
    const missing = mounts.find(({ volume }) => !this.volumes.has(volume))
    if (missing !== undefined) return refuse('not found', `no volume ${missing.volume}`)
    this.#runs.set(id, { process: undefined, output: new Output((stream, bytes) => this.#post('wrote', { id, stream, bytes })) })
    return undefined
  }

  async run(run: ShellRun): Promise<undefined | Refusal> {
    const { id } = run
    const entry = this.#runs.get(id)
    if (entry === undefined) return refuse('not found', `run ${id}`)
    const module = await load()
    const abort = new AbortController()
    const fs = newRoot(module, run.files ?? {}, run.mounts ?? [], this.volumes, commandFiles(module), (stream, bytes) =>
      process.write(stream, bytes)
    )
    const network = {
      network: this.#network,
      machine: machineOf(this.#owner),
      podIp: run.podIp,
      signal: abort.signal,
      lookup: (name: string) => this.#lookup(id, name)
    }
    const host = {
      justBash: module,
      clusterMs: () => this.#services.clock.nowMs(),
      nap: (delayMs: number, signal: AbortSignal | undefined) => this.#nap(delayMs, signal),
      output: (stream: 'stdout' | 'stderr', bytes: Uint8Array) => entry.output.write(stream, bytes),
      exited: (code: number, signal: ShellSignal | undefined, detail: string | undefined) => this.#exited(id, code, signal, detail)
    }
    const process: ShellProcess = new ShellProcess(host, run, fs, network, abort)
    if (this.#closed || this.#runs.get(id) !== entry) return refuse('down', 'the port closed')
    await fs.mkdir(run.cwd, { recursive: true }).catch(() => undefined)
    const error = await process.start()
    if (error === undefined) entry.process = process
    else this.#runs.delete(id)
    return error === undefined ? undefined : refuse('not found', error)
  }

  has(id: number): boolean {
    return this.#runs.get(id)?.process !== undefined
  }

  async exec(command: ShellExec): Promise<ShellResult | Refusal> {
    return this.#runs.get(command.id)?.process?.exec(command) ?? refuse('not found', `no run ${command.id}`)
  }

  signal(id: number, signal: ShellSignal): boolean {
    const process = this.#runs.get(id)?.process
    process?.signal(signal)
    return process !== undefined
  }

  async readFile(id: number, path: string): Promise<Uint8Array | null> {
    const fs = this.#runs.get(id)?.process?.fs
    return fs === undefined ? null : await fs.readFileBuffer(path).catch(() => null)
  }

  async knows(name: string): Promise<boolean> {
    return knownCommands(await load()).has(name.slice(name.lastIndexOf('/') + 1))
  }

  close(): void {
    this.#closed = true
    for (const { process } of this.#runs.values()) process?.abandon()
    for (const { wake } of this.#naps.values()) wake()
  }

  // What runs ask -----------------------------------------------------------------------------------

  #exited(id: number, code: number, signal: ShellSignal | undefined, detail: string | undefined): void {
    if (this.#closed) return
    this.#runs.get(id)?.output.flush()
    this.#runs.delete(id)
    this.#post('ended', { id, code, ...(signal !== undefined && { signal }), ...(detail !== undefined && { detail }) })
  }

  // On the dispatcher's timers: when the cluster's clock is advanced, sleepers wake with everybody else.
  #nap(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
    if (this.#closed || signal?.aborted === true) return Promise.resolve()
    return new Promise(resolve => {
      const id = ++this.#idLast
      const wake = (): void => {
        signal?.removeEventListener('abort', wake)
        this.#naps.get(id)?.running?.cancel()
        this.#naps.delete(id)
        resolve()
      }
      this.#naps.set(id, { wake, running: undefined })
      signal?.addEventListener('abort', wake)
      this.#post('napping', { id, delayMs })
    })
  }

  napping(ctx: Context<Notices>, id: number, delayMs: number): void {
    const nap = this.#naps.get(id)
    if (nap !== undefined) nap.running = ctx.run(this.#sleeping(id, delayMs))
  }

  *#sleeping(id: number, delayMs: number): Flow<void> {
    yield* sleep('cluster', delayMs)
    this.#woken(id)
  }

  #woken(id: number): void {
    const nap = this.#naps.get(id)
    if (nap === undefined) return
    nap.running = undefined
    nap.wake()
  }

  #lookup(run: number, name: string): Promise<readonly string[]> {
    return new Promise((resolve, reject) => {
      const id = ++this.#idLast
      this.#lookups.set(id, { resolve, reject })
      this.#post('lookup', { id, run, name })
    })
  }

  found(id: number, outcome: { ok: true; value: { addresses: readonly string[] } } | { ok: false; error: { detail: string } }): void {
    const lookup = this.#lookups.get(id)
    this.#lookups.delete(id)
    if (outcome.ok) lookup?.resolve(outcome.value.addresses)
    else lookup?.reject(Object.assign(new Error(outcome.error.detail), { code: 'EAI_AGAIN' }))
  }
}

/** Joins what is written within a few milliseconds: a message for each line would cost more than the line. */
class Output {
  readonly #tell: (stream: 'stdout' | 'stderr', bytes: Uint8Array) => void
  #stream: 'stdout' | 'stderr' = 'stdout'
  #chunks: Uint8Array[] = []
  #bytes = 0
  #timer: NodeJS.Timeout | undefined

  constructor(tell: (stream: 'stdout' | 'stderr', bytes: Uint8Array) => void) {
    this.#tell = tell
  }

  write(stream: 'stdout' | 'stderr', bytes: Uint8Array): void {
    if (stream !== this.#stream) this.flush()
    this.#stream = stream
    this.#chunks.push(bytes)
    this.#bytes += bytes.length
    if (this.#bytes >= outputChunkBytes) this.flush()
    else this.#timer ??= setTimeout(() => this.flush(), outputDelayMs)
  }

  flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#bytes === 0) return
    const bytes = new Uint8Array(Buffer.concat(this.#chunks))
    this.#chunks = []
    this.#bytes = 0
    this.#tell(this.#stream, bytes)
  }
}

let module: Promise<typeof justBash> | undefined
const load = (): Promise<typeof justBash> => {
  module ??= import('just-bash')
  return module
}
