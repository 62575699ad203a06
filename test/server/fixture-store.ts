// A store for tests: one Mvcc in memory, shared by any number of member actors. A member may die; what it held stays.

import { type Actor, refuse, type Sink, sleep } from '../../lib/actor/index.js'
import { type Compare, type Failure, Mvcc, type Op, type OpResult, WatchHub } from '../../lib/mvcc/index.js'
import type {
  StorageProtocol,
  StoreCompare,
  StoreOp,
  StoreOpResult,
  StoreTxn,
  StoreTxnAnswer,
  StoreWatchBatch
} from '../../lib/storage/index.js'

export class MemoryStore {
  readonly mvcc = new Mvcc()
  /** Whoever shall do something before or instead of the next transactions. */
  onTxn: ((txn: StoreTxn) => 'hang after' | undefined) | undefined
  txns = 0
}

interface State {
  readonly store: MemoryStore
  readonly hub: WatchHub
  readonly sinks: Map<string, Sink<StoreWatchBatch>>
  watchLast: number
}

const refusalOf = ({ code, message }: Failure) => refuse(code === 'future' ? 'future revision' : code, message)

export const memberActor: Actor<StorageProtocol, MemoryStore, State> = {
  name: 'member',
  init: (_ctx, store) => ({ store, hub: new WatchHub(store.mvcc), sinks: new Map(), watchLast: 0 }),
  on: {
    range(_ctx, { store }, query) {
      const result = store.mvcc.range(query)
      return 'code' in result ? refusalOf(result) : { ...result, revision: store.mvcc.revision }
    },
    revision: (_ctx, { store }) => ({ revision: store.mvcc.revision }),
    compact(_ctx, { store }, { revision }) {
      const result = store.mvcc.apply({ type: 'compact', revision })
      return result.type === 'failed' ? refusalOf(result) : { revision }
    },
    *txn(_ctx, { store }, txn) {
      const wish = store.onTxn?.(txn)
      store.txns++
      const result = store.mvcc.apply({
        type: 'txn',
        compares: txn.compares.map(compareOf),
        success: txn.success as Op[],
        failure: txn.failure as Op[]
      })
      if (wish === 'hang after') yield* sleep('real', 60_000)
      if (result.type === 'failed') return refusalOf(result)
      if (result.type !== 'txn') throw new Error(result.type)
      const { succeeded, results } = result
      const answer: StoreTxnAnswer = { succeeded, revision: store.mvcc.revision, results: results.map(resultOf) }
      return answer
    },
    watch(ctx, state, request) {
      if (request.startRevision > 0 && request.startRevision <= state.store.mvcc.compactRevision) return refuse('compacted', 'compacted')
      const id = String(++state.watchLast)
      const sink = ctx.stream()
      state.sinks.set(id, sink)
      const { key, end, startRevision, prevKv = false } = request
      state.hub.add({ id, key, end, startRevision, prevKv })
      return sink
    }
  },
  sink(_ctx, state, sink, event) {
    for (const [id, mine] of state.sinks) {
      if (mine !== sink) continue
      if (event === 'credit') return state.hub.resume(id)
      state.hub.remove(id)
      state.sinks.delete(id)
    }
  },
  settled: (_ctx, state) => pump(state)
}

function pump(state: State): void {
  do {
    for (const delivery of state.hub.take()) {
      for (const id of delivery.ids) {
        const sink = state.sinks.get(id)
        if (delivery.type === 'compacted') sink?.end(refuse('compacted', 'compacted'))
        else if (sink?.push({ revision: delivery.revision, events: delivery.events }) === false) {
          state.hub.pause(id, delivery.events[0]?.kv.modRevision)
        }
      }
    }
  } while (state.hub.behind)
}

function compareOf(compare: StoreCompare): Compare {
  const { key, result } = compare
  return compare.target === 'value'
    ? { key, result, target: 'value', value: compare.operand }
    : { key, result, target: compare.target, number: compare.operand }
}

function resultOf(result: OpResult): StoreOpResult {
  if (result.type === 'txn') return { ...result, results: result.results.map(resultOf) }
  return result.type === 'put' ? { type: 'put' } : result
}

export type { StoreOp }
