// Writer: the wire form of protobuf, written from its end to its beginning: a message's length is then known when it is written.
//
// The buffer is kept for the next message, up to a limit; what `take` gives is a copy of its own.

const initialBytes = 16 << 10
const keptBytesMax = 4 << 20
const bigintsMax = 100
const encoder = new TextEncoder()

export class Writer {
  #bytes = new Uint8Array(initialBytes)
  /** Where the first byte written stands. */
  #at = initialBytes
  readonly #bigints = new Map<bigint, Uint8Array>() // They are slow, and most are ids that stand in every message.

  /** Bytes written so far. */
  get length(): number {
    return this.#bytes.length - this.#at
  }

  /** All that was written, after `reserve` bytes that are left free; the next message begins anew. */
  take(reserve: number): Uint8Array {
    const taken = new Uint8Array(reserve + this.length)
    taken.set(this.#at === 0 ? this.#bytes : this.#bytes.subarray(this.#at), reserve)
    this.reset()
    return taken
  }

  reset(): void {
    if (this.#bytes.length > keptBytesMax) this.#bytes = new Uint8Array(initialBytes)
    this.#at = this.#bytes.length
  }

  varint(value: number): void {
    if (value < 0x80 && value >= 0) {
      this.#need(1)
      this.#bytes[--this.#at] = value
      return
    }
    if (value < 0 || value > Number.MAX_SAFE_INTEGER) return this.bigint(BigInt(value))
    let size = 1
    for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 128)) size++
    this.#need(size)
    this.#at -= size
    let rest = value
    for (let i = 0; i < size - 1; i++) {
      this.#bytes[this.#at + i] = (rest % 128) | 0x80
      rest = Math.floor(rest / 128)
    }
    this.#bytes[this.#at + size - 1] = rest
  }

  /** Negative numbers are ten bytes of two's complement. */
  bigint(value: bigint): void {
    let bytes = this.#bigints.get(value)
    if (bytes === undefined) {
      bytes = varintOf(value)
      if (this.#bigints.size >= bigintsMax) this.#bigints.clear()
      this.#bigints.set(value, bytes)
    }
    this.raw(bytes)
  }

  double(value: number): void {
    const bytes = new Uint8Array(8)
    new DataView(bytes.buffer).setFloat64(0, value, true)
    this.raw(bytes)
  }

  raw(bytes: Uint8Array): void {
    this.#need(bytes.length)
    this.#at -= bytes.length
    this.#bytes.set(bytes, this.#at)
  }

  text(text: string): void {
    this.raw(encoder.encode(text))
  }

  /** One byte for each character: a key. */
  binary(text: string): void {
    const { length } = text
    this.#need(length)
    this.#at -= length
    const bytes = this.#bytes
    for (let i = 0, at = this.#at; i < length; i++, at++) bytes[at] = text.charCodeAt(i)
  }

  #need(count: number): void {
    if (this.#at >= count) return
    const { length } = this
    const grown = new Uint8Array(2 * (this.#bytes.length + count))
    grown.set(this.#bytes.subarray(this.#at), grown.length - length)
    this.#bytes = grown
    this.#at = grown.length - length
  }
}

function varintOf(value: bigint): Uint8Array {
  const parts: number[] = []
  let rest = BigInt.asUintN(64, value)
  for (; rest >= 0x80n; rest >>= 7n) parts.push(Number(rest & 0x7fn) | 0x80)
  parts.push(Number(rest))
  return Uint8Array.from(parts)
}
