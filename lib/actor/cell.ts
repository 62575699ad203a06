// Cell: one life of one actor. The only code that calls a handler, shared by every host.
//
// Guarantee: one turn at a time; a turn that throws leaves no effect behind. A cell has no clock, no
// transport and no scheduler of its own: `clocks` tells the time, a dispatcher brings envelopes and due
// timers, and what a turn wants done is in `effects`, in order, for the dispatcher to perform and clear.

import type { Random } from '../std/index.js'
import { Asks } from './asks.js'
import { cellContext } from './context.js'
import type { Clock, Failure, Flow, Later, Sink, Step } from './contract.js'
import { Refusal } from './contract.js'
import { Draft } from './draft.js'
import type { AnyActor, Effect, Envelope, Facts } from './envelope.js'
import { isFlow } from './flow.js'
import { type Consumer, Intake } from './intake.js'
import { Outlets } from './outlets.js'
import { type RequestName, Served, type Service } from './served.js'
import type { SinkOwner, SinkState } from './stream.js'
import { type Clocks, type Run, type Wait, Waits } from './waits.js'

export class Cell implements SinkOwner, Consumer {
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
  readonly #waits: Waits
  readonly #asks: Asks
  readonly #intake: Intake
  readonly #served = new Served()
  readonly #outlets: Outlets
  readonly #draft = new Draft()
  readonly #settled = (): void => this.actor.settled?.(this.#ctx, this.#state) // Once a batch: made once.

  constructor(address: string, actor: AnyActor, life: number, clocks: Clocks, random: Random) {
    this.address = address
    this.actor = actor
    this.life = life
    this.clocks = clocks
    this.#waits = new Waits(clocks)
    this.#intake = new Intake(this, this.#waits)
    this.#asks = new Asks(this, this.#waits, this.#intake)
    this.#outlets = new Outlets(this, this.#served, this.#waits)
    this.#ctx = cellContext(this, random)
  }

  /** When a timer of that clock is next due; Infinity without one. */
  dueMs(clock: Clock): number {
    return this.#waits.dueMs(clock)
  }

  /** Whether it waits for others, or others for it. */
  get engaged(): boolean {
    return this.#served.size > 0 || this.#asks.size > 0 || this.#intake.size > 0
  }

  /** The number of its last request; those of one life ascend. */
  get idLast(): number {
    return this.#asks.idLast
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
        if (envelope.life === this.life) this.#asks.resume(envelope.id, { ok: true, value: envelope.body })
        return
      case 'failure':
        return envelope.life === this.life ? this.#asks.failed(envelope.id, envelope.body as Failure) : undefined
      case 'opened':
        return envelope.life === this.life ? this.#asks.opened(envelope) : undefined
      case 'items':
      case 'end':
        return envelope.life === this.life ? this.#intake.arrived(envelope) : undefined
      case 'credit':
        return this.#credited(envelope)
      case 'cancel':
        return this.#cancelled(envelope)
      case 'down':
        return this.#turn(undefined, () => this.actor.down?.(this.#ctx, this.#state, envelope.from, envelope.body as string))
      case 'lost':
        return this.#lost(envelope)
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
    this.#turn(undefined, this.#settled)
  }

  stop(reason: string): void {
    this.#turn(undefined, () => this.actor.stopping?.(this.#ctx, this.#state, reason))
  }

  // That address died, or can no longer be reached: what waited for it by then fails.
  #lost({ from: address, type, body: reason, count: idLast }: Envelope): void {
    const error: Failure = { code: 'down', definite: type === 'unhandled', detail: `${address}: ${reason}` }
    this.#asks.lost(address, idLast, error)
    this.#intake.lost(address, error)
    for (const { request } of this.#served.all()) if (request.from === address) this.#cancelled(request)
  }

  /** What the others must hear when this life ends: its callers' requests failed, its own are given up. */
  epitaph(reason: string): Effect[] {
    const error: Failure = { code: 'down', definite: false, detail: `${this.address}: ${reason}` }
    const out = this.effects.splice(0) // What a turn that threw leaves: requests it gave up.
    for (const { request } of this.#served.all()) out.push(this.#reply('failure', request, error))
    this.#asks.epitaph(out)
    this.#intake.epitaph(out)
    return out
  }

  // Turns -------------------------------------------------------------------------------------------

  #turn(request: Envelope | undefined, body: () => void): void {
    const mark = this.effects.length
    try {
      this.request = request
      body()
      if (this.#draft.dirty) this.#draft.keep()
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
      if (this.#draft.dirty) this.#draft.keep()
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

  // All or nothing: the effects recorded by a turn that throws are dropped with it, and what it changed here is undone.
  // What it gave up stays given up: the flow that wanted it has ended.
  #threw(error: unknown, mark: number, request: Envelope | undefined): void {
    if (this.#draft.dirty) this.#draft.discard(this.#served, this.#waits, run => this.#endQuietly(run))
    for (const effect of this.effects.splice(mark)) if (effect.kind === 'cancel' || effect.kind === 'credit') this.effects.push(effect)
    if (this.actor.guarded === undefined) {
      if (request !== undefined && request.id !== 0 && !this.#served.has(request)) this.#served.add(request) // The epitaph answers it.
      throw error
    }
    this.guardedThrows++
    const detail = error instanceof Error ? (error.stack ?? error.message) : String(error)
    this.effects.push({ kind: 'log', event: 'guarded handler threw', fields: { type: request?.type, detail } })
    if (request === undefined || request.id === 0) return
    this.failRequest(request, String(error))
  }

  /** Closes a request of another, from the guard's side: what became of it is not known. */
  failRequest(request: RequestName, detail: string): void {
    const served = this.#take(request)
    if (served?.sink !== undefined) served.sink.open = false
    const error: Failure = { code: 'internal', definite: false, detail }
    this.effects.push(this.#reply('failure', request, error))
  }

  #endQuietly(run: Run): void {
    try {
      this.cancelRun(run)
    } catch (error) {
      this.effects.push({ kind: 'log', event: 'flow threw as it was ended', fields: { detail: String(error) } })
    }
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

  #takeInDraft(request: RequestName): Service | undefined {
    const service = this.#take(request)
    if (service !== undefined) this.#draft.taken(service)
    return service
  }

  #cancelled(request: Envelope): void {
    const served = this.#take(request)
    if (served === undefined) return
    this.#turn(served.request, () => {
      const { run, sink } = served
      if (sink !== undefined) {
        sink.open = false
        const waiting = this.#outlets.release(sink)
        if (run === undefined || run.done) this.actor.sink?.(this.#ctx, this.#state, sink, 'closed')
        else if (waiting === run) return this.#advance(run, false)
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

  #reply(kind: 'answer' | 'failure', request: RequestName, body: unknown): Envelope {
    return { kind, from: this.address, to: request.from, life: request.life, id: request.id, type: '', body, count: 0 }
  }

  #credited(envelope: Envelope): void {
    const sink = this.#outlets.of(envelope)
    if (sink === undefined) {
      // The consumer believes in a stream that this life does not have.
      const error: Failure = { code: 'down', definite: false, detail: `${this.address} has no such stream` }
      this.effects.push(this.#reply('failure', envelope, error))
      return
    }
    if (!sink.took(envelope.count)) return
    const waiting = this.#outlets.release(sink)
    this.#turn(envelope, () => {
      if (waiting !== undefined) this.#advance(waiting, true)
      else this.actor.sink?.(this.#ctx, this.#state, sink, 'credit')
    })
  }

  cancelOf(to: string, id: number): Envelope {
    return { kind: 'cancel', from: this.address, to, life: this.life, id, type: '', body: undefined, count: 0 }
  }

  // Flows and timers --------------------------------------------------------------------------------

  resume(run: Run, input: unknown): void {
    const mark = this.effects.length
    try {
      this.#advance(run, input)
      if (this.#draft.dirty) this.#draft.keep()
    } catch (error) {
      run.done = true
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
        return void this.#asks.send(run, step, 0, step.body)
      case 'open':
        return void this.#asks.send(run, step, step.window, [step.window, step.body])
      case 'sleep':
        run.wait = this.#waits.arm('sleep', step.clock, step.delayMs, run)
        return undefined
      case 'next':
        return this.#intake.suspend(run, step.stream, step.timeoutMs)
      case 'credit': {
        const sink = step.sink as SinkState
        if (!sink.open) return false
        return void this.#outlets.suspend(run, sink)
      }
    }
  }

  #fire(wait: Wait): void {
    switch (wait.kind) {
      case 'timer':
        return this.#turn(undefined, () => this.actor.timers?.[wait.name]?.(this.#ctx, this.#state))
      case 'sleep':
        return this.resume(wait.run as Run, undefined)
      case 'ask':
      case 'open':
        return this.#asks.timedOut(wait)
      case 'next':
        return this.#intake.idle(wait)
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
    this.#draft.touched(sink)
  }

  ended(sink: SinkState): void {
    this.#takeInDraft({ from: sink.to, life: sink.life, id: sink.id })
  }

  setTimer(name: string, clock: Clock, delayMs: number): void {
    this.#draft.timer(name, this.#waits.setTimer(name, clock, delayMs))
  }

  cancelTimer(name: string): void {
    const before = this.#waits.cancelTimer(name)
    if (before !== undefined) this.#draft.timer(name, before)
  }

  run(flow: Flow<void>): Run {
    const run: Run = { flow, request: undefined, wait: undefined, done: false }
    const request = this.request
    this.#advance(run, undefined)
    this.request = request
    if (!run.done) this.#draft.begun(run)
    return run
  }

  /** Ends a flow through its `finally` blocks, giving up what it waits for. */
  cancelRun(run: Run): void {
    if (run.done) return
    run.done = true
    const wait = run.wait
    if (wait !== undefined) {
      this.#waits.disarm(wait)
      if (wait.kind === 'ask' || wait.kind === 'open') this.#asks.giveUp(wait)
      else if (wait.kind === 'next') this.#intake.unread(wait.id)
      else if (wait.kind === 'credit') this.#outlets.unwait(wait)
    }
    run.flow.return(undefined)
  }

  defer(): Later<unknown> {
    const request = this.request as Envelope
    if (request.id !== 0 && !this.#served.has(request)) this.#served.add(request)
    return { to: request.from, life: request.life, id: request.id }
  }

  close(later: Later<unknown>, outcome: unknown): void {
    const served = this.#takeInDraft({ from: later.to, life: later.life, id: later.id })
    if (served !== undefined) this.#answer(served.request, outcome)
  }

  stream(): Sink<unknown> {
    return this.#outlets.open(this.request as Envelope)
  }
}
