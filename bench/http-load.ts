// HTTP load: requests over HTTP/2 and TLS to any server, a fixed number in flight on a few connections, as client-go's would come.

import { readFileSync } from 'node:fs'
import { type ClientHttp2Session, connect } from 'node:http2'
import { median, quantile } from './measure.js'

export interface Credentials {
  readonly server: string
  readonly ca: string
  readonly cert?: string
  readonly key?: string
}

export interface Answer {
  readonly status: number
  readonly body: Buffer
}

export interface Load {
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly done: number
  readonly failed: number
  readonly bytes: number
}

const streamWindowBytes = 1 << 22
const connectionWindowBytes = 1 << 26
const newline = 10

export function credentialsOf(kubeconfig: string): Credentials {
  const config = JSON.parse(readFileSync(kubeconfig, 'utf8'))
  const pem = (base64: string): string => Buffer.from(base64, 'base64').toString()
  const { cluster } = config.clusters[0]
  const { user } = config.users[0]
  return {
    server: cluster.server,
    ca: pem(cluster['certificate-authority-data']),
    cert: pem(user['client-certificate-data']),
    key: pem(user['client-key-data'])
  }
}

export class HttpLoad {
  readonly credentials: Credentials
  readonly #sessions: ClientHttp2Session[] = []
  #next = 0

  constructor(credentials: Credentials, sessions = 4) {
    this.credentials = credentials
    for (let each = 0; each < sessions; each++) this.#sessions.push(this.#open())
  }

  request(method: string, path: string, body?: object | string, type = 'application/json'): Promise<Answer> {
    const session = this.#sessions[this.#next++ % this.#sessions.length] as ClientHttp2Session
    const payload = body === undefined ? undefined : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
    return new Promise((resolve, reject) => {
      const sent = payload === undefined ? {} : { 'content-type': type, 'content-length': payload.length }
      const stream = session.request({ ':method': method, ':path': path, accept: 'application/json', ...sent })
      const chunks: Buffer[] = []
      let status = 0
      stream.on('response', headers => {
        status = Number(headers[':status'])
      })
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', () => resolve({ status, body: chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks) }))
      stream.on('error', reject)
      stream.end(payload)
    })
  }

  /** `inFlight` requests at a time, `ask` making the n-th, for `forMs` or until `countMax` were made. */
  async pump(inFlight: number, forMs: number, ask: (n: number) => Promise<Answer>, countMax = Number.POSITIVE_INFINITY): Promise<Load> {
    const latencies: number[] = []
    let next = 0
    let failed = 0
    let bytes = 0
    const startMs = performance.now()
    const one = async (): Promise<void> => {
      while (next < countMax && performance.now() - startMs < forMs) {
        const askedMs = performance.now()
        const { status, body } = await ask(next++)
        latencies.push(performance.now() - askedMs)
        bytes += body.length
        if (status < 200 || status > 299) failed++
      }
    }
    await Promise.all(Array.from({ length: inFlight }, one))
    const tookMs = performance.now() - startMs
    const done = latencies.length
    return { perSecond: (done / tookMs) * 1e3, p50Ms: median(latencies), p99Ms: quantile(latencies, 0.99), done, failed, bytes }
  }

  /** Opens that many streams and counts the lines that come. */
  async watch(count: number, path: string): Promise<Watchers> {
    const watchers = new Watchers()
    const sessions = this.#sessions
    await Promise.all(
      Array.from({ length: count }, (_, n) => {
        const stream = (sessions[n % sessions.length] as ClientHttp2Session).request({ ':path': path, accept: 'application/json' })
        return watchers.add(stream)
      })
    )
    return watchers
  }

  close(): void {
    for (const session of this.#sessions) session.destroy()
  }

  #open(): ClientHttp2Session {
    const { server, ...tls } = this.credentials
    const session = connect(server, { ...tls, settings: { initialWindowSize: streamWindowBytes } })
    session.on('connect', () => session.setLocalWindowSize(connectionWindowBytes))
    session.on('error', () => undefined) // Its requests fail, and tell.
    session.setMaxListeners(0)
    return session
  }
}

/** Lines received on many streams together. */
export class Watchers {
  lines = 0
  #awaited: { readonly lines: number; readonly reached: () => void } | undefined

  add(stream: ReturnType<ClientHttp2Session['request']>): Promise<void> {
    stream.on('error', () => undefined)
    stream.on('data', (chunk: Buffer) => {
      for (let at = chunk.indexOf(newline); at >= 0; at = chunk.indexOf(newline, at + 1)) this.lines++
      if (this.#awaited !== undefined && this.lines >= this.#awaited.lines) this.#awaited.reached()
    })
    return new Promise((resolve, reject) => {
      stream.once('response', () => resolve())
      stream.once('error', reject)
    })
  }

  /** False: not that many in that time. */
  reach(lines: number, timeoutMs: number): Promise<boolean> {
    if (this.lines >= lines) return Promise.resolve(true)
    return new Promise(resolve => {
      const timer = setTimeout(() => resolve(false), timeoutMs)
      const reached = (): void => {
        clearTimeout(timer)
        resolve(true)
      }
      this.#awaited = { lines, reached }
    })
  }
}
