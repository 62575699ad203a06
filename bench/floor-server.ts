// Floor server: the least that serves the same bytes: bare node:http2 over TLS, in a worker thread, answering from memory.

import { createSecureServer, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { parentPort, workerData } from 'node:worker_threads'

export interface FloorSetup {
  readonly certPem: string
  readonly keyPem: string
  readonly object: Uint8Array
  readonly list: Uint8Array
}

const { certPem, keyPem, object, list } = workerData as FloorSetup
const headers = { ':status': 200, 'content-type': 'application/json' }
const event = Buffer.concat([Buffer.from('{"type":"ADDED","object":'), object, Buffer.from('}\n')])
const watchers = new Set<ServerHttp2Stream>()
const server = createSecureServer({
  cert: certPem,
  key: keyPem,
  maxSessionMemory: 1024,
  settings: { maxConcurrentStreams: 4096, initialWindowSize: 1 << 20 }
})

server.on('stream', (stream, head) => {
  const path = head[':path'] as string
  stream.on('error', () => undefined)
  if (path.includes('watch')) {
    stream.respond(headers)
    watchers.add(stream)
    stream.on('close', () => watchers.delete(stream))
    return
  }
  if (head[':method'] === 'GET') {
    stream.respond(headers)
    stream.end(path.includes('list') ? list : object)
    return
  }
  stream.resume()
  stream.on('end', () => {
    stream.respond({ ...headers, ':status': 201 })
    stream.end(object)
    for (const watcher of watchers) watcher.write(event)
  })
})
server.listen(0, '127.0.0.1', () => parentPort?.postMessage((server.address() as AddressInfo).port))
