// PortHarness: one real port and its owner on this thread, with real time: what a test of a port needs of a host.

import * as os from 'node:os'
import * as path from 'node:path'
import {
  type AnyActor,
  ask,
  Dispatcher,
  type Effect,
  type Envelope,
  type Outcome,
  type PortFactory,
  type Ref,
  type Shell
} from '../../lib/actor/index.js'
import { AddressTable, addressTableBytes } from '../../lib/host/address-table.js'
import { ClusterClock, clockBytes } from '../../lib/host/clock.js'
import { type NetworkFaults, noFaults } from '../../lib/host/directory.js'
import { Journal, syncedBytes } from '../../lib/host/journal.js'
import type { PortLoader, PortServices } from '../../lib/host/port-services.js'
import { seededRandom } from '../../lib/std/index.js'

type Untyped = Record<string, (body: unknown) => unknown>

export class PortHarness implements Shell, PortServices {
  readonly dispatcher = new Dispatcher(this)
  readonly addresses: AddressTable
  readonly clock: ClusterClock
  faults: NetworkFaults = noFaults
  readonly #kind: string
  readonly #owner: string
  readonly #shared = new SharedArrayBuffer(clockBytes)
  readonly #changed = new Set<() => void>()
  #factory!: PortFactory
  #lifeLast = 0
  #timer: NodeJS.Timeout | undefined
  #pumping = false

  private constructor(kind: string, owner: string, addresses: AddressTable) {
    this.#kind = kind
    this.#owner = owner
    this.addresses = addresses
    this.clock = new ClusterClock(this.#shared)
    this.clock.set(Date.now(), 1)
  }

  /** `on`: what the owner accepts. */
  static async start(
    kind: string,
    loader: PortLoader,
    on: AnyActor['on'],
    owner = 'worker-1/owner',
    addresses = new AddressTable(new SharedArrayBuffer(addressTableBytes))
  ): Promise<PortHarness> {
    const harness = new PortHarness(kind, owner, addresses)
    harness.#factory = (await loader())(harness)
    harness.startOwner(on)
    return harness
  }

  startOwner(on: AnyActor['on']): void {
    const kind = this.#kind
    const owner: AnyActor = {
      name: 'owner',
      init: () => undefined,
      on: {
        ...on,
        *'test ask'(ctx, _, { type, body, timeoutMs, resolve }) {
          resolve(yield* ask(ctx.port({ name: kind }) as Ref<Untyped>, timeoutMs, type, body))
        }
      }
    }
    this.dispatcher.start(this.#owner, owner, undefined, undefined)
  }

  ask<T = unknown>(type: string, body?: unknown, timeoutMs = 60_000): Promise<Outcome<T>> {
    return new Promise(resolve => {
      const message = { type, body, timeoutMs, resolve }
      this.#deliver({ kind: 'tell', from: '', to: this.#owner, life: 0, id: 0, type: 'test ask', body: message, count: 0 })
    })
  }

  /** An actor beside the owner; one that uses the port has its own. */
  startActor(address: string, actor: AnyActor, args?: unknown): void {
    this.dispatcher.start(address, actor, args, undefined)
    this.posted()
  }

  /** A message to any actor, as from outside. */
  tell(to: string, type: string, body: unknown, from = ''): void {
    this.#deliver({ kind: 'tell', from, to, life: 0, id: 0, type, body, count: 0 })
  }

  /** As `ask`, of what must not fail. */
  async must<T = unknown>(type: string, body?: unknown): Promise<T> {
    const outcome = await this.ask<T>(type, body)
    if (!outcome.ok) throw new Error(`${type}: ${outcome.error.code} ${outcome.error.detail}`)
    return outcome.value
  }

  setFaults(faults: NetworkFaults): void {
    this.faults = faults
    for (const changed of this.#changed) changed()
  }

  setClock(clusterMs: number, scale: number): void {
    this.clock.set(clusterMs, scale)
    this.posted()
  }

  kill(): void {
    this.dispatcher.kill(this.#owner, 'test')
    clearTimeout(this.#timer)
  }

  // PortServices, Shell
  journal(owner: string): Journal {
    return new Journal(path.join(os.tmpdir(), `kabuki-test-${process.pid}`, owner), new SharedArrayBuffer(syncedBytes))
  }
  onFaults(changed: () => void): () => void {
    this.#changed.add(changed)
    return () => this.#changed.delete(changed)
  }
  nowMs = (): number => performance.now()
  clusterMs = (): number => this.clock.nowMs()
  newLife = (): number => ++this.#lifeLast
  random = () => seededRandom(1)
  send = (_: Envelope): boolean => false
  save = (): boolean => true
  spawn = (_: string, __: Effect): void => undefined
  ended = (): void => undefined
  log = (address: string, event: string, fields: unknown): void => {
    if (event === 'failed') throw new Error(`${address} ${JSON.stringify(fields)}`)
  }
  beforeTurn = (): void => undefined
  port = (kind: string): PortFactory | undefined => (kind === this.#kind ? this.#factory : undefined)
  posted(): void {
    if (this.#pumping) return
    this.#pumping = true
    setImmediate(() => {
      this.#pumping = false
      this.#pump()
    })
  }

  #deliver(envelope: Envelope): void {
    this.dispatcher.deliver(envelope)
    this.posted()
  }

  #pump(): void {
    this.dispatcher.wake('real', performance.now())
    this.dispatcher.wake('cluster', this.clock.nowMs())
    this.dispatcher.drain()
    this.dispatcher.settle()
    clearTimeout(this.#timer)
    const cluster = this.dispatcher.dueMs('cluster')
    const clusterDelay = cluster === Number.POSITIVE_INFINITY ? cluster : this.clock.realDelayMs(cluster)
    const delay = Math.min(this.dispatcher.dueMs('real') - performance.now(), clusterDelay)
    if (delay < Number.POSITIVE_INFINITY) this.#timer = setTimeout(() => this.#pump(), Math.max(0, Math.min(delay, 1e9)))
  }
}
