// Connection: the API over HTTPS as kubectl uses it: the certificates of the kubeconfig, HTTP/2 or HTTP/1.1.
//
// A failure says whether anything may have happened: what was not sent did not; what was sent and not answered may have.

import * as http2 from 'node:http2'
import * as https from 'node:https'
import { type ApiError, failed, ok, type Result, statusError } from '../../lib/client/index.js'
import { readCredentials } from './credentials.js'

export interface ApiRequest {
  readonly method: string
  readonly path: string
  readonly body?: object | undefined
  readonly contentType?: string | undefined
}

export type Protocol = 'HTTP/1.1' | 'HTTP/2'

const connectTimeoutMs = 3_000
/** As client-go, but sooner: a stream that is silent may be one of a server that is paused. */
const pingAfterMs = 3_000
const pingTimeoutMs = 2_000
const jsonType = 'application/json'

/** What is wrong with the way there. */
class Broken extends Error {
  readonly definite: boolean

  constructor(message: string, definite: boolean) {
    super(message)
    this.definite = definite
  }
}

const transportFailure = (error: unknown): ApiError => {
  const reason = error instanceof Error ? error.message : String(error)
  return { ...statusError(0, undefined), reason, message: reason, definite: error instanceof Broken && error.definite, retryable: true }
}

export class Connection {
  readonly #protocol: Protocol
  readonly #credentials: ReturnType<typeof readCredentials>
  readonly #agent: https.Agent
  #session: Promise<http2.ClientHttp2Session> | undefined

  constructor(kubeconfig: string, protocol: Protocol) {
    this.#protocol = protocol
    this.#credentials = readCredentials(kubeconfig)
    const { ca, cert, key } = this.#credentials
    this.#agent = new https.Agent({ keepAlive: true, ca, cert, key })
  }

  async request(request: ApiRequest, timeoutMs: number): Promise<Result<unknown>> {
    let text = ''
    try {
      const status = await this.#exchange(request, timeoutMs, piece => {
        text += piece
        return true
      })
      const value: unknown = text === '' ? undefined : parsed(text)
      return status < 400 ? ok(value) : failed(statusError(status, value))
    } catch (error) {
      return failed(transportFailure(error))
    }
  }

  /** Until it ends, by whom it may be; what ended it, if that was an error. `told` answers whether to go on. */
  async watch(path: string, limitMs: number, told: (line: string) => boolean): Promise<ApiError | undefined> {
    let rest = ''
    try {
      const status = await this.#exchange({ method: 'GET', path }, limitMs, piece => {
        const lines = (rest + piece).split('\n')
        rest = lines.pop() ?? ''
        return lines.every(line => line === '' || line.startsWith('{"kind":"Status"') || told(line))
      })
      return status < 400 ? undefined : statusError(status, parsed(rest))
    } catch (error) {
      return transportFailure(error)
    }
  }

  close(): void {
    this.#agent.destroy()
    void this.#session?.then(
      session => session.destroy(),
      () => undefined
    )
  }

  /** The status; what is read is handed on until it says that it has enough. */
  #exchange(request: ApiRequest, timeoutMs: number, read: (piece: string) => boolean): Promise<number> {
    return this.#protocol === 'HTTP/2' ? this.#overHttp2(request, timeoutMs, read) : this.#overHttp1(request, timeoutMs, read)
  }

  #overHttp1(request: ApiRequest, timeoutMs: number, read: (piece: string) => boolean): Promise<number> {
    const { method, path } = request
    const { hostname, port } = this.#credentials.server
    const { headers, payload } = sentOf(request)
    return new Promise((resolve, reject) => {
      const sent = https.request({ hostname, port, method, path, headers, agent: this.#agent }, response => {
        const done = (): void => {
          clearTimeout(timer)
          resolve(response.statusCode ?? 0)
        }
        response.setEncoding('utf8')
        response.on('data', (piece: string) => {
          if (read(piece)) return
          done()
          sent.destroy()
        })
        response.on('end', done)
        response.on('aborted', () => fail(new Broken('closed', false)))
      })
      const fail = (error: Error): void => {
        clearTimeout(timer)
        // Nothing was sent where there was no connection.
        const definite = error instanceof Broken ? error.definite : (error as NodeJS.ErrnoException).code === 'ECONNREFUSED'
        reject(new Broken(error.message, definite))
      }
      const timer = setTimeout(() => sent.destroy(new Broken('timeout', false)), timeoutMs)
      sent.on('error', fail)
      sent.end(payload)
    })
  }

  async #overHttp2(request: ApiRequest, timeoutMs: number, read: (piece: string) => boolean): Promise<number> {
    const { method, path } = request
    const { headers, payload } = sentOf(request)
    const session = await this.#connect()
    return await new Promise<number>((resolve, reject) => {
      // Node takes it that a DELETE has no body.
      const stream = session.request({ ':method': method, ':path': path, ...headers }, { endStream: payload === undefined })
      let status = 0
      let ended = false
      let heardMs = performance.now()
      const finish = (then: () => void): void => {
        clearTimeout(timer)
        clearInterval(pings)
        then()
      }
      const timer = setTimeout(() => {
        reject(new Broken('timeout', false))
        stream.destroy()
        if (performance.now() - heardMs > pingAfterMs) session.destroy() // Nothing comes this way any more.
      }, timeoutMs)
      const pings = setInterval(() => {
        if (performance.now() - heardMs > pingAfterMs) this.#ping(session)
      }, pingAfterMs)
      stream.setEncoding('utf8')
      stream.on('response', answered => {
        heardMs = performance.now()
        status = Number(answered[':status'])
      })
      stream.on('data', (piece: string) => {
        heardMs = performance.now()
        if (read(piece)) return
        finish(() => resolve(status))
        stream.destroy()
      })
      stream.on('end', () => {
        ended = status > 0
      })
      stream.on('error', error =>
        finish(() => reject(new Broken(error.message, stream.rstCode === http2.constants.NGHTTP2_REFUSED_STREAM)))
      )
      stream.on('close', () => finish(() => (ended ? resolve(status) : reject(new Broken('closed', false)))))
      if (payload !== undefined) stream.end(payload)
    })
  }

  /** A session that is, or one that is being made. Whoever waits for it has sent nothing. */
  async #connect(): Promise<http2.ClientHttp2Session> {
    const known = await this.#session?.catch(() => undefined)
    if (known !== undefined && !known.closed && !known.destroyed) return known
    this.#session = this.#open()
    return await this.#session
  }

  #open(): Promise<http2.ClientHttp2Session> {
    const { server, ca, cert, key } = this.#credentials
    return new Promise((resolve, reject) => {
      const session = http2.connect(server.origin, { ca, cert, key })
      const fail = (why: string): void => {
        clearTimeout(timer)
        session.destroy()
        reject(new Broken(why, true))
      }
      const timer = setTimeout(() => fail('no connection'), connectTimeoutMs)
      session.setMaxListeners(0)
      session.on('error', error => fail(error.message)) // Later ones are told to its streams, too.
      session.on('close', () => fail('closed'))
      session.on('goaway', () => session.close())
      session.once('connect', () => {
        clearTimeout(timer)
        resolve(session)
      })
    })
  }

  #ping(session: http2.ClientHttp2Session): void {
    if (session.destroyed) return
    const timer = setTimeout(() => session.destroy(), pingTimeoutMs)
    const answered = (): void => clearTimeout(timer)
    if (!session.ping(answered)) session.destroy()
  }
}

/** With the length said: without it, Node sends the body of a DELETE over HTTP/1.1 as if it were the next request. */
function sentOf({ body, contentType }: ApiRequest): { headers: Record<string, string | number>; payload: Buffer | undefined } {
  if (body === undefined) return { headers: {}, payload: undefined }
  const payload = Buffer.from(JSON.stringify(body))
  return { headers: { 'content-type': contentType ?? jsonType, 'content-length': payload.length }, payload }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
