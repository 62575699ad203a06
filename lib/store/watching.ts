// Watching: the streams of a member's watchers. The hub (lib/mvcc) decides what each gets; here it is pushed, and a
// stream without credit is paused until it has some.
//
// Guarantee: progress told is true. A watch is told a revision only when it was handed everything up to it, in order on its own
// stream, so that nothing at or before it is still to come. One that is behind is told when it has caught up: etcd's told
// it before (etcd #15220).

import { type Context, type Refusal, refuse, type Sink } from '../actor/index.js'
import { type Mvcc, type WatchDelivery, WatchHub } from '../mvcc/index.js'
import type { StoreAsked, StoreWatch, StoreWatchBatch } from '../storage/index.js'
import { misfitOfNeed, type Need } from './access.js'
import { type HasReplica, type MemberTurn, starting } from './proposing.js'
import type { Replica } from './replica.js'

interface Watch {
  readonly id: string
  readonly sink: Sink<StoreWatchBatch>
  readonly group: string | undefined
  readonly isNotified: boolean
  /** Since the last turn of the progress timer. */
  isQuiet: boolean
}

export interface Watching {
  readonly hub: WatchHub
  readonly watches: Map<string, Watch>
  readonly bySink: Map<Sink<unknown>, Watch>
  /** To be told their progress as soon as they have everything. */
  readonly asked: Set<Watch>
  idLast: number
}

const watchersMax = 10_000
/** As etcd's --experimental-watch-progress-notify-interval. */
export const progressEveryMsDefault = 10 * 60_000

export const newWatching = (mvcc: Mvcc): Watching => ({
  hub: new WatchHub(mvcc),
  watches: new Map(),
  bySink: new Map(),
  asked: new Set(),
  idLast: 0
})

export const watchHandlers = {
  admit(ctx: MemberTurn, { replica }: HasReplica, { need, caller }: { readonly need: Need } & StoreAsked): any {
    if (replica === undefined) return starting()
    return misfitOfNeed(ctx, replica, caller, need) ?? { revision: replica.mvcc.revision }
  },
  watch(ctx: MemberTurn, { replica }: HasReplica, watch: StoreWatch & StoreAsked): any {
    if (replica === undefined) return starting()
    const misfit = misfitOfNeed(ctx, replica, watch.caller, watch) ?? misfitOfWatch(replica, watch)
    if (misfit !== undefined) return misfit
    const sink = ctx.stream() as Sink<StoreWatchBatch>
    addWatch(replica, watch, sink)
    return sink
  },
  requestProgress(_ctx: MemberTurn, { replica }: HasReplica, { group }: { readonly group: string }): any {
    if (replica === undefined) return starting()
    const { watches, asked } = replica.watching
    let count = 0
    for (const watch of watches.values()) {
      if (watch.group !== group) continue
      asked.add(watch)
      count++
    }
    return { watches: count }
  }
}

/** Why a watch cannot start; asked before its stream is opened. */
function misfitOfWatch({ watching, mvcc }: Replica, { startRevision }: StoreWatch): Refusal | undefined {
  if (watching.watches.size >= watchersMax) return refuse('overloaded', `${watchersMax} watches are open`)
  if (startRevision !== 0 && startRevision < mvcc.compactRevision)
    return refuse('compacted', `revisions before ${mvcc.compactRevision} are gone`)
  return undefined
}

function addWatch({ watching }: Replica, watch: StoreWatch, sink: Sink<StoreWatchBatch>): void {
  const { key, end, startRevision, prevKv = false, noPut = false, noDelete = false, group, progressNotify = false } = watch
  const id = String(++watching.idLast)
  const added = { id, sink, group, isNotified: progressNotify, isQuiet: false }
  watching.watches.set(id, added)
  watching.bySink.set(sink, added)
  watching.hub.add({ id, key, end, startRevision, prevKv, noPut, noDelete })
}

export function sinkChanged({ watching }: Replica, sink: Sink<unknown>, event: 'credit' | 'closed'): void {
  const watch = watching.bySink.get(sink)
  if (watch === undefined) return
  if (event === 'credit') watching.hub.resume(watch.id)
  else removeWatch(watching, watch)
}

/** To be called every so often: who wants to hear, and heard nothing since the last time, will be told its progress. */
export function notifyProgress({ watching }: Replica): void {
  for (const watch of watching.watches.values()) {
    if (!watch.isNotified) continue
    if (watch.isQuiet) watching.asked.add(watch)
    watch.isQuiet = true
  }
}

/** Pushes what is new. True: some watchers are still behind, and another turn should follow. */
export function pushEvents(_ctx: Context<any, any>, { watching, mvcc }: Replica): boolean {
  if (watching.watches.size === 0) return false
  for (const delivery of watching.hub.take()) {
    if (delivery.type === 'compacted') {
      for (const id of delivery.ids) endWatch(watching, id, `revisions before ${mvcc.compactRevision} are gone`)
    } else push(watching, delivery)
  }
  if (watching.asked.size > 0) pushProgress(watching)
  return watching.hub.behind
}

function push(watching: Watching, { ids, events, revision }: WatchDelivery & { type: 'events' }): void {
  const batch: StoreWatchBatch = { revision, events }
  for (const id of ids) {
    const watch = watching.watches.get(id)
    if (watch === undefined) continue
    watch.isQuiet = false
    if (watch.sink.push(batch)) continue
    if (watch.sink.open) watching.hub.pause(id, events[0]?.kv.modRevision)
    else removeWatch(watching, watch)
  }
}

/** Who is behind, or has no credit, stays among those asked. */
function pushProgress(watching: Watching): void {
  for (const watch of watching.asked) {
    const revision = watching.hub.progress([watch.id])
    if (revision === undefined) continue
    if (watch.sink.push({ revision, events: [] })) watching.asked.delete(watch)
    else if (!watch.sink.open) removeWatch(watching, watch)
  }
}

function endWatch(watching: Watching, id: string, detail: string): void {
  const watch = watching.watches.get(id)
  if (watch === undefined) return
  watch.sink.end(refuse('compacted', detail))
  removeWatch(watching, watch)
}

function removeWatch(watching: Watching, watch: Watch): void {
  watching.watches.delete(watch.id)
  watching.bySink.delete(watch.sink)
  watching.asked.delete(watch)
  watching.hub.remove(watch.id)
}
