// Lease: LeaseGrant, LeaseRevoke, LeaseTimeToLive, LeaseLeases, and the stream LeaseKeepAlive.
//
// Ids are positive and at most 53 bits long here; etcd's have 63. A client that chooses a longer one is refused.

import type { Flow } from '../actor/index.js'
import type { GrpcCall } from '../ports/index.js'
import { grpcCodes } from '../ports/index.js'
import { faults, statusOf } from './errors.js'
import type { Gateway } from './gateway.js'
import { Fault, faultOf, type OpenStream, type Streaming, type Unary } from './method.js'
import { Serial } from './serial.js'

const isLeaseId = (id: number): boolean => id > 0 && Number.isSafeInteger(id)
const unknownLease = new Fault(faults.leaseNotFound)
const idTooLong = new Fault({
  code: grpcCodes.invalidArgument,
  text: 'the id of a lease is a positive number of at most 53 bits here; 0: the server chooses'
})

export const lease: Readonly<Record<string, Unary>> = {
  *LeaseGrant(gateway, { ID, TTL }: { ID: number; TTL: number }, call) {
    if (ID !== 0 && !isLeaseId(ID)) return idTooLong
    const answer = yield* gateway.ask(call, 'write', 'grantLease', { id: ID, ttlSeconds: TTL })
    if (!answer.ok) return faultOf(answer.error)
    const { id, ttlSeconds, revision } = answer.value
    return { header: gateway.header(revision), ID: id, TTL: ttlSeconds }
  },
  *LeaseRevoke(gateway, { ID }: { ID: number }, call) {
    if (!isLeaseId(ID)) return unknownLease
    const answer = yield* gateway.ask(call, 'write', 'revokeLease', { id: ID })
    return answer.ok ? { header: gateway.header(answer.value.revision) } : faultOf(answer.error)
  },
  *LeaseTimeToLive(gateway, { ID, keys }: { ID: number; keys: boolean | string }, call) {
    const none = { ID, TTL: -1 } // As etcd: no error, but a time that is over.
    if (!isLeaseId(ID)) return { header: gateway.header(gateway.revisionKnown), ...none }
    const answer = yield* gateway.ask(call, 'read', 'lease', { id: ID, keys: keys === true })
    if (!answer.ok) {
      if (answer.error.code !== 'lease not found') return faultOf(answer.error)
      return { header: gateway.header(gateway.revisionKnown), ...none }
    }
    const { grantedTtlSeconds, remainingTtlSeconds, keys: held, revision } = answer.value
    return { header: gateway.header(revision), ID, TTL: remainingTtlSeconds, grantedTTL: grantedTtlSeconds, keys: held }
  },
  *LeaseLeases(gateway, _request: object, call) {
    const answer = yield* gateway.ask(call, 'read', 'leases')
    if (!answer.ok) return faultOf(answer.error)
    return { header: gateway.header(answer.value.revision), leases: answer.value.ids.map(ID => ({ ID })) }
  }
}

/** Answers in the order of the requests. */
export const keepAlive: Streaming = (gateway, call): OpenStream => {
  const serial: Serial<{ ID: number }> = new Serial<{ ID: number }>(gateway.ctx, ({ ID }) => keepAliveOnce(gateway, call, ID, serial), {
    overflow: () => gateway.finish(call.id, faults.tooManyRequests),
    done: () => gateway.finish(call.id, { code: grpcCodes.ok, text: '' })
  })
  return {
    message: message => serial.add(message),
    halfClosed: () => serial.end(),
    closed: () => serial.cancel(),
    // Answers are as many as requests, and as small.
    stalled: () => undefined,
    drained: () => undefined
  }
}

function* keepAliveOnce(gateway: Gateway, call: GrpcCall, ID: number, serial: Serial<{ ID: number }>): Flow<void> {
  let TTL = 0
  let revision = gateway.revisionKnown
  if (isLeaseId(ID)) {
    const answer = yield* gateway.ask(call, 'write', 'keepAliveLease', { id: ID })
    if (answer.ok) {
      TTL = answer.value.ttlSeconds
      revision = answer.value.revision
    } else if (answer.error.code !== 'lease not found') {
      serial.stop()
      return gateway.finish(call.id, statusOf(answer.error))
    }
  }
  gateway.send([call.id], gateway.frame('etcdserverpb.LeaseKeepAliveResponse', { header: gateway.header(revision), ID, TTL }))
}
