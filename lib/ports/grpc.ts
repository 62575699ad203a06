// grpc: a port that serves gRPC on a real socket, and hands calls to its owner: whole ones of unary methods, messages of streams.
//
// HTTP/2, TLS, framing, deadlines and limits are the port's; what a message means is the owner's. Messages that arrive are bare
// bytes. Messages that leave are framed (`frameHeaderBytes`: no compression, length), so that they are written as they are, the same
// bytes to any number of streams.
//
// Guarantee: of each call that was told, either the owner finishes it, or `grpcClosed` comes, once: the client gave up, its deadline
// passed, or it broke the protocol. After either nothing of that call comes any more.

import type { PortKind } from '../actor/index.js'

export const grpcPort: PortKind<GrpcProtocol> = { name: 'grpc' }

/** What the owner asks of the port. A call is named by the `id` it came with; of one that is over, everything is ignored. */
export interface GrpcProtocol {
  /** Refused with `EADDRINUSE`, `EACCES`, `EADDRNOTAVAIL` or `invalid`. `port` 0: any free one. */
  listen(options: GrpcListenOptions): { readonly port: number }
  closeListener(listener: { readonly address: string; readonly port: number }): void
  /** The one message of an answer, and status OK. */
  respond(response: { readonly id: number; readonly frame: Uint8Array }): void
  /** As `respond`, of a large one: answered once the client has all of it or is gone. One that is slower than `withinMs` has its stream reset. */
  deliver(response: { readonly id: number; readonly frame: Uint8Array; readonly withinMs: number }): object
  /** The same message to every stream. One that has `bufferedMessageBytesMax` waiting for its client is told as stalled. */
  send(fanout: { readonly ids: readonly number[]; readonly frame: Uint8Array }): void
  /** Ends a call with a status; what was sent before arrives before it. */
  finish(end: { readonly id: number } & GrpcStatus): void
}

export interface GrpcStatus {
  readonly code: number // One of `grpcCodes`.
  readonly text: string
}

export interface GrpcListenOptions {
  readonly address: string
  readonly port: number
  readonly tls?: {
    readonly certPem: string
    readonly keyPem: string
    /** Clients must show a certificate that one of these signed; a connection without is closed. */
    readonly clientCaPem?: string
  }
  /** By path, `/etcdserverpb.KV/Put`. Any other is answered Unimplemented by the port. */
  readonly methods: Readonly<Record<string, { readonly requestStream: boolean }>>
  readonly messageBytesMax: number // Received; a larger one ends its call.
}

/** What the owner must accept. All of it comes as tells. */
export interface GrpcOwner {
  grpcCall(call: GrpcCall): void
  /** One more message of a client's stream. */
  grpcMessage(message: { readonly id: number; readonly message: Uint8Array }): void
  /** The client sends no more; it still reads. */
  grpcHalfClosed(call: { readonly id: number }): void
  grpcClosed(call: { readonly id: number }): void
  /** The stream's client does not read. `grpcDrained` follows when it has caught up, unless the call ends before. */
  grpcStalled(call: { readonly id: number; readonly bufferedBytes: number }): void
  grpcDrained(call: { readonly id: number }): void
}

export interface GrpcCall {
  readonly id: number
  readonly method: string
  /** Of a unary method or one that streams only its answers: the request. Of others null: messages follow. */
  readonly message: Uint8Array | null
  readonly timeoutMs: number // Infinity: no deadline. The port ends the call when it is over.
  readonly metadata: Readonly<Record<string, string>> // The headers that are the client's own: not HTTP/2's, not gRPC's.
  /** The common name of a verified client certificate. */
  readonly client: string | null
}

/** The status codes, as gRPC numbers them. */
export const grpcCodes = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  outOfRange: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  dataLoss: 15,
  unauthenticated: 16
} as const

export const frameHeaderBytes = 5
export const bufferedMessageBytesMax = 4 << 20

/** Writes the header of a message that stands in `bytes` from `frameHeaderBytes` on. */
export function writeFrameHeader(bytes: Uint8Array): void {
  const length = bytes.length - frameHeaderBytes
  bytes[0] = 0
  bytes[1] = length >>> 24
  bytes[2] = length >>> 16
  bytes[3] = length >>> 8
  bytes[4] = length
}
