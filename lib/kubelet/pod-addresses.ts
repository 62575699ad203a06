// PodAddresses: the addresses of one node's pods: the range `prefix.0/24` less its network, its node and its broadcast.
//
// An address that was given back is used again only when all others have been, so that nobody reaches a new pod by an old address.

const first = 2 // .0 is the network, .1 the node.
const last = 254

export class PodAddresses {
  readonly #prefix: string
  readonly #used = new Map<number, string>() // By whom.
  #next = first

  /** `prefix`: the first three bytes, `127.9.2`. */
  constructor(prefix: string) {
    this.#prefix = prefix
  }

  get used(): number {
    return this.#used.size
  }

  /** Undefined: all are taken. */
  allocate(owner: string): string | undefined {
    for (let tries = first; tries <= last; tries++) {
      const at = this.#next
      this.#next = at === last ? first : at + 1
      if (this.#used.has(at)) continue
      this.#used.set(at, owner)
      return `${this.#prefix}.${at}`
    }
    return undefined
  }

  /** Takes an address that is already in use, by a pod of an earlier life. False: another owner has it, or it is none of ours. */
  adopt(address: string, owner: string): boolean {
    const at = this.#index(address)
    if (at === undefined || (this.#used.get(at) ?? owner) !== owner) return false
    this.#used.set(at, owner)
    return true
  }

  release(address: string, owner: string): void {
    const at = this.#index(address)
    if (at !== undefined && this.#used.get(at) === owner) this.#used.delete(at)
  }

  #index(address: string): number | undefined {
    if (!address.startsWith(`${this.#prefix}.`)) return undefined
    const at = Number(address.slice(this.#prefix.length + 1))
    return Number.isInteger(at) && at >= first && at <= last ? at : undefined
  }
}
