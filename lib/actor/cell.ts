// Cell: one life of one actor. The only code that calls a handler, shared by every host.
//
// Guarantee: one turn at a time; a turn that throws leaves no effect behind. A cell has no clock, no
// transport and no scheduler of its own: `clocks` tells the time, a dispatcher brings envelopes and due
// timers, and what a turn wants done is in `effects`, in order, for the dispatcher to perform and clear.

import type { Random } from '../std/index.js'
import { cellContext } from './context.js'
import type { Batch, Clock, Failure, Flow, Later, Outcome, Sink, Source, Step } from './contract.js'
import { Refusal } from './contract.js'
import type { AnyActor, Effect, Envelope, Facts } from './envelope.js'
import { type RequestName, Served, type Service } from './served.js'
import { Arrivals, type SinkOwner, SinkState } from './stream.js'
import { type Run, type Wait, Waits } from './waits.js'

export interface Clocks {
  nowMs(): number
  clusterMs(): number
}

/** A stream this life consumes: what arrived, and the flow that waits for more. */
interface Inflow {
  readonly arrivals: Arrivals
  reader: Wait | undefined
}

const never = Number.POSITIVE_INFINITY
const isFlow = (value: unknown): value is Flow<unknown> =>
  typeof value === 'object' && value !== null && Symbol.iterator in value && 'throw' in value

export class Cell implements SinkOwner {
  readonly address: string
  readonly actor: AnyActor
  readonly life: number
  readonly effects: Effect[] = []
  readonly clocks: Clocks
  facts: Facts = {}
  request: Envelope | undefined // What the current turn handles.
  guardedThrows = 0
  #state: unknown
  readonly #ctx: unknown
  #idLast = 0
  readonly #waits: Waits
  readonly #asks = new Map<number, Wait>() // Asks and opens not yet answered, by id.
  readonly #inflows = new Map<number, Inflow>()
  readonly #served = new Served()
  readonly #sinksWaited = new Map<SinkState, Wait>()
  #sinksTouched: SinkState[] = []

  constructor(address: string, actor: AnyActor, life: number, clocks: Clocks, random: Random) {
    this.address = address
    this.actor = actor
    this.life = life
    this.clocks = clocks
    this.#waits = new Waits(clocks)
    this.#ctx = cellContext(this, random)
  }

  /** When a timer of that clock is next due; Infinity without one. */
  dueMs(clock: Clock): number {
    return this.#waits.dueMs(clock)
  }

  get unanswered(): number {
    return this.#served.size
  }

  /** Whether it waits for others, or others for it. */
  get engaged(): boolean {
    return this.#served.size > 0 || this.#asks.size > 0 || this.#inflows.size > 0
  }

  start(args: unknown): void {
    this.#turn(undefined, () => {
      this.#state = this.actor.init(this.#ctx, args)
    })
  }

  receive(envelope: Envelope): void {
    switch (envelope.kind) {
      case 'tell':
      case 'ask':
      case 'open':
        return this.#handle(envelope)
      case 'answer':
        if (envelope.life === this.life) this.#resumeAsk(envelope.id, { ok: true, value: envelope.body })
        return
      case 'failure':
        return envelope.life === this.life ? this.#failed(envelope.id, envelope.body as Failure) : undefined
      case 'opened':
        return envelope.life === this.life ? this.#opened(envelope) : undefined
      case 'items':
      case 'end':
        return envelope.life === this.life ? this.#arrived(envelope) : undefined
      case 'credit':
        return this.#credited(envelope)
      case 'cancel':
        return this.#cancelled(envelope)
      case 'down':
        return this.#turn(undefined, () => this.actor.down?.(this.#ctx, this.#state, envelope.from, envelope.body as string))
      case 'lost':
        return this.#lost(envelope.from, envelope.body as string)
      default:
        throw new Error(`a dispatcher handles ${envelope.kind} itself`)
    }
  }

  /** Fires the first timer due by then; false if none was. */
  wake(clock: Clock, byMs: number): boolean {
    const wait = this.#waits.pop(clock, byMs)
    if (wait !== undefined) this.#fire(wait)
    return wait !== undefined
  }

  settle(): void {
    this.#turn(undefined, () => this.actor.settled?.(this.#ctx, this.#state))
  }

  stop(reason: string): void {
    this.#turn(undefined, () => this.actor.stopping?.(this.#ctx, this.#state, reason))
  }

  // That address died, or can no longer be reached: whatever waits for it fails.
  #lost(address: string, reason: string): void {
    const error: Failure = { code: 'down', definite: false, detail: `${address}: ${reason}` }
    for (const wait of [...this.#asks.values()]) if (wait.to === address) this.#resumeAsk(wait.id, { ok: false, error })
    for (const [id, { arrivals }] of [...this.#inflows]) if (arrivals.producer === address) this.#failed(id, error)
    for (const { request } of this.#served.all()) if (request.from === address) this.#cancelled(request)
  }

  /** What the others must hear when this life ends: its callers' requests failed, its own are given up. */
  epitaph(reason: string): Effect[] {
    const error: Failure = { code: 'down', definite: false, detail: `${this.address}: ${reason}` }
    const out: Effect[] = []
    for (const { request } of this.#served.all()) out.push(this.#reply('failure', request, error))
    for (const wait of this.#asks.values()) out.push(this.#cancel(wait.to, wait.id))
    for (const [id, { arrivals }] of this.#inflows) if (arrivals.ended === undefined) out.push(this.#cancel(arrivals.producer, id))
    return out
  }

  // Turns -------------------------------------------------------------------------------------------

  #turn(request: Envelope | undefined, body: () => void): void {
    const mark = this.effects.length
    try {
      this.request = request
      body()
      if (this.#sinksTouched.length > 0) this.#flushSinks()
    } catch (error) {
      this.#threw(error, mark, this.request)
    }
  }

  #handle(envelope: Envelope): void {
    const mark = this.effects.length
    try {
      this.request = envelope
      const handler = this.actor.on[envelope.type]
      if (handler === undefined)
        this.#answer(envelope, new Refusal('unknown message', `${this.actor.name} does not accept ${envelope.type}`))
      else if (envelope.kind === 'open') this.#open(envelope, handler)
      else {
        const result = handler(this.#ctx, this.#state, envelope.body)
        if (isFlow(result)) this.#serve(envelope, result)
        else if (envelope.id !== 0 && !this.#served.has(envelope)) this.#answer(envelope, result)
      }
      if (this.#sinksTouched.length > 0) this.#flushSinks()
    } catch (error) {
      this.#threw(error, mark, envelope)
    }
  }

  #open(envelope: Envelope, handler: (ctx: unknown, state: unknown, body: unknown) => unknown): void {
    if (this.#served.has(envelope)) return // A duplicate: the stream is open already.
    const result = handler(this.#ctx, this.#state, (envelope.body as readonly [number, unknown])[1])
    if (isFlow(result)) this.#serve(envelope, result)
    else if (result instanceof Refusal) this.#close(envelope, result)
  }

  // All or nothing: the effects recorded by a turn that throws are dropped with it.
  #threw(error: unknown, mark: number, request: Envelope | undefined): void {
    this.effects.length = mark
    for (const sink of this.#sinksTouched) sink.rollback()
    this.#sinksTouched = []
    if (this.actor.guarded === undefined) {
      if (request !== undefined && request.id !== 0 && !this.#served.has(request)) this.#served.add(request) // The epitaph answers it.
      throw error
    }
    this.guardedThrows++
    const detail = error instanceof Error ? (error.stack ?? error.message) : String(error)
    this.effects.push({ kind: 'log', event: 'guarded handler threw', fields: { type: request?.type, detail } })
    if (request === undefined || request.id === 0) return
    const served = this.#take(request)
    if (served?.sink !== undefined) served.sink.open = false
    this.effects.push(this.#reply('failure', request, { code: 'internal', definite: false, detail: String(error) }))
  }

  #flushSinks(): void {
    const sinks = this.#sinksTouched
    this.#sinksTouched = []
    for (const sink of sinks) sink.flush()
  }

  // Requests this life serves -----------------------------------------------------------------------

  #serve(request: Envelope, flow: Flow<unknown>): void {
    const run: Run = { flow, request, wait: undefined, done: false }
    this.#advance(run, undefined)
    if (run.done || request.id === 0) return
    const service = this.#served.get(request) ?? this.#served.add(request)
    service.run = run
    if (request.count > 0 && request.kind === 'ask') service.deadline = this.#waits.armServe(request)
  }

  #take(request: RequestName): Service | undefined {
    const service = this.#served.take(request)
    if (service?.deadline !== undefined) this.#waits.disarm(service.deadline)
    return service
  }

  #cancelled(request: Envelope): void {
    const served = this.#take(request)
    if (served === undefined) return
    this.#turn(served.request, () => {
      const { run, sink } = served
      if (sink !== undefined) {
        sink.open = false
        const wait = this.#sinksWaited.get(sink)
        this.#sinksWaited.delete(sink)
        if (run === undefined || run.done) this.actor.sink?.(this.#ctx, this.#state, sink, 'closed')
        else if (wait?.run === run) return this.#advance(run, false)
      }
      if (run !== undefined) this.cancelRun(run)
    })
  }

  #answer(request: Envelope, result: unknown): void {
    if (request.id === 0) return
    if (result instanceof Refusal) {
      const error: Failure = { code: result.code, definite: result.definite, detail: result.detail }
      this.effects.push(this.#reply('failure', request, error))
    } else this.effects.push(this.#reply('answer', request, result))
  }

  #close(request: Envelope, result: unknown): void {
    const sink = this.#take(request)?.sink
    if (sink !== undefined) sink.end(result instanceof Refusal ? result : undefined)
    else this.#answer(request, result instanceof Refusal ? result : new Refusal('no stream', `${request.type} opened no stream`))
  }

  #reply(kind: 'answer' | 'failure', request: Envelope, body: unknown): Envelope {
    return { kind, from: this.address, to: request.from, life: request.life, id: request.id, type: '', body, count: 0 }
  }

  #credited(envelope: Envelope): void {
    const sink = this.#served.get(envelope)?.sink
    if (sink === undefined) {
      // The consumer believes in a stream that this life does not have.
      const error: Failure = { code: 'down', definite: false, detail: `${this.address} has no such stream` }
      this.effects.push(this.#reply('failure', envelope, error))
      return
    }
    if (!sink.took(envelope.count)) return
    const wait = this.#sinksWaited.get(sink)
    this.#sinksWaited.delete(sink)
    this.#turn(envelope, () => {
      if (wait?.run !== undefined) this.#advance(wait.run, true)
      else this.actor.sink?.(this.#ctx, this.#state, sink, 'credit')
    })
  }

  // Requests this life made -------------------------------------------------------------------------

  #resumeAsk(id: number, outcome: Outcome<unknown>): void {
    const wait = this.#asks.get(id)
    if (wait === undefined) return // It came late, or twice.
    this.#asks.delete(id)
    this.#waits.disarm(wait)
    this.resume(wait.run as Run, outcome)
  }

  #failed(id: number, error: Failure): void {
    const inflow = this.#inflows.get(id)
    if (inflow === undefined) return this.#resumeAsk(id, { ok: false, error })
    inflow.arrivals.ended ??= { kind: 'failed', error }
    this.#read(inflow)
  }

  #opened(envelope: Envelope): void {
    const wait = this.#asks.get(envelope.id)
    if (wait === undefined) {
      if (!this.#inflows.has(envelope.id)) this.effects.push(this.#cancel(envelope.from, envelope.id)) // Accepted after we gave up.
      return
    }
    const arrivals = new Arrivals(wait.to, wait.window)
    this.#inflows.set(envelope.id, { arrivals, reader: undefined })
    this.#resumeAsk(envelope.id, { ok: true, value: this.#source(envelope.id, arrivals) })
  }

  #arrived(envelope: Envelope): void {
    const inflow = this.#inflows.get(envelope.id)
    if (inflow === undefined || inflow.arrivals.ended !== undefined) return
    const { arrivals } = inflow
    const ends = envelope.kind === 'end'
    if (ends ? arrivals.whole(envelope.count) : arrivals.arrived(envelope.body as readonly unknown[], envelope.count)) {
      if (ends) arrivals.ended = { kind: 'end' }
    } else {
      arrivals.ended = { kind: 'failed', error: { code: 'gap', definite: false, detail: 'items of the stream were lost' } }
      this.effects.push(this.#cancel(envelope.from, envelope.id))
    }
    this.#read(inflow)
  }

  #read(inflow: Inflow): void {
    const wait = inflow.reader
    if (wait === undefined) return
    inflow.reader = undefined
    this.#waits.disarm(wait)
    this.resume(wait.run as Run, this.#batch(wait.id, inflow.arrivals))
  }

  #batch(id: number, arrivals: Arrivals): Batch<unknown> {
    if (arrivals.empty) {
      this.#inflows.delete(id)
      return arrivals.ended ?? { kind: 'end' }
    }
    const items = arrivals.take()
    if (arrivals.ended === undefined && arrivals.creditDue) this.#tellCredit(id, arrivals)
    return { kind: 'items', items }
  }

  #tellCredit(id: number, arrivals: Arrivals): void {
    const count = arrivals.told()
    this.effects.push({ kind: 'credit', from: this.address, to: arrivals.producer, life: this.life, id, type: '', body: undefined, count })
  }

  #source(id: number, arrivals: Arrivals): Source<unknown> {
    return {
      *next(timeoutMs = 0): Flow<Batch<unknown>> {
        return yield { step: 'next', stream: id, timeoutMs }
      },
      close: () => {
        if (!this.#inflows.delete(id) || arrivals.ended !== undefined) return
        this.effects.push(this.#cancel(arrivals.producer, id))
      }
    }
  }

  #cancel(to: string, id: number): Envelope {
    return { kind: 'cancel', from: this.address, to, life: this.life, id, type: '', body: undefined, count: 0 }
  }

  // Flows and timers --------------------------------------------------------------------------------

  resume(run: Run, input: unknown): void {
    const mark = this.effects.length
    try {
      this.#advance(run, input)
      if (this.#sinksTouched.length > 0) this.#flushSinks()
    } catch (error) {
      this.#threw(error, mark, run.request)
    }
  }

  #advance(run: Run, input: unknown): void {
    if (run.done) return
    this.request = run.request
    run.wait = undefined
    for (let next = input; ; ) {
      const { done, value } = run.flow.next(next)
      if (done) return this.#finish(run, value)
      const ready = this.#await(run, value as Step)
      if (ready === undefined) return
      next = ready
    }
  }

  #finish(run: Run, value: unknown): void {
    run.done = true
    const request = run.request
    if (request === undefined || request.id === 0) return
    if (request.kind === 'open') return this.#close(request, value)
    this.#take(request)
    this.#answer(request, value)
  }

  /** Suspends the flow on a step, or returns at once what it waits for. */
  #await(run: Run, step: Step): unknown {
    switch (step.step) {
      case 'ask':
        return this.#send(run, step, 0, step.body)
      case 'open':
        return this.#send(run, step, step.window, [step.window, step.body])
      case 'sleep':
        run.wait = this.#waits.arm('sleep', step.clock, step.delayMs, run)
        return undefined
      case 'next':
        return this.#awaitItems(run, step.stream, step.timeoutMs)
      case 'credit': {
        const sink = step.sink as SinkState
        if (!sink.open) return false
        run.wait = this.#waits.arm('credit', 'real', never, run)
        this.#sinksWaited.set(sink, run.wait)
        return undefined
      }
    }
  }

  #send(run: Run, { step: kind, to, type, timeoutMs }: Step & { step: 'ask' | 'open' }, window: number, body: unknown): undefined {
    const id = ++this.#idLast
    run.wait = this.#waits.arm(kind, 'real', timeoutMs, run, id, to, '', window)
    this.#asks.set(id, run.wait)
    this.effects.push({ kind, from: this.address, to, life: this.life, id, type, body, count: timeoutMs })
  }

  #awaitItems(run: Run, id: number, timeoutMs: number): unknown {
    const inflow = this.#inflows.get(id)
    if (inflow === undefined) return { kind: 'end' }
    if (!inflow.arrivals.empty || inflow.arrivals.ended !== undefined) return this.#batch(id, inflow.arrivals)
    run.wait = this.#waits.arm('next', 'real', timeoutMs > 0 ? timeoutMs : never, run, id)
    inflow.reader = run.wait
    return undefined
  }

  #fire(wait: Wait): void {
    switch (wait.kind) {
      case 'timer':
        return this.#turn(undefined, () => this.actor.timers?.[wait.name]?.(this.#ctx, this.#state))
      case 'sleep':
        return this.resume(wait.run as Run, undefined)
      case 'ask':
      case 'open':
        this.effects.push(this.#cancel(wait.to, wait.id))
        return this.#resumeAsk(wait.id, {
          ok: false,
          error: { code: 'timeout', definite: false, detail: `no answer from ${wait.to} in time` }
        })
      case 'next': {
        const inflow = this.#inflows.get(wait.id)
        if (inflow !== undefined) {
          inflow.reader = undefined
          this.#tellCredit(wait.id, inflow.arrivals) // Told again while idle: a lost notice, or a lost producer, shows.
        }
        return this.resume(wait.run as Run, { kind: 'idle' })
      }
      case 'serve':
        return this.#cancelled(wait.request as Envelope)
      case 'credit':
        return
    }
  }

  // What the context and the sinks of this cell call -----------------------------------------------

  record(effect: Effect): void {
    this.effects.push(effect)
  }

  touched(sink: SinkState): void {
    this.#sinksTouched.push(sink)
  }

  ended(sink: SinkState): void {
    this.#take({ from: sink.to, life: sink.life, id: sink.id })
  }

  setTimer(name: string, clock: Clock, delayMs: number): void {
    this.#waits.setTimer(name, clock, delayMs)
  }

  cancelTimer(name: string): void {
    this.#waits.cancelTimer(name)
  }

  run(flow: Flow<void>): Run {
    const run: Run = { flow, request: undefined, wait: undefined, done: false }
    const request = this.request
    this.#advance(run, undefined)
    this.request = request
    return run
  }

  /** Ends a flow through its `finally` blocks, giving up what it waits for. */
  cancelRun(run: Run): void {
    if (run.done) return
    run.done = true
    const wait = run.wait
    if (wait !== undefined) {
      this.#waits.disarm(wait)
      const asks = wait.kind === 'ask' || wait.kind === 'open'
      if (asks && this.#asks.delete(wait.id)) this.effects.push(this.#cancel(wait.to, wait.id))
      const inflow = this.#inflows.get(wait.id)
      if (wait.kind === 'next' && inflow !== undefined) inflow.reader = undefined
    }
    run.flow.return(undefined)
  }

  defer(): Later<unknown> {
    const request = this.request as Envelope
    if (request.id !== 0 && !this.#served.has(request)) this.#served.add(request)
    return { to: request.from, life: request.life, id: request.id }
  }

  close(later: Later<unknown>, outcome: unknown): void {
    const served = this.#take({ from: later.to, life: later.life, id: later.id })
    if (served !== undefined) this.#answer(served.request, outcome)
  }

  stream(): Sink<unknown> {
    const request = this.request as Envelope
    const [window] = request.body as readonly [number, unknown]
    const sink = new SinkState(this, request.from, request.life, request.id, window)
    this.#served.add(request).sink = sink
    this.effects.push({
      kind: 'opened',
      from: this.address,
      to: request.from,
      life: request.life,
      id: request.id,
      type: '',
      body: undefined,
      count: 0
    })
    return sink
  }
}
