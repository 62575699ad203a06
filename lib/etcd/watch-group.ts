// Watch group: all watches of this gateway that ask for the same, behind one watch of the store. Each batch of events is encoded
// once for all of them that clients know by the same number, and written to all their streams as the same bytes.
//
// Guarantee: a member is sent every event from its first revision on, once, in order. If the store's watch breaks off, the
// group goes on from where it was.

import { type Failure, type Flow, type Running, type Source, sleep } from '../actor/index.js'
import type { StoreEvent, StoreWatch, StoreWatchBatch } from '../storage/index.js'
import { statusOf } from './errors.js'
import type { Gateway } from './gateway.js'
import type { EventMessage, WatchResponse } from './messages.js'

export interface WatchMember {
  readonly call: number
  readonly watchId: number
  /** The first revision it is sent. */
  readonly from: number
  readonly fragment: boolean
  /** The store ended it. */
  ended(end: { readonly compactRevision: number; readonly reason: string }): void
  readonly progressNotify: boolean
  /** The store says that up to the group's revision there is nothing more. */
  progressed(): void
}

export type WatchWants = Omit<StoreWatch, 'startRevision'>

const retryMs = 50
const idleMs = 10_000 // Then the store is asked whether it still knows the stream.
/** A response over this is sent in parts to who asked for it; as etcd's --max-request-bytes, with room for what is not values. */
const fragmentBytesMax = 1_500_000
const eventOverheadBytes = 64

export class WatchGroup {
  readonly members = new Set<WatchMember>()
  /** All events up to it were sent. */
  revision: number
  readonly #gateway: Gateway
  readonly #wants: WatchWants
  readonly #emptied: () => void
  readonly #running: Running
  #isOver = false

  constructor(gateway: Gateway, wants: WatchWants, revision: number, emptied: () => void) {
    this.#gateway = gateway
    this.#wants = wants
    this.revision = revision
    this.#emptied = emptied
    this.#running = gateway.ctx.run(this.#follow())
  }

  get isOver(): boolean {
    return this.#isOver
  }

  leave(member: WatchMember): void {
    this.members.delete(member)
    if (this.members.size > 0 || this.#isOver) return
    this.#isOver = true
    this.#emptied()
    this.#running.cancel()
  }

  *#follow(): Flow<void> {
    while (!this.#isOver) {
      const opened = yield* this.#gateway.openWatch({ ...this.#wants, startRevision: this.revision + 1, group: this.#gateway.ctx.self })
      const error = opened.ok ? yield* this.#read(opened.value) : opened.error
      if (this.#isOver) return
      if (error.code === 'compacted') return yield* this.#compacted()
      if (!isPassing(error)) return this.#end(0, statusOf(error).text)
      yield* sleep('real', retryMs)
    }
  }

  /** Until the stream breaks off; gives why. */
  *#read(source: Source<StoreWatchBatch>): Flow<Failure> {
    try {
      for (;;) {
        const batch = yield* source.next(idleMs)
        if (batch.kind === 'items') for (const item of batch.items) this.#deliver(item)
        else if (batch.kind === 'failed') return batch.error
        else if (batch.kind === 'end') return { code: 'down', definite: false, detail: 'the store ended the watch' }
        if (this.#isOver) return { code: 'cancelled', definite: true, detail: '' }
      }
    } finally {
      source.close()
    }
  }

  *#compacted(): Flow<void> {
    const status = yield* this.#gateway.status()
    this.#end(status.ok ? status.value.compactRevision : this.revision + 1, '')
  }

  #end(compactRevision: number, reason: string): void {
    this.#isOver = true
    this.#emptied()
    for (const member of [...this.members]) member.ended({ compactRevision, reason })
  }

  #deliver({ revision, events }: StoreWatchBatch): void {
    const first = events[0]?.kv.modRevision ?? 0
    if (events.length > 0) {
      const shared = new Map<number, number[]>()
      for (const member of this.members) {
        if (member.from > first || member.fragment) this.#sendOne(member, revision, events)
        else {
          const calls = shared.get(member.watchId)
          if (calls === undefined) shared.set(member.watchId, [member.call])
          else calls.push(member.call)
        }
      }
      const messages = shared.size > 0 ? events.map(messageOf) : []
      for (const [watchId, calls] of shared) this.#send(calls, revision, { watchId, events: messages })
    }
    if (revision > this.revision) this.revision = revision
    if (events.length === 0) this.#progressed()
  }

  #progressed(): void {
    for (const member of this.members) {
      const { call, watchId, from, progressNotify } = member
      if (progressNotify) this.#send([call], Math.max(this.revision, from - 1), { watchId })
      member.progressed()
    }
  }

  /** To one that joined in the middle of this, or that wants large responses in parts. */
  #sendOne(member: WatchMember, revision: number, events: readonly StoreEvent[]): void {
    const { call, watchId, from, fragment } = member
    const wanted = events.filter(event => event.kv.modRevision >= from).map(messageOf)
    if (wanted.length === 0) return
    const parts = fragment ? partsOf(wanted) : [wanted]
    for (const [index, part] of parts.entries()) this.#send([call], revision, { watchId, events: part, fragment: index < parts.length - 1 })
  }

  #send(calls: readonly number[], revision: number, message: Omit<WatchResponse, 'header'>): void {
    this.#gateway.send(calls, this.#gateway.frame('etcdserverpb.WatchResponse', { header: this.#gateway.header(revision), ...message }))
  }
}

/** The member is away, or has not the leader it needs: another life of it, or a moment later, will do. */
const isPassing = ({ code }: Failure): boolean =>
  code === 'down' || code === 'unreachable' || code === 'no leader' || code === 'timeout' || code === 'gap' || code === 'overloaded'

const messageOf = ({ type, kv, prev }: StoreEvent): EventMessage => ({ type: type === 'put' ? 0 : 1, kv, prevKv: prev })

function partsOf(events: readonly EventMessage[]): EventMessage[][] {
  const parts: EventMessage[][] = []
  let part: EventMessage[] = []
  let bytes = 0
  for (const event of events) {
    const { kv, prevKv } = event
    const size = kv.key.length + kv.value.length + (prevKv === undefined ? 0 : prevKv.key.length + prevKv.value.length) + eventOverheadBytes
    if (bytes + size > fragmentBytesMax && part.length > 0) {
      parts.push(part)
      part = []
      bytes = 0
    }
    part.push(event)
    bytes += size
  }
  return [...parts, part]
}
