// KeyPrefix: where in etcd the keys of the apiserver are: all of them begin with `/registry` here, and with the prefix there.
//
// As upstream's --etcd-prefix, which is `/registry` too unless said otherwise. A key elsewhere is not ours: it is neither asked for nor told.

export interface EtcdRange {
  readonly key: string
  readonly end: string | undefined
}

/** Of the whole etcd; asked of us, every key that is ours. */
export const everyKey: EtcdRange = { key: '\0', end: '\0' }

const registryPrefix = '/registry'

export class KeyPrefix {
  readonly #prefix: string

  /** Slashes at its ends do not matter. */
  constructor(prefix: string) {
    this.#prefix = `/${prefix.replace(/^\/+|\/+$/g, '')}`.replace(/^\/$/, '')
  }

  /** What may be asked for to see that etcd serves us; nobody writes it. As upstream. */
  get healthKey(): string {
    return `${this.#prefix}/health`
  }

  /** Every key that is ours. */
  get all(): EtcdRange {
    return { key: `${this.#prefix}/`, end: `${this.#prefix}0` }
  }

  /** Undefined: no key of ours. The empty key is, so that etcd says what is wrong with it. */
  toEtcd(key: string): string | undefined {
    if (key === '') return key
    return key.startsWith(registryPrefix) ? this.#prefix + key.slice(registryPrefix.length) : undefined
  }

  fromEtcd(key: string): string | undefined {
    return key.startsWith(this.#prefix) && key[this.#prefix.length] === '/' ? registryPrefix + key.slice(this.#prefix.length) : undefined
  }

  /** Both ends must be ours, or it is the range of every key. */
  rangeToEtcd(key: string, end: string | undefined): EtcdRange | undefined {
    if (key === everyKey.key && end === everyKey.end) return this.all
    const from = this.toEtcd(key)
    if (from === undefined) return undefined
    if (end === undefined || end === '') return { key: from, end: undefined }
    const to = this.toEtcd(end)
    return to === undefined || to === '' ? undefined : { key: from, end: to }
  }
}
