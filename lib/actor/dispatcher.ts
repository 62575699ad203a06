// Dispatcher: the actors of one thread, real or simulated: mailboxes, turns, monitors, children, death.
//
// Both hosts run this same code; they differ only in the shell they give it: how envelopes leave the
// thread, how bytes become durable, how threads start, what the time is. The host calls `deliver` for
// what arrives, then `drain`, then (when its batch is over) `settle`, and `wake` when `dueMs` has come.
//
// Guarantee: envelopes from one sender to one receiver are handled in the order they were sent; one turn
// at a time; a death is told after everything the dead actor sent.

import { Cell } from './cell.js'
import type { Clock } from './contract.js'
import { type AnyActor, downNotice, type Effect, type Envelope, isPort, type SpawnEffect } from './envelope.js'
import { farewell } from './farewell.js'
import { Alarms, Line, Member, type Place } from './member.js'
import { Post, type Recipients } from './post.js'
import type { ActorMetrics, Counters, Shell } from './shell.js'

const turnsPerSlice = 64 // Before the next actor of the thread has its turn.
const settleRoundsMax = 16 // Before what arrives from elsewhere has its turn.
const firingsPerWakeMax = 1024
const isFree = ({ member }: Place): boolean => !member.held
const settle = (cell: Cell): void => cell.settle()

export class Dispatcher implements Recipients {
  readonly counters: Counters
  readonly #post: Post
  readonly #members: Map<string, Member>
  readonly #queue = new Line()
  readonly #unsettled = new Line()
  readonly #alarms = new Alarms()
  readonly #shell: Shell
  readonly #expired = (): void => void this.counters.expired++

  constructor(shell: Shell) {
    this.#shell = shell
    this.#post = new Post(this, shell)
    this.#members = this.#post.members
    this.counters = this.#post.counters
  }

  get size(): number {
    return this.#members.size
  }

  /** Whether a turn could be taken now: `drain` and `settle` have something to do. */
  get runnable(): boolean {
    return !this.#queue.isEmpty || this.#unsettled.some(isFree)
  }

  addresses(): IterableIterator<string> {
    return this.#members.keys()
  }

  lives(address: string): boolean {
    return this.#members.has(address)
  }

  /** When the next timer of that clock is due; Infinity without one. */
  dueMs(clock: Clock): number {
    return this.#alarms.dueMs(clock)
  }

  /** Starts an actor, and takes its first turn. Answers why it is over already, or undefined: it runs. */
  start(address: string, actor: AnyActor, args: unknown, parent: string | undefined): string | undefined {
    if (this.#members.has(address)) throw new Error(`${address} runs already`)
    const shell = this.#shell
    const cell = new Cell(address, actor, shell.newLife(), shell, shell.random(address))
    const home = parent === undefined ? undefined : this.#members.get(parent)
    const member = new Member(cell, parent, home?.cell.life ?? 0)
    this.#members.set(address, member)
    home?.children.add(address)
    if (!isPort(address)) shell.started?.(address, actor.name, parent)
    this.#turn(member, () => cell.start(args))
    return member.over
  }

  /** Puts an envelope into its mailbox; `drain` handles it. False: refused, and the sender was told. */
  deliver(envelope: Envelope): boolean {
    return this.#post.deliver(envelope)
  }

  /** The host cannot take that envelope where it belongs: whoever waits is told. */
  undeliverable(envelope: Envelope, code: 'unreachable' | 'overloaded', detail: string): void {
    this.#post.undeliverable(envelope, code, detail)
  }

  /** Those addresses died with their thread, or their thread cannot be reached any more. `unhandled`: what was under way to them never began. */
  lost(addresses: readonly string[], reason: string, unhandled = false): void {
    this.#post.lost(addresses, reason, unhandled)
  }

  /** What an actor sent cannot be carried: not a value that can leave the thread. The turn that sent it has failed. */
  unsendable(envelope: Envelope, detail: string): void {
    const { kind, from, to, life, id, type } = envelope
    if (kind === 'answer' || kind === 'items' || kind === 'end' || kind === 'failure')
      this.#post.route({ ...envelope, kind: 'failure', body: { code: 'internal', definite: false, detail }, count: 0 })
    const member = this.#members.get(from)
    if (member === undefined) return
    const error = new Error(`cannot send ${type || `an ${kind}`} to ${to}: ${detail}`)
    if (member.cell.actor.guarded === undefined) return this.#failed(member, error)
    this.#shell.log(from, 'guarded actor sent what cannot be sent', { to, type, detail })
    member.cell.guardedThrows++
    if (kind === 'ask' || kind === 'open') this.#post.undeliverable(envelope, 'unsendable', error.message)
    else if (kind === 'items') this.#post.deliver({ kind: 'cancel', from: to, to: from, life, id, type: '', body: undefined, count: 0 })
  }

  /** Handles what is in the mailboxes, until they are empty or `budget` turns are spent. True: nothing is left. */
  drain(budget: number = Number.POSITIVE_INFINITY): boolean {
    let left = budget
    while (!this.#queue.isEmpty && left > 0) {
      for (let place = this.#queue.take(); place !== undefined; ) {
        const { member } = place
        place = place.leave()
        left -= this.#slice(member)
      }
    }
    return this.#queue.isEmpty
  }

  /**
   * Ends a batch: actors that handled something have `settled` called, once. What that makes them tell each other is
   * handled too, within the budget. True: nothing is left that could run.
   */
  settle(budget: number = Number.POSITIVE_INFINITY): boolean {
    for (let round = 0; !this.#unsettled.isEmpty; round++) {
      if (round === settleRoundsMax) return false
      for (let place = this.#unsettled.take(); place !== undefined; ) {
        const { member } = place
        place = place.leave()
        if (member.held && !member.gone) this.#touch(member, true)
        else this.#turn(member, settle, false)
      }
      if (!this.drain(budget)) return false
      if (!this.#unsettled.some(isFree)) break
    }
    return this.#queue.isEmpty
  }

  /** Fires what was due by then, in order of time. */
  wake(clock: Clock, byMs: number): void {
    for (let fired = 0; fired < firingsPerWakeMax; fired++) {
      const member = this.#alarms.due(clock, byMs)
      if (member === undefined) return
      this.#turn(member, () => void member.cell.wake(clock, byMs))
    }
  }

  /** The save of that life is durable, or failed. */
  saved(address: string, life: number, error?: string): void {
    const member = this.#members.get(address)
    if (member === undefined || member.cell.life !== life || member.blocked === undefined) return
    const rest = member.blocked
    if (error !== undefined) return this.#end(member, `save failed: ${error}`)
    member.blocked = undefined
    this.#perform(member, rest)
    if (!member.gone && member.blocked === undefined) this.#continue(member)
  }

  stop(address: string, reason: string): void {
    const member = this.#members.get(address)
    if (member === undefined) return
    if (member.paused) this.resume(address)
    this.deliver({ kind: 'stop', from: '', to: address, life: 0, id: 0, type: '', body: reason, count: 0 })
  }

  /** Ends that life at once: nothing of it runs any more. */
  kill(address: string, reason: string): boolean {
    const member = this.#members.get(address)
    if (member !== undefined) this.#end(member, reason)
    return member !== undefined
  }

  /** Holds an actor's mailbox and timers. */
  pause(address: string): boolean {
    const member = this.#members.get(address)
    if (member !== undefined) member.paused = true
    return member !== undefined
  }

  resume(address: string): boolean {
    const member = this.#members.get(address)
    if (member === undefined) return false
    member.paused = false
    this.#continue(member)
    return true
  }

  metrics(): ActorMetrics[] {
    return [...this.#members.values()].map(member => ({
      address: member.cell.address,
      actor: member.cell.actor.name,
      life: member.cell.life,
      mailbox: member.mailbox.size,
      turns: member.turns,
      busyMs: member.busyMs,
      paused: member.paused,
      facts: member.cell.facts
    }))
  }

  // Turns -------------------------------------------------------------------------------------------

  enqueue(member: Member): void {
    if (!member.held) this.#queue.enter(member.queued)
  }

  #continue(member: Member): void {
    this.#alarms.update(member)
    if (member.mailbox.size > 0) this.enqueue(member)
  }

  #slice(member: Member): number {
    const shell = this.#shell
    const startMs = shell.nowMs()
    let turns = 0
    while (turns < turnsPerSlice && !member.gone && !member.held) {
      shell.beforeTurn()
      const envelope = member.mailbox.shift(startMs, this.#expired)
      if (envelope === undefined) break
      turns++
      shell.trace?.(envelope)
      if (envelope.kind === 'stop') this.#stopped(member, envelope.body as string)
      else this.#receive(member, envelope)
    }
    member.busyMs += shell.nowMs() - startMs
    if (!member.gone && member.mailbox.size > 0) this.enqueue(member)
    return turns
  }

  // The hot path: one message, one turn, no closure.
  #receive(member: Member, envelope: Envelope): void {
    member.turns++
    const { cell } = member
    try {
      cell.receive(envelope)
    } catch (error) {
      return this.#failed(member, error)
    }
    this.#after(member, true)
  }

  #turn(member: Member, body: (cell: Cell) => void, settles = true): void {
    if (member.gone) return
    member.turns++
    try {
      body(member.cell)
    } catch (error) {
      return this.#failed(member, error)
    }
    this.#after(member, settles)
  }

  #after(member: Member, settles: boolean): void {
    const { effects } = member.cell
    if (effects.length > 0) {
      if (effects.length === 1) {
        const only = effects.pop() as Effect
        this.#performOne(member, only, undefined, 0)
      } else this.#perform(member, effects.splice(0))
    }
    if (member.gone) return
    if (settles) this.#touch(member, false)
    this.#alarms.update(member)
  }

  #touch(member: Member, again: boolean): void {
    if (again || member.cell.actor.settled !== undefined) this.#unsettled.enter(member.unsettled)
  }

  // Effects -----------------------------------------------------------------------------------------

  #perform(member: Member, effects: Effect[]): void {
    for (let i = 0; i < effects.length; i++) {
      if (!this.#performOne(member, effects[i] as Effect, effects, i)) return
    }
  }

  /** False: the rest of the turn waits, or the actor is gone. */
  #performOne(member: Member, effect: Effect, effects: Effect[] | undefined, index: number): boolean {
    switch (effect.kind) {
      case 'save':
        return this.#save(member, effect, effects?.slice(index + 1) ?? [])
      case 'spawn':
        this.#spawn(member, effect)
        return true
      case 'exit':
        // The turn that asked for it is performed whole: its answer may come behind.
        if (effects?.slice(index + 1).some(later => later.kind !== 'exit')) {
          effects.push(effect)
          return true
        }
        this.#end(member, effect.reason)
        return false
      case 'show':
        member.cell.facts = effect.facts
        this.#shell.shown?.(member.cell.address, effect.facts)
        return true
      case 'log':
        this.#shell.log(member.cell.address, effect.event, effect.fields)
        return true
      case 'monitor':
      case 'demonitor':
        this.#monitor(member, effect)
        return true
      default:
        this.#post.route(effect)
        return true
    }
  }

  openPort(envelope: Envelope, owner: string): void {
    const factory = this.#shell.port(envelope.to.slice(owner.length + 1))
    if (factory === undefined) return void this.#post.undeliverable(envelope, 'unreachable', `no port ${envelope.to}`)
    let life = 0
    const post = (type: string, body: unknown): void => {
      if (this.#members.get(envelope.to)?.cell.life !== life) return
      this.deliver({ kind: 'tell', from: envelope.to, to: envelope.to, life: 0, id: 0, type, body, count: 0 })
      this.#shell.posted()
    }
    this.start(envelope.to, factory(owner, post), undefined, owner)
    life = this.#members.get(envelope.to)?.cell.life ?? 0
    this.deliver(envelope)
  }

  #save(member: Member, { bytes, segment }: Effect & { kind: 'save' }, rest: Effect[]): boolean {
    const { address, life } = member.cell
    try {
      if (this.#shell.save(address, life, bytes, segment)) return true
      member.blocked = rest
    } catch (error) {
      member.blocked = rest
      this.#end(member, `save failed: ${error instanceof Error ? error.message : String(error)}`)
    }
    return false
  }

  #spawn(member: Member, spawn: SpawnEffect): void {
    const { address } = member.cell
    const again = member.children.has(spawn.address)
    member.children.add(spawn.address)
    if (again) {
      this.deliver(downNotice(spawn.address, address, 'runs already'))
      member.children.add(spawn.address) // The one that runs is still its child.
      return
    }
    if (spawn.thread !== undefined) return this.#shell.spawn(address, spawn, spawn.thread)
    if (this.#members.has(spawn.address)) return void this.deliver(downNotice(spawn.address, address, 'runs already'))
    this.start(spawn.address, spawn.actor, spawn.args, address)
  }

  #monitor(member: Member, envelope: Envelope): void {
    if (envelope.kind === 'monitor') member.monitors.add(envelope.to)
    else member.monitors.delete(envelope.to)
    this.#post.route(envelope)
  }

  // Death -------------------------------------------------------------------------------------------

  #failed(member: Member, error: unknown): void {
    this.counters.failures++
    const detail = error instanceof Error ? (error.stack ?? error.message) : String(error)
    this.#shell.log(member.cell.address, 'failed', { detail })
    this.#end(member, `failed: ${error instanceof Error ? error.message : String(error)}`)
  }

  #stopped(member: Member, reason: string): void {
    try {
      member.cell.stop(reason)
    } catch (error) {
      return this.#failed(member, error)
    }
    member.cell.effects.push({ kind: 'exit', reason })
    this.#after(member, false)
  }

  // At once, with its `stopping`: what a port holds is closed before the owner's next life.
  #closePort(address: string, reason: string): void {
    const port = this.#members.get(address)
    if (port === undefined) return
    try {
      port.cell.stop(reason)
      this.#after(port, false)
    } catch (error) {
      this.#shell.log(address, 'failed', { detail: String(error) })
    }
    this.#end(port, reason)
  }

  #end(member: Member, reason: string): void {
    if (member.gone) return
    member.over = reason
    const { cell } = member
    this.#members.delete(cell.address)
    this.#alarms.remove(member)
    for (const child of member.children) if (isPort(child)) this.#closePort(child, reason)
    for (const envelope of farewell(member, reason)) this.#post.route(envelope)
    if (member.parent !== undefined && !member.watchers.has(member.parent)) this.#tellParent(member, member.parent, reason)
    this.#shell.ended(cell.address, cell.life, reason)
  }

  #tellParent({ cell, parentLife: life }: Member, parent: string, reason: string): void {
    // A port ends with its owner: then nobody is there to be told, and the owner's next life must not be.
    if (isPort(cell.address) && !this.#members.has(parent)) return
    this.#post.route({ ...downNotice(cell.address, parent, reason), life })
  }
}
