// Codec: batches of envelopes as bytes. It belongs to one link and one direction: records, and the numbers that stand
// for names, refer to what was sent before.
//
// Measured: an envelope's addresses and type as numbers, not strings, halve what a small ask costs on its way: they
// are neither written nor read, and the receiver's maps find strings whose hash they know.

// Not 'msgpackr' itself, which also loads node:stream, in every thread.
import { Packr } from 'msgpackr/pack'
import { Unpackr } from 'msgpackr/unpack'
import type { Envelope, Kind } from '../actor/index.js'

const kinds: readonly Kind[] = [
  'tell',
  'ask',
  'open',
  'answer',
  'failure',
  'cancel',
  'opened',
  'items',
  'end',
  'credit',
  'stop',
  'monitor',
  'demonitor',
  'down'
]
const codes = new Map(kinds.map((kind, code) => [kind, code]))
const fields = 8
const namesMax = 8192 // Then both ends forget them all, and begin anew.
const forget = 0

// Measured: a port takes a short string in a third of the time of a short buffer; over some thousand bytes it is the reverse.
const textBytesMax = 2048

/** Bytes in an ArrayBuffer of their own, so that they can be transferred; if they are few, as a string, one character each. */
export type Packed = Uint8Array<ArrayBuffer> | string

export class Codec {
  // Of msgpackr's pairings only these two work with records sent in sequence.
  readonly #packr = new Packr({ sequential: true })
  readonly #unpackr = new Unpackr({ sequential: true, structures: [] })
  readonly #numbers = new Map<string, number>() // Of the names sent so far.
  readonly #names: string[] = [] // Of the names received so far.
  #fresh: (string | typeof forget)[] = []

  pack(envelopes: readonly Envelope[]): Packed {
    if (this.#numbers.size > namesMax) {
      this.#numbers.clear()
      this.#fresh.push(forget)
    }
    const flat: unknown[] = [0]
    for (const { kind, from, to, life, id, type, body, count } of envelopes) {
      flat.push(codes.get(kind), this.#number(from), this.#number(to), life, id, this.#number(type), body, count)
    }
    if (this.#fresh.length > 0) {
      flat[0] = this.#fresh
      this.#fresh = []
    }
    const packed = this.#packr.pack(flat)
    if (packed.length <= textBytesMax) return packed.latin1Slice(0, packed.length)
    const own = new Uint8Array(packed.length)
    own.set(packed)
    return own
  }

  unpack(packed: Packed): Envelope[] {
    const bytes = typeof packed === 'string' ? Buffer.from(packed, 'latin1') : packed
    const flat = this.#unpackr.unpack(bytes) as unknown[]
    if (flat[0] !== 0) this.#learn(flat[0] as readonly (string | typeof forget)[])
    const names = this.#names
    const envelopes: Envelope[] = []
    for (let i = 1; i < flat.length; i += fields) {
      envelopes.push({
        kind: kinds[flat[i] as number] as Kind,
        from: names[flat[i + 1] as number] as string,
        to: names[flat[i + 2] as number] as string,
        life: flat[i + 3] as number,
        id: flat[i + 4] as number,
        type: names[flat[i + 5] as number] as string,
        body: flat[i + 6],
        count: flat[i + 7] as number
      })
    }
    return envelopes
  }

  #number(name: string): number {
    const known = this.#numbers.get(name)
    if (known !== undefined) return known
    const number = this.#numbers.size
    this.#numbers.set(name, number)
    this.#fresh.push(name)
    return number
  }

  #learn(fresh: readonly (string | typeof forget)[]): void {
    for (const name of fresh) {
      if (name === forget) this.#names.length = 0
      else this.#names.push(name)
    }
  }
}
