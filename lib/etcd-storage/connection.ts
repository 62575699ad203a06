// Connection: the members of an etcd cluster, and calls to whichever of them answers.
//
// Guarantee: a member is asked for its cluster and version before it is used, and again after it failed; one of another cluster, or too
// old, gets nothing from us. A call goes to the next member when it is known that nothing happened, a read after any failure of a
// member. A write that may have happened is told so, and never sent twice.

import { ask, type Context, doubt, type Failure, type Flow, type Outcome, Refusal, sleep } from '../actor/index.js'
import { type GrpcConnectOptions, grpcClientPort } from '../ports/index.js'
import { Codec, type Descriptor } from '../protobuf/index.js'
import type { StorageProtocol } from '../storage/index.js'
import { isOfMember, isOfTls, refusalOf } from './failures.js'
import { everyKey, KeyPrefix } from './key-prefix.js'
import { type EtcdHeader, type EtcdStatusResponse, etcdMethods, isKey } from './messages.js'
import { misfitOfVersion, progressIsReliable } from './version.js'

export interface EtcdConfig {
  readonly servers: readonly string[]
  readonly prefix: string
  readonly tls?: NonNullable<GrpcConnectOptions['tls']>
}
export type EtcdContext = Context<StorageProtocol>

export interface EtcdMember {
  readonly endpoint: string
  /** Asked, and fit to be used; until it fails. */
  isVerified: boolean
  /** What it says when asked for progress is true. */
  hasProgress: boolean
}

const connectTimeoutMs = 5_000
const verifyTimeoutMs = 2_000
const retryMs = 200
/** A cluster that is being started with us may not be there yet. */
const startPatienceMs = 5_000
/** A member that holds still is passed over after this, if the read can wait for another. */
const readPatienceMs = 1_000
/** Who gave up on a call that was under way for so long takes the member for one that holds still. */
const suspectMs = 800

/** Why a member cannot be used. `permanent`: waiting does not help. */
interface Trouble {
  readonly error: Failure
  readonly problem: string
  readonly permanent: boolean
}

export class EtcdConnection {
  readonly codec: Codec
  readonly #ctx: EtcdContext
  readonly #config: EtcdConfig
  readonly #methods: Descriptor['methods']
  readonly #members: readonly EtcdMember[]
  #at = 0
  #clusterId: bigint | undefined
  #version = ''
  #isUsed = false // Until then `start` says how it stands.
  #problem = '' // As shown: no member answered the last call that tried them all.

  constructor(ctx: EtcdContext, config: EtcdConfig, descriptor: Descriptor) {
    this.codec = new Codec(descriptor, { isKey })
    this.#ctx = ctx
    this.#config = config
    this.#methods = descriptor.methods
    this.#members = config.servers.map(endpoint => ({ endpoint, isVerified: false, hasProgress: false }))
  }

  /** Returns once a member may be used; says meanwhile why none may. False: never. */
  *start(): Flow<boolean> {
    const { servers, tls } = this.#config
    const connected = yield* ask(this.#port, connectTimeoutMs, 'connect', { endpoints: servers, ...(tls === undefined ? {} : { tls }) })
    if (!connected.ok) {
      this.#ctx.show({ ready: false, fatal: true, problem: `etcd: ${connected.error.detail}` })
      return false
    }
    const startedMs = this.#ctx.nowMs
    for (;;) {
      const troubles: Trouble[] = []
      let isDenied = false
      for (const member of this.#members) {
        const trouble = yield* this.#verify(member, verifyTimeoutMs)
        if (trouble !== undefined) {
          troubles.push(trouble)
          continue
        }
        this.#at = this.#members.indexOf(member)
        if (yield* this.#mayRead(member)) return true
        isDenied = true
        break
      }
      if (!isDenied) this.#showTroubles(troubles, this.#ctx.nowMs - startedMs)
      yield* sleep('real', retryMs)
    }
  }

  #showTroubles(troubles: readonly Trouble[], forMs: number): void {
    const isOver = forMs >= startPatienceMs || troubles.every(({ permanent }) => permanent)
    const problem = troubles.map(({ problem }) => problem).join('; ')
    this.#ctx.show({ ready: false, problem, ...(isOver ? { fatal: true } : {}) })
  }

  /** What is watched must be allowed to be read, or the apiserver would ask in vain for ever. */
  *#mayRead({ endpoint, hasProgress }: EtcdMember): Flow<boolean> {
    const { key, end } = hasProgress ? new KeyPrefix(this.#config.prefix).all : everyKey
    const request = { key, rangeEnd: end, limit: 1, keysOnly: true }
    const answer = yield* this.call(etcdMethods.range, request, verifyTimeoutMs, true)
    const isDenied = answer instanceof Refusal && answer.code === 'denied'
    if (!isDenied) {
      this.#isUsed = true
      this.#show()
    } else {
      const what = hasProgress ? `keys from ${key} to ${end}` : `all keys, as is needed with its version ${this.#version}`
      this.#ctx.show({ ready: false, fatal: true, problem: `etcd at ${endpoint} does not let us read ${what}: ${answer.detail}` })
    }
    return !isDenied
  }

  /** One request and its answer, decoded. A read may be sent again. */
  *call<T>(method: string, request: object, timeoutMs: number, isRead: boolean): Flow<T | Refusal> {
    const { request: name, response } = this.#methods[method] as Descriptor['methods'][string]
    const message = this.codec.encode(name, request)
    const deadlineMs = this.#ctx.nowMs + timeoutMs
    for (let tries = 1; ; tries++) {
      const member = this.current
      const isLast = tries >= this.#members.length
      const leftMs = Math.max(1, deadlineMs - this.#ctx.nowMs)
      const patienceMs = isRead && !isLast ? Math.min(leftMs, readPatienceMs) : leftMs
      const answer = yield* this.#watched(member, this.#ask(member, method, message, patienceMs))
      if (answer.ok) {
        if (this.#problem !== '') this.#show('')
        return this.decoded(response, answer.value)
      }
      if (!isOfMember(answer.error)) return refusalOf(answer.error)
      this.leave(member)
      if (isLast) this.#show(`${answer.error.code} ${answer.error.detail}`)
      if (isLast || this.#ctx.nowMs >= deadlineMs || !(isRead || answer.error.definite)) return refusalOf(answer.error)
    }
  }

  decoded<T>(name: string, bytes: Uint8Array): T | Refusal {
    try {
      return this.codec.decode<T & object>(name, bytes)
    } catch (error) {
      return doubt('unavailable', `what etcd answered cannot be read: ${String(error)}`)
    }
  }

  get current(): EtcdMember {
    return this.#members[this.#at] as EtcdMember
  }

  /** Turns to the next member, if that one is still in use. */
  leave(member: EtcdMember): void {
    member.isVerified = false
    if (this.current !== member) return
    this.#at = (this.#at + 1) % this.#members.length
    if (this.#members.length > 1) this.#ctx.log('turned to another member of etcd', { from: member.endpoint, to: this.current.endpoint })
    this.#show()
  }

  /** Fit to be used, or why not. */
  *verified(member: EtcdMember): Flow<Refusal | undefined> {
    const trouble = member.isVerified ? undefined : yield* this.#verify(member, verifyTimeoutMs)
    return trouble === undefined ? undefined : refusalOf(trouble.error)
  }

  get #port() {
    return this.#ctx.port(grpcClientPort)
  }

  /** Who asked may give up, and this flow end with it, before the member was found to hold still: then it is left here. */
  *#watched<T>(member: EtcdMember, asking: Flow<T>): Flow<T> {
    const startMs = this.#ctx.nowMs
    let isOver = false
    try {
      const answer = yield* asking
      isOver = true
      return answer
    } finally {
      if (!isOver && this.#ctx.nowMs - startMs >= suspectMs) this.leave(member)
    }
  }

  *#ask(member: EtcdMember, method: string, message: Uint8Array, timeoutMs: number): Flow<Outcome<Uint8Array>> {
    if (!member.isVerified) {
      const trouble = yield* this.#verify(member, Math.min(timeoutMs, verifyTimeoutMs))
      // What was asked for was not sent.
      if (trouble !== undefined) return { ok: false, error: { ...trouble.error, definite: true } }
    }
    return yield* ask(this.#port, timeoutMs, 'unary', { endpoint: member.endpoint, method, message })
  }

  *#verify(member: EtcdMember, timeoutMs: number): Flow<Trouble | undefined> {
    const { endpoint } = member
    const { request, response } = this.#methods[etcdMethods.status] as Descriptor['methods'][string]
    const message = this.codec.encode(request, {})
    const answer = yield* ask(this.#port, timeoutMs, 'unary', { endpoint, method: etcdMethods.status, message })
    if (!answer.ok) {
      const { error } = answer
      if (refusalOf(error).code === 'denied')
        return { error, problem: `etcd at ${endpoint} does not let us in: ${error.detail}`, permanent: true }
      const ofTls = isOfTls(error)
      const what = ofTls ? 'the certificates and etcd do not fit' : 'cannot reach etcd'
      return { error, problem: `${what} at ${endpoint}: ${error.code} ${error.detail}`, permanent: ofTls }
    }
    const status = this.decoded<EtcdStatusResponse>(response, answer.value)
    const misfit = status instanceof Refusal ? status.detail : this.#misfitOf(status)
    if (misfit !== undefined || status instanceof Refusal) {
      const problem = `etcd at ${endpoint} cannot be used: ${misfit}`
      this.#ctx.log('a member of etcd cannot be used', { endpoint, reason: misfit ?? '' })
      return { error: { code: 'UNAVAILABLE', detail: problem, definite: true }, problem, permanent: true }
    }
    this.#clusterId = (status.header as EtcdHeader).clusterId
    this.#version = status.version
    member.hasProgress = progressIsReliable(status.version)
    member.isVerified = true
    if (member === this.current) this.#show()
    return undefined
  }

  #misfitOf({ header, version, leader }: EtcdStatusResponse): string | undefined {
    const misfit = misfitOfVersion(version)
    if (misfit !== undefined) return misfit
    if (header === undefined) return 'it does not say which cluster it is of'
    if (this.#clusterId !== undefined && header.clusterId !== this.#clusterId) return 'it is of another cluster'
    return leader === 0n ? 'it knows no leader' : undefined
  }

  #show(problem = this.#problem): void {
    this.#problem = problem
    if (!this.#isUsed) return
    const facts = { endpoint: this.current.endpoint, version: this.#version }
    this.#ctx.show(problem === '' ? { ready: true, ...facts } : { ready: false, ...facts, problem })
  }
}
