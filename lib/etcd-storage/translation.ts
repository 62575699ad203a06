// Translation: StorageProtocol's requests as etcd's messages, and etcd's answers back. Keys move to where the prefix says.

import { type Refusal, refuse } from '../actor/index.js'
import type {
  StoreCompare,
  StoreEvent,
  StoreKeyValue,
  StoreOp,
  StoreOpResult,
  StoreRange,
  StoreRangeAnswer,
  StoreTxn,
  StoreTxnAnswer,
  StoreWatch,
  StoreWatchBatch
} from '../storage/index.js'
import { type EtcdRange, everyKey, type KeyPrefix } from './key-prefix.js'
import type { EtcdKeyValue, EtcdRangeResponse, EtcdResponseOp, EtcdTxnResponse, EtcdWatchResponse } from './messages.js'

const compareResults = { equal: 0, greater: 1, less: 2, notEqual: 3 } as const
const compareTargets = { version: 0, create: 1, mod: 2, value: 3, lease: 4 } as const
const sortOrders = { none: 0, ascend: 1, descend: 2 } as const
const sortTargets = { key: 0, version: 1, create: 2, mod: 3, value: 4 } as const
const filters = { noPut: 0, noDelete: 1 } as const
const compareOperands = { version: 'version', create: 'createRevision', mod: 'modRevision', value: 'value', lease: 'lease' } as const

const outside = (key: string): Refusal => refuse('invalid', `${JSON.stringify(key)} is not under the prefix of this storage`)
const noKeyValue: EtcdKeyValue = { key: '', createRevision: 0, modRevision: 0, version: 0, value: new Uint8Array(0), lease: 0 }

/** Thrown within this file, and refused at its exported functions: a key may stand deep in a transaction. */
class Outside extends Error {
  readonly key: string
  constructor(key: string) {
    super(key)
    this.key = key
  }
}

function attempt(make: () => object): object | Refusal {
  try {
    return make()
  } catch (error) {
    if (error instanceof Outside) return outside(error.key)
    throw error
  }
}

export class Translation {
  readonly #prefix: KeyPrefix

  constructor(prefix: KeyPrefix) {
    this.#prefix = prefix
  }

  rangeRequest(query: StoreRange): object | Refusal {
    return attempt(() => this.#range(query))
  }

  rangeAnswer(response: EtcdRangeResponse): StoreRangeAnswer {
    return { ...this.#ranged(response), revision: response.header?.revision ?? 0 }
  }

  txnRequest(txn: StoreTxn): object | Refusal {
    return attempt(() => this.#txn(txn))
  }

  /** The answers are in the order of the ops of the branch that happened. */
  txnAnswer({ succeeded, responses, header }: EtcdTxnResponse): StoreTxnAnswer {
    return { succeeded, revision: header?.revision ?? 0, results: responses.map(response => this.#result(response)) }
  }

  /** `whole`: every key of etcd instead of all that are ours, so that each revision shows itself. */
  watchRequest({ key, end, startRevision, prevKv = false, noPut, noDelete }: StoreWatch, whole: boolean): object | Refusal {
    return attempt(() => {
      const left = [...(noPut === true ? [filters.noPut] : []), ...(noDelete === true ? [filters.noDelete] : [])]
      const range = whole ? everyKey : this.#rangeOf(key, end)
      return { createRequest: { key: range.key, rangeEnd: range.end, startRevision, prevKv, filters: left, progressNotify: true } }
    })
  }

  /** Of a response with events: etcd splits no revision, so that up to its last one everything was told. Without: progress. */
  watchBatch({ events, header }: EtcdWatchResponse): StoreWatchBatch {
    const last = events.at(-1)?.kv?.modRevision
    return { revision: last ?? header?.revision ?? 0, events: events.flatMap(event => this.#event(event)) }
  }

  #rangeOf(key: string, end: string | undefined): EtcdRange {
    const range = this.#prefix.rangeToEtcd(key, end)
    if (range === undefined) throw new Outside(key)
    return range
  }

  #range({ key, end, sortOrder = 'none', sortTarget = 'key', ...rest }: StoreRange): object {
    const range = this.#rangeOf(key, end)
    return { ...rest, key: range.key, rangeEnd: range.end, sortOrder: sortOrders[sortOrder], sortTarget: sortTargets[sortTarget] }
  }

  #compare(compare: StoreCompare): object {
    const { key, end, target, result, operand } = compare
    const at = this.#rangeOf(key, end)
    return {
      key: at.key,
      rangeEnd: at.end,
      result: compareResults[result],
      target: compareTargets[target],
      [compareOperands[target]]: operand
    }
  }

  #txn({ compares, success, failure }: StoreTxn): object {
    return {
      compare: compares.map(compare => this.#compare(compare)),
      success: success.map(op => this.#op(op)),
      failure: failure.map(op => this.#op(op))
    }
  }

  #op(op: StoreOp): object {
    if (op.type === 'txn') return { requestTxn: this.#txn(op) }
    const { key, end } = this.#rangeOf(op.key, op.type === 'put' ? undefined : op.end)
    switch (op.type) {
      case 'put':
        return {
          requestPut: { key, value: op.value, lease: op.lease, prevKv: op.prevKv, ignoreValue: op.ignoreValue, ignoreLease: op.ignoreLease }
        }
      case 'delete':
        return { requestDeleteRange: { key, rangeEnd: end, prevKv: op.prevKv } }
      case 'range': {
        const { type: _, ...range } = op
        return { requestRange: this.#range(range) }
      }
    }
  }

  #result({ responsePut, responseRange, responseDeleteRange, responseTxn }: EtcdResponseOp): StoreOpResult {
    if (responseRange !== undefined) return { type: 'range', ...this.#ranged(responseRange) }
    if (responseDeleteRange !== undefined) {
      const { deleted, prevKvs } = responseDeleteRange
      return { type: 'delete', deleted, prevs: prevKvs.flatMap(kv => this.#keyValue(kv)) }
    }
    if (responseTxn !== undefined) {
      const { succeeded, responses } = responseTxn
      return { type: 'txn', succeeded, results: responses.map(response => this.#result(response)) }
    }
    if (responsePut === undefined) throw new Error('etcd answered an operation in a way that is not known')
    const [prev] = responsePut.prevKv === undefined ? [] : this.#keyValue(responsePut.prevKv)
    return prev === undefined ? { type: 'put' } : { type: 'put', prev }
  }

  #ranged({ kvs, count, more }: EtcdRangeResponse): { kvs: StoreKeyValue[]; count: number; more: boolean } {
    return { kvs: kvs.flatMap(kv => this.#keyValue(kv)), count, more }
  }

  #event({ type, kv = noKeyValue, prevKv }: EtcdWatchResponse['events'][number]): StoreEvent[] {
    const [own] = this.#keyValue(kv)
    if (own === undefined) return []
    const [prev] = prevKv === undefined ? [] : this.#keyValue(prevKv)
    return [{ type: type === 0 ? 'put' : 'delete', kv: own, ...(prev === undefined ? {} : { prev }) }]
  }

  #keyValue(kv: EtcdKeyValue): StoreKeyValue[] {
    const key = this.#prefix.fromEtcd(kv.key)
    return key === undefined ? [] : [{ ...kv, key }]
  }
}
