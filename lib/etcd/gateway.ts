// Gateway: etcd's v3 API in front of one member of the store: calls of gRPC in, messages to that member out, and back.
//
// Guarantee: an answer says what the member said; a request is sent again only if it took no effect. A member without a leader is
// waited for as long as etcd waits for one, then the call fails as etcd's does. It keeps nothing: whoever starts it again loses
// streams, which clients open again.

import {
  type Answer,
  type AskName,
  ask,
  type Body,
  type Context,
  type Flow,
  type Outcome,
  open,
  type Ref,
  type Source,
  sleep
} from '../actor/index.js'
import {
  frameHeaderBytes,
  type GrpcCall,
  type GrpcOwner,
  type GrpcProtocol,
  type GrpcStatus,
  grpcCodes,
  grpcPort,
  writeFrameHeader
} from '../ports/index.js'
import { Codec, type Descriptor, type MethodDescriptor, WireFault } from '../protobuf/index.js'
import type { StoreWatch, StoreWatchBatch } from '../storage/index.js'
import type { StoreMemberProtocol, StoreStatus } from '../store/index.js'
import { callerOf } from './caller.js'
import { faults, isPassing, isPassingForReads } from './errors.js'
import { clusterIdOf, memberIdOf } from './identity.js'
import type { Header } from './messages.js'
import { Fault, type OpenStream, type Streaming, type Unary } from './method.js'
import { bytesOf, deliveryMs, isWide, Outgoing, smallBytesMax } from './outgoing.js'
import { services, streams } from './services.js'
import { WatchGroups } from './watch.js'

export type EtcdProtocol = GrpcOwner
export type EtcdTimer = 'leader'
type MemberRef = Ref<StoreMemberProtocol>
export type EtcdContext = Context<EtcdProtocol, EtcdTimer>

export interface GatewayOptions {
  readonly store: MemberRef
  readonly cluster: string
  readonly descriptor: Descriptor
  /** Where clients reach the gateway of that member; empty if nowhere. */
  readonly clientUrlsOf: (address: string) => readonly string[]
}

/** As etcd: five seconds, and twice its election timeout of a second. */
export const requestTimeoutMs = 7_000
export const requestBytesMax = 1_572_864 // As etcd's --max-request-bytes.
/** What a request may have over that, so that the answer can say which limit it was. As etcd's. */
export const requestOverheadBytes = 512 << 10
const retryMs = 20
const deliverySlackMs = 10_000 // The port is not to be overtaken.
const streamWindow = 16 // Batches that the store may be ahead of a slow client.
/** A member without a leader for so long ends the streams of those who asked for one; etcd's three election timeouts. */
export const leaderlessMs = 3_000
const writes = new Set(['Put', 'DeleteRange', 'Txn', 'LeaseGrant'])

const isKey = (field: string): boolean => field === 'key' || field === 'rangeEnd' || field === 'keys'

interface Method {
  readonly name: string
  readonly descriptor: MethodDescriptor
  readonly unary: Unary | undefined
  readonly streaming: Streaming | undefined
  readonly bytesMax: number
}

export class Gateway {
  readonly ctx: EtcdContext
  readonly options: GatewayOptions
  readonly codec: Codec
  readonly clusterId: bigint
  readonly memberId: bigint
  readonly port: Ref<GrpcProtocol>
  readonly groups: WatchGroups
  readonly outgoing: Outgoing
  term = 0
  leader: string | null = null
  isLearner = false
  /** The member does not run, or recovers. Not the same as running without a leader: clients that ask for one give up then. */
  isAway = true
  readonly #methods = new Map<string, Method>()
  readonly #streams = new Map<number, { readonly stream: OpenStream; readonly method: Method; readonly needsLeader: boolean }>()
  #revision = 0

  constructor(ctx: EtcdContext, options: GatewayOptions) {
    const { store, cluster, descriptor } = options
    this.ctx = ctx
    this.options = options
    this.codec = new Codec(descriptor, { isKey })
    this.clusterId = clusterIdOf(cluster)
    this.memberId = memberIdOf(cluster, store)
    this.port = ctx.port(grpcPort)
    this.groups = new WatchGroups(this)
    this.outgoing = new Outgoing((id, frame) => ctx.run(this.#deliver(id, frame)))
    for (const [path, method] of Object.entries(descriptor.methods)) {
      const name = path.slice(path.lastIndexOf('/') + 1)
      const bytesMax = writes.has(name) ? requestBytesMax : requestBytesMax + requestOverheadBytes
      this.#methods.set(path, { name, descriptor: method, unary: services[path], streaming: streams[path], bytesMax })
    }
  }

  get store(): MemberRef {
    return this.options.store
  }
  get openStreams(): number {
    return this.#streams.size
  }

  /** Of an answer: the store's revision at that point. */
  header(revision: number): Header {
    if (revision > this.#revision) this.#revision = revision
    return { clusterId: this.clusterId, memberId: this.memberId, revision, raftTerm: this.term }
  }

  /** Of an answer that has no revision of its own: the newest that is known here. */
  get revisionKnown(): number {
    return this.#revision
  }

  idOf(address: string): bigint {
    return memberIdOf(this.options.cluster, address)
  }

  // What the port tells.
  called(call: GrpcCall): void {
    const method = this.#methods.get(call.method)
    if (method === undefined || (method.unary === undefined && method.streaming === undefined))
      return this.finish(call.id, { code: grpcCodes.unimplemented, text: `${call.method.slice(1)} is not part of kabuki's etcd API` })
    const needsLeader = call.metadata.hasleader === 'true'
    if (needsLeader && this.leader === null && !this.isAway) return this.finish(call.id, faults.noLeader)
    const request = call.message === null ? undefined : this.#decode(call.id, method, call.message)
    if (request === null) return
    if (this.isLearner && !isForLearners(method.name, request)) return this.finish(call.id, faults.learner)
    if (method.streaming !== undefined)
      this.#streams.set(call.id, { stream: method.streaming(this, call, request as never), method, needsLeader })
    else if (method.unary !== undefined) {
      const flow = this.#answer(call, method, method.unary(this, request as never, call))
      if (isWide(method.name, request as object)) this.outgoing.admit(call.id, () => this.ctx.run(flow))
      else this.ctx.run(flow)
    }
  }

  message(id: number, message: Uint8Array): void {
    const open = this.#streams.get(id)
    if (open === undefined) return
    const request = this.#decode(id, open.method, message)
    if (request !== null) open.stream.message(request as never)
  }

  halfClosed(id: number): void {
    this.#streams.get(id)?.stream.halfClosed()
  }

  closed(id: number): void {
    const open = this.#streams.get(id)
    this.#streams.delete(id)
    if (open === undefined) this.outgoing.gone(id)
    else open.stream.closed()
  }

  stalled(id: number): void {
    this.#streams.get(id)?.stream.stalled()
  }

  drained(id: number): void {
    this.#streams.get(id)?.stream.drained()
  }

  /** Nobody has led for too long: streams that asked for a leader end. If the member is away, so that clients open them again, elsewhere if they can. */
  leaderLost(): void {
    for (const [id, { stream, needsLeader }] of [...this.#streams]) {
      if (!needsLeader) continue
      this.finish(id, this.isAway ? faults.stopped : faults.noLeader)
      stream.closed()
    }
  }

  // What methods use.
  /** Asks the member, again while it took no effect and may yet, until the time is over. */
  *ask<K extends AskName<StoreMemberProtocol>>(
    call: GrpcCall,
    kind: 'read' | 'write',
    type: K,
    ...body: Body<StoreMemberProtocol, K>
  ): Flow<Outcome<Answer<StoreMemberProtocol, K>>> {
    const untilMs = this.ctx.nowMs + Math.min(requestTimeoutMs, call.timeoutMs)
    const passing = kind === 'read' ? isPassingForReads : isPassing
    const asked = [{ ...(body[0] as object | undefined), caller: callerOf(call) }] as unknown as Body<StoreMemberProtocol, K>
    for (;;) {
      const leftMs = untilMs - this.ctx.nowMs
      const outcome = yield* ask(this.store, Math.max(1, leftMs), type, ...asked)
      if (outcome.ok || !passing(outcome.error) || leftMs <= retryMs) return outcome
      yield* sleep('real', retryMs)
    }
  }

  *openWatch(watch: StoreWatch): Flow<Outcome<Source<StoreWatchBatch>>> {
    return yield* open(this.store, requestTimeoutMs, 'watch', watch, streamWindow)
  }

  *status(): Flow<Outcome<StoreStatus>> {
    return yield* ask(this.store, requestTimeoutMs, 'status')
  }

  frame(message: string, value: object): Uint8Array {
    const bytes = this.codec.encode(message, value, frameHeaderBytes)
    writeFrameHeader(bytes)
    return bytes
  }

  send(ids: readonly number[], frame: Uint8Array): void {
    this.ctx.tell(this.port, 'send', { ids, frame })
  }

  /** Ends a call; what its stream still does reaches nobody. */
  finish(id: number, { code, text }: GrpcStatus): void {
    this.#streams.delete(id)
    this.ctx.tell(this.port, 'finish', { id, code, text })
  }

  *#answer(call: GrpcCall, method: Method, flow: Flow<object | Fault>): Flow<void> {
    let answer: object | Fault
    try {
      answer = yield* flow
    } catch (error) {
      // Nobody else would tell the client, who may wait for ever.
      this.ctx.log('call failed', { method: call.method, detail: String(error) })
      answer = new Fault({ code: grpcCodes.internal, text: 'etcdserver: internal error' })
    }
    const make = (): Uint8Array => this.frame(method.descriptor.response, answer)
    if (!(answer instanceof Fault) && bytesOf(answer) > smallBytesMax) return this.outgoing.answer(call.id, make)
    if (answer instanceof Fault) this.ctx.tell(this.port, 'finish', { id: call.id, ...answer.status })
    else this.ctx.tell(this.port, 'respond', { id: call.id, frame: make() })
    this.outgoing.ended(call.id)
  }

  *#deliver(id: number, frame: Uint8Array): Flow<void> {
    const withinMs = deliveryMs(frame.length)
    yield* ask(this.port, withinMs + deliverySlackMs, 'deliver', { id, frame, withinMs })
    this.outgoing.delivered(id)
  }

  #decode(id: number, method: Method, message: Uint8Array): object | null {
    try {
      if (message.length <= method.bytesMax) return this.codec.decode<object>(method.descriptor.request, message)
      this.finish(id, faults.tooLarge)
    } catch (error) {
      if (!(error instanceof WireFault)) throw error
      this.closed(id)
      // As grpc-go says it.
      this.finish(id, { code: grpcCodes.internal, text: `grpc: error unmarshalling request: ${error.message}` })
    }
    return null
  }
}

/** As etcd: what a member may be asked that has no vote, and may be far behind. */
const isForLearners = (method: string, request: object | undefined): boolean =>
  method === 'Status' ||
  method === 'Snapshot' ||
  (method === 'Range' && request !== undefined && 'serializable' in request && request.serializable === true)
