// Controller: what all controllers share. A definition says what a controller watches for and how it starts; its scope gives it
// a client, informers and loops, and is driven by the actor that runs it.
//
// Guarantee: a loop's `reconcile` is called for a key only when every informer of the scope has been whole once, never twice at
// once for a key, and again (with back-off) until it says it is done. Controllers are level-triggered: the key is all they are told.

import { ask, type Clock, type Flow, type Later, type Ref } from '../actor/index.js'
import {
  ApiClient,
  type ApiRef,
  type ClientContext,
  Informer,
  type InformerOptions,
  Recorder,
  type Resource,
  WorkQueue
} from '../client/index.js'
import type { ApiObject } from '../object/index.js'
import type { ControllerOptions } from './options.js'

export interface ControllerDefinition {
  readonly name: string // `replicaset-controller`: its actor's name, and where its events come from.
  /** The controller is started when an object of interest appears. */
  readonly interests: readonly Interest[]
  /** Others that will be needed too once this one is: they start at the same time. */
  readonly needs: readonly string[]
  /**
   * How long it may wait after the first object of interest, on the real clock: what tidies up need not compete with a rollout.
   * An object that is deleted, or about to be, does not wait.
   */
  readonly patienceMs?: number
  readonly start: (scope: ControllerScope) => void
}

export interface Interest {
  readonly resource: Resource | 'discovered' // Every kind the API serves that can be deleted.
  /** With `discovered`: kinds that are not worth a watch. */
  readonly skips?: (resource: Resource) => boolean
  /** What of its metadata is enough to tell. Default: any object. `deleted`: it is gone now. */
  readonly wants?: (object: ApiObject, deleted: boolean) => boolean
}

/** `retry`: once more, after a back-off. */
export type Reconciled = 'done' | 'retry'

export interface LoopOptions {
  readonly workers?: number
  readonly reconcile: (key: string) => Flow<Reconciled>
}

interface Loop extends Required<LoopOptions> {
  readonly queue: WorkQueue
  active: number
}

/** What the actor that runs a scope accepts from itself, so that a flow can wait for others. */
export interface JoinProtocol {
  join(id: number): void
}

const workersDefault = 5 // As kube-controller-manager's --concurrent-*-syncs.
const joinTimeoutMs = 600_000

export class ControllerScope {
  readonly ctx: ClientContext
  readonly client: ApiClient
  readonly options: ControllerOptions
  #informers: Informer<ApiObject>[] = []
  readonly #loops: Loop[] = []
  readonly #joins = new Map<number, { left: number; waiting: Later<void> | undefined }>()
  readonly #answer: (later: Later<void>) => void
  #joinLast = 0

  constructor(ctx: ClientContext, apiservers: readonly ApiRef[], options: ControllerOptions, answer: (later: Later<void>) => void) {
    this.ctx = ctx
    this.options = options
    this.#answer = answer
    this.client = new ApiClient(ctx, { apiservers, fieldManager: 'kube-controller-manager' })
  }

  recorder(component: string): Recorder {
    return new Recorder(this.ctx, this.client, { component })
  }

  informer<T extends ApiObject>(options: InformerOptions<T>): Informer<T> {
    const informer = new Informer<T>(this.ctx, this.client, options)
    this.#informers.push(informer as unknown as Informer<ApiObject>)
    informer.start()
    return informer
  }

  /** Stops an informer: loops do not wait for it any more. */
  release(informer: Informer<ApiObject>): void {
    informer.stop()
    this.#informers = this.#informers.filter(one => one !== informer)
  }

  loop(options: LoopOptions): WorkQueue {
    const queue = new WorkQueue(this.ctx)
    this.#loops.push({ workers: workersDefault, ...options, queue, active: 0 })
    return queue
  }

  get synced(): boolean {
    return this.#informers.every(informer => informer.synced)
  }

  /** Starts workers for what is queued; to be called at the end of every batch of messages, and when `dueMs` has come. */
  settled(): void {
    // Keys that are due are queued even if nobody is free to take them: `dueMs` is never in the past.
    for (const { queue } of this.#loops) queue.wake()
    if (!this.synced) return
    for (const loop of this.#loops) {
      for (; loop.active < loop.workers; ) {
        const key = loop.queue.take()
        if (key === undefined) break
        loop.active++
        this.ctx.run(this.#work(loop, key))
      }
    }
  }

  dueMs(clock: Clock): number {
    return Math.min(Number.POSITIVE_INFINITY, ...this.#loops.map(({ queue }) => queue.dueMs(clock)))
  }

  /** Runs flows at once, each in its own, and waits for all of them. Answers in the order given. */
  *all<R>(flows: readonly Flow<R>[]): Flow<R[]> {
    if (flows.length <= 1) return flows.length === 0 ? [] : [yield* flows[0] as Flow<R>]
    const id = ++this.#joinLast
    const join: { left: number; waiting: Later<void> | undefined } = { left: flows.length, waiting: undefined }
    this.#joins.set(id, join)
    const results: R[] = new Array(flows.length)
    for (const [index, flow] of flows.entries())
      this.ctx.run(this.#part(flow, result => this.#parted(join, () => (results[index] = result))))
    try {
      if (join.left > 0) yield* ask(this.ctx.self as unknown as Ref<JoinProtocol>, joinTimeoutMs, 'join', id)
    } finally {
      this.#joins.delete(id)
    }
    return results
  }

  /** The actor's `join`: answered now, or deferred until the flows are over. */
  join(id: number, defer: () => Later<void>): Later<void> | undefined {
    const join = this.#joins.get(id)
    if (join === undefined || join.left === 0) return undefined
    join.waiting = defer()
    return join.waiting
  }

  *#part<R>(flow: Flow<R>, ended: (result: R) => void): Flow<void> {
    ended(yield* flow)
  }

  #parted(join: { left: number; waiting: Later<void> | undefined }, keep: () => void): void {
    keep()
    join.left--
    if (join.left === 0 && join.waiting !== undefined) this.#answer(join.waiting)
  }

  *#work(loop: Loop, first: string): Flow<void> {
    for (let key: string | undefined = first; key !== undefined; key = loop.queue.take()) {
      let outcome: Reconciled
      try {
        outcome = yield* loop.reconcile(key)
      } catch (error) {
        // One object that a controller cannot digest must not stop its work on the others.
        const detail = error instanceof Error ? (error.stack ?? error.message) : String(error)
        this.ctx.log('reconcile failed', { key, detail })
        outcome = 'retry'
      }
      loop.queue.done(key)
      if (outcome === 'retry') loop.queue.addRateLimited(key, 'real')
      else loop.queue.forget(key)
    }
    loop.active--
  }
}
