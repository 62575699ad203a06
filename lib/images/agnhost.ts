// agnhost: the image of upstream's end-to-end tests: netexec, serve-hostname, pause, and whatever the shell can do.

import type { HttpRequest } from '../ports/index.js'
import type { Answer, Image, Process, Running } from './program.js'

export const agnhost: Image = {
  repositories: ['registry.k8s.io/e2e-test-images/agnhost', 'k8s.gcr.io/e2e-test-images/agnhost'],
  entrypoint: ['/agnhost'],
  cmd: ['pause'],
  stopSignal: 'SIGTERM',
  program: { begin }
}

const encoder = new TextEncoder()
const text = (status: number, body: string): Answer => ({ status, contentType: 'text/plain; charset=utf-8', body })

function begin(process: Process): Running {
  const { argv } = process
  if (argv[0] !== '/agnhost' && argv[0] !== 'agnhost') {
    process.shell(argv)
    return {}
  }
  switch (argv[1]) {
    case 'netexec':
      return netexec(process, argv.slice(2))
    case 'serve-hostname':
      return serveHostname(process, argv.slice(2))
    case 'pause':
    case undefined:
      process.out('Paused')
      return { signal: ends(process) }
    default:
      process.err(`Error: unknown command "${argv[1]}" for "app": this stand-in knows netexec, serve-hostname and pause`)
      process.exit(1)
      return {}
  }
}

/** The value of `--name value`, `--name=value` or `-name=value`. */
function flag(args: readonly string[], name: string, fallback: number): number {
  for (const [index, arg] of args.entries()) {
    const match = new RegExp(`^--?${name}(?:=(.*))?$`).exec(arg)
    if (match !== null) return Number(match[1] ?? args[index + 1])
  }
  return fallback
}

const ends =
  (process: Process) =>
  (signal: string): void => {
    if (signal === 'SIGTERM' || signal === 'SIGINT') process.exit(0)
  }

function netexec(process: Process, args: readonly string[]): Running {
  const httpPort = flag(args, 'http-port', 8080)
  const udpPort = flag(args, 'udp-port', 8081)
  process.out(`Started HTTP server on port ${httpPort}`)
  process.listenHttp(httpPort)
  if (udpPort > 0) process.say('UDP', udpPort, encoder.encode(process.pod.hostname))
  const state = { healthy: true }
  return { signal: ends(process), http: request => handle(process, state, request) }
}

function handle(process: Process, state: { healthy: boolean }, request: HttpRequest): Answer {
  const [path = '/', query = ''] = request.path.split('?', 2)
  const parameters = queryOf(query)
  switch (path) {
    case '/':
      return text(200, `NOW: ${Math.floor(process.nowMs)}`)
    case '/hostname':
    case '/hostName':
      return text(200, process.pod.hostname)
    case '/clientip':
      return text(200, request.remoteAddress)
    case '/header':
      return text(200, request.headers[(parameters.key ?? '').toLowerCase()] ?? '')
    case '/echo':
      return text(Number(parameters.code ?? 200), parameters.msg ?? '')
    case '/healthz':
      return state.healthy ? text(200, '') : text(412, '')
    case '/exit':
      process.exit(Number(parameters.code ?? 0))
      return text(200, '')
    case '/shutdown':
      process.exit(0)
      return text(200, '')
    default:
      return text(404, '404 page not found\n')
  }
}

function serveHostname(process: Process, args: readonly string[]): Running {
  const port = flag(args, 'port', 9376)
  process.out(`Serving on port ${port}.`)
  process.listenHttp(port)
  return { signal: ends(process), http: () => text(200, process.pod.hostname) }
}

export function queryOf(query: string): Record<string, string> {
  const found: Record<string, string> = {}
  for (const pair of query.split('&')) {
    const [name = '', value = ''] = pair.split('=', 2)
    if (name !== '') found[plain(name)] = plain(value)
  }
  return found
}

function plain(encoded: string): string {
  try {
    return decodeURIComponent(encoded.replaceAll('+', ' '))
  } catch {
    return encoded // What is no valid encoding is taken as it is.
  }
}
