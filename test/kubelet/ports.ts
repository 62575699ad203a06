// Ports of a simulated node: a loopback network of HTTP servers, and a shell that knows a handful of commands.

import { type Actor, type AnyActor, ask, type Context, type Flow, type Later, type Ref, refuse, sleep } from '../../lib/actor/index.js'
import type {
  FetchRequest,
  HttpListenOptions,
  HttpOwner,
  HttpProtocol,
  HttpResponse,
  ShellOwner,
  ShellProtocol,
  ShellRun,
  ShellSignal,
  ShellVolume
} from '../../lib/ports/index.js'
import type { PortMaker } from '../../lib/sim/index.js'

interface Loopback {
  readonly servers: Map<string, string> // `address:port` -> the http port that listens there.
  readonly moved: Map<string, number>
}

interface InjectProtocol {
  inject(request: FetchRequest): HttpResponse
}

const decoder = new TextDecoder()
const encoder = new TextEncoder()

/** A network of its own for each call. `privilegedMax`: ports up to it are refused with EACCES. */
export function simulatedPorts(privilegedMax = 0): { readonly ports: Record<string, PortMaker>; readonly loopback: Loopback } {
  const loopback: Loopback = { servers: new Map(), moved: new Map() }
  const volumes = new Map<string, Map<string, string>>()
  const ports: Record<string, PortMaker> = {
    http: owner => httpActor(owner, loopback, privilegedMax),
    sockets: () => socketsActor(loopback),
    shell: owner => shellActor(owner, volumes)
  }
  return { ports, loopback }
}

function httpActor(owner: string, { servers }: Loopback, privilegedMax: number): AnyActor {
  const to = owner as Ref<HttpOwner>
  const pending = new Map<number, Later<HttpResponse>>()
  const mine: string[] = []
  let last = 0
  const actor: Actor<Pick<HttpProtocol, 'listen' | 'closeListener' | 'respond'> & InjectProtocol, void, null> = {
    name: 'http',
    init: () => null,
    on: {
      listen(ctx, _state, { address, port }: HttpListenOptions) {
        const at = `${address}:${port === 0 ? 40_000 : port}`
        if (port > 0 && port <= privilegedMax) return refuse('EACCES', 'permission denied')
        if (servers.has(at)) return refuse('EADDRINUSE', 'address already in use')
        servers.set(at, ctx.self)
        mine.push(at)
        return { port: Number(at.split(':')[1]) }
      },
      closeListener: (_ctx, _state, { address, port }) => void servers.delete(`${address}:${port}`),
      respond(ctx, _state, response) {
        const later = pending.get(response.id)
        pending.delete(response.id)
        if (later !== undefined) ctx.answer(later, response)
      },
      inject(ctx, _state, { method, path, headers, from = '127.0.0.1', address }) {
        const id = ++last
        const later = ctx.defer()
        pending.set(id, later)
        ctx.tell(to, 'httpRequest', {
          id,
          method,
          path,
          headers,
          body: new Uint8Array(0),
          client: null,
          remoteAddress: from,
          localAddress: address
        })
        return later
      }
    },
    stopping() {
      for (const at of mine) servers.delete(at)
    }
  }
  return actor as unknown as AnyActor
}

function socketsActor({ servers, moved }: Loopback): AnyActor {
  const find = (address: string, port: number): string | undefined => servers.get(`${address}:${moved.get(`${address}:${port}`) ?? port}`)
  const on = {
    listen: (_ctx: unknown, _state: unknown, at: { address: string; port: number }) => ({ ...at, moved: false }),
    moved(_ctx: unknown, _state: unknown, { from, to }: { from: { address: string; port: number }; to: number | null }) {
      if (to !== null) moved.set(`${from.address}:${from.port}`, to)
    },
    place: () => undefined,
    dial: (_ctx: unknown, _state: unknown, { address, port }: { address: string; port: number }) =>
      find(address, port) === undefined ? refuse('ECONNREFUSED', 'connection refused') : undefined,
    *fetch(_ctx: unknown, _state: unknown, request: FetchRequest): Flow<unknown> {
      const server = find(request.address, request.port) as Ref<InjectProtocol> | undefined
      if (server === undefined) return refuse('ECONNREFUSED', 'connection refused')
      const outcome = yield* ask(server, request.timeoutMs, 'inject', request)
      return outcome.ok ? outcome.value : refuse('ETIMEDOUT', 'no answer')
    }
  }
  return { name: 'sockets', init: () => null, on } as unknown as AnyActor
}

interface Run {
  readonly run: ShellRun
  trap: boolean
  over: boolean
}

const signalNumbers: Partial<Record<ShellSignal, number>> = { SIGTERM: 15, SIGKILL: 9, SIGINT: 2, SIGQUIT: 3 }

/** Knows: `echo words`, `sleep seconds`, `exit code`, `cat path`, `env NAME`, `write path text`, `trap` (ignore SIGTERM), `true`, `false`. */
function shellActor(owner: string, volumes: Map<string, Map<string, string>>): AnyActor {
  const to = owner as Ref<ShellOwner>
  const runs = new Map<number, Run>()
  type ShellContext = Context<unknown>

  const file = (run: ShellRun, path: string): { files: Map<string, string>; name: string } | undefined => {
    const mount = (run.mounts ?? []).find(one => path.startsWith(`${one.path}/`))
    const files = mount && volumes.get(mount.volume)
    return mount && files && { files, name: path.slice(mount.path.length + 1) }
  }

  function* perform(run: ShellRun, line: string, out: (text: string) => void, state?: Run): Flow<number> {
    const [command = '', ...words] = line.trim().split(/\s+/)
    switch (command) {
      case 'echo':
        out(`${words.join(' ')}\n`)
        return 0
      case 'sleep':
        yield* sleep('cluster', Number(words[0]) * 1000)
        return 0
      case 'cat': {
        const at = file(run, words[0] ?? '')
        const text = at?.files.get(at.name)
        out(text ?? `cat: ${words[0]}: No such file or directory\n`)
        return text === undefined ? 1 : 0
      }
      case 'write':
        file(run, words[0] ?? '')?.files.set((words[0] ?? '').split('/').at(-1) ?? '', words.slice(1).join(' '))
        return 0
      case 'env':
        out(`${run.env[words[0] ?? ''] ?? ''}\n`)
        return 0
      case 'trap':
        if (state !== undefined) state.trap = true
        return 0
      case 'exit':
        return -1 - Number(words[0] ?? 0)
      case 'true':
        return 0
      default:
        return 1
    }
  }

  function* script(ctx: ShellContext, state: Run, id: number): Flow<void> {
    const { argv } = state.run
    const lines = argv[1] === '-c' ? (argv[2] ?? '').split(';') : [argv.join(' ')]
    let code = 0
    for (const line of lines) {
      code = yield* perform(
        state.run,
        line,
        text => ctx.tell(to, 'shellOutput', { id, stream: 'stdout', bytes: encoder.encode(text) }),
        state
      )
      if (state.over) return
      if (code < 0) break
    }
    end(ctx, state, id, code < 0 ? -1 - code : code)
  }

  const end = (ctx: ShellContext, state: Run, id: number, code: number, signal?: ShellSignal): void => {
    if (state.over) return
    state.over = true
    runs.delete(id)
    ctx.tell(to, 'shellExit', { id, code, ...(signal === undefined ? {} : { signal }) })
  }

  const actor: Actor<Pick<ShellProtocol, 'volume' | 'run' | 'exec' | 'signal'>, void, null> = {
    name: 'shell',
    init: () => null,
    on: {
      volume(_ctx, _state, { name, files }: ShellVolume) {
        const texts = Object.entries(files).map(([at, value]) => [at, typeof value === 'string' ? value : decoder.decode(value)] as const)
        volumes.set(name, new Map(texts))
      },
      run(ctx, _state, run) {
        if (!['sh', 'sleep', 'echo', 'bash', 'true', 'false'].includes(run.argv[0] ?? ''))
          return refuse('not found', `${run.argv[0]}: not found`)
        const missing = (run.mounts ?? []).find(({ volume }) => !volumes.has(volume))
        if (missing !== undefined) return refuse('not found', `no volume ${missing.volume}`)
        const state = { run, trap: false, over: false }
        runs.set(run.id, state)
        ctx.run(script(ctx as ShellContext, state, run.id))
        return undefined
      },
      *exec(_ctx, _state, { id, argv }) {
        const state = runs.get(id)
        if (state === undefined) return refuse('not found', `no run ${id}`)
        let output = ''
        const line = argv[1] === '-c' ? (argv[2] ?? '') : argv.join(' ')
        const code = yield* perform(state.run, line, text => (output += text))
        return { code, stdout: encoder.encode(output), stderr: new Uint8Array(0), timedOut: false }
      },
      signal(ctx, _state, { id, signal }) {
        const state = runs.get(id)
        if (state === undefined) return false
        if (!state.trap || signal === 'SIGKILL') end(ctx as ShellContext, state, id, 128 + (signalNumbers[signal] ?? 0), signal)
        return true
      }
    }
  }
  return actor as unknown as AnyActor
}
