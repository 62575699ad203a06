// A host for tests: one Dispatcher on this thread in real time, with ports.

import { type AnyActor, Dispatcher, type Envelope, type PortFactory, type Shell } from '../../lib/actor/index.js'
import { type Random, seededRandom } from '../../lib/std/index.js'

export class TestHost implements Shell {
  readonly dispatcher = new Dispatcher(this)
  readonly logged: { address: string; event: string; fields: Readonly<Record<string, unknown>> }[] = []
  readonly #ports: Readonly<Record<string, PortFactory>>
  #life = 0
  #ticking = false
  #timer: NodeJS.Timeout | undefined

  constructor(ports: Readonly<Record<string, PortFactory>> = {}) {
    this.#ports = ports
  }

  nowMs(): number {
    return performance.now()
  }
  clusterMs(): number {
    return Date.now()
  }
  newLife(): number {
    return ++this.#life
  }
  random(): Random {
    return seededRandom(this.#life)
  }
  send(envelope: Envelope): boolean {
    setImmediate(() => {
      this.dispatcher.undeliverable(envelope, 'unreachable', `no actor ${envelope.to}`)
      this.posted()
    })
    return true
  }
  save(): boolean {
    return true
  }
  spawn(): void {}
  ended(): void {}
  log(address: string, event: string, fields: Readonly<Record<string, unknown>>): void {
    this.logged.push({ address, event, fields })
  }
  posted(): void {
    if (this.#ticking) return
    this.#ticking = true
    setImmediate(() => this.#tick())
  }
  beforeTurn(): void {}
  port(kind: string): PortFactory | undefined {
    return this.#ports[kind]
  }

  start(address: string, actor: unknown, args?: unknown): void {
    this.dispatcher.start(address, actor as AnyActor, args, undefined)
    this.posted()
  }

  kill(address: string): void {
    this.dispatcher.kill(address, 'killed')
    this.posted()
  }

  close(): void {
    for (const address of [...this.dispatcher.addresses()]) this.dispatcher.kill(address, 'end of test')
    clearTimeout(this.#timer)
  }

  #tick(): void {
    this.#ticking = false
    this.dispatcher.wake('real', this.nowMs())
    this.dispatcher.wake('cluster', this.clusterMs())
    this.dispatcher.drain(20_000)
    this.dispatcher.settle()
    if (this.dispatcher.runnable) return this.posted()
    const now = this.nowMs()
    const due = Math.min(this.dispatcher.dueMs('real'), this.dispatcher.dueMs('cluster') - this.clusterMs() + now)
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (due !== Number.POSITIVE_INFINITY) this.#timer = setTimeout(() => this.posted(), Math.min(Math.max(0, due - now), 2 ** 31 - 1))
  }
}
