// The two actors of the wire benchmark: one asks and tells, the other answers and counts.

import { type Actor, type AnyActor, ask, type Flow, type Later, type Ref } from '../lib/actor/index.js'
import { pod } from './pod.js'

export interface PeerProtocol {
  range(query: { readonly n: number }): { readonly ok: number; readonly n: number }
  /** One message of many; every `creditEvery` of them the sender hears of it. */
  event(item: unknown): void
}

export interface DriverProtocol {
  /** Answered when all asks are: how many milliseconds they took. */
  asks(run: { readonly to: string; readonly count: number; readonly inFlight: number }): number
  tells(run: { readonly to: string; readonly count: number; readonly as: 'bytes' | 'object' }): number
  more(): void
  credit(count: number): void
}

export const creditEvery = 4096
const ahead = 4 * creditEvery
const tellsPerTurn = 256
const askTimeoutMs = 5000

export const peer: Actor<PeerProtocol, void, { received: number }> = {
  name: 'peer',
  mailboxMax: 1 << 20,
  init: () => ({ received: 0 }),
  on: {
    range: (_ctx, _state, { n }) => ({ ok: 1, n: n + 1 }),
    event(ctx, state) {
      if (++state.received % creditEvery === 0) ctx.tell(ctx.from as Ref<DriverProtocol>, 'credit', creditEvery)
    }
  }
}

interface Run {
  readonly later: Later<number>
  readonly startMs: number
  readonly to: string
  readonly items: readonly unknown[]
  toSend: number
  credit: number
  unacknowledged: number
}

const items = {
  bytes: [new TextEncoder().encode(JSON.stringify(pod(0)))],
  object: Array.from({ length: 1024 }, (_, i) => pod(i))
}

export const driver: Actor<DriverProtocol, void, { run: Run | undefined }> = {
  name: 'driver',
  init: () => ({ run: undefined }),
  on: {
    asks(ctx, _state, { to, count, inFlight }) {
      const later = ctx.defer()
      const startMs = ctx.nowMs
      let begun = 0
      let ended = 0
      function* asking(): Flow<void> {
        while (begun < count) {
          yield* ask(to as Ref<PeerProtocol>, askTimeoutMs, 'range', { n: begun++ })
          if (++ended === count) ctx.answer(later, ctx.nowMs - startMs)
        }
      }
      for (let i = 0; i < inFlight; i++) ctx.run(asking())
      return later
    },
    tells(ctx, state, { to, count, as }) {
      const later = ctx.defer()
      state.run = { later, startMs: ctx.nowMs, to, items: items[as], toSend: count, credit: ahead, unacknowledged: count }
      ctx.tell(ctx.self, 'more')
      return later
    },
    more(ctx, { run }) {
      if (run === undefined) return
      const sending = Math.min(tellsPerTurn, run.toSend, run.credit)
      for (let i = 0; i < sending; i++) ctx.tell(run.to as Ref<PeerProtocol>, 'event', run.items[(run.toSend - i) % run.items.length])
      run.toSend -= sending
      run.credit -= sending
      if (run.toSend > 0 && run.credit > 0) ctx.tell(ctx.self, 'more')
    },
    credit(ctx, state, count) {
      const { run } = state
      if (run === undefined) return
      const waits = run.credit === 0
      run.credit += count
      run.unacknowledged -= count
      if (run.unacknowledged === 0) ctx.answer(run.later, ctx.nowMs - run.startMs)
      else if (waits) ctx.tell(ctx.self, 'more')
    }
  }
}

export const load = async (name: string): Promise<AnyActor> => (name === 'peer' ? peer : driver) as unknown as AnyActor
