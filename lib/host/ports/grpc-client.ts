// grpc-client: the real implementation, on grpc-js, with a channel of its own for each endpoint. See lib/ports/grpc-client.ts.

import * as grpc from '@grpc/grpc-js'
import { type Actor, type AnyActor, doubt, type Later, type PortFactory, type Refusal, refuse, type Sink } from '../../actor/index.js'
import {
  type GrpcClientProtocol,
  type GrpcConnectionState,
  type GrpcConnectOptions,
  grpcCallsMax,
  grpcStreamMessagesMax,
  grpcStreamsMax
} from '../../ports/index.js'

/** What connections bring back, as messages of the port to itself. */
interface Notices {
  answered(answer: { readonly later: Later<Uint8Array>; readonly outcome: Uint8Array | Refusal }): void
  received(item: { readonly stream: Streaming; readonly message: Uint8Array }): void
  finished(end: { readonly stream: Streaming; readonly reason: Refusal | undefined }): void
}
type Protocol = GrpcClientProtocol & Notices

interface Streaming {
  readonly id: number
  readonly call: grpc.ClientDuplexStream<Uint8Array, Uint8Array>
  readonly sink: Sink<Uint8Array>
  /** Received and not yet taken by the owner. */
  waiting: Uint8Array[]
  onTheWay: number // Posted, and not yet handled.
  end: { readonly reason: Refusal | undefined } | undefined
}

interface State {
  clients: Map<string, grpc.Client>
  metadata: Readonly<Record<string, string>>
  readonly streams: Map<number, Streaming>
  calls: number
}
type Post = <K extends keyof Notices & string>(type: K, body: Parameters<Notices[K]>[0]) => void

// As etcd's own client (clientv3): answers of any size, no proxy, no retries but of what was never sent. Keepalive finds a server
// that fell silent; etcd takes pings that come closer than 5 s for an attack.
const channelOptions: grpc.ChannelOptions = {
  'grpc.max_receive_message_length': 2 ** 31 - 1,
  'grpc.max_send_message_length': 2 ** 31 - 1,
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5_000,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 2_000,
  'grpc.enable_http_proxy': 0,
  'grpc.enable_retries': 0,
  'grpc.service_config_disable_resolution': 1,
  'grpc.use_local_subchannel_pool': 1
}

/** The server said that it declined. `UNAVAILABLE`, `ABORTED` and the like it may say of what it had begun. */
const declined = new Set([
  grpc.status.INVALID_ARGUMENT,
  grpc.status.NOT_FOUND,
  grpc.status.ALREADY_EXISTS,
  grpc.status.PERMISSION_DENIED,
  grpc.status.UNAUTHENTICATED,
  grpc.status.RESOURCE_EXHAUSTED,
  grpc.status.FAILED_PRECONDITION,
  grpc.status.OUT_OF_RANGE,
  grpc.status.UNIMPLEMENTED
])
/** What grpc-js says of a call that never had a connection (load-balancer-pick-first, resolver-dns, load-balancing-call). */
const neverSent = /^No connection established|^Name resolution failed|Waiting for LB pick$/

const states: Readonly<Record<grpc.connectivityState, GrpcConnectionState>> = {
  [grpc.connectivityState.IDLE]: 'idle',
  [grpc.connectivityState.CONNECTING]: 'connecting',
  [grpc.connectivityState.READY]: 'ready',
  [grpc.connectivityState.TRANSIENT_FAILURE]: 'failing',
  [grpc.connectivityState.SHUTDOWN]: 'closed'
}

export const grpcClient = (): PortFactory => (_owner, post) => {
  const port: Actor<Protocol, undefined, State> = {
    name: 'grpc-client',
    guarded: true,
    mailboxMax: 1 << 18, // What comes is bounded by calls and streams; none of it may be lost.
    init: () => ({ clients: new Map(), metadata: {}, streams: new Map(), calls: 0 }),
    on: {
      connect: (_ctx, state, options) => connect(state, options),
      unary(ctx, state, { endpoint, method, message, metadata }) {
        const client = state.clients.get(endpoint)
        if (client === undefined) return refuse('invalid', `no endpoint is called ${endpoint}`)
        if (state.calls >= grpcCallsMax) return refuse('overloaded', `${grpcCallsMax} calls are under way`)
        state.calls++
        const later = ctx.defer()
        const deadline = Date.now() + ctx.leftMs
        client.makeUnaryRequest(method, bytesOf, asIs, message, metadataOf(state, metadata), { deadline }, (error, answer) =>
          (post as Post)('answered', { later, outcome: error === null ? (answer as Uint8Array) : refusalOf(error) })
        )
        return later
      },
      answered(ctx, state, { later, outcome }) {
        state.calls--
        ctx.answer(later, outcome)
      },
      stream(ctx, state, { stream: id, endpoint, method, message, metadata }) {
        const client = state.clients.get(endpoint)
        if (client === undefined) return refuse('invalid', `no endpoint is called ${endpoint}`)
        if (state.streams.has(id)) return refuse('invalid', `a stream ${id} is open`)
        if (state.streams.size >= grpcStreamsMax) return refuse('overloaded', `${grpcStreamsMax} streams are open`)
        const call = client.makeBidiStreamRequest<Uint8Array, Uint8Array>(method, bytesOf, asIs, metadataOf(state, metadata))
        const sink = ctx.stream()
        begin(state, { id, call, sink, waiting: [], onTheWay: 0, end: undefined }, message, post as Post)
        return sink
      },
      send: (_ctx, { streams }, { stream, message }) => void streams.get(stream)?.call.write(message),
      received(_ctx, state, { stream, message }) {
        stream.onTheWay--
        stream.waiting.push(message)
        flush(state, stream)
      },
      finished(_ctx, state, { stream, reason }) {
        stream.end = { reason }
        flush(state, stream)
      },
      state: (_ctx, { clients }) =>
        [...clients].map(([endpoint, client]) => ({ endpoint, state: states[client.getChannel().getConnectivityState(false)] }))
    },
    sink(_ctx, state, sink, event) {
      for (const stream of state.streams.values()) {
        if (stream.sink !== sink) continue
        if (event === 'credit') return flush(state, stream)
        state.streams.delete(stream.id)
        return stream.call.cancel()
      }
    },
    stopping: (_ctx, state) => close(state)
  }
  return port as unknown as AnyActor
}

function connect(state: State, { endpoints, tls = {}, metadata = {} }: GrpcConnectOptions): undefined | Refusal {
  const clients = new Map<string, grpc.Client>()
  try {
    for (const endpoint of endpoints) {
      const { protocol, hostname, port } = new URL(endpoint)
      if (protocol !== 'http:' && protocol !== 'https:') throw new Error(`${endpoint} is not http://host:port or https://host:port`)
      const [credentials, portDefault] = protocol === 'http:' ? [grpc.credentials.createInsecure(), '80'] : [secure(tls), '443']
      clients.set(endpoint, new grpc.Client(`${hostname}:${port || portDefault}`, credentials, channelOptions))
    }
  } catch (error) {
    for (const client of clients.values()) client.close()
    return refuse('invalid', (error as Error).message)
  }
  close(state)
  state.clients = clients
  state.metadata = metadata
  return undefined
}

const secure = ({ caPem, certPem, keyPem }: NonNullable<GrpcConnectOptions['tls']>): grpc.ChannelCredentials =>
  grpc.credentials.createSsl(bufferOf(caPem), bufferOf(keyPem), bufferOf(certPem))

function close(state: State): void {
  for (const { call } of state.streams.values()) call.cancel()
  for (const client of state.clients.values()) client.close()
}

function begin(state: State, stream: Streaming, message: Uint8Array, post: Post): void {
  const { call } = stream
  state.streams.set(stream.id, stream)
  call.on('data', (message: Uint8Array) => {
    stream.onTheWay++
    if (stream.onTheWay + stream.waiting.length >= grpcStreamMessagesMax) call.pause()
    post('received', { stream, message })
  })
  // The status may come while messages wait in the call's own buffer: its end comes after them.
  let reason: Refusal | undefined
  call.on('status', status => {
    reason = status.code === grpc.status.OK ? undefined : refusalOf(status)
  })
  call.on('end', () => post('finished', { stream, reason }))
  call.on('error', () => undefined) // Its status says the same.
  call.write(message)
}

/** Hands over what the owner has credit for, and lets the server go on once little is left. */
function flush(state: State, stream: Streaming): void {
  const { sink, call } = stream
  let at = 0
  while (at < stream.waiting.length && sink.push(stream.waiting[at] as Uint8Array)) at++
  stream.waiting = stream.waiting.slice(at)
  if (stream.waiting.length > 0) return
  if (call.isPaused() && stream.onTheWay < grpcStreamMessagesMax / 2) call.resume()
  if (stream.end === undefined) return
  if (state.streams.get(stream.id) === stream) state.streams.delete(stream.id)
  sink.end(stream.end.reason)
}

export function refusalOf({ code, details }: { readonly code: grpc.status; readonly details: string }): Refusal {
  const name = grpc.status[code] ?? String(code)
  return declined.has(code) || neverSent.test(details) ? refuse(name, details) : doubt(name, details)
}

function metadataOf(state: State, own: Readonly<Record<string, string>> = {}): grpc.Metadata {
  const metadata = new grpc.Metadata()
  for (const [name, value] of Object.entries({ ...state.metadata, ...own })) metadata.set(name, value)
  return metadata
}

const bufferOf = (pem: string | undefined): Buffer | null => (pem === undefined ? null : Buffer.from(pem))
const bytesOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
const asIs = (bytes: Buffer): Uint8Array => bytes
