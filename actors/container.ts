// container: one run of one container: a program of a stand-in image, its log, its listeners, its end.
//
// It knows what it is and tells who asks; it outlives its kubelet, and stays, exited, as the keeper of its log until it is removed.
// Guarantee: `containerExited` is told once; nothing is written to the log after it.

import {
  type Actor,
  ask,
  type Context,
  type Flow,
  type Later,
  machineOf,
  type Ref,
  type Refusal,
  refuse,
  sleep,
  type Turn
} from '../lib/actor/index.js'
import { argvOf, type Image, imageOf, type ModuleImage, type Process, type Running, responseOf } from '../lib/images/index.js'
import {
  type ContainerConfig,
  type ContainerEvents,
  type ContainerExit,
  type ContainerProtocol,
  type ContainerReport,
  type ContainersProtocol,
  type ExecResult,
  LogBuffer,
  LogStream,
  type SignalName
} from '../lib/kubelet/index.js'
import {
  type HttpOwner,
  httpPort,
  type ModuleOwner,
  modulePort,
  type ShellOwner,
  type ShellSignal,
  shellPort,
  socketsPort
} from '../lib/ports/index.js'
import type { KubeProxyProtocol } from './kube-proxy.js'

export interface ContainerArgs {
  readonly config: ContainerConfig
  readonly modules: readonly ModuleImage[]
  readonly containers: Ref<ContainersProtocol>
  readonly kubelet: Ref<ContainerEvents>
}

type Protocol = ContainerProtocol & HttpOwner & ShellOwner & ModuleOwner

interface Demands {
  readonly http: number[]
  readonly says: { readonly transport: 'TCP' | 'UDP'; readonly port: number; readonly bytes: Uint8Array }[]
  shell: readonly string[] | undefined
  module: string | undefined
}

interface ContainerState {
  readonly args: ContainerArgs
  readonly image: Image
  readonly log: LogBuffer
  readonly demands: Demands
  readonly notes: string[]
  readonly listeners: { readonly address: string; readonly port: number }[]
  readers: LogStream[]
  waiting: Later<ContainerReport>[] // Who asked whether it has started.
  running: Running
  phase: 'starting' | 'running' | 'exited'
  shellRuns: boolean
  companion: 'none' | 'starting' | 'runs' // A shell beside a program that is none, for exec.
  moduleRuns: boolean
  startedAtMs: number
  exit: ContainerExit | undefined
}

type ContainerContext = Context<Protocol>

const bodyBytesMax = 1 << 20
const listenTimeoutMs = 10_000
const shellTimeoutMs = 20_000
const resolveTimeoutMs = 2_000 // Below what the shell waits for an answer.
const mainRun = 1
const companionRun = 2
const movedBy = 20_000

const signalNumbers: Readonly<Record<SignalName, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGUSR2: 12,
  SIGTERM: 15,
  SIGWINCH: 28
}

export const container: Actor<Protocol, ContainerArgs, ContainerState> = {
  name: 'container',
  ports: [httpPort, socketsPort, shellPort, modulePort],
  init(ctx, args) {
    const image = imageOf(args.config.image, args.modules)
    const state: ContainerState = {
      args,
      image,
      log: new LogBuffer(),
      demands: { http: [], says: [], shell: undefined, module: undefined },
      notes: [],
      listeners: [],
      readers: [],
      waiting: [],
      running: {},
      phase: 'starting',
      shellRuns: false,
      companion: 'none',
      moduleRuns: false,
      startedAtMs: ctx.clusterMs,
      exit: undefined
    }
    const { pod, name, attempt } = args.config
    ctx.show({ pod: `${pod.namespace}/${pod.name}`, container: name, attempt })
    ctx.run(begin(ctx, state))
    return state
  },
  on: {
    started(ctx, state) {
      if (state.phase !== 'starting') return reportOf(state)
      const later = ctx.defer()
      state.waiting.push(later)
      return later
    },
    status: (_ctx, state) => reportOf(state),
    stop: (ctx, state, { signal }) => stopped(ctx, state, signal ?? (state.image.stopSignal as SignalName)),
    exec: (ctx, state, command) => execute(ctx, state, command),
    logs(ctx, state, options) {
      const reader = new LogStream(ctx.stream(), state.log, options, ctx.clusterMs)
      if (reader.pump(state.phase === 'exited')) state.readers.push(reader)
      return reader.sink
    },
    httpRequest(ctx, state, request) {
      const answer = state.phase === 'running' ? state.running.http?.(request) : undefined
      ctx.tell(ctx.port(httpPort), 'respond', responseOf(request, answer ?? { status: 503, body: '' }))
    },
    httpClosed: () => undefined,
    httpStalled: (ctx, _state, { id }) => ctx.tell(ctx.port(httpPort), 'abort', { ids: [id] }),
    shellOutput(ctx, state, { id, stream, bytes }) {
      if (id === mainRun) write(ctx, state, stream, bytes)
    },
    shellExit(ctx, state, { id, code, signal, detail }) {
      if (id === companionRun) state.companion = 'none'
      if (id !== mainRun) return
      state.shellRuns = false
      if (detail !== undefined) write(ctx, state, 'stderr', `${detail}\n`)
      finish(ctx, state, { atMs: ctx.clusterMs, exitCode: code, ...(signal === undefined ? {} : { signal: signalNumbers[signal] }) })
    },
    *shellResolve(ctx, _state, { name }) {
      const proxy = `${machineOf(ctx.self)}/kube-proxy` as Ref<KubeProxyProtocol>
      const answer = yield* ask(proxy, resolveTimeoutMs, 'resolve', { name })
      return answer.ok ? answer.value : refuse(answer.error.code, answer.error.detail)
    },
    moduleOutput: (ctx, state, { stream, text }) => write(ctx, state, stream, text),
    moduleExit(ctx, state, { code, detail }) {
      state.moduleRuns = false
      if (detail !== undefined) write(ctx, state, 'stderr', `${detail}\n`)
      finish(ctx, state, { atMs: ctx.clusterMs, exitCode: code })
    },
    modulePortMoved(ctx, state, { from, to }) {
      moved(ctx, state, from, to)
    }
  },
  sink(_ctx, state, sink, event) {
    const reader = state.readers.find(one => one.sink === sink)
    if (reader === undefined) return
    if (event === 'closed' || !reader.pump(state.phase === 'exited')) state.readers = state.readers.filter(one => one !== reader)
  },
  stopping(ctx, state) {
    finish(ctx, state, { atMs: ctx.clusterMs, exitCode: 137, signal: 9 })
  }
}

// Beginning ------------------------------------------------------------------------------------------------

function* begin(ctx: ContainerContext, state: ContainerState): Flow<void> {
  const { config } = state.args
  state.running = state.image.program.begin(processOf(ctx, state))
  const { demands } = state
  if (state.image.repositories.length === 0)
    state.notes.push(`Image "${config.image}" is not known here: container ${config.name} is simulated`)
  for (const port of demands.http) if (!(yield* listen(ctx, state, port))) return
  for (const { transport, port, bytes } of demands.says) {
    const options = { address: config.pod.ip, port, transport, serves: bytes }
    const listening = yield* ask(ctx.port(socketsPort), listenTimeoutMs, 'listen', options)
    if (!listening.ok) state.notes.push(`Container ${config.name} does not listen on ${transport} ${port}: ${listening.error.detail}`)
  }
  if (demands.shell !== undefined && !(yield* startShell(ctx, state, demands.shell, mainRun))) return
  if (demands.module !== undefined && !(yield* startModule(ctx, state, demands.module))) return
  if (config.script !== undefined && state.image.repositories.length === 0) {
    const { afterMs, exitCode } = config.script
    if (afterMs > 0) ctx.run(exitLater(ctx, state, afterMs, exitCode))
    else finish(ctx, state, { atMs: ctx.clusterMs, exitCode })
  }
  if (state.phase !== 'starting') return
  state.phase = 'running'
  state.startedAtMs = ctx.clusterMs
  tellStarted(ctx, state)
}

function* exitLater(ctx: ContainerContext, state: ContainerState, afterMs: number, exitCode: number): Flow<void> {
  yield* sleep('cluster', afterMs)
  finish(ctx, state, { atMs: ctx.clusterMs, exitCode })
}

function processOf(ctx: ContainerContext, state: ContainerState): Process {
  const { config } = state.args
  const { demands } = state
  return {
    argv: argvOf(state.image, config.command, config.args),
    env: config.env,
    image: config.image,
    pod: config.pod,
    container: config.name,
    get nowMs() {
      return ctx.clusterMs
    },
    out: line => write(ctx, state, 'stdout', `${line}\n`),
    err: line => write(ctx, state, 'stderr', `${line}\n`),
    exit: code => finish(ctx, state, { atMs: ctx.clusterMs, exitCode: code }),
    listenHttp: port => void demands.http.push(port),
    say: (transport, port, bytes) => void demands.says.push({ transport, port, bytes }),
    shell(argv) {
      demands.shell = argv
    },
    module(url) {
      demands.module = url
    }
  }
}

/** Where the port cannot be bound (privileged, or taken on all addresses) it is moved, and whoever dials it is told by the table. */
function* listen(ctx: ContainerContext, state: ContainerState, port: number): Flow<boolean> {
  const address = state.args.config.pod.ip
  let fault = ''
  for (const at of [port, ...(port + movedBy < 65_536 ? [port + movedBy] : []), 0]) {
    const listening = yield* ask(ctx.port(httpPort), listenTimeoutMs, 'listen', { address, port: at, bodyBytesMax })
    if (state.phase === 'exited') return false
    if (listening.ok) {
      state.listeners.push({ address, port: listening.value.port })
      if (listening.value.port !== port) moved(ctx, state, port, listening.value.port)
      return true
    }
    const { code, detail } = listening.error
    fault = `${code}: ${detail}`
    if (code !== 'EACCES' && code !== 'EADDRINUSE') break
  }
  write(ctx, state, 'stderr', `bind() to ${address}:${port} failed (${fault})\n`)
  finish(ctx, state, { atMs: ctx.clusterMs, exitCode: 1 })
  return false
}

function moved(ctx: ContainerContext, state: ContainerState, from: number, to: number): void {
  const { pod, name } = state.args.config
  ctx.tell(ctx.port(socketsPort), 'moved', { from: { address: pod.ip, port: from, transport: 'TCP' }, to })
  state.notes.push(
    `Port ${from} of container ${name} cannot be bound on this host and is served on ${pod.ip}:${to}; the cluster finds it there`
  )
}

function* startShell(ctx: ContainerContext, state: ContainerState, argv: readonly string[], id: number): Flow<boolean> {
  const { config, containers } = state.args
  const shell = ctx.port(shellPort)
  const kept = config.volumes.filter(volume => volume.kept).map(({ name }) => name)
  const claimed = yield* ask(containers, listenTimeoutMs, 'claim', { names: kept })
  const fresh = new Set(claimed.ok ? claimed.value : [])
  for (const volume of config.volumes) {
    if (volume.kept && !fresh.has(volume.name)) continue
    yield* ask(shell, shellTimeoutMs, 'volume', { name: volume.name, files: volume.files })
  }
  const run = {
    id,
    argv,
    env: { ...state.image.env, ...config.env },
    cwd: config.cwd ?? state.image.cwd ?? '/',
    hostname: config.pod.hostname,
    ...(config.pod.ip === '' ? {} : { podIp: config.pod.ip }),
    files: { '/etc/resolv.conf': config.resolvConf },
    mounts: config.mounts,
    ...config.runAs
  }
  if (state.phase === 'exited') return false
  if (id === mainRun) state.shellRuns = true
  const started = yield* ask(shell, shellTimeoutMs, 'run', run)
  if (started.ok) return true
  if (id !== mainRun) return false
  state.shellRuns = false
  const message = `exec: ${JSON.stringify(argv[0])}: ${started.error.code === 'not found' ? 'executable file not found in $PATH' : started.error.detail}`
  // As containerd: a process that never began.
  finish(ctx, state, { atMs: ctx.clusterMs, exitCode: 128, reason: 'StartError', message: `failed to create containerd task: ${message}` })
  return false
}

function* startModule(ctx: ContainerContext, state: ContainerState, url: string): Flow<boolean> {
  const { config } = state.args
  const { image, env, pod } = config
  const args = argvOf(state.image, config.command, config.args).slice(1)
  state.moduleRuns = true
  const started = yield* ask(ctx.port(modulePort), shellTimeoutMs, 'run', { url, image, args, env, pod })
  if (started.ok) return true
  state.moduleRuns = false
  finish(ctx, state, { atMs: ctx.clusterMs, exitCode: 128, reason: 'StartError', message: `${url}: ${started.error.detail}` })
  return false
}

// Ending ---------------------------------------------------------------------------------------------------

function stopped(ctx: ContainerContext, state: ContainerState, signal: SignalName): void {
  if (state.phase === 'exited') return
  const number = signalNumbers[signal]
  const killed = { atMs: ctx.clusterMs, exitCode: 128 + number, signal: number }
  if (state.shellRuns) {
    const known: ShellSignal = signal === 'SIGWINCH' ? 'SIGTERM' : signal
    ctx.tell(ctx.port(shellPort), 'signal', { id: mainRun, signal: known })
  } else if (state.moduleRuns) {
    ctx.tell(ctx.port(modulePort), 'signal', { name: signal })
    if (signal === 'SIGKILL') finish(ctx, state, killed)
  } else if (signal === 'SIGKILL' || state.running.signal === undefined) finish(ctx, state, killed)
  else state.running.signal(signal)
}

function finish(ctx: ContainerContext, state: ContainerState, exit: ContainerExit): void {
  if (state.phase === 'exited') return
  state.log.finish(ctx.clusterMs)
  state.phase = 'exited'
  state.exit = exit
  for (const listener of state.listeners.splice(0)) ctx.tell(ctx.port(httpPort), 'closeListener', listener)
  if (state.shellRuns) ctx.tell(ctx.port(shellPort), 'signal', { id: mainRun, signal: 'SIGKILL' })
  if (state.companion !== 'none') ctx.tell(ctx.port(shellPort), 'signal', { id: companionRun, signal: 'SIGKILL' })
  pump(state)
  const report = reportOf(state)
  ctx.tell(state.args.containers, 'exited', report)
  ctx.tell(state.args.kubelet, 'containerExited', report)
  tellStarted(ctx, state)
}

function tellStarted(ctx: ContainerContext, state: ContainerState): void {
  for (const later of state.waiting.splice(0)) ctx.answer(later, reportOf(state))
}

// Log, exec ------------------------------------------------------------------------------------------------

function write(ctx: ContainerContext, state: ContainerState, stream: 'stdout' | 'stderr', text: string | Uint8Array): void {
  if (state.phase === 'exited') return
  state.log.append(stream, text, ctx.clusterMs)
  pump(state)
}

function pump(state: ContainerState): void {
  if (state.readers.length > 0) state.readers = state.readers.filter(reader => reader.pump(state.phase === 'exited'))
}

function* execute(
  ctx: Turn<Protocol, never, ExecResult>,
  state: ContainerState,
  { argv, stdin, timeoutMs }: { readonly argv: readonly string[]; readonly stdin?: Uint8Array; readonly timeoutMs: number }
): Flow<ExecResult | Refusal> {
  if (state.phase !== 'running') return refuse('not running', `container ${state.args.config.name} is not running`)
  // A program that is no shell gets one beside it: the same environment, volumes and name.
  if (!state.shellRuns && state.companion === 'none') {
    state.companion = 'starting'
    const runs = yield* startShell(ctx, state, ['sleep', '2000000000'], companionRun)
    state.companion = runs ? 'runs' : 'none'
  }
  const id = state.shellRuns ? mainRun : companionRun
  const outcome = yield* ask(ctx.port(shellPort), timeoutMs + 1000, 'exec', {
    id,
    argv,
    timeoutMs,
    ...(stdin === undefined ? {} : { stdin })
  })
  return outcome.ok ? outcome.value : refuse(outcome.error.code, outcome.error.detail)
}

function reportOf({ args, phase, startedAtMs, exit, notes }: ContainerState): ContainerReport {
  const { id, pod, name, attempt, init, image, imageId } = args.config
  return {
    config: { id, pod, name, attempt, init, image, imageId },
    phase: phase === 'exited' ? 'exited' : 'running',
    startedAtMs,
    ...(exit === undefined ? {} : { exit }),
    notes
  }
}
