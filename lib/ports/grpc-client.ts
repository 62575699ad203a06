// grpc-client: a port that calls gRPC servers: unary calls and streams, each at the endpoint that its owner names.
//
// HTTP/2, TLS, framing and connections are the port's; which endpoint to ask, what bytes mean and what to do after a failure is the
// owner's. Nothing is sent twice. A failure has gRPC's code (`UNAVAILABLE`) and text. It is definite where the server says that it
// declined, and where it is known that nothing was sent: no connection could be made. A deadline, a connection that broke and every
// other code are indefinite: the server may have done it, or may yet.

import type { PortKind, Stream } from '../actor/index.js'

export const grpcClientPort: PortKind<GrpcClientProtocol> = { name: 'grpc-client' }

export interface GrpcClientProtocol {
  /**
   * Names the servers. Connections are made when they are first needed, and made again when they broke. Asked again, it replaces
   * what there was: streams end, unary calls under way go on. Refused with `invalid`: no URL, or certificates that cannot be read.
   */
  connect(options: GrpcConnectOptions): void
  /** One request, one answer. The deadline is the asker's. */
  unary(call: GrpcUnaryCall): Uint8Array
  /** What the server sends, message by message. It ends with the server's status; closing it cancels the call. */
  stream(call: GrpcStreamCall): Stream<Uint8Array>
  /** One more message to the server of that stream; lost if the stream is over. */
  send(message: { readonly stream: number; readonly message: Uint8Array }): void
  /** How each connection stands. */
  state(): readonly { readonly endpoint: string; readonly state: GrpcConnectionState }[]
}

export type GrpcConnectionState = 'idle' | 'connecting' | 'ready' | 'failing' | 'closed'

export interface GrpcConnectOptions {
  /** `http://host:port` or `https://host:port`. */
  readonly endpoints: readonly string[]
  /** For https. Absent parts: the system's authorities; no certificate of our own. */
  readonly tls?: { readonly caPem?: string; readonly certPem?: string; readonly keyPem?: string }
  /** Sent with every call, such as a token. */
  readonly metadata?: Readonly<Record<string, string>>
}

export interface GrpcUnaryCall {
  readonly endpoint: string
  readonly method: string // `/etcdserverpb.KV/Range`
  readonly message: Uint8Array
  readonly metadata?: Readonly<Record<string, string>>
}

export interface GrpcStreamCall {
  /** The owner's name for it, to `send` to; not one that is in use. */
  readonly stream: number
  readonly endpoint: string
  readonly method: string
  /** The first message. */
  readonly message: Uint8Array
  readonly metadata?: Readonly<Record<string, string>>
}

/** Of one port, under way; over it calls are refused as `overloaded`. */
export const grpcCallsMax = 4096
export const grpcStreamsMax = 256
/** What a stream holds that its owner has not taken; over it the server is made to wait. */
export const grpcStreamMessagesMax = 64
