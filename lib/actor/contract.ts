// Contract: what an actor is. Types only; no I/O, no clock, no promise.
//
// An actor is a value: a protocol, a function that makes its first state, and synchronous handlers that
// record what they want done. The cell (cell.ts) calls them and yields effects as data; a host performs
// the effects, on worker threads (lib/host) or under virtual time (lib/sim). docs/actor-model.md states
// what is promised about order, delivery, failure and death, and what is not.

/** A protocol names every message an actor accepts, its body (at most one) and its answer. */
export type Protocol<P> = { readonly [K in keyof P]: (...body: never[]) => unknown }

declare const accepts: unique symbol
declare const streams: unique symbol
declare const speaks: unique symbol

/** The address of an actor, `machine/actor`, typed by what it accepts. A plain string on the wire. */
export type Ref<P> = string & { readonly [accepts]: P }

/** As an answer in a protocol: the message opens a stream of `I` to the caller. */
export interface Stream<I> {
  readonly [streams]: I
}

export type Body<P, K extends keyof P> = P[K] extends (...body: infer B) => unknown ? B : never
export type Answer<P, K extends keyof P> = P[K] extends (...body: never[]) => infer A ? A : never
export type Item<P, K extends keyof P> = Answer<P, K> extends Stream<infer I> ? I : never

/** The names that `ask` and `tell` take, and those that `open` takes. */
export type AskName<P> = { [K in keyof P & string]: Answer<P, K> extends Stream<unknown> ? never : K }[keyof P & string]
export type StreamName<P> = { [K in keyof P & string]: Answer<P, K> extends Stream<unknown> ? K : never }[keyof P & string]

/**
 * Why a request failed. `definite` promises that it took no effect, ever; otherwise it may have.
 *
 * - `timeout`, `cancelled`: no answer in time; indefinite.
 * - `overloaded`, `unreachable`: refused before it was handled; definite. `unsendable`: its body is not plain data; definite.
 * - `down`: the callee died; definite if it had not begun to handle the request.
 * - `internal`: a guarded handler threw; indefinite.
 * - anything else: the callee's own `refuse`; definite.
 */
export interface Failure {
  readonly code: string
  readonly definite: boolean
  readonly detail: string
}

export type Outcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: Failure }

/**
 * A thread that starts with one actor and takes in others has this module more than once: each bundle brings its own. A refusal of any
 * of them is one to all of them; else it would be taken for an answer.
 */
const refusalMark = Symbol.for('kabuki refusal')

/** What a handler returns instead of an answer. Made by `refuse` (nothing happened) or `doubt` (it may have). */
export class Refusal {
  static {
    Object.defineProperty(Refusal.prototype, refusalMark, { value: true })
  }
  static [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === 'object' && value !== null && refusalMark in value
  }
  readonly code: string
  readonly detail: string
  readonly definite: boolean
  constructor(code: string, detail: string, definite = true) {
    this.code = code
    this.detail = detail
    this.definite = definite
  }
}

/** Monotonic, never scaled (`real`), or the cluster's wall clock, which can be scaled and advanced (`cluster`). */
export type Clock = 'real' | 'cluster'
/** What there is of it on that clock. By a comparison: V8 looks a computed name up anew each time, and every turn asks. */
export const ofClock = <V>(both: Readonly<Record<Clock, V>>, clock: Clock): V => (clock === 'real' ? both.real : both.cluster)

/** Closes what an earlier turn deferred. Good for one answer, by the life that deferred it. */
export interface Later<V> {
  readonly to: string
  readonly life: number
  readonly id: number
  readonly answers?: V
}

/** The producer's end of a stream. */
export interface Sink<I> {
  readonly id: number
  readonly to: string
  readonly open: boolean // False once the consumer closed it or died.
  readonly credit: number // How many items the consumer still takes.
  /** False, and the item is not taken, while there is no credit or the stream is closed. */
  push(item: I): boolean
  /** Ends the stream: the consumer sees `end`, or `failed` with the reason given. */
  end(reason?: Refusal): void
}

/** The consumer's end of a stream. Bounded: the producer may be `window` items ahead of what was read. */
export interface Source<I> {
  /** Waits for items, the end or a failure; `idle` when `timeoutMs` of real time passed without any. */
  next(timeoutMs?: number): Flow<Batch<I>>
  close(): void
}

export type Batch<I> =
  | { readonly kind: 'items'; readonly items: readonly I[] }
  | { readonly kind: 'idle' }
  | { readonly kind: 'end' }
  | { readonly kind: 'failed'; readonly error: Failure }

/** Names a kind of port and types what it accepts; `ctx.port(kind)` is this actor's own instance of it. */
export interface PortKind<Q> {
  readonly name: string
  readonly [speaks]?: Q
}

export interface SpawnOptions {
  /** The thread, `machine/thread`, to run in; started if it does not run. Default: this actor's own. */
  readonly thread?: string
}

/**
 * One turn's view of the world. Its methods record intent; the host performs the record, in order,
 * when the handler returns. A handler that throws sends nothing and fails the actor.
 */
export interface Context<P, T extends string = never> {
  readonly self: Ref<P>
  readonly life: number // This life of the actor; no other life of any actor of the thread has it.
  readonly nowMs: number // Real clock: monotonic, never scaled.
  readonly clusterMs: number // Cluster clock: milliseconds since 1970, may be scaled and advanced, never runs back.
  random(): number // Seeded per life: the same seed replays the same run.
  tell<Q, K extends AskName<Q>>(to: Ref<Q>, type: K, ...body: Body<Q, K>): void
  timer(name: T, clock: Clock, delayMs: number): void // Replaces the timer of that name.
  cancel(name: T): void
  /** Starts a child, `machine/name` of this machine unless the name says which. Its death is told to `down`. */
  spawn<Q extends Protocol<Q>, A>(name: string, actor: Actor<Q, A, any, any>, args: A, options?: SpawnOptions): Ref<Q>
  /** Asks the actor to stop; a child's death is told to its parent's `down`. */
  stopActor(actor: string, reason: string): void
  /** `down` is called once when that actor dies, or at once if it does not live. */
  monitor(actor: string): void
  demonitor(actor: string): void
  port<Q>(kind: PortKind<Q>): Ref<Q>
  run(flow: Flow<void>): Running
  answer<V>(to: Later<V>, outcome: V | Refusal): void
  /** Appends to this actor's journal and syncs it, in order with what is told before and after. `segment`: into that segment, begun if it is new. */
  save(bytes: Uint8Array, segment?: number): void
  stop(reason: string): void
  /** What `status` shows of this actor: role, term, leader and the like. Replaces what was shown. */
  show(facts: Readonly<Record<string, string | number | boolean>>): void
  log(event: string, fields?: Readonly<Record<string, unknown>>): void
}

/** A flow that was started: `cancel` ends it through its `finally` blocks. */
export interface Running {
  readonly done: boolean
  cancel(): void
}

/** The context of a handler: it may also defer its answer, or produce a stream. */
export interface Turn<P, T extends string, V> extends Context<P, T> {
  readonly from: string // The sender's address.
  /** Milliseconds the caller still waits; Infinity for a tell. */
  readonly leftMs: number
  defer(): Later<V>
  stream(): Sink<V extends Stream<infer I> ? I : never>
}

// In brackets: an answer that is a union is not a union of answers.
export type Returned<V> = [V] extends [Stream<infer I>]
  ? Sink<I> | Refusal | Flow<void | Refusal>
  : V | Later<V> | Refusal | Flow<V | Refusal>

/** The whole of an actor: what it accepts, what starts it, what it remembers, what wakes it. */
export interface Actor<P extends Protocol<P>, A, S, T extends string = never> {
  readonly name: string
  /** Makes the first state; runs again, from nothing, at each restart. */
  readonly init: (ctx: Context<P, T>, args: A) => S
  /** A handler answers now, answers later, declines, streams, or is a flow that returns the answer. */
  readonly on: { readonly [K in keyof P]: (ctx: Turn<P, T, Answer<P, K>>, state: S, ...body: Body<P, K>) => Returned<Answer<P, K>> }
  readonly timers?: { readonly [K in T]: (ctx: Context<P, T>, state: S) => void }
  /** A child, or an actor monitored, died. */
  readonly down?: (ctx: Context<P, T>, state: S, actor: string, reason: string) => void
  /** The consumer of a sink took items (`credit`) or is gone (`closed`). */
  readonly sink?: (ctx: Context<P, T>, state: S, sink: Sink<any>, event: 'credit' | 'closed') => void
  /** Called once after the last message of a batch, before anything waits. */
  readonly settled?: (ctx: Context<P, T>, state: S) => void
  /** Called when the actor is asked to stop; it may still tell and save. */
  readonly stopping?: (ctx: Context<P, T>, state: S, reason: string) => void
  /** A throw is answered `internal`, counted and logged, and the actor lives. It must keep its state consistent before it can throw. */
  readonly guarded?: true
  /** Messages that may wait; over it asks are refused (`overloaded`) and tells become dead letters. */
  readonly mailboxMax?: number
  /** The kinds of port it uses: a host has them ready before it starts the actor. */
  readonly ports?: readonly PortKind<any>[]
}

/** Sequential work that spans turns. Every `yield*` ends a turn: read state again after it. */
export type Flow<R> = Generator<Step, R, any>

export type Step =
  | { readonly step: 'ask'; readonly to: string; readonly type: string; readonly body: unknown; readonly timeoutMs: number }
  | {
      readonly step: 'open'
      readonly to: string
      readonly type: string
      readonly body: unknown
      readonly timeoutMs: number
      readonly window: number
    }
  | { readonly step: 'sleep'; readonly clock: Clock; readonly delayMs: number }
  | { readonly step: 'next'; readonly stream: number; readonly timeoutMs: number }
  | { readonly step: 'credit'; readonly sink: Sink<any> }
