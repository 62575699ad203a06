// Random: a small seeded generator. The same seed gives the same numbers on every machine and version of Node.

export type Random = () => number

/** xoshiro128** seeded by splitmix32; uniform in [0, 1) with 32 bits of resolution. */
export function seededRandom(seed: number): Random {
  let s = seed >>> 0
  const split = (): number => {
    s = (s + 0x9e3779b9) | 0
    let t = s ^ (s >>> 16)
    t = Math.imul(t, 0x21f0aaad)
    t ^= t >>> 15
    t = Math.imul(t, 0x735a2d97)
    return (t ^ (t >>> 15)) >>> 0
  }
  let a = split()
  let b = split()
  let c = split()
  let d = split() | 1
  const rotate = (x: number, k: number): number => (x << k) | (x >>> (32 - k))
  return () => {
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9)
    const t = b << 9
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= t
    d = rotate(d, 11)
    return (result >>> 0) / 4294967296
  }
}

/** An integer in [0, limit). */
export const integerBelow = (random: Random, limit: number): number => Math.floor(random() * limit)

/** A 32-bit seed for a generator of its own, so that two consumers never share a sequence. */
export const forkSeed = (random: Random): number => Math.floor(random() * 4294967296)
