// Snapshot: a file of the whole state as a stream: the bytes that a member keeps beside its log, and their SHA-256 after them, as etcd's.
//
// What etcdctl saves so is no database of etcd's: `kabuki store restore` reads it, etcd's tools do not.

import { type Failure, type Flow, sleep } from '../actor/index.js'
import { type GrpcCall, grpcCodes } from '../ports/index.js'
import { Sha256 } from '../std/index.js'
import { statusOf } from './errors.js'
import type { Gateway } from './gateway.js'
import type { OpenStream, Streaming } from './method.js'

const blobBytesMax = 256 << 10 // Far below what clients accept by default (4 MiB).
const stalledRetryMs = 20

export const snapshot: Streaming = (gateway, call): OpenStream => {
  const reader = { isStalled: false }
  const running = gateway.ctx.run(sendSnapshot(gateway, call, reader))
  return {
    message: () => undefined,
    halfClosed: () => undefined,
    closed: () => running.cancel(),
    stalled: () => {
      reader.isStalled = true
    },
    drained: () => {
      reader.isStalled = false
    }
  }
}

function* sendSnapshot(gateway: Gateway, call: GrpcCall, reader: { readonly isStalled: boolean }): Flow<void> {
  const failed = (error: Failure): void => gateway.finish(call.id, statusOf(error))
  const fresh = yield* gateway.ask(call, 'read', 'freshSnapshot')
  if (!fresh.ok) return failed(fresh.error)
  const hash = new Sha256()
  const send = (blob: Uint8Array, remainingBytes: number): void =>
    gateway.send(
      [call.id],
      gateway.frame('etcdserverpb.SnapshotResponse', { header: gateway.header(gateway.revisionKnown), remainingBytes, blob })
    )
  let { index } = fresh.value
  for (let offset = 0, fileBytes = 1; offset < fileBytes; ) {
    while (reader.isStalled) yield* sleep('real', stalledRetryMs)
    const part = yield* gateway.ask(call, 'read', 'snapshotPart', { index, offset })
    if (!part.ok) return failed(part.error)
    const { bytes } = part.value
    index = part.value.index // At offset 0 a newer one may be given.
    fileBytes = part.value.fileBytes
    if (bytes.length === 0) return gateway.finish(call.id, { code: grpcCodes.dataLoss, text: `the snapshot at ${index} ends early` })
    hash.add(bytes)
    for (let at = 0; at < bytes.length; at += blobBytesMax) {
      const blob = bytes.subarray(at, at + blobBytesMax)
      offset += blob.length
      send(blob, fileBytes - offset)
    }
  }
  send(hash.digest(), 0)
  gateway.finish(call.id, { code: grpcCodes.ok, text: '' })
}
