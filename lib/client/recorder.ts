// Recorder: tells of what a component did as core v1 Events. Best effort: it never waits, fails or blocks who records.
//
// As client-go's correlator: the same event again raises `count` of the first by a patch; more than ten alike (same object, type
// and reason, other messages) within ten minutes become one "(combined from similar events)"; a source may tell of one object
// 25 times in a burst, then once in five minutes. Over a bound, events are dropped and counted.

import type { Flow, Running } from '../actor/index.js'
import type { Event } from '../kinds/index.js'
import { type ApiObject, formatTime, type ObjectReference } from '../object/index.js'
import type { ApiClient, ClientContext } from './api-client.js'
import { resources } from './resource.js'

export interface RecorderOptions {
  readonly component: string // `deployment-controller`
  readonly host?: string
}

const similarMax = 10
const similarWindowMs = 600_000
const burstEvents = 25
const refillMs = 300_000 // One event.
const knownMax = 4096 // Keys remembered by each cache; the oldest is forgotten, as upstream's LRU does.
const waitingMax = 1000
const messageBytesMax = 1024

interface Known {
  readonly name: string
  readonly namespace: string
  readonly firstTimestamp: string
  count: number
}

export class Recorder {
  readonly #ctx: ClientContext
  readonly #client: ApiClient
  readonly #options: RecorderOptions
  readonly #known = new Map<string, Known>()
  readonly #similar = new Map<string, { readonly messages: Set<string>; lastMs: number }>()
  readonly #buckets = new Map<string, { tokens: number; lastMs: number }>()
  readonly #waiting: Event[] = []
  #sending: Running | undefined
  #nameLast = 0
  /** Events that were not told: too many, or refused. */
  dropped = 0

  constructor(ctx: ClientContext, client: ApiClient, options: RecorderOptions) {
    this.#ctx = ctx
    this.#client = client
    this.#options = options
  }

  event(about: ApiObject | ObjectReference, type: 'Normal' | 'Warning', reason: string, message: string): void {
    const regarding = referenceOf(about)
    const objectKey = `${regarding.kind}/${regarding.namespace ?? ''}/${regarding.name}/${regarding.uid ?? ''}`
    if (!this.#allowed(objectKey) || this.#waiting.length >= waitingMax) {
      this.dropped++
      return
    }
    const now = formatTime(this.#ctx.clusterMs)
    this.#waiting.push({
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { namespace: regarding.namespace ?? 'default' },
      involvedObject: regarding,
      type,
      reason,
      message: this.#combined(`${objectKey}/${type}/${reason}`, message.slice(0, messageBytesMax)),
      source: this.#options.host === undefined ? { component: this.#options.component } : { ...this.#options },
      reportingComponent: this.#options.component,
      firstTimestamp: now,
      lastTimestamp: now,
      count: 1
    })
    if (this.#sending === undefined || this.#sending.done) this.#sending = this.#ctx.run(this.#send())
  }

  *#send(): Flow<void> {
    for (let event = this.#waiting.shift(); event !== undefined; event = this.#waiting.shift()) {
      const { kind, namespace, name, uid, fieldPath } = event.involvedObject
      const key = [kind, namespace, name, uid, fieldPath, event.type, event.reason, event.message].join('\u0000')
      const known = this.#known.get(key)
      if (known !== undefined && (yield* this.#again(known, event))) continue
      yield* this.#first(key, event)
    }
  }

  /** False: the first one is gone, expired perhaps. */
  *#again(known: Known, event: Event): Flow<boolean> {
    known.count++
    const patch = { count: known.count, lastTimestamp: event.lastTimestamp, message: event.message }
    const result = yield* this.#client.patch(resources.events, known, patch, { type: 'strategic' })
    if (!result.ok && result.error.reason === 'NotFound') return false
    if (!result.ok) this.dropped++
    return true
  }

  *#first(key: string, event: Event): Flow<void> {
    const { namespace } = event.metadata
    // As upstream: the object's name and the time in hexadecimal; the counter keeps those of one millisecond apart.
    const nanos = BigInt(Math.floor(this.#ctx.clusterMs)) * 1_000_000n + BigInt(++this.#nameLast % 1_000_000)
    const name = `${event.involvedObject.name ?? ''}.${nanos.toString(16)}`
    const result = yield* this.#client.create(resources.events, { ...event, metadata: { namespace: namespace as string, name } })
    if (result.ok)
      remember(this.#known, key, { name, namespace: namespace as string, firstTimestamp: event.firstTimestamp ?? '', count: 1 })
    else this.dropped++
  }

  #combined(key: string, message: string): string {
    const nowMs = this.#ctx.clusterMs
    let similar = this.#similar.get(key)
    if (similar === undefined || nowMs - similar.lastMs > similarWindowMs) {
      similar = { messages: new Set(), lastMs: nowMs }
      remember(this.#similar, key, similar)
    }
    similar.lastMs = nowMs
    if (similar.messages.size < similarMax || similar.messages.has(message)) {
      similar.messages.add(message)
      return message
    }
    return `(combined from similar events): ${message}`
  }

  #allowed(key: string): boolean {
    const nowMs = this.#ctx.clusterMs
    let bucket = this.#buckets.get(key)
    if (bucket === undefined) {
      bucket = { tokens: burstEvents, lastMs: nowMs }
      remember(this.#buckets, key, bucket)
    }
    bucket.tokens = Math.min(burstEvents, bucket.tokens + (nowMs - bucket.lastMs) / refillMs)
    bucket.lastMs = nowMs
    if (bucket.tokens < 1) return false
    bucket.tokens--
    return true
  }
}

/** What an event is about, as upstream's reference.GetReference. */
export function referenceOf(about: ApiObject | ObjectReference): ObjectReference {
  if (!('metadata' in about)) return about
  const { apiVersion, kind, metadata } = about
  const reference: ObjectReference = { apiVersion, kind }
  for (const field of ['namespace', 'name', 'uid', 'resourceVersion'] as const) {
    const value = metadata[field]
    if (value !== undefined) reference[field] = value
  }
  return reference
}

function remember<V>(cache: Map<string, V>, key: string, value: V): void {
  cache.delete(key)
  cache.set(key, value)
  if (cache.size <= knownMax) return
  for (const oldest of cache.keys()) {
    cache.delete(oldest)
    return
  }
}
