// ByteWriter and ByteReader: numbers, keys and values in few bytes. Numbers are safe integers from 0 on, seven bits a byte.

import { assert } from '../std/index.js'
import { keyOfBytes } from './key.js'

const capacityFirst = 4096
const numberBytesMax = 8

export class ByteWriter {
  #bytes: Uint8Array
  #length = 0

  /** It grows; a first capacity that is enough spares the copies. */
  constructor(capacityBytes: number = capacityFirst) {
    this.#bytes = new Uint8Array(capacityBytes)
  }

  get length(): number {
    return this.#length
  }

  byte(value: number): void {
    if (this.#length === this.#bytes.length) this.#grow(1)
    this.#bytes[this.#length++] = value
  }

  number(value: number): void {
    // Anything else would be read as something else, on every member.
    if (!(value >= 0 && Number.isSafeInteger(value))) throw new RangeError(`${value} is no safe integer from 0 on`)
    if (this.#length + numberBytesMax > this.#bytes.length) this.#grow(numberBytesMax)
    let rest = value
    while (rest > 0x7fffffff) {
      this.#bytes[this.#length++] = (rest % 128) | 128
      rest = Math.floor(rest / 128)
    }
    while (rest > 127) {
      this.#bytes[this.#length++] = (rest & 127) | 128
      rest >>>= 7
    }
    this.#bytes[this.#length++] = rest
  }

  key(key: string): void {
    const length = key.length
    this.number(length)
    if (this.#length + length > this.#bytes.length) this.#grow(length)
    const bytes = this.#bytes
    const start = this.#length
    for (let at = 0; at < length; at++) {
      const byte = key.charCodeAt(at)
      if (byte > 255) throw new RangeError('a key is a binary string: pass text through keyOfText')
      bytes[start + at] = byte
    }
    this.#length = start + length
  }

  value(value: Uint8Array): void {
    this.number(value.length)
    if (this.#length + value.length > this.#bytes.length) this.#grow(value.length)
    this.#bytes.set(value, this.#length)
    this.#length += value.length
  }

  /** Forgets what was written after `length`. */
  cut(length: number): void {
    this.#length = length
  }

  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  /** What was written, in bytes of its own; the writer begins anew. */
  take(): Uint8Array {
    const taken = this.#bytes.slice(0, this.#length)
    this.#length = 0
    return taken
  }

  #grow(needed: number): void {
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + needed))
    grown.set(this.view())
    this.#bytes = grown
  }
}

// Keys recur: a key that was read lately is given as the same string, without making it again. Whether it is in here has no
// effect that can be seen, so that members may differ in it.
const recentKeysMax = 8192
const recentKeyBytesMax = 512

export class ByteReader {
  readonly #bytes: Uint8Array
  readonly #recent: (string | undefined)[]
  readonly #end: number
  #at: number

  constructor(bytes: Uint8Array, recent: (string | undefined)[] = [], at = 0, end: number = bytes.length) {
    this.#bytes = bytes
    this.#recent = recent
    this.#at = at
    this.#end = end
  }

  get at(): number {
    return this.#at
  }
  get done(): boolean {
    return this.#at >= this.#end
  }

  byte(): number {
    assert(this.#at < this.#end, 'the bytes end too early')
    return this.#bytes[this.#at++] as number
  }

  number(): number {
    const first = this.byte()
    if (first < 128) return first
    let value = first & 127
    for (let factor = 128; factor <= 2 ** 49; factor *= 128) {
      const byte = this.byte()
      value += (byte & 127) * factor
      if (byte < 128) return value
    }
    throw new RangeError('a number is longer than a safe integer')
  }

  key(): string {
    const length = this.number()
    const start = this.#advance(length)
    if (length > recentKeyBytesMax) return keyOfBytes(this.#bytes, start, start + length)
    const bytes = this.#bytes
    let hash = length
    for (let at = start; at < start + length; at++) hash = Math.imul(hash ^ (bytes[at] as number), 0x01000193)
    const slot = (hash ^ (hash >>> 15)) & (recentKeysMax - 1)
    const recent = this.#recent[slot]
    if (recent !== undefined && recent.length === length && isSame(recent, bytes, start)) return recent
    const key = keyOfBytes(bytes, start, start + length)
    this.#recent[slot] = key
    return key
  }

  /** A copy: a view would keep all the bytes it came with alive. */
  value(): Uint8Array {
    const length = this.number()
    const start = this.#advance(length)
    return this.#bytes.slice(start, start + length)
  }

  #advance(length: number): number {
    const start = this.#at
    assert(start + length <= this.#end, 'the bytes end too early')
    this.#at = start + length
    return start
  }
}

export const recentKeys = (): (string | undefined)[] => new Array<string | undefined>(recentKeysMax).fill(undefined)

function isSame(key: string, bytes: Uint8Array, start: number): boolean {
  for (let at = 0; at < key.length; at++) if (key.charCodeAt(at) !== bytes[start + at]) return false
  return true
}
