// Envelope: one message between two actors, and Effect: one thing a turn wants done.
//
// Every envelope has the same shape, so packing and dispatching one never meets a new hidden class.

import type { Failure } from './contract.js'

/**
 * - `tell`, `ask`, `open`: user messages; `life` and `id` say whom to answer.
 * - `answer`, `failure`: close an ask; `failure` also closes a stream, from its producer.
 * - `cancel`: the caller no longer waits, or the consumer closed its stream.
 * - `opened`, `items`, `end`: a stream accepted, its items, its end. `credit`: the consumer took items.
 * - `stop`, `monitor`, `demonitor`, `down`: supervision. `lost`: within a thread: `from` died with its thread.
 */
export type Kind =
  | 'tell'
  | 'ask'
  | 'open'
  | 'answer'
  | 'failure'
  | 'cancel'
  | 'opened'
  | 'items'
  | 'end'
  | 'credit'
  | 'stop'
  | 'monitor'
  | 'demonitor'
  | 'down'
  | 'lost'

export interface Envelope {
  readonly kind: Kind
  readonly from: string
  readonly to: string
  /** Of the life that asked: the sender's for ask, open, cancel and credit; the receiver's for what comes back. 0: none. */
  readonly life: number
  /** The request within that life. 0: none. */
  readonly id: number
  readonly type: string
  readonly body: unknown
  /** ask, open: milliseconds the caller still waits (0: for ever). items, end: items sent before. credit: items taken so far. */
  readonly count: number
}

export interface SpawnEffect {
  readonly kind: 'spawn'
  readonly address: string
  readonly actor: AnyActor
  readonly args: unknown
  readonly thread: string | undefined
}

export type Effect =
  | Envelope
  | SpawnEffect
  | { readonly kind: 'save'; readonly bytes: Uint8Array; readonly segment: number } // Segment 0: the last.
  | { readonly kind: 'exit'; readonly reason: string }
  | { readonly kind: 'show'; readonly facts: Facts }
  | { readonly kind: 'log'; readonly event: string; readonly fields: Readonly<Record<string, unknown>> }

export type Facts = Readonly<Record<string, string | number | boolean>>

/** An actor with its types erased: what a dispatcher holds. */
export interface AnyActor {
  readonly name: string
  readonly init: (ctx: any, args: any) => unknown
  readonly on: { readonly [type: string]: ((ctx: any, state: any, body: any) => unknown) | undefined }
  readonly timers?: { readonly [name: string]: (ctx: any, state: any) => void }
  readonly down?: (ctx: any, state: any, actor: string, reason: string) => void
  readonly sink?: (ctx: any, state: any, sink: any, event: 'credit' | 'closed') => void
  readonly settled?: (ctx: any, state: any) => void
  readonly stopping?: (ctx: any, state: any, reason: string) => void
  readonly guarded?: true
  readonly mailboxMax?: number
  readonly ports?: readonly { readonly name: string }[]
}

export const machineOf = (address: string): string => {
  const slash = address.indexOf('/')
  return slash < 0 ? address : address.slice(0, slash)
}

/** `machine/actor:port` is the address of a port; its owner is `machine/actor`. */
export const ownerOf = (address: string): string => {
  const colon = address.indexOf(':')
  return colon < 0 ? address : address.slice(0, colon)
}

export const isPort = (address: string): boolean => address.indexOf(':') >= 0

/** The envelope that tells a caller its request failed; `to` is the request's sender. */
export function failureFor(request: Envelope, error: Failure): Envelope {
  return { kind: 'failure', from: request.to, to: request.from, life: request.life, id: request.id, type: '', body: error, count: 0 }
}

export const downNotice = (from: string, to: string, reason: string): Envelope => ({
  kind: 'down',
  from,
  to,
  life: 0,
  id: 0,
  type: '',
  body: reason,
  count: 0
})
