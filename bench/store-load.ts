// Store load: an actor that asks a store as fast as it answers, with a fixed number of requests in flight, and answers with the rate.
// It is the roster of the bench's own runtime: what it is not asked for comes from the product's.

import { type Actor, type AnyActor, ask, type Context, type Flow, type Outcome, open, type Ref, sleep } from '../lib/actor/index.js'
import type { StoreRef } from '../lib/storage/index.js'
import type { StoreMemberProtocol } from '../lib/store/index.js'
import { quantile } from './measure.js'
import { keyOf, watchedKeyOf, watchedRange } from './store-keys.js'

export interface StoreLoadArgs {
  readonly members: readonly string[]
}

export interface LoadProtocol {
  measure(phase: Phase): PhaseRate
  /** Puts, each of which that many watchers of one member see. */
  watched(run: { readonly watchers: number; readonly puts: number; readonly inFlight: number }): WatchedRate
  leader(): Lead
  /** Answered once a member other than that one has acknowledged a write. */
  writtenWithout(lost: Lead): void
}

export interface Lead {
  readonly leader: string
}

export interface Phase {
  readonly op: 'put' | 'read' | 'serializable'
  readonly inFlight: number
  readonly forMs: number
}

export interface PhaseRate {
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly failed: number
  /** All that were answered, those of the warm-up too. */
  readonly answered: number
}

export interface WatchedRate {
  readonly deliveriesPerSecond: number
  readonly delivered: number
}

type LoadContext = Context<LoadProtocol>

const valueBytes = 256
const askTimeoutMs = 5_000
const warmUpMs = 300 // Of each phase, not counted.
const sampleEvery = 16
const leaderPauseMs = 5
const attemptTimeoutMs = 50
const attemptPauseMs = 2
const pollMs = 10
const watchedTimeoutMs = 30_000
const watchWindow = 256

const value = new Uint8Array(valueBytes).fill(120)

const load: Actor<LoadProtocol, StoreLoadArgs, StoreLoadArgs> = {
  name: 'load',
  init: (_ctx, args) => args,
  on: {
    *measure(ctx, { members }, phase) {
      return yield* measure(ctx, yield* findLeader(members), phase)
    },
    *watched(ctx, { members }, run) {
      return yield* watched(ctx, yield* findLeader(members), run)
    },
    *leader(_ctx, { members }) {
      return { leader: yield* findLeader(members) }
    },
    *writtenWithout(_ctx, { members }, { leader }) {
      yield* writeAtAny(members.filter(member => member !== leader))
    }
  }
}

/** The member that leads by its own word: asked for a write, it answers soonest. */
function* findLeader(members: readonly string[]): Flow<StoreRef> {
  for (;;) {
    for (const member of members) {
      const status = yield* ask(member as string as Ref<StoreMemberProtocol>, attemptTimeoutMs, 'status')
      if (status.ok && status.value.leader === member) return member as string as StoreRef
    }
    yield* sleep('real', leaderPauseMs)
  }
}

/** By turns, patient for no longer than a client that wants to know. */
function* writeAtAny(members: readonly string[]): Flow<void> {
  for (let tries = 0; ; tries++) {
    const store = members[tries % members.length] as string as StoreRef
    const answer = yield* ask(store, attemptTimeoutMs, 'txn', put(keyOf(tries)))
    if (answer.ok) return
    yield* sleep('real', attemptPauseMs)
  }
}

const put = (key: string) => ({ compares: [], success: [{ type: 'put' as const, key, value }], failure: [] })

function one(store: StoreRef, op: Phase['op'], number: number): Flow<Outcome<unknown>> {
  if (op === 'put') return ask(store, askTimeoutMs, 'txn', put(keyOf(number)))
  return ask(store, askTimeoutMs, 'range', { key: keyOf(number), ...(op === 'serializable' ? { serializable: true } : {}) })
}

function* measure(ctx: LoadContext, store: StoreRef, { op, inFlight, forMs }: Phase): Flow<PhaseRate> {
  const startMs = ctx.nowMs + warmUpMs
  const endMs = startMs + forMs
  const latencies: number[] = []
  let next = 0
  let done = 0
  let failed = 0
  let running = inFlight
  const lane = function* (): Flow<void> {
    for (let nowMs = ctx.nowMs; nowMs < endMs; ) {
      const number = next++
      const askedMs = nowMs
      const answer = yield* one(store, op, number)
      nowMs = ctx.nowMs
      if (!answer.ok) failed++
      else if (nowMs >= startMs && nowMs < endMs) {
        done++
        if (inFlight === 1 || number % sampleEvery === 0) latencies.push(nowMs - askedMs)
      }
    }
    running--
  }
  for (let each = 0; each < inFlight; each++) ctx.run(lane())
  while (running > 0) yield* sleep('real', pollMs)
  return { perSecond: (done / forMs) * 1000, p50Ms: quantile(latencies, 0.5), p99Ms: quantile(latencies, 0.99), failed, answered: next }
}

function* watched(
  ctx: LoadContext,
  store: StoreRef,
  { watchers, puts, inFlight }: { readonly watchers: number; readonly puts: number; readonly inFlight: number }
): Flow<WatchedRate> {
  const counts = { delivered: 0, closing: false }
  const startRevision = (yield* revisionOf(store)) + 1
  for (let each = 0; each < watchers; each++) ctx.run(watcher(store, startRevision, counts))
  const startMs = ctx.nowMs
  let next = 0
  const lane = function* (): Flow<void> {
    while (next < puts) yield* ask(store, askTimeoutMs, 'txn', put(watchedKeyOf(next++)))
  }
  for (let each = 0; each < inFlight; each++) ctx.run(lane())
  while (counts.delivered < watchers * puts && ctx.nowMs < startMs + watchedTimeoutMs) yield* sleep('real', 1)
  const tookMs = ctx.nowMs - startMs
  counts.closing = true
  yield* ask(store, askTimeoutMs, 'txn', put(watchedKeyOf(0))) // Wakes the watchers, which see that it is over.
  return { deliveriesPerSecond: (counts.delivered / tookMs) * 1000, delivered: counts.delivered }
}

function* revisionOf(store: StoreRef): Flow<number> {
  const answer = yield* ask(store, askTimeoutMs, 'revision')
  return answer.ok ? answer.value.revision : 0
}

/** Counts the events of the run. The last put of a run wakes it, to see that it is over. */
function* watcher(store: StoreRef, startRevision: number, counts: { delivered: number; readonly closing: boolean }): Flow<void> {
  const opened = yield* open(store, askTimeoutMs, 'watch', { ...watchedRange, startRevision }, watchWindow)
  if (!opened.ok) return
  for (;;) {
    const got = yield* opened.value.next(watchedTimeoutMs)
    if (got.kind !== 'items') return
    if (counts.closing) return opened.value.close()
    for (const { events } of got.items) counts.delivered += events.length
  }
}

export async function loadActor(name: string): Promise<AnyActor> {
  if (name === 'load') return load as unknown as AnyActor
  const product: { load(actor: string): Promise<AnyActor> } = await import(new URL('../bundle/roster.js', import.meta.url).href)
  return product.load(name)
}
export { loadActor as load }
