// SHA-256 (FIPS 180-4), of bytes that come in parts.

const blockBytes = 64
const digestBytes = 32
const roundConstants = fractions(64, 3)
const initialState = fractions(8, 2)

/** The first 32 bits of the fractions of the square or cube roots of the first primes. */
function fractions(count: number, root: 2 | 3): Uint32Array {
  const found = new Uint32Array(count)
  for (let candidate = 2, at = 0; at < count; candidate++) {
    let isPrime = true
    for (let divisor = 2; divisor * divisor <= candidate; divisor++) if (candidate % divisor === 0) isPrime = false
    if (!isPrime) continue
    found[at++] = fractionOf(BigInt(candidate), root)
  }
  return found
}

/** By integers: what a host's power function gives in its last bits is its own affair. */
function fractionOf(prime: bigint, root: 2 | 3): number {
  const scaled = prime << BigInt(32 * root)
  let low = 0n
  let high = 1n << 40n
  while (low < high) {
    const middle = (low + high + 1n) >> 1n
    if (middle ** BigInt(root) <= scaled) low = middle
    else high = middle - 1n
  }
  return Number(low & 0xffffffffn)
}

export class Sha256 {
  readonly #state = initialState.slice()
  readonly #schedule = new Uint32Array(64)
  readonly #rest = new Uint8Array(blockBytes)
  #restBytes = 0
  #bytes = 0

  add(bytes: Uint8Array): this {
    this.#bytes += bytes.length
    let at = 0
    if (this.#restBytes > 0) {
      at = Math.min(bytes.length, blockBytes - this.#restBytes)
      this.#rest.set(bytes.subarray(0, at), this.#restBytes)
      this.#restBytes += at
      if (this.#restBytes < blockBytes) return this
      this.#block(this.#rest, 0)
      this.#restBytes = 0
    }
    for (; at + blockBytes <= bytes.length; at += blockBytes) this.#block(bytes, at)
    this.#rest.set(bytes.subarray(at))
    this.#restBytes = bytes.length - at
    return this
  }

  /** The hash of all that was added; nothing may be added after it. */
  digest(): Uint8Array {
    const bits = this.#bytes * 8
    const padded = new Uint8Array(this.#restBytes < blockBytes - 8 ? blockBytes : 2 * blockBytes)
    padded.set(this.#rest.subarray(0, this.#restBytes))
    padded[this.#restBytes] = 0x80
    const view = new DataView(padded.buffer)
    view.setUint32(padded.length - 8, Math.floor(bits / 2 ** 32))
    view.setUint32(padded.length - 4, bits % 2 ** 32)
    for (let at = 0; at < padded.length; at += blockBytes) this.#block(padded, at)
    const digest = new Uint8Array(digestBytes)
    const words = new DataView(digest.buffer)
    for (const [index, word] of this.#state.entries()) words.setUint32(4 * index, word)
    return digest
  }

  #block(bytes: Uint8Array, start: number): void {
    const w = this.#schedule
    for (let i = 0, at = start; i < 16; i++, at += 4) {
      w[i] =
        ((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number)
    }
    for (let i = 16; i < 64; i++) {
      const x = w[i - 15] as number
      const y = w[i - 2] as number
      const s0 = rotate(x, 7) ^ rotate(x, 18) ^ (x >>> 3)
      const s1 = rotate(y, 17) ^ rotate(y, 19) ^ (y >>> 10)
      w[i] = (w[i - 16] as number) + s0 + (w[i - 7] as number) + s1
    }
    this.#mix(w)
  }

  #mix(w: Uint32Array): void {
    const state = this.#state
    let [a, b, c, d, e, f, g, h] = state as unknown as [number, number, number, number, number, number, number, number]
    for (let i = 0; i < 64; i++) {
      const s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)
      const t1 = (h + s1 + ((e & f) ^ (~e & g)) + (roundConstants[i] as number) + (w[i] as number)) | 0
      const s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)
      const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0
      h = g
      g = f
      f = e
      e = (d + t1) | 0
      d = c
      c = b
      b = a
      a = (t1 + t2) | 0
    }
    for (const [index, word] of [a, b, c, d, e, f, g, h].entries()) state[index] = (state[index] as number) + word
  }
}

const rotate = (word: number, bits: number): number => (word >>> bits) | (word << (32 - bits))
