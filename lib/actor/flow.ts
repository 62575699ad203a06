// Flow: the steps a flow can wait for. Each `yield*` ends the turn.

import type { Answer, AskName, Body, Clock, Failure, Flow, Item, Outcome, Ref, Sink, Source, StreamName } from './contract.js'
import { Refusal } from './contract.js'

/** How many items a producer may be ahead of a consumer that does not say otherwise. */
export const streamWindow = 256

/** Sends a request and waits for its answer, at most `timeoutMs` of real time. */
export function* ask<Q, K extends AskName<Q>>(to: Ref<Q>, timeoutMs: number, type: K, ...body: Body<Q, K>): Flow<Outcome<Answer<Q, K>>> {
  return yield { step: 'ask', to, type, body: body[0], timeoutMs }
}

/** Opens a stream; `timeoutMs` bounds the wait for its acceptance, not its life. */
export function* open<Q, K extends StreamName<Q>>(
  to: Ref<Q>,
  timeoutMs: number,
  type: K,
  body: Body<Q, K>[0],
  window: number = streamWindow
): Flow<Outcome<Source<Item<Q, K>>>> {
  return yield { step: 'open', to, type, body, timeoutMs, window }
}

export function* sleep(clock: Clock, delayMs: number): Flow<void> {
  yield { step: 'sleep', clock, delayMs }
}

/** Waits until the consumer takes more items. False: the stream is closed. */
export function* credit(sink: Sink<any>): Flow<boolean> {
  if (!sink.open) return false
  if (sink.credit > 0) return true
  return yield { step: 'credit', sink }
}

/** Declines a request: the caller sees a definite failure with this code. */
export const refuse = (code: string, detail: string): Refusal => new Refusal(code, detail)

/** Fails a request that may have taken effect, or may yet. */
export const doubt = (code: string, detail: string): Refusal => new Refusal(code, detail, false)

/** Passes on how another's request failed. */
export const passOn = ({ code, detail, definite }: Failure): Refusal => new Refusal(code, detail, definite)

// Every flow is a generator, and every generator inherits from this.
const Generated = function Generated() {} as unknown as new () => Flow<unknown>
Object.defineProperty(Generated, 'prototype', { value: Object.getPrototypeOf(Object.getPrototypeOf(function* () {}).prototype) })
/** Whether a handler returned a flow rather than an answer. */
export const isFlow = (value: unknown): value is Flow<unknown> => value instanceof Generated
