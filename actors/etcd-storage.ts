// Etcd storage: a real etcd as the apiserver's storage. It speaks StorageProtocol, and keeps nothing of its own.
//
// Guarantee: what lib/storage promises, as far as etcd does: writes and reads are linearizable (but for reads that say serializable), and a
// write that may have happened is told so. Any number of apiservers have one each.

import { type Actor, ask, type Flow, Refusal, refuse } from '../lib/actor/index.js'
import {
  compactionLoop,
  descriptorOf,
  type EtcdConfig,
  EtcdConnection,
  type EtcdContext,
  type EtcdHeader,
  type EtcdRangeResponse,
  type EtcdTxnResponse,
  EtcdWatches,
  etcdMethods,
  KeyPrefix,
  Translation
} from '../lib/etcd-storage/index.js'
import { grpcClientPort, resourcesPort } from '../lib/ports/index.js'
import type { StorageProtocol } from '../lib/storage/index.js'

export type EtcdStorageArgs = EtcdConfig & {
  /** 0: leave it to others. */
  readonly compactEveryMs?: number
}

interface Ready {
  readonly connection: EtcdConnection
  readonly watches: EtcdWatches
}
interface State {
  readonly prefix: KeyPrefix
  readonly translation: Translation
  ready: Ready | undefined // Undefined until it can read etcd's messages.
}

const resourceTimeoutMs = 10_000
/** As upstream's --etcd-compaction-interval. */
const compactEveryMsDefault = 5 * 60_000
const starting = (): Refusal => refuse('unavailable', 'etcd storage is starting')

export const etcdStorage: Actor<StorageProtocol, EtcdStorageArgs, State> = {
  name: 'etcd-storage',
  guarded: true,
  mailboxMax: 65_536,
  ports: [grpcClientPort, resourcesPort],
  init(ctx, args) {
    const prefix = new KeyPrefix(args.prefix)
    const state: State = { prefix, translation: new Translation(prefix), ready: undefined }
    ctx.show({ ready: false, problem: 'starting' })
    ctx.run(start(ctx, state, args))
    return state
  },
  on: {
    *range(ctx, { ready, translation }, query) {
      const request = translation.rangeRequest(query)
      if (request instanceof Refusal) return request
      if (ready === undefined) return starting()
      const answer = yield* ready.connection.call<EtcdRangeResponse>(etcdMethods.range, request, ctx.leftMs, true)
      return answer instanceof Refusal ? answer : translation.rangeAnswer(answer)
    },
    *revision(ctx, { ready, prefix }) {
      if (ready === undefined) return starting()
      const request = { key: prefix.healthKey, keysOnly: true }
      const answer = yield* ready.connection.call<EtcdRangeResponse>(etcdMethods.range, request, ctx.leftMs, true)
      if (answer instanceof Refusal) return answer
      const { revision } = answer.header as EtcdHeader
      ready.watches.reached(revision)
      return { revision }
    },
    *txn(ctx, { ready, translation }, txn) {
      const request = translation.txnRequest(txn)
      if (request instanceof Refusal) return request
      if (ready === undefined) return starting()
      const answer = yield* ready.connection.call<EtcdTxnResponse>(etcdMethods.txn, request, ctx.leftMs, false)
      return answer instanceof Refusal ? answer : translation.txnAnswer(answer)
    },
    *compact(ctx, { ready }, { revision }) {
      if (ready === undefined) return starting()
      const answer = yield* ready.connection.call<{ header?: EtcdHeader }>(etcdMethods.compact, { revision }, ctx.leftMs, false)
      return answer instanceof Refusal ? answer : { revision: answer.header?.revision ?? 0 }
    },
    *watch(ctx, { ready }, watch) {
      return ready === undefined ? starting() : yield* ready.watches.serve(ctx, watch)
    }
  }
}

function* start(ctx: EtcdContext, state: State, args: EtcdStorageArgs): Flow<void> {
  const file = yield* ask(ctx.port(resourcesPort), resourceTimeoutMs, 'read', { name: 'etcd.json' })
  if (!file.ok) return ctx.stop(`no description of etcd's messages: ${file.error.detail}`)
  const descriptor = descriptorOf(file.value)
  const connection = new EtcdConnection(ctx, args, descriptor)
  if (!(yield* connection.start())) return
  state.ready = { connection, watches: new EtcdWatches(ctx, connection, state.translation, descriptor.methods) }
  const everyMs = args.compactEveryMs ?? compactEveryMsDefault
  if (everyMs > 0) ctx.run(compactionLoop(ctx, connection, everyMs))
}
