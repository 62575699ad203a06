// Context: what a handler is given. One object for the life of a cell; every method records an effect.

import type { Random } from '../std/index.js'
import type { Cell } from './cell.js'
import type { Clock, Flow, Later, PortKind, Running, SpawnOptions, Turn } from './contract.js'
import { type AnyActor, type Effect, type Facts, machineOf } from './envelope.js'

type AnyTurn = Turn<any, string, any>

export function cellContext(cell: Cell, random: Random): AnyTurn {
  const { address } = cell
  const machine = machineOf(address)
  const send = (kind: 'tell' | 'stop' | 'monitor' | 'demonitor', to: string, type: string, body: unknown): void =>
    cell.record({ kind, from: address, to, life: 0, id: 0, type, body, count: 0 })
  const context = {
    self: address,
    life: cell.life,
    get nowMs() {
      return cell.clocks.nowMs()
    },
    get clusterMs() {
      return cell.clocks.clusterMs()
    },
    get from() {
      return cell.request?.from ?? address
    },
    get leftMs() {
      const left = cell.request?.kind === 'ask' ? cell.request.count : 0
      return left > 0 ? left : Number.POSITIVE_INFINITY
    },
    random,
    tell: (to: string, type: string, body: unknown) => send('tell', to, type, body),
    timer: (name: string, clock: Clock, delayMs: number) => cell.setTimer(name, clock, delayMs),
    cancel: (name: string) => cell.cancelTimer(name),
    spawn(name: string, actor: AnyActor, args: unknown, options?: SpawnOptions) {
      const child = name.includes('/') ? name : `${machine}/${name}`
      cell.record({ kind: 'spawn', address: child, actor, args, thread: options?.thread })
      return child
    },
    stopActor: (actor: string, reason: string) => send('stop', actor, '', reason),
    monitor: (actor: string) => send('monitor', actor, '', undefined),
    demonitor: (actor: string) => send('demonitor', actor, '', undefined),
    port: (kind: PortKind<unknown>) => `${address}:${kind.name}`,
    run(flow: Flow<void>): Running {
      const run = cell.run(flow)
      return {
        get done() {
          return run.done
        },
        cancel: () => cell.cancelRun(run)
      }
    },
    answer: (to: Later<unknown>, outcome: unknown) => cell.close(to, outcome),
    save: (bytes: Uint8Array, segment = 0) => cell.record({ kind: 'save', bytes, segment }),
    stop: (reason: string) => cell.record({ kind: 'exit', reason }),
    show(facts: Facts) {
      const effect: Effect = { kind: 'show', facts }
      cell.record(effect)
    },
    log: (event: string, fields = {}) => cell.record({ kind: 'log', event, fields }),
    defer: () => cell.defer(),
    stream: () => cell.stream()
  }
  // The one cast: addresses are plain strings here and typed `Ref`s to the actor.
  return context as unknown as AnyTurn
}
