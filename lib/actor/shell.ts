// Shell: what a host provides to the actors of a thread, and what it can be told of them.

import type { Random } from '../std/index.js'
import type { AnyActor, Envelope, Facts, SpawnEffect } from './envelope.js'
import type { Clocks } from './waits.js'

/** What a host provides to the actors of a thread. */
export interface Shell extends Clocks {
  newLife(): number
  random(address: string): Random
  /** Takes an envelope to another thread, or to a port. False: refused (the way there is full). */
  send(envelope: Envelope): boolean
  /** Appends and syncs; a segment number over the last one begins that segment. True: durable now. False: `saved` will be called. Throws if it failed. */
  save(address: string, life: number, bytes: Uint8Array, segment: number): boolean
  /** Starts an actor in another thread; its parent hears of its death by a `down` envelope. */
  spawn(parent: string, spawn: SpawnEffect, thread: string): void
  /** An actor of this thread started another here. */
  started?(address: string, actor: string, parent: string | undefined): void
  /** That life is over: its ports close, children elsewhere are stopped. */
  ended(address: string, life: number, reason: string): void
  /** What an actor shows of itself changed. */
  shown?(address: string, facts: Facts): void
  log(address: string, event: string, fields: Readonly<Record<string, unknown>>): void
  /** A port has a message for itself from outside any turn: the host is to drain soon. */
  posted(): void
  /** Called before every turn: where a host counts, and holds the thread still. */
  beforeTurn(): void
  /** The implementation of a kind of port; each actor that uses it gets an instance of its own. */
  port(kind: string): PortFactory | undefined
  trace?(envelope: Envelope): void
}

/**
 * A port is an actor of the host's own, `machine/actor:kind`, that lives and dies with the life of its owner. A real one
 * may do I/O in its handlers; what happens outside a turn it brings back through `post`, as a message to itself.
 */
export type PortFactory = (owner: string, post: (type: string, body: unknown) => void) => AnyActor

export interface ActorMetrics {
  readonly address: string
  readonly actor: string
  readonly life: number
  readonly mailbox: number
  readonly turns: number
  readonly busyMs: number
  readonly paused: boolean
  readonly facts: Facts
}

export interface Counters {
  deadLetters: number
  refused: number
  expired: number
  failures: number
}
