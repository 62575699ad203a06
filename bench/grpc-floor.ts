// gRPC floor: the least that serves the same answers: a bare grpc-js server in a worker thread, answering from memory. Each put is told to
// every watcher, in bytes that were encoded once.

import { parentPort } from 'node:worker_threads'
import { type MethodDefinition, Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js'
import { etcdApi } from './grpc-load.js'

const header = { cluster_id: 1, member_id: 1, revision: 1, raft_term: 1 }
const kv = { key: Buffer.alloc(12, 107), value: Buffer.alloc(256, 120), create_revision: 1, mod_revision: 1, version: 1 }
type Done = (error: null, answer: object) => void
type WatchStream = ServerDuplexStream<object, Buffer>

const watch = etcdApi.Watch.service.Watch as MethodDefinition<object, object>
const created = watch.responseSerialize({ header, watch_id: 0, created: true })
const event = watch.responseSerialize({ header, watch_id: 0, events: [{ type: 'PUT', kv }] })
const watchers = new Set<WatchStream>()

const server = new Server()
server.addService(etcdApi.KV.service, {
  Put(_call: unknown, done: Done) {
    done(null, { header })
    for (const watcher of watchers) watcher.write(event)
  },
  Range: (_call: unknown, done: Done) => done(null, { header, kvs: [kv], count: 1 })
})
server.addService(
  { Watch: { ...watch, responseSerialize: (bytes: Buffer) => bytes } },
  {
    Watch(call: WatchStream) {
      call.on('data', () => {
        watchers.add(call)
        call.write(created)
      })
      for (const ending of ['cancelled', 'close', 'error']) call.on(ending, () => watchers.delete(call))
    }
  }
)
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
  parentPort?.postMessage(error === null ? port : String(error))
)
