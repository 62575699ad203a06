// ShellProcess: one run: a script in just-bash, what it writes, what signals do to it, and commands run beside it.
//
// Guarantee: `exited` is called exactly once, after the last output; after a deadly signal the script writes no more.

import * as path from 'node:path/posix'
import type * as justBash from 'just-bash'
import type { Bash, IFileSystem, ResolvedCommandContext } from 'just-bash'
import { execOutputBytesMax, type ShellExec, type ShellResult, type ShellRun, type ShellSignal } from '../../ports/index.js'
import { type Process, processCommands, signalNumbers } from './shell-commands.js'
import { networkCommands, type ShellNetwork, shellFetch } from './shell-network.js'
import { commandNames, instrument, quote } from './shell-script.js'

/** What a run needs of its port. */
export interface ShellHost {
  readonly justBash: typeof justBash
  clusterMs(): number
  nap(delayMs: number, signal: AbortSignal | undefined): Promise<void>
  output(stream: 'stdout' | 'stderr', bytes: Uint8Array): void
  exited(code: number, signal: ShellSignal | undefined, detail: string | undefined): void
}

const outputBytesPerSecond = 1 << 20
const outputBurstBytes = 1 << 18
const jobsMax = 64
const burstMs = 5 // A script computes this long,
const restMs = 15 // then waits this long: it has a quarter of the thread at most.

// Cumulative limits would end a container that runs for days; what it can hold at once stays limited.
const unbounded = Number.MAX_SAFE_INTEGER
const limits = {
  maxCommandCount: unbounded,
  maxLoopIterations: unbounded,
  maxWorkUnits: unbounded,
  maxGlobOperations: unbounded,
  maxTraversalEntries: unbounded,
  maxTraversalWork: unbounded,
  maxInputBytes: unbounded,
  maxOutputSize: unbounded,
  maxExecutionTimeMs: 2 ** 31 - 1
}

interface Job {
  readonly done: Promise<number>
  readonly abort: AbortController
}

export class ShellProcess implements Process {
  readonly pid = 1
  readonly hostname: string
  readonly uid: number
  readonly gid: number
  readonly traps = new Map<string, string>()
  readonly fs: IFileSystem
  readonly #host: ShellHost
  readonly #run: ShellRun
  readonly #network: ShellNetwork
  readonly #abort: AbortController
  readonly #pending: string[] = []
  readonly #jobs = new Map<number, Job>()
  #background: readonly string[] = []
  #interrupt: (() => void) | undefined
  #pidLast = 1
  #over = false
  #budgetBytes = outputBurstBytes
  #budgetAtMs = performance.now()
  #busySinceMs = performance.now()

  constructor(host: ShellHost, run: ShellRun, fs: IFileSystem, network: ShellNetwork, abort: AbortController) {
    this.#host = host
    this.#run = run
    this.#network = network
    this.#abort = abort
    this.fs = fs
    this.hostname = run.hostname
    this.uid = run.uid ?? 0
    this.gid = run.gid ?? 0
  }

  /** Whether the shell can run this; undefined: it can. Otherwise why not. */
  async start(): Promise<string | undefined> {
    const { argv } = this.#run
    const script = await this.#scriptOf(argv)
    if (script === undefined) return `exec: ${JSON.stringify(argv[0] ?? '')}: executable file not found in $PATH`
    void this.#main(script)
    return undefined
  }

  signal(signal: ShellSignal): void {
    const name = signal.slice('SIG'.length)
    const handler = name === 'KILL' ? undefined : this.traps.get(name)
    if (handler === undefined) this.#exit(128 + (signalNumbers[name] ?? 0), signal, undefined)
    else if (handler !== '') {
      this.#pending.push(handler)
      this.#interrupt?.()
    }
  }

  /** Ends it without a word. */
  abandon(): void {
    this.#over = true
    this.#abort.abort()
  }

  async exec({ argv, stdin, timeoutMs }: ShellExec): Promise<ShellResult> {
    const out = { stdout: [] as Buffer[], stderr: [] as Buffer[] }
    const script = await this.#scriptOf(argv)
    if (script === undefined) {
      const stderr = Buffer.from(`exec: ${JSON.stringify(argv[0] ?? '')}: executable file not found in $PATH\n`)
      return { code: 127, stdout: new Uint8Array(), stderr, timedOut: false }
    }
    const abort = new AbortController()
    let timedOut = false
    const timer = setTimeout(() => {
      timedOut = true
      abort.abort()
    }, timeoutMs)
    const input = stdin === undefined ? {} : { stdin: Buffer.from(stdin).toString('latin1'), stdinKind: 'bytes' as const }
    const stop = (): void => abort.abort()
    this.#abort.signal.addEventListener('abort', stop, { once: true })
    // The command may not heed the signal, but its caller is answered in time.
    const given = new Promise<undefined>(resolve => abort.signal.addEventListener('abort', () => resolve(undefined), { once: true }))
    const result = await Promise.race([
      this.#bash(abort).exec(this.plain(script), { ...input, signal: abort.signal, rawScript: true }),
      given
    ])
    clearTimeout(timer)
    this.#abort.signal.removeEventListener('abort', stop)
    if (result !== undefined) {
      out.stdout.push(bytesOf(result.stdout, result.stdoutKind))
      out.stderr.push(bytesOf(result.stderr, 'text'))
    }
    const cut = (chunks: Buffer[]): Uint8Array => new Uint8Array(Buffer.concat(chunks).subarray(0, execOutputBytesMax))
    return { code: result === undefined ? 137 : result.exitCode, stdout: cut(out.stdout), stderr: cut(out.stderr), timedOut }
  }

  // What is written ---------------------------------------------------------------------------------

  /** The console of the run: takes at most so many bytes a second. */
  async write(stream: 'stdout' | 'stderr', bytes: Uint8Array): Promise<void> {
    if (this.#over) return
    const nowMs = performance.now()
    const earned = ((nowMs - this.#budgetAtMs) / 1000) * outputBytesPerSecond
    this.#budgetBytes = Math.min(outputBurstBytes, this.#budgetBytes + earned) - bytes.length
    this.#budgetAtMs = nowMs
    this.#host.output(stream, bytes)
    if (this.#budgetBytes < 0) await pause((-this.#budgetBytes / outputBytesPerSecond) * 1000)
  }

  log(text: string): Promise<void> {
    return this.write('stdout', Buffer.from(text))
  }

  // What commands ask (Process) ---------------------------------------------------------------------

  clusterMs(): number {
    return this.#host.clusterMs()
  }

  async nap(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
    await this.#host.nap(delayMs, signal ?? this.#abort.signal)
    this.#busySinceMs = performance.now()
  }

  async breathe(): Promise<void> {
    if (performance.now() - this.#busySinceMs < burstMs) return
    await pause(restMs)
    this.#busySinceMs = performance.now()
  }

  trapped(): string | undefined {
    return this.#pending.shift()
  }

  startJob(index: number, ctx: ResolvedCommandContext): number {
    const source = this.#background[index]
    const pid = ++this.#pidLast
    if (source === undefined || this.#jobs.size >= jobsMax) return pid
    const abort = new AbortController()
    const stop = (): void => abort.abort()
    this.#abort.signal.addEventListener('abort', stop, { once: true })
    const env = Object.fromEntries(
      [...ctx.env].filter(([name]) => /^[A-Za-z_]\w*$/.test(name) && name !== 'SHELLOPTS' && name !== 'BASHOPTS')
    )
    const done = this.#execute(source, abort, env, ctx.cwd).then(({ code }) => {
      this.#abort.signal.removeEventListener('abort', stop)
      return code
    })
    this.#jobs.set(pid, { done, abort })
    return pid
  }

  async waitJobs(pids: readonly number[]): Promise<number | undefined> {
    const awaited = pids.length > 0 ? pids : [...this.#jobs.keys()]
    const interrupted = new Promise<undefined>(resolve => {
      this.#interrupt = () => resolve(undefined)
      if (this.#pending.length > 0) resolve(undefined)
      this.#abort.signal.addEventListener('abort', () => resolve(undefined), { once: true })
    })
    let code: number | undefined = 0
    for (const pid of awaited) {
      const job = this.#jobs.get(pid)
      if (job === undefined) continue
      code = await Promise.race([job.done, interrupted])
      if (code === undefined) break
      this.#jobs.delete(pid)
    }
    this.#interrupt = undefined
    return pids.length > 0 || code === undefined ? code : 0
  }

  kill(pid: number, signal: string): boolean {
    const job = this.#jobs.get(pid)
    job?.abort.abort()
    if (pid === this.pid) this.signal(`SIG${signal}` as ShellSignal)
    return job !== undefined || pid === this.pid
  }

  plain(script: string): string {
    try {
      return instrument(this.#host.justBash, script, 'plain').text
    } catch {
      return script // Its own parser says what is wrong with it.
    }
  }

  shellScript(args: readonly string[]): Promise<string> {
    return this.#shellScript(args)
  }

  // Inside ------------------------------------------------------------------------------------------

  async #main(script: string): Promise<void> {
    const { code, detail, env } = await this.#execute(script, this.#abort, undefined, undefined)
    const atExit = this.traps.get('EXIT')
    if (atExit !== undefined && atExit !== '' && !this.#over) await this.#execute(atExit, this.#abort, env, undefined)
    this.#exit(code, undefined, detail)
  }

  #exit(code: number, signal: ShellSignal | undefined, detail: string | undefined): void {
    if (this.#over) return
    this.#over = true
    this.#abort.abort()
    this.#host.exited(code, signal, detail)
  }

  async #execute(script: string, abort: AbortController, env: Record<string, string> | undefined, cwd: string | undefined) {
    try {
      const { text, background } = instrument(this.#host.justBash, script)
      if (abort === this.#abort) this.#background = background
      this.#busySinceMs = performance.now()
      const options = {
        signal: abort.signal,
        rawScript: true,
        ...(env !== undefined && { env, replaceEnv: true }),
        ...(cwd !== undefined && { cwd })
      }
      const result = await this.#bash(abort).exec(text, options)
      if (abort.signal.aborted) return { code: result.exitCode, detail: undefined, env: result.env }
      await this.write('stdout', bytesOf(result.stdout, result.stdoutKind))
      await this.write('stderr', bytesOf(result.stderr, 'text'))
      return { code: result.exitCode, detail: undefined, env: result.env }
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error)
      await this.write('stderr', Buffer.from(`sh: ${detail}\n`))
      return { code: 2, detail, env: undefined } // As a shell ends that cannot read its script.
    }
  }

  #bash(abort: AbortController): Bash {
    const { Bash } = this.#host.justBash
    const { env, cwd, hostname } = this.#run
    const network = { ...this.#network, signal: abort.signal }
    return new Bash({
      fs: this.fs,
      cwd,
      env: { HOME: '/root', PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', HOSTNAME: hostname, ...env },
      executionLimits: limits,
      defenseInDepth: false, // It changes the globals of the whole thread.
      processInfo: { pid: this.pid, ppid: 0, uid: this.uid, gid: this.gid },
      customCommands: [...processCommands(this), ...networkCommands(network)],
      fetch: shellFetch(network, this.fs) as never,
      sleep: ms => this.nap(ms, abort.signal)
    })
  }

  /** The script a command line runs; undefined: there is no such command. */
  async #scriptOf(argv: readonly string[]): Promise<string | undefined> {
    const [command = '', ...args] = argv
    const name = path.basename(command)
    if (name === 'sh' || name === 'bash' || name === 'ash' || name === 'dash') return this.#shellScript(args)
    if (command.includes('/') && !/^\/(usr\/(local\/)?)?s?bin\//.test(command)) {
      const text = await this.fs.readFile(path.resolve(this.#run.cwd, command)).catch(() => undefined)
      return text === undefined ? undefined : positional(args) + text
    }
    return knownCommands(this.#host.justBash).has(name) ? [name, ...args].map(quote).join(' ') : undefined
  }

  async #shellScript(args: readonly string[]): Promise<string> {
    const at = args.findIndex(arg => !/^[-+]/.test(arg) || arg === '-c')
    const flags = args
      .slice(
        0,
        args.findIndex(arg => !/^[-+]/.test(arg))
      )
      .join('')
      .replace(/[^a-z]/g, '')
    const set = [...flags].filter(flag => 'euxf'.includes(flag)).map(flag => `set -${flag}\n`)
    const rest = args.slice(args.findIndex(arg => !/^[-+]/.test(arg)))
    if (flags.includes('c')) return `${set.join('')}${positional(rest.slice(2))}${rest[0] ?? ''}`
    if (at < 0) return '' // Standard input, which is at its end.
    const file = args[at] as string
    const text = await this.fs.readFile(path.resolve(this.#run.cwd, file)).catch(() => undefined)
    if (text === undefined) return `echo ${quote(`sh: ${file}: No such file or directory`)} >&2; exit 127`
    return set.join('') + positional(args.slice(at + 1)) + text
  }
}

const ours =
  'sleep date tail trap kill uname hostname whoami id nproc arch sync ps wget nc nslookup sh bash ash dash curl test [ : exit'.split(' ')
let known: ReadonlySet<string> | undefined

export function knownCommands(module: typeof justBash): ReadonlySet<string> {
  known ??= new Set([...ours, ...module.getCommandNames()])
  return known
}

export const commandFiles = (module: typeof justBash): string[] => [...knownCommands(module), ...Object.values(commandNames)]

const positional = (args: readonly string[]): string => (args.length === 0 ? '' : `set -- ${args.map(quote).join(' ')}\n`)

const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

const bytesOf = (text: string, kind: 'text' | 'bytes' | undefined): Buffer => Buffer.from(text, kind === 'bytes' ? 'latin1' : 'utf8')
