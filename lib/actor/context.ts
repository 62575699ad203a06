// Context: what a handler is given. One object for the life of a cell; every method records an effect.
//
// A class, since an object literal with getters has its properties in a dictionary, and every turn looks some of them up.

import type { Random } from '../std/index.js'
import type { Cell } from './cell.js'
import type { Clock, Flow, Later, PortKind, Running, SpawnOptions, Turn } from './contract.js'
import { type AnyActor, type Facts, machineOf } from './envelope.js'
import type { Run } from './waits.js'

type AnyTurn = Turn<any, string, any>

/** The one cast: addresses are plain strings here and typed `Ref`s to the actor. */
export const cellContext = (cell: Cell, random: Random): AnyTurn => new CellContext(cell, random) as unknown as AnyTurn

class CellContext {
  readonly self: string
  readonly life: number
  readonly random: Random
  readonly #cell: Cell

  constructor(cell: Cell, random: Random) {
    this.self = cell.address
    this.life = cell.life
    this.random = random
    this.#cell = cell
  }

  get nowMs(): number {
    return this.#cell.clocks.nowMs()
  }
  get clusterMs(): number {
    return this.#cell.clocks.clusterMs()
  }
  get from(): string {
    return this.#cell.request?.from ?? this.self
  }
  get leftMs(): number {
    const { request } = this.#cell
    const left = request?.kind === 'ask' ? request.count : 0
    return left > 0 ? left : Number.POSITIVE_INFINITY
  }

  tell(to: string, type: string, body: unknown): void {
    this.#send('tell', to, type, body)
  }
  timer(name: string, clock: Clock, delayMs: number): void {
    this.#cell.setTimer(name, clock, delayMs)
  }
  cancel(name: string): void {
    this.#cell.cancelTimer(name)
  }
  spawn(name: string, actor: AnyActor, args: unknown, options?: SpawnOptions): string {
    const child = name.includes('/') ? name : `${machineOf(this.self)}/${name}`
    this.#cell.record({ kind: 'spawn', address: child, actor, args, thread: options?.thread })
    return child
  }
  stopActor(actor: string, reason: string): void {
    this.#send('stop', actor, '', reason)
  }
  monitor(actor: string): void {
    this.#send('monitor', actor, '', undefined)
  }
  demonitor(actor: string): void {
    this.#send('demonitor', actor, '', undefined)
  }
  port(kind: PortKind<unknown>): string {
    return `${this.self}:${kind.name}`
  }
  run(flow: Flow<void>): Running {
    return new Started(this.#cell, this.#cell.run(flow))
  }
  answer(to: Later<unknown>, outcome: unknown): void {
    this.#cell.close(to, outcome)
  }
  save(bytes: Uint8Array, segment = 0): void {
    this.#cell.record({ kind: 'save', bytes, segment })
  }
  stop(reason: string): void {
    this.#cell.record({ kind: 'exit', reason })
  }
  show(facts: Facts): void {
    this.#cell.record({ kind: 'show', facts })
  }
  log(event: string, fields: Readonly<Record<string, unknown>> = {}): void {
    this.#cell.record({ kind: 'log', event, fields })
  }
  defer(): Later<unknown> {
    return this.#cell.defer()
  }
  stream(): unknown {
    return this.#cell.stream()
  }

  #send(kind: 'tell' | 'stop' | 'monitor' | 'demonitor', to: string, type: string, body: unknown): void {
    this.#cell.record({ kind, from: this.self, to, life: 0, id: 0, type, body, count: 0 })
  }
}

/** A flow that a handler runs. */
class Started implements Running {
  readonly #cell: Cell
  readonly #run: Run

  constructor(cell: Cell, run: Run) {
    this.#cell = cell
    this.#run = run
  }

  get done(): boolean {
    return this.#run.done
  }
  cancel(): void {
    this.#cell.cancelRun(this.#run)
  }
}
