// Watch: the stream of a client's watches: it creates and cancels them, each with a number of its own, and asks for progress.

import type { Flow } from '../actor/index.js'
import type { GrpcCall } from '../ports/index.js'
import { grpcCodes } from '../ports/index.js'
import { faults, statusOf, watchDenialOf } from './errors.js'
import type { Gateway } from './gateway.js'
import type { WatchCreateRequest, WatchRequest, WatchResponse } from './messages.js'
import type { OpenStream, Streaming } from './method.js'
import { Serial } from './serial.js'
import { WatchGroup, type WatchMember, type WatchWants } from './watch-group.js'

const watchesPerStreamMax = 10_000
const invalidWatchId = -1
const unbounded = '\0'

interface Watching {
  readonly wants: WatchWants
  member: WatchMember
  group: WatchGroup | undefined // Undefined while the client does not read.
  /** It is to say that it misses nothing. */
  isAsked: boolean
}

export const watch: Streaming = (gateway, call) => new WatchStream(gateway, call)

/** The groups that more watches may join: by what they want. */
export class WatchGroups {
  readonly #open = new Map<string, WatchGroup>()
  readonly #gateway: Gateway

  constructor(gateway: Gateway) {
    this.#gateway = gateway
  }

  /** A group that sends all events from `from` on. `current`: nobody was sent one of them yet. */
  join(wants: WatchWants, from: number, current: boolean): WatchGroup {
    if (!current) return new WatchGroup(this.#gateway, wants, from - 1, () => undefined)
    const { key, end = '', prevKv, noPut, noDelete, progressNotify } = wants
    const name = `${prevKv} ${noPut} ${noDelete} ${progressNotify} ${key.length} ${key}${end}`
    const open = this.#open.get(name)
    if (open !== undefined && !open.isOver && open.revision < from) return open
    const group: WatchGroup = new WatchGroup(this.#gateway, wants, from - 1, () => {
      if (this.#open.get(name) === group) this.#open.delete(name)
    })
    this.#open.set(name, group)
    return group
  }
}

class WatchStream implements OpenStream {
  readonly #gateway: Gateway
  readonly #call: GrpcCall
  readonly #watches = new Map<number, Watching>()
  readonly #serial: Serial<WatchRequest>
  #idNext = 0
  #isStalled = false
  #isOver = false

  constructor(gateway: Gateway, call: GrpcCall) {
    this.#gateway = gateway
    this.#call = call
    this.#serial = new Serial<WatchRequest>(gateway.ctx, request => this.#handle(request), {
      overflow: () => this.#finish(faults.tooManyRequests),
      done: () => this.#finish({ code: grpcCodes.ok, text: '' })
    })
  }

  message(message: WatchRequest): void {
    this.#serial.add(message)
  }

  halfClosed(): void {
    this.#serial.end()
  }

  closed(): void {
    this.#serial.cancel()
    this.#leaveAll()
  }

  #leaveAll(): void {
    this.#isOver = true
    for (const { group, member } of this.#watches.values()) group?.leave(member)
    this.#watches.clear()
  }

  /** What it is sent from now on only piles up: it leaves its groups, and goes on from there when it reads again. */
  stalled(): void {
    this.#isStalled = true
    for (const watching of this.#watches.values()) this.#suspend(watching)
  }

  drained(): void {
    this.#isStalled = false
    for (const watching of this.#watches.values()) this.#start(watching, false)
  }

  *#handle({ createRequest, cancelRequest, progressRequest }: WatchRequest): Flow<void> {
    if (createRequest !== undefined) yield* this.#create(createRequest)
    else if (cancelRequest !== undefined) this.#cancel(cancelRequest.watchId)
    else if (progressRequest !== undefined) yield* this.#progress()
  }

  /** One answer for all watches of the stream, once the store has said of each that it misses nothing. None while one is behind, as etcd. */
  *#progress(): Flow<void> {
    if (this.#watches.size === 0) return
    for (const watching of this.#watches.values()) watching.isAsked = true
    yield* this.#gateway.ask(this.#call, 'read', 'requestProgress', { group: this.#gateway.ctx.self })
  }

  #progressed(watchId: number): void {
    const asked = this.#watches.get(watchId)
    if (asked?.isAsked !== true) return
    asked.isAsked = false
    let revision = Number.POSITIVE_INFINITY
    for (const { group, member, isAsked } of this.#watches.values()) {
      if (isAsked || group === undefined) return
      revision = Math.min(revision, Math.max(group.revision, member.from - 1))
    }
    this.#send({ watchId: invalidWatchId }, revision)
  }

  *#create(request: WatchCreateRequest): Flow<void> {
    const wants = wantsOf(request)
    const admitted = yield* this.#gateway.ask(this.#call, 'read', 'admit', { need: { key: wants.key, end: wants.end } })
    if (this.#isOver) return
    const refuse = (cancelReason: string, revision: number): void =>
      this.#send({ watchId: invalidWatchId, created: true, canceled: true, cancelReason }, revision)
    if (!admitted.ok) {
      const denial = watchDenialOf(admitted.error)
      return denial === undefined ? this.#finish(statusOf(admitted.error)) : refuse(denial, this.#gateway.revisionKnown)
    }
    const { revision } = admitted.value
    const { watchId: asked } = request
    if (asked !== 0 && this.#watches.has(asked)) return refuse('mvcc: duplicate watch ID provided on the WatchStream', revision) // etcd's.
    if (this.#watches.size >= watchesPerStreamMax) return this.#finish(faults.tooManyRequests)
    while (asked === 0 && this.#watches.has(this.#idNext)) this.#idNext++
    const watchId = asked === 0 ? this.#idNext++ : asked
    this.#send({ watchId, created: true }, revision)
    const from = request.startRevision > 0 ? request.startRevision : revision + 1
    const watching: Watching = {
      wants,
      member: this.#member(watchId, from, request),
      group: undefined,
      isAsked: false
    }
    this.#watches.set(watchId, watching)
    if (!this.#isStalled) this.#start(watching, from === revision + 1)
  }

  #cancel(watchId: number): void {
    const watching = this.#watches.get(watchId)
    if (watching === undefined) return // As etcd: no answer.
    this.#watches.delete(watchId)
    watching.group?.leave(watching.member)
    this.#send({ watchId, canceled: true }, this.#gateway.revisionKnown)
  }

  #member(watchId: number, from: number, { fragment, progressNotify }: WatchCreateRequest): WatchMember {
    return {
      call: this.#call.id,
      watchId,
      from,
      fragment,
      progressNotify,
      progressed: () => this.#progressed(watchId),
      ended: ({ compactRevision, reason }) => {
        this.#watches.delete(watchId)
        const why = compactRevision > 0 ? { compactRevision } : { cancelReason: reason }
        this.#send({ watchId, canceled: true, ...why }, this.#gateway.revisionKnown)
      }
    }
  }

  #start(watching: Watching, current: boolean): void {
    const { wants, member } = watching
    const group = this.#gateway.groups.join(wants, member.from, current)
    watching.group = group
    group.members.add(member)
  }

  #suspend(watching: Watching): void {
    const { group, member } = watching
    if (group === undefined) return
    watching.group = undefined
    watching.member = { ...member, from: Math.max(member.from, group.revision + 1) }
    group.leave(member)
  }

  #send(message: Omit<WatchResponse, 'header'>, revision: number): void {
    const { id } = this.#call
    this.#gateway.send([id], this.#gateway.frame('etcdserverpb.WatchResponse', { header: this.#gateway.header(revision), ...message }))
  }

  #finish(status: { readonly code: number; readonly text: string }): void {
    this.#gateway.finish(this.#call.id, status)
    this.#serial.stop()
    this.#leaveAll()
  }
}

/** As etcd: no key at all is the whole keyspace. */
function wantsOf({ key, rangeEnd, prevKv, filters, progressNotify }: WatchCreateRequest): WatchWants {
  const all = key === '' && (rangeEnd === '' || rangeEnd === unbounded)
  const range = all ? { key: unbounded, end: unbounded } : rangeEnd === '' ? { key } : { key: key === '' ? unbounded : key, end: rangeEnd }
  return { ...range, prevKv, noPut: filters.includes(0), noDelete: filters.includes(1), progressNotify }
}
