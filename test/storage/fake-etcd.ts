// A server that says of itself that it is an etcd of some version, and can do nothing else.

import { readFileSync } from 'node:fs'
import * as grpc from '@grpc/grpc-js'
import { Codec, type Descriptor } from '../../lib/protobuf/index.js'

export interface FakeEtcd {
  readonly url: string
  stop(): void
}

export async function fakeEtcd(version: string): Promise<FakeEtcd> {
  const descriptor = JSON.parse(readFileSync(new URL('../../resources/etcd.json', import.meta.url), 'utf8')) as Descriptor
  const codec = new Codec(descriptor, { isKey: () => false })
  const path = '/etcdserverpb.Maintenance/Status'
  const answer = codec.encode(descriptor.methods[path]?.response as string, { header: { clusterId: 1n }, version, leader: 1n })
  const asIs = (bytes: Buffer): Buffer => bytes
  const streams = { requestStream: false, responseStream: false }
  const codecs = { requestSerialize: asIs, requestDeserialize: asIs, responseSerialize: asIs, responseDeserialize: asIs }
  const server = new grpc.Server()
  server.addService({ status: { path, ...streams, ...codecs } }, {
    status: (_: unknown, back: (error: null, answer: Uint8Array) => void) => back(null, Buffer.from(answer))
  } as never)
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve(port) : reject(error)
    )
  )
  return { url: `http://127.0.0.1:${port}`, stop: () => server.forceShutdown() }
}
