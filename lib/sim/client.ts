// Client: how a test speaks to the actors of a world: an actor that runs the flows it is handed.
//
// Guarantee: its messages travel as every actor's do; on machine `root` no fault befalls it or them.

import type { Answer } from '../actor/index.js'
import { type Actor, type AskName, ask, type Body, type Context, type Flow, type Outcome, type Ref } from '../actor/index.js'
import { Event } from './timeline.js'
import type { World } from './world.js'

interface ClientProtocol {
  perform(work: (ctx: Context<ClientProtocol>) => void): void
}

/** What a flow came to. */
export interface Pending<R> {
  done: boolean
  value: R | undefined
}

export type ClientContext = Context<ClientProtocol>

const clientActor: Actor<ClientProtocol, void, null> = {
  name: 'client',
  init: () => null,
  mailboxMax: 1 << 20,
  on: {
    perform: (ctx, _state, work) => work(ctx)
  }
}

export class Client {
  readonly address: string
  readonly #world: World

  constructor(world: World, address: string, thread?: string) {
    this.#world = world
    this.address = address
    world.start(address, clientActor, undefined, thread)
  }

  /** Runs a flow as the client. */
  run<R>(work: (ctx: ClientContext) => Flow<R>): Pending<R> {
    const pending: Pending<R> = { done: false, value: undefined }
    function* flow(ctx: ClientContext): Flow<void> {
      pending.value = yield* work(ctx)
      pending.done = true
    }
    this.perform(ctx => void ctx.run(flow(ctx)))
    return pending
  }

  /** Has a turn of the client do it. */
  perform(work: (ctx: ClientContext) => void): void {
    const { address } = this
    const envelope = { kind: 'tell', from: address, to: address, life: 0, id: 0, type: 'perform', body: work, count: 0 } as const
    this.#world.place(address)?.arrived(new Event(undefined, envelope, undefined))
  }

  tell<Q, K extends AskName<Q>>(to: Ref<Q>, type: K, ...body: Body<Q, K>): void {
    this.perform(ctx => ctx.tell(to, type, ...body))
  }

  ask<Q, K extends AskName<Q>>(to: Ref<Q>, timeoutMs: number, type: K, ...body: Body<Q, K>): Pending<Outcome<Answer<Q, K>>> {
    return this.run(() => ask(to, timeoutMs, type, ...body))
  }

  /** Asks, and runs the world until the answer is there. */
  call<Q, K extends AskName<Q>>(to: Ref<Q>, timeoutMs: number, type: K, ...body: Body<Q, K>): Outcome<Answer<Q, K>> {
    const pending = this.ask(to, timeoutMs, type, ...body)
    const limitMs = this.#world.nowMs + timeoutMs + callGraceMs
    if (!this.#world.runUntil(() => pending.done, limitMs)) throw new Error(`${this.address} does not run`)
    return pending.value as Outcome<Answer<Q, K>>
  }
}

const callGraceMs = 1000 // For the client's thread to start and its turns to be taken.
