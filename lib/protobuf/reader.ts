// Reader: the wire form of protobuf, read: tags, varints, lengths. What is damaged throws a WireFault.
//
// https://protobuf.dev/programming-guides/encoding/ is what it follows.

export class WireFault extends Error {
  override readonly name = 'WireFault'
}

export class Reader {
  bytes: Uint8Array
  at: number
  end: number

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.at = 0
    this.end = bytes.length
  }

  /** Up to 32 bits, as an unsigned number: tags and lengths. */
  uint32(): number {
    const { bytes } = this
    let byte = bytes[this.at++] as number
    if (this.at > this.end) throw new WireFault('it ends early')
    if (byte < 0x80) return byte
    let value = byte & 0x7f
    for (let shift = 7; shift < 70; shift += 7) {
      if (this.at >= this.end) throw new WireFault('it ends early')
      byte = bytes[this.at++] as number
      if (shift < 32) value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value >>> 0
    }
    throw new WireFault('a number is too long')
  }

  /** Signed, 64 bits. Beyond 53 bits it is the nearest number: `Number.isSafeInteger` tells. */
  int64(): number {
    const { bytes, at, end } = this
    let value = 0
    let factor = 1
    for (let i = at; i < end && i < at + 7; i++) {
      const byte = bytes[i] as number
      value += (byte & 0x7f) * factor
      if (byte < 0x80) {
        this.at = i + 1
        return value
      }
      factor *= 128
    }
    return Number(BigInt.asIntN(64, this.uint64()))
  }

  uint64(): bigint {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      if (this.at >= this.end) throw new WireFault('it ends early')
      const byte = this.bytes[this.at++] as number
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return BigInt.asUintN(64, value)
    }
    throw new WireFault('a number is too long')
  }

  /** The end of what has its length before it. */
  delimited(): number {
    const length = this.uint32()
    if (length > this.end - this.at) throw new WireFault('it ends early')
    return this.at + length
  }

  double(): number {
    const at = this.advance(8)
    return new DataView(this.bytes.buffer, this.bytes.byteOffset + at, 8).getFloat64(0, true)
  }

  skip(wire: number): void {
    if (wire === 0) this.uint64()
    else if (wire === 1) this.advance(8)
    else if (wire === 2) this.at = this.delimited()
    else if (wire === 5) this.advance(4)
    else throw new WireFault(`wire type ${wire}`)
  }

  private advance(count: number): number {
    const { at } = this
    if (at + count > this.end) throw new WireFault('it ends early')
    this.at += count
    return at
  }
}
