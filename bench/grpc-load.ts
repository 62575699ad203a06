// gRPC load: an etcd v3 client over grpc-js, the same for a real etcd, for ours, and for a bare server.

import { createRequire } from 'node:module'
import * as path from 'node:path'
import {
  type ChannelCredentials,
  type Client,
  credentials,
  type GrpcObject,
  loadPackageDefinition,
  type ServiceClientConstructor
} from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { quantile } from './measure.js'
import { keyOf, watchedKeyOf, watchedRange } from './store-keys.js'
import type { Phase, PhaseRate, WatchedRate } from './store-load.js'

const protoDir = path.join(path.dirname(createRequire(import.meta.url).resolve('etcd3/package.json')), 'proto')
const etcdPackage = loadSync('rpc.proto', { includeDirs: [protoDir], longs: Number, keepCase: true, arrays: true, defaults: true })
export const etcdApi = (loadPackageDefinition(etcdPackage) as GrpcObject).etcdserverpb as Record<'KV' | 'Watch', ServiceClientConstructor>

const valueBytes = 256
const channelsPerEndpoint = 2
const warmUpMs = 300
const watchedTimeoutMs = 30_000
const value = Buffer.alloc(valueBytes, 120)

type Unary = (request: object, done: (error: Error | null, answer: object) => void) => unknown
interface WatchCall {
  on(event: 'data', listener: (answer: { created?: boolean; events: readonly unknown[] }) => void): void
  on(event: 'error', listener: (error: Error) => void): void
  write(request: object): void
  cancel(): void
}
type KvClient = Client & { readonly Put: Unary; readonly Range: Unary }
type WatchClient = Client & { Watch(): WatchCall }

export class GrpcLoad {
  readonly #kvs: readonly KvClient[]
  readonly #watch: WatchClient

  constructor(endpoints: readonly string[], secret: ChannelCredentials = credentials.createInsecure()) {
    const options = (channel: number): object => ({ 'grpc.use_local_subchannel_pool': 1, 'kabuki.channel': channel })
    const channels = Array.from({ length: channelsPerEndpoint }, (_, at) => at)
    this.#kvs = endpoints.flatMap(endpoint =>
      channels.map(channel => new etcdApi.KV(endpoint, secret, options(channel)) as unknown as KvClient)
    )
    this.#watch = new etcdApi.Watch(endpoints[0] as string, secret, options(channelsPerEndpoint)) as unknown as WatchClient
  }

  async measure({ op, inFlight, forMs }: Phase): Promise<PhaseRate> {
    const startMs = performance.now() + warmUpMs
    const endMs = startMs + forMs
    const latencies: number[] = []
    let next = 0
    let done = 0
    let failed = 0
    const lane = async (): Promise<void> => {
      for (let nowMs = performance.now(); nowMs < endMs; ) {
        const askedMs = nowMs
        const failure = await this.#one(op, next++).then(
          () => undefined,
          (error: Error) => error
        )
        nowMs = performance.now()
        if (failure !== undefined) failed++
        else if (nowMs >= startMs && nowMs < endMs) {
          done++
          latencies.push(nowMs - askedMs)
        }
      }
    }
    await Promise.all(Array.from({ length: inFlight }, lane))
    return { perSecond: (done / forMs) * 1e3, p50Ms: quantile(latencies, 0.5), p99Ms: quantile(latencies, 0.99), failed, answered: next }
  }

  /** Puts, each of which that many watchers of the first member see, each on a stream of its own. */
  async watched({ watchers, puts, inFlight }: { watchers: number; puts: number; inFlight: number }): Promise<WatchedRate> {
    let delivered = 0
    let created = 0
    let heard: () => void = () => undefined
    const calls = Array.from({ length: watchers }, () => {
      const call = this.#watch.Watch()
      call.on('error', () => undefined)
      call.on('data', answer => {
        if (answer.created === true) created++
        delivered += answer.events.length
        heard()
      })
      call.write({ create_request: { key: Buffer.from(watchedRange.key), range_end: Buffer.from(watchedRange.end) } })
      return call
    })
    const until = (isSo: () => boolean): Promise<void> =>
      new Promise(resolve => {
        const timer = setTimeout(resolve, watchedTimeoutMs)
        heard = () => {
          if (!isSo()) return
          clearTimeout(timer)
          resolve()
        }
        heard()
      })
    await until(() => created === watchers)
    const startMs = performance.now()
    let next = 0
    const lane = async (): Promise<void> => {
      while (next < puts) await this.#put(watchedKeyOf(next++))
    }
    await Promise.all(Array.from({ length: inFlight }, lane))
    await until(() => delivered >= watchers * puts)
    const tookMs = performance.now() - startMs
    for (const call of calls) call.cancel()
    return { deliveriesPerSecond: (delivered / tookMs) * 1e3, delivered }
  }

  close(): void {
    for (const client of [...this.#kvs, this.#watch]) client.close()
  }

  #one(op: Phase['op'], number: number): Promise<object> {
    if (op === 'put') return this.#put(keyOf(number))
    return this.#ask('Range', number, { key: Buffer.from(keyOf(number)), serializable: op === 'serializable' })
  }

  #put(key: string): Promise<object> {
    return this.#ask('Put', key.charCodeAt(key.length - 1), { key: Buffer.from(key), value })
  }

  #ask(method: 'Put' | 'Range', number: number, request: object): Promise<object> {
    const client = this.#kvs[number % this.#kvs.length] as KvClient
    return new Promise((resolve, reject) => client[method](request, (error, answer) => (error === null ? resolve(answer) : reject(error))))
  }
}
