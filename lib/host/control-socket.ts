// Control socket: how commands reach a running cluster: newline-delimited JSON over a local socket in the data
// directory, readable by its owner only. It is the main thread's own, and works while the apiserver is down.

import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import * as net from 'node:net'
import * as os from 'node:os'
import * as path from 'node:path'

export interface ControlRequest {
  readonly method: string
  readonly params: unknown
}
export type ControlReply = { readonly result: unknown } | { readonly error: string }

const requestBytesMax = 1 << 20
const connectionsMax = 64
const socketPathMax = 100 // The system's own limit is about 107 bytes.
const idleTimeoutMs = 10 * 60_000

/** Beside the data, or, if that path is too long for a socket, in a temporary directory under a name made of it. */
export function controlSocketPath(dataDir: string): string {
  const beside = path.join(path.resolve(dataDir), 'control.sock')
  const name = `kabuki-${createHash('sha256').update(beside).digest('hex').slice(0, 16)}.sock`
  const places = [beside, path.join(os.tmpdir(), name)]
  return places.find(place => Buffer.byteLength(place) <= socketPathMax) ?? path.join('/tmp', name)
}

/** Answers requests until closed. An error of the handler becomes the reply's `error`. */
export async function serveControl(
  socketPath: string,
  handle: (request: ControlRequest) => Promise<unknown>
): Promise<() => Promise<void>> {
  const server = net.createServer(connection => {
    connection.setTimeout(idleTimeoutMs, () => connection.destroy())
    connection.on('error', () => connection.destroy())
    let received = ''
    connection.setEncoding('utf8')
    connection.on('data', (chunk: string) => {
      received += chunk
      if (received.length > requestBytesMax) return connection.destroy()
      for (let end = received.indexOf('\n'); end >= 0; end = received.indexOf('\n')) {
        const line = received.slice(0, end)
        received = received.slice(end + 1)
        void reply(line, handle).then(text => connection.writable && connection.write(text))
      }
    })
  })
  server.maxConnections = connectionsMax
  const mask = process.umask(0o177)
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(socketPath, resolve)
    })
  } finally {
    process.umask(mask)
  }
  fs.chmodSync(socketPath, 0o600)
  return () => new Promise(resolve => server.close(() => resolve()))
}

async function reply(line: string, handle: (request: ControlRequest) => Promise<unknown>): Promise<string> {
  let answer: ControlReply
  try {
    const { method, params } = JSON.parse(line) as ControlRequest
    answer = { result: (await handle({ method, params })) ?? null }
  } catch (error) {
    answer = { error: error instanceof Error ? error.message : String(error) }
  }
  return `${JSON.stringify(answer)}\n`
}

/** No cluster answers at that socket. */
export class NotRunning extends Error {}

/** One request to a running cluster. */
export function callControl(socketPath: string, request: ControlRequest, timeoutMs: number): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const connection = net.connect(socketPath)
    const timer = setTimeout(() => fail(new Error(`no answer in ${timeoutMs} ms`)), timeoutMs)
    let received = ''
    const fail = (error: Error): void => {
      clearTimeout(timer)
      connection.destroy()
      reject(error)
    }
    connection.setEncoding('utf8')
    connection.on('connect', () => connection.write(`${JSON.stringify(request)}\n`))
    connection.on('error', (error: NodeJS.ErrnoException) => {
      const absent = error.code === 'ENOENT' || error.code === 'ECONNREFUSED' || error.code === 'ENOTSOCK'
      fail(absent ? new NotRunning(`no cluster listens at ${socketPath}`) : error)
    })
    connection.on('close', () => fail(new NotRunning('the cluster ended')))
    connection.on('data', (chunk: string) => {
      received += chunk
      const end = received.indexOf('\n')
      if (end < 0) return
      clearTimeout(timer)
      connection.removeAllListeners('close')
      connection.end()
      const answer = JSON.parse(received.slice(0, end)) as ControlReply
      if ('error' in answer) reject(new Error(answer.error))
      else resolve(answer.result)
    })
  })
}
