// Wire: a direct link between two threads. Batches of envelopes, packed as msgpackr records.
//
// Guarantee: envelopes of one link arrive in the order they were sent, or the link closes. The sender may be
// `batchesMax` batches or `bytesMax` bytes ahead of what the receiving thread has taken; over it, what may be
// refused is refused. How far the receiver is stands in shared memory, so acknowledging costs no message.
//
// A body that cannot be packed (a function, a cycle) leaves the packer's records in an unknown state: both ends then
// begin with new codecs, on the same port, so that nothing else is lost and nothing overtakes.

import type { MessagePort } from 'node:worker_threads'
import type { Envelope } from '../actor/index.js'
import { Codec, type Packed } from './codec.js'

/** Measured: uncapped, the two threads never overlap; at 16 they do, at least cost. */
const envelopesPerBatch = 16
const batchesMax = 4096
const bytesMax = 64 << 20

/** Three counters a direction (modulo 2^32): batches and bytes taken by the receiver; behind those of both, batches posted. */
export const linkStateBytes = 24
const postedAt = 16

export interface LinkSide {
  readonly port: MessagePort
  readonly state: SharedArrayBuffer
  readonly side: 0 | 1
}

const refusable = ({ kind }: Envelope): boolean => kind === 'tell' || kind === 'ask' || kind === 'open'

export interface LinkEvents {
  received(envelopes: Envelope[], link: Link): void
  /** Envelopes wait to be flushed. */
  pending(): void
  /** That envelope cannot be packed, and was left out. */
  unsendable(envelope: Envelope, error: unknown): void
  closed(link: Link): void
}

const newCodec = null // As a message: what follows is packed by a new codec.

export class Link {
  /** The thread at the other end. */
  readonly peer: number
  posts = 0
  readonly #port: MessagePort
  #outgoing = new Codec()
  #incoming = new Codec()
  readonly #mine: Int32Array // What the peer took of ours.
  readonly #theirs: Int32Array // What we took of the peer's.
  readonly #posted: Int32Array // By side.
  readonly #side: 0 | 1
  readonly #events: LinkEvents
  #out: Envelope[] = []
  #sentBatches = 0
  #sentBytes = 0
  #closed = false

  constructor(peer: number, { port, state, side }: LinkSide, events: LinkEvents) {
    this.peer = peer
    this.#port = port
    this.#events = events
    this.#side = side
    this.#posted = new Int32Array(state, postedAt, 2)
    this.#mine = new Int32Array(state, side * 8, 2)
    this.#theirs = new Int32Array(state, (1 - side) * 8, 2)
    port.on('message', (packed: Packed | typeof newCodec) => this.#take(packed))
    port.on('close', () => this.close())
  }

  /** False: the receiver is too far behind, and the envelope may be refused. */
  send(envelope: Envelope): boolean {
    if (this.#closed || (refusable(envelope) && this.#full())) return false
    this.#out.push(envelope)
    if (this.#out.length >= envelopesPerBatch) this.flush()
    else if (this.#out.length === 1) this.#events.pending()
    return true
  }

  flush(): void {
    if (this.#out.length === 0 || this.#closed) return
    const out = this.#out
    this.#out = []
    let packed: Packed
    try {
      packed = this.#outgoing.pack(out)
    } catch {
      return this.#renew(out)
    }
    this.posts++
    this.#sentBatches = (this.#sentBatches + 1) | 0
    this.#sentBytes = (this.#sentBytes + packed.length) | 0
    if (typeof packed === 'string') this.#port.postMessage(packed)
    else this.#port.postMessage(packed, [packed.buffer])
    Atomics.add(this.#posted, this.#side, 1)
  }

  /** Whether a batch was posted that was not taken yet. */
  get waiting(): boolean {
    return Atomics.load(this.#posted, 1 - this.#side) !== Atomics.load(this.#theirs, 0)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#port.close()
    this.#events.closed(this)
  }

  #renew(out: readonly Envelope[]): void {
    this.#outgoing = new Codec()
    this.#port.postMessage(newCodec)
    for (const envelope of out) {
      try {
        new Codec().pack([envelope])
        this.#out.push(envelope)
      } catch (error) {
        this.#events.unsendable(envelope, error)
      }
    }
    this.flush()
  }

  #full(): boolean {
    const batches = (this.#sentBatches - Atomics.load(this.#mine, 0)) | 0
    return batches >= batchesMax || ((this.#sentBytes - Atomics.load(this.#mine, 1)) | 0) >= bytesMax
  }

  #take(packed: Packed | typeof newCodec): void {
    if (packed === newCodec) {
      this.#incoming = new Codec()
      return
    }
    this.#events.received(this.#incoming.unpack(packed), this)
    Atomics.add(this.#theirs, 0, 1)
    Atomics.add(this.#theirs, 1, packed.length)
  }
}
