// Uid: a UUID (version 4) from the actor's chance and the cluster's time, so that two lives of the same seed do not make the same.

interface Source {
  readonly clusterMs: number
  random(): number
}

export function makeUid(source: Source): string {
  const { clusterMs } = source
  const high = (Math.floor(source.random() * 2 ** 32) ^ Math.floor(clusterMs / 65536)) >>> 0
  const middle = (Math.floor(source.random() * 2 ** 32) ^ ((clusterMs & 0xffff) << 16)) >>> 0
  const low = Math.floor(source.random() * 2 ** 32)
  const last = Math.floor(source.random() * 2 ** 32)
  const a = hex(high)
  const b = hex(middle)
  const c = hex(low)
  const variant = '89ab'[(low >>> 28) & 3] as string
  return `${a}-${b.slice(0, 4)}-4${b.slice(5)}-${variant}${c.slice(1, 4)}-${c.slice(4)}${hex(last)}`
}

const pairs = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

const hex = (word: number): string => `${pairs[word >>> 24]}${pairs[(word >>> 16) & 255]}${pairs[(word >>> 8) & 255]}${pairs[word & 255]}`
