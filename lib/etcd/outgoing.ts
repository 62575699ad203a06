// Outgoing: answers that are large, or may be: how many are made at once, and how many bytes of them may wait for their clients.
//
// Guarantee: of answers that were made and that clients have not taken, there are `roomBytes` and one answer at most, and beyond
// them small ones; what finds no room waits, and holds no bytes of its own meanwhile: a request, or references into the keyspace.
// etcd has no such bound. It has a process and all of its memory for itself; here the thread of a member would end.

import type { StoreKeyValue } from '../storage/index.js'
import type { DeleteRangeRequest, RangeRequest, RequestOp, TxnRequest } from './messages.js'

/** A smaller answer is neither counted nor held up by others: a thousand of them are as much as one large one. */
export const smallBytesMax = 64 << 10
const roomBytes = 64 << 20
/** Reads of ranges between their request and their answer: of each the store makes a list of all it found. */
const wideMax = 32
/** Reads of single keys in one transaction, each of which may be as large as a request. */
const narrowReadsMax = 4

/** A client has as long for an answer as one that takes 1 MiB a second needs, and half a minute. */
export const deliveryMs = (bytes: number): number => 30_000 + Math.ceil(bytes / 1048.576)

export class Outgoing {
  /** Sends an answer, and says later that its client has it, or is gone. */
  readonly #deliver: (id: number, frame: Uint8Array) => void
  readonly #asking = new Set<number>() // Wide ones.
  readonly #requests = new Map<number, () => void>()
  readonly #answers = new Map<number, () => Uint8Array>()
  readonly #underWay = new Map<number, number>() // Bytes, by call.
  #bytes = 0

  constructor(deliver: (id: number, frame: Uint8Array) => void) {
    this.#deliver = deliver
  }

  /** Bytes of answers that were made and that their clients do not have yet. */
  get bytes(): number {
    return this.#bytes
  }
  get waiting(): number {
    return this.#requests.size + this.#answers.size
  }

  /** Begins a wide request, at once or once few enough are under way. It is to be answered here, or `ended`. */
  admit(id: number, begin: () => void): void {
    if (this.#asking.size >= wideMax) return void this.#requests.set(id, begin)
    this.#asking.add(id)
    begin()
  }

  /** The answer to a call, at once or once there is room. It is made only then. */
  answer(id: number, make: () => Uint8Array): void {
    if (this.#bytes >= roomBytes) return void this.#answers.set(id, make)
    this.#send(id, make)
  }

  /** A wide request was answered in another way: it failed, or what it found is small. */
  ended(id: number): void {
    if (this.#asking.delete(id)) this.#admitNext()
  }

  /** Its client is gone. What the store was asked for it already, it will still answer. */
  gone(id: number): void {
    this.#requests.delete(id)
    if (this.#answers.delete(id)) this.ended(id)
  }

  /** The client of that call has its answer, or is gone. */
  delivered(id: number): void {
    this.#bytes -= this.#underWay.get(id) ?? 0
    this.#underWay.delete(id)
    for (const [waiting, make] of this.#answers) {
      if (this.#bytes >= roomBytes) return
      this.#answers.delete(waiting)
      this.#send(waiting, make)
    }
  }

  #send(id: number, make: () => Uint8Array): void {
    const frame = make()
    this.#bytes += frame.length
    this.#underWay.set(id, frame.length)
    this.#deliver(id, frame)
    this.ended(id)
  }

  #admitNext(): void {
    for (const [id, begin] of this.#requests) {
      this.#requests.delete(id)
      this.#asking.add(id)
      return begin()
    }
  }
}

/** Whether a request may be answered with any number of keys. */
export function isWide(method: string, request: object): boolean {
  switch (method) {
    case 'Range':
      return readsOf({ requestRange: request as RangeRequest }) > narrowReadsMax
    case 'DeleteRange':
      return readsOf({ requestDeleteRange: request as DeleteRangeRequest }) > narrowReadsMax
    case 'Txn':
      return readsOf({ requestTxn: request as TxnRequest }) > narrowReadsMax
    default:
      return false
  }
}

/** How many keys are read at most. */
function readsOf({ requestRange, requestPut, requestDeleteRange, requestTxn }: RequestOp): number {
  if (requestRange !== undefined) return requestRange.countOnly ? 0 : requestRange.rangeEnd === '' ? 1 : Number.POSITIVE_INFINITY
  if (requestPut !== undefined) return requestPut.prevKv ? 1 : 0
  if (requestDeleteRange !== undefined)
    return !requestDeleteRange.prevKv ? 0 : requestDeleteRange.rangeEnd === '' ? 1 : Number.POSITIVE_INFINITY
  return requestTxn === undefined ? 0 : Math.max(readsOfAll(requestTxn.success), readsOfAll(requestTxn.failure))
}

function readsOfAll(ops: readonly RequestOp[]): number {
  let reads = 0
  for (const op of ops) reads += readsOf(op)
  return reads
}

/** What answers of KV have in common, whichever they are. */
interface KvAnswer {
  readonly kvs?: readonly StoreKeyValue[]
  readonly prevKvs?: readonly StoreKeyValue[]
  readonly prevKv?: StoreKeyValue | undefined
  readonly responses?: readonly Readonly<Record<string, KvAnswer>>[]
}

/** About how many bytes an answer takes: what stands around keys and values is guessed. */
export function bytesOf({ kvs, prevKvs, prevKv, responses }: KvAnswer): number {
  let bytes = prevKv === undefined ? 0 : bytesOfPair(prevKv)
  if (kvs !== undefined) for (const pair of kvs) bytes += bytesOfPair(pair)
  if (prevKvs !== undefined) for (const pair of prevKvs) bytes += bytesOfPair(pair)
  if (responses !== undefined) for (const response of responses) for (const name in response) bytes += bytesOf(response[name] as KvAnswer)
  return bytes
}

const aroundBytes = 30 // Revisions, version, tags and lengths.
const bytesOfPair = ({ key, value }: StoreKeyValue): number => key.length + value.length + aroundBytes
