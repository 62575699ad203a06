// Watches: each a gRPC stream of its own, to the member in use when it was opened.
//
// Guarantee: what etcd's watch guarantees, and that a watch of every key reaches each revision that was told by `reached`: on an etcd
// that can be relied on, by asking for progress on the same stream while it is behind, as upstream does (KEP-2340); on an older one by
// watching every key of etcd, ours or not, where each revision is an event.

import { credit, type Flow, open, Refusal, refuse, type Source, type Stream, type Turn } from '../actor/index.js'
import { grpcClientPort } from '../ports/index.js'
import type { Descriptor } from '../protobuf/index.js'
import type { StorageProtocol, StoreWatch, StoreWatchBatch } from '../storage/index.js'
import type { EtcdConnection, EtcdContext, EtcdMember } from './connection.js'
import { refusalOf } from './failures.js'
import { everyKey } from './key-prefix.js'
import { type EtcdWatchResponse, etcdMethods } from './messages.js'
import type { Translation } from './translation.js'

/** As upstream's interval between requests for progress while somebody waits. */
const progressEveryMs = 100
const idleMs = 500
const openTimeoutMs = 5_000
const window = 64
/** So that a member that lost its leader ends its streams, instead of saying nothing. */
const requireLeader = { hasleader: 'true' }

interface Open {
  readonly stream: number
  readonly member: EtcdMember
  /** It can be asked for progress, and somebody may wait for it. */
  readonly isFollowed: boolean
  told: number
}

export class EtcdWatches {
  readonly #ctx: EtcdContext
  readonly #connection: EtcdConnection
  readonly #translation: Translation
  readonly #names: Descriptor['methods'][string]
  readonly #open = new Set<Open>()
  #streamLast = 0
  #wanted = 0

  constructor(ctx: EtcdContext, connection: EtcdConnection, translation: Translation, methods: Descriptor['methods']) {
    this.#ctx = ctx
    this.#connection = connection
    this.#translation = translation
    this.#names = methods[etcdMethods.watch] as Descriptor['methods'][string]
  }

  /** The store is at that revision, and whoever asked waits until watches are there. */
  reached(revision: number): void {
    if (revision <= this.#wanted) return
    this.#wanted = revision
    for (const one of this.#open) if (one.isFollowed && one.told < revision) this.#askProgress(one)
  }

  *serve(ctx: Turn<StorageProtocol, never, Stream<StoreWatchBatch>>, watch: StoreWatch): Flow<Refusal | undefined> {
    const connection = this.#connection
    const member = connection.current
    const misfit = yield* connection.verified(member)
    if (misfit !== undefined) {
      connection.leave(member)
      return misfit
    }
    const isEvery = watch.key === everyKey.key && watch.end === everyKey.end
    const request = this.#translation.watchRequest(watch, isEvery && !member.hasProgress)
    if (request instanceof Refusal) return request
    const stream = ++this.#streamLast
    const opened = yield* open(
      this.#port,
      openTimeoutMs,
      'stream',
      {
        stream,
        endpoint: member.endpoint,
        method: etcdMethods.watch,
        message: connection.codec.encode(this.#names.request, request),
        metadata: requireLeader
      },
      window
    )
    if (!opened.ok) return refusalOf(opened.error)
    const source = opened.value
    const one: Open = { stream, member, isFollowed: isEvery && member.hasProgress, told: 0 }
    try {
      const created = yield* source.next(openTimeoutMs)
      if (created.kind !== 'items') {
        connection.leave(member)
        return created.kind === 'failed' ? refusalOf(created.error) : refuse('unavailable', 'etcd does not begin to watch')
      }
      this.#open.add(one)
      const end = yield* this.#tell(ctx, one, source, created.items)
      if (end !== undefined && end.code !== 'compacted') connection.leave(member)
      return end
    } finally {
      this.#open.delete(one)
      source.close()
    }
  }

  /** Until the consumer or etcd ends it. */
  *#tell(
    ctx: Turn<StorageProtocol, never, Stream<StoreWatchBatch>>,
    one: Open,
    source: Source<Uint8Array>,
    first: readonly Uint8Array[]
  ): Flow<Refusal | undefined> {
    const sink = ctx.stream()
    for (let items = first; ; ) {
      for (const bytes of items) {
        const response = this.#connection.decoded<EtcdWatchResponse>(this.#names.response, bytes)
        if (response instanceof Refusal) return response
        if (response.canceled) return reasonOf(response)
        if (response.created) continue
        const batch = this.#translation.watchBatch(response)
        while (!sink.push(batch)) if (!(yield* credit(sink))) return undefined
        one.told = Math.max(one.told, batch.revision)
      }
      const isBehind = one.isFollowed && one.told < this.#wanted
      const batch = yield* source.next(isBehind ? progressEveryMs : idleMs)
      items = batch.kind === 'items' ? batch.items : []
      if (batch.kind === 'idle') {
        // Calls were in vain at that member: it may hold still, and its connection not tell for long.
        const misfit = yield* this.#connection.verified(one.member)
        if (misfit !== undefined) return misfit
        if (one.isFollowed && one.told < this.#wanted) this.#askProgress(one)
      }
      if (batch.kind === 'end') return refuse('unavailable', 'etcd ended the watch')
      if (batch.kind === 'failed') return refusalOf(batch.error)
    }
  }

  get #port() {
    return this.#ctx.port(grpcClientPort)
  }

  #askProgress({ stream }: Open): void {
    this.#ctx.tell(this.#port, 'send', { stream, message: this.#connection.codec.encode(this.#names.request, { progressRequest: {} }) })
  }
}

function reasonOf({ compactRevision, cancelReason }: EtcdWatchResponse): Refusal {
  if (compactRevision > 0) return refuse('compacted', `revisions before ${compactRevision} are gone`)
  return refusalOf({ code: 'CANCELLED', detail: cancelReason || 'etcd canceled the watch', definite: false })
}
