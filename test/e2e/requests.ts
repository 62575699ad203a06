// Requests: what a client of the API sends itself, over TLS, when kubectl would not: HTTP/1.1 and HTTP/2, with any certificate.

import { readFileSync } from 'node:fs'
import * as http2 from 'node:http2'
import * as https from 'node:https'

export interface Credentials {
  readonly ca: string
  readonly cert?: string
  readonly key?: string
}

export interface Sent {
  readonly method?: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer
}

export interface Answered {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly text: string
  /** The body as JSON; undefined if it is none. */
  readonly json: any
}

export interface Kubeconfig extends Credentials {
  readonly server: URL
}

export function readKubeconfig(file: string): Kubeconfig & { readonly cert: string; readonly key: string } {
  const config = JSON.parse(readFileSync(file, 'utf8'))
  const pem = (base64: string): string => Buffer.from(base64, 'base64').toString()
  const { cluster } = config.clusters[0]
  const { user } = config.users[0]
  return {
    server: new URL(cluster.server),
    ca: pem(cluster['certificate-authority-data']),
    cert: pem(user['client-certificate-data']),
    key: pem(user['client-key-data'])
  }
}

const timeoutMs = 60_000

export function overHttp1({ server, ca, cert, key }: Kubeconfig, { method = 'GET', path, headers = {}, body }: Sent): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = server
    const identity = cert === undefined || key === undefined ? {} : { cert, key }
    // Node sends the length of a body by itself for some methods only; without it a DELETE has none.
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }
    const all = { ...headers, ...length }
    const options = { hostname, port, method, path, headers: all, ca, ...identity, agent: false as const, timeout: timeoutMs }
    const request = https.request(options, response => {
      const chunks: Buffer[] = []
      response.on('data', chunk => chunks.push(chunk))
      response.on('end', () => resolve(answered(response.statusCode ?? 0, response.headers, chunks)))
    })
    request.on('timeout', () => request.destroy(new Error(`no answer to ${method} ${path} in ${timeoutMs} ms`)))
    request.on('error', reject)
    request.end(body)
  })
}

export function connectHttp2({ server, ca, cert, key }: Kubeconfig): http2.ClientHttp2Session {
  const identity = cert === undefined || key === undefined ? {} : { cert, key }
  const session = http2.connect(server.href, { ca, ...identity })
  session.on('error', () => undefined) // Each stream tells of its own end.
  return session
}

export function overHttp2(session: http2.ClientHttp2Session, { method = 'GET', path, headers = {}, body }: Sent): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ':method': method, ':path': path, ...headers }, { endStream: body === undefined })
    const chunks: Buffer[] = []
    let head: http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader = {}
    stream.on('response', headers => {
      head = headers
    })
    stream.on('data', chunk => chunks.push(chunk))
    stream.on('end', () => resolve(answered(Number(head[':status'] ?? 0), head, chunks)))
    stream.on('error', reject)
    stream.setTimeout(timeoutMs, () => stream.destroy(new Error(`no answer to ${method} ${path} in ${timeoutMs} ms`)))
    if (body !== undefined) stream.end(body)
  })
}

function answered(status: number, headers: Readonly<Record<string, unknown>>, chunks: readonly Buffer[]): Answered {
  const text = Buffer.concat(chunks).toString()
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    json = undefined
  }
  return { status, headers, text, json }
}
