// Method: what a function that serves a method of gRPC is given, and what it returns.

import type { Failure, Flow } from '../actor/index.js'
import type { GrpcCall, GrpcStatus } from '../ports/index.js'
import { statusOf } from './errors.js'
import type { Gateway } from './gateway.js'

/** Instead of an answer: how the call ends. */
export class Fault {
  readonly status: GrpcStatus
  constructor(status: GrpcStatus) {
    this.status = status
  }
}

/** How a call ends whose request to the store failed. */
export const faultOf = (error: Failure): Fault => new Fault(statusOf(error))

/** One method with one request. What it returns is encoded as the answer. */
export type Unary = (gateway: Gateway, request: never, call: GrpcCall) => Flow<object | Fault>

/** A call that goes on. */
export interface OpenStream {
  /** Decoded, in the client's order. */
  message(message: never): void
  halfClosed(): void
  /** The call is over. */
  closed(): void
  stalled(): void
  drained(): void
}

/** `request` is undefined if the client streams. */
export type Streaming = (gateway: Gateway, call: GrpcCall, request: never) => OpenStream
