// control: calls between the main thread and a worker, by comlink. For the runtime's own control only (about
// 90 µs a call); envelopes between actors never come this way.

import type { MessagePort, Worker } from 'node:worker_threads'
import { expose as comlinkExpose, transfer, wrap } from 'comlink/dist/esm/comlink.mjs'
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs'

export const expose = (object: object, port: MessagePort): void => comlinkExpose(object, nodeEndpoint(port))

/** The object exposed at the other end; every method of `T` must return a promise. */
export const remote = <T>(port: MessagePort | Worker): T => wrap(nodeEndpoint(port)) as T

/** Marks `value` so that `port`, which it holds, is moved rather than copied. */
export const moving = <T>(value: T, port: MessagePort): T => transfer(value, [port])
