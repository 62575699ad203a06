// Store load: an actor that asks a store as fast as it answers, with a fixed number of requests in flight, and tells the rates
// by `show`. It is the roster of the bench's own runtime: what it is not asked for comes from the product's.

import { type Actor, type AnyActor, ask, type Context, type Flow, sleep } from '../lib/actor/index.js'
import type { StoreRef } from '../lib/storage/index.js'
import { quantile } from './measure.js'

export interface StoreLoadArgs {
  readonly members: readonly string[]
  readonly phases: readonly Phase[]
}

export interface Phase {
  readonly op: 'put' | 'read'
  readonly inFlight: number
  readonly forMs: number
  /** Between an answer and the next request. */
  readonly thinkMs?: number
}

/** What `show` tells of a phase, under `phase <number>`. */
export interface PhaseRate {
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly failed: number
  /** All that were answered, those of the warm-up too. */
  readonly answered: number
}

type LoadContext = Context<Record<never, never>>

const valueBytes = 256
const keysMax = 1000
const askTimeoutMs = 5_000
const warmUpMs = 300 // Of each phase, not counted.
const sampleEvery = 16
const leaderPauseMs = 5

const value = new Uint8Array(valueBytes).fill(120)
const keyOf = (number: number): string => `/load/${String(number % keysMax).padStart(6, '0')}`

const load: Actor<Record<never, never>, StoreLoadArgs, null> = {
  name: 'load',
  init(ctx, args) {
    ctx.run(main(ctx, args))
    return null
  },
  on: {}
}

function* main(ctx: LoadContext, { members, phases }: StoreLoadArgs): Flow<void> {
  const leader = yield* findLeader(members)
  const shown: Record<string, string> = {}
  for (const [number, phase] of phases.entries()) {
    const rate = yield* measure(ctx, leader, phase)
    shown[`phase ${number}`] = JSON.stringify(rate)
    ctx.show({ ...shown })
    ctx.log('phase', { ...rate })
  }
}

/** The member whose history says that it decides: asked for a write, it answers soonest. */
function* findLeader(members: readonly string[]): Flow<StoreRef> {
  for (;;) {
    for (const member of members) {
      const store = member as string as StoreRef
      const answer = yield* ask(store as never, askTimeoutMs, 'propose' as never, put(0) as never)
      if ((answer as { ok: boolean }).ok) return store // Only a leader takes what is passed on to it.
    }
    yield* sleep('real', leaderPauseMs)
  }
}

const put = (number: number) => ({ compares: [], success: [{ type: 'put' as const, key: keyOf(number), value }], failure: [] })

function* measure(ctx: LoadContext, store: StoreRef, { op, inFlight, forMs, thinkMs = 0 }: Phase): Flow<PhaseRate> {
  const startMs = ctx.nowMs + warmUpMs
  const endMs = startMs + forMs
  const latencies: number[] = []
  let next = 0
  let done = 0
  let failed = 0
  let running = inFlight
  const one = function* (): Flow<void> {
    for (let nowMs = ctx.nowMs; nowMs < endMs; ) {
      const number = next++
      const askedMs = nowMs
      const answer =
        op === 'put'
          ? yield* ask(store, askTimeoutMs, 'txn', put(number))
          : yield* ask(store, askTimeoutMs, 'range', { key: keyOf(number) })
      nowMs = ctx.nowMs
      if (thinkMs > 0) yield* sleep('real', thinkMs)
      if (!answer.ok) failed++
      else if (nowMs >= startMs && nowMs < endMs) {
        done++
        if (inFlight === 1 || number % sampleEvery === 0) latencies.push(nowMs - askedMs)
      }
    }
    running--
  }
  for (let each = 0; each < inFlight; each++) ctx.run(one())
  while (running > 0) yield* sleep('real', 20)
  return { perSecond: (done / forMs) * 1000, p50Ms: quantile(latencies, 0.5), p99Ms: quantile(latencies, 0.99), failed, answered: next }
}

export async function loadActor(name: string): Promise<AnyActor> {
  if (name === 'load') return load as unknown as AnyActor
  const product: { load(actor: string): Promise<AnyActor> } = await import(new URL('../bundle/roster.js', import.meta.url).href)
  return product.load(name)
}
export { loadActor as load }
