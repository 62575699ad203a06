// gRPC floor: the least that serves the same answers: a bare grpc-js server in a worker thread, answering from memory.

import { parentPort } from 'node:worker_threads'
import { Server, ServerCredentials } from '@grpc/grpc-js'
import { etcdApi } from './grpc-load.js'

const header = { cluster_id: 1, member_id: 1, revision: 1, raft_term: 1 }
const kv = { key: Buffer.alloc(12, 107), value: Buffer.alloc(256, 120), create_revision: 1, mod_revision: 1, version: 1 }
type Done = (error: null, answer: object) => void

const server = new Server()
server.addService(etcdApi.KV.service, {
  Put: (_call: unknown, done: Done) => done(null, { header }),
  Range: (_call: unknown, done: Done) => done(null, { header, kvs: [kv], count: 1 })
})
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
  parentPort?.postMessage(error === null ? port : String(error))
)
