// Cidr: a range of IPv4 addresses.

export interface Cidr {
  readonly base: number
  readonly size: number
  contains(address: string): boolean
}

export function parseCidr(text: string): Cidr {
  const [address = '', bits = ''] = text.split('/')
  const start = parseAddress(address)
  const length = Number(bits)
  if (start === undefined || !Number.isInteger(length) || length < 8 || length > 30) throw new Error(`not an IPv4 range: ${text}`)
  const size = 2 ** (32 - length)
  const base = Math.floor(start / size) * size
  return {
    base,
    size,
    contains: other => {
      const at = parseAddress(other)
      return at !== undefined && at > base && at < base + size - 1
    }
  }
}

export function addressAt({ base }: Cidr, index: number): string {
  const address = base + index
  return [24, 16, 8, 0].map(shift => Math.floor(address / 2 ** shift) % 256).join('.')
}

function parseAddress(text: string): number | undefined {
  const parts = text.split('.')
  if (parts.length !== 4 || !parts.every(part => /^\d{1,3}$/.test(part) && Number(part) < 256)) return undefined
  return parts.reduce((sum, part) => sum * 256 + Number(part), 0)
}
