// Prober: performs one probe or one lifecycle hook. Flows: it goes through the sockets of the node, or into the container.

import { ask, type Flow, type Outcome, sleep } from '../actor/index.js'
import type { Container, Handler, Pod, Probe } from '../kinds/index.js'
import type { IntOrString } from '../object/index.js'
import type { FetchRequest } from '../ports/index.js'
import { goDuration } from './crash-back-off.js'
import type { PodHost } from './pod-host.js'
import type { ExecResult } from './runtime.js'

export interface HandlerTarget {
  readonly pod: Pod
  readonly container: Container
  readonly id: string // Of the run.
  readonly podIp: string
}

export type HandlerOutcome = { readonly ok: boolean; readonly output: string }

const bodyBytesMax = 10 << 10 // As upstream's maxRespBodyLength.
const outputCharsMax = 10 << 10
const graceMs = 500 // For an answer that says it timed out.
const decoder = new TextDecoder()
const fine: HandlerOutcome = { ok: true, output: '' }

export function* runProbe(host: PodHost, target: HandlerTarget, probe: Probe): Flow<HandlerOutcome> {
  if (probe.grpc !== undefined) return { ok: false, output: 'gRPC probes are not supported by this kubelet' }
  return yield* runHandler(host, target, probe, (probe.timeoutSeconds ?? 1) * 1000)
}

export function* runHandler(host: PodHost, target: HandlerTarget, handler: Handler, timeoutMs: number): Flow<HandlerOutcome> {
  if (handler.sleep !== undefined) {
    yield* sleep('cluster', handler.sleep.seconds * 1000)
    return fine
  }
  if (host.runtime.kind === 'simulated') return fine // There is nothing to ask.
  if (handler.exec !== undefined) return yield* exec(host, target, handler.exec.command ?? [], timeoutMs)
  if (handler.httpGet !== undefined) return yield* httpGet(host, target, handler.httpGet, timeoutMs)
  if (handler.tcpSocket !== undefined) return yield* tcp(host, target, handler.tcpSocket, timeoutMs)
  return { ok: false, output: 'missing probe handler' }
}

function* exec(host: PodHost, { id }: HandlerTarget, argv: readonly string[], timeoutMs: number): Flow<HandlerOutcome> {
  const outcome: Outcome<ExecResult> = yield* host.runtime.exec(id, { argv, timeoutMs })
  if (!outcome.ok) return { ok: false, output: outcome.error.detail }
  const { code, stdout, stderr, timedOut } = outcome.value
  const output = (decoder.decode(stdout) + decoder.decode(stderr)).slice(0, outputCharsMax)
  if (timedOut)
    return { ok: false, output: `command timed out: ${JSON.stringify(argv.join(' '))} timed out after ${goDuration(timeoutMs)}` }
  return { ok: code === 0, output }
}

function* httpGet(host: PodHost, target: HandlerTarget, get: NonNullable<Handler['httpGet']>, timeoutMs: number): Flow<HandlerOutcome> {
  const port = portNumber(target.container, get.port)
  if (port === undefined) return { ok: false, output: `couldn't find port: ${JSON.stringify(get.port)} for ${target.container.name}` }
  const address = get.host === undefined || get.host === '' ? target.podIp : get.host
  const scheme = get.scheme === 'HTTPS' ? 'https' : 'http'
  const path = get.path === undefined || get.path === '' ? '/' : get.path
  const headers: Record<string, string> = { 'user-agent': 'kube-probe/1.34', accept: '*/*' }
  for (const { name, value } of get.httpHeaders ?? []) headers[name.toLowerCase()] = value
  const request: FetchRequest = {
    address,
    port,
    scheme,
    method: 'GET',
    path: path.startsWith('/') ? path : `/${path}`,
    headers,
    from: host.facts.hostIp,
    timeoutMs,
    bodyBytesMax
  }
  const outcome = yield* ask(host.sockets, timeoutMs + graceMs, 'fetch', request)
  const url = `${scheme}://${address}:${port}${request.path}`
  if (!outcome.ok) return { ok: false, output: `Get "${url}": ${failureText(outcome.error.code, outcome.error.detail, address, port)}` }
  const { status } = outcome.value
  return status >= 200 && status < 400 ? fine : { ok: false, output: `HTTP probe failed with statuscode: ${status}` }
}

function* tcp(host: PodHost, target: HandlerTarget, socket: NonNullable<Handler['tcpSocket']>, timeoutMs: number): Flow<HandlerOutcome> {
  const port = portNumber(target.container, socket.port)
  if (port === undefined) return { ok: false, output: `couldn't find port: ${JSON.stringify(socket.port)} for ${target.container.name}` }
  const address = socket.host === undefined || socket.host === '' ? target.podIp : socket.host
  const outcome = yield* ask(host.sockets, timeoutMs + graceMs, 'dial', { address, port, from: host.facts.hostIp, timeoutMs })
  return outcome.ok ? fine : { ok: false, output: failureText(outcome.error.code, outcome.error.detail, address, port) }
}

function portNumber(container: Container, port: IntOrString): number | undefined {
  if (typeof port === 'number') return port
  if (/^\d+$/.test(port)) return Number(port)
  return container.ports?.find(({ name }) => name === port)?.containerPort
}

// In the words of Go's net package, which people grep for.
function failureText(code: string, detail: string, address: string, port: number): string {
  switch (code) {
    case 'ECONNREFUSED':
      return `dial tcp ${address}:${port}: connect: connection refused`
    case 'ETIMEDOUT':
    case 'timeout':
      return `dial tcp ${address}:${port}: i/o timeout`
    default:
      return `dial tcp ${address}:${port}: ${detail === '' ? code : detail}`
  }
}
