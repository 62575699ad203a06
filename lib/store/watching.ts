// Watching: the streams of a member's watchers. The hub (lib/mvcc) decides what each gets; here it is pushed, and a
// stream without credit is paused until it has some.

import { type Context, type Refusal, refuse, type Sink } from '../actor/index.js'
import type { WatchDelivery, WatchHub } from '../mvcc/index.js'
import type { StoreWatch, StoreWatchBatch } from '../storage/index.js'
import type { Replica } from './replica.js'

export interface Watching {
  readonly hub: WatchHub
  readonly sinks: Map<string, Sink<StoreWatchBatch>>
  idLast: number
}

const watchersMax = 10_000

/** Why a watch cannot start; asked before its stream is opened. */
export function misfitOfWatch({ watching, mvcc }: Replica, { startRevision }: StoreWatch): Refusal | undefined {
  if (watching.sinks.size >= watchersMax) return refuse('overloaded', `${watchersMax} watches are open`)
  if (startRevision !== 0 && startRevision < mvcc.compactRevision)
    return refuse('compacted', `revisions before ${mvcc.compactRevision} are gone`)
  return undefined
}

export function addWatch({ watching }: Replica, { key, end, startRevision, prevKv }: StoreWatch, sink: Sink<StoreWatchBatch>): void {
  const id = String(++watching.idLast)
  watching.sinks.set(id, sink)
  watching.hub.add({ id, key, end, startRevision, prevKv: prevKv ?? false })
}

export function sinkChanged({ watching }: Replica, sink: Sink<StoreWatchBatch>, event: 'credit' | 'closed'): void {
  for (const [id, other] of watching.sinks) {
    if (other !== sink) continue
    if (event === 'credit') watching.hub.resume(id)
    else removeWatch(watching, id)
    return
  }
}

/** Pushes what is new. True: some watchers are still behind, and another turn should follow. */
export function pushEvents(_ctx: Context<any, any>, { watching, mvcc }: Replica): boolean {
  if (watching.sinks.size === 0) return false
  for (const delivery of watching.hub.take()) {
    if (delivery.type === 'compacted') {
      for (const id of delivery.ids) endWatch(watching, id, `revisions before ${mvcc.compactRevision} are gone`)
    } else push(watching, delivery)
  }
  return watching.hub.behind
}

function push(watching: Watching, { ids, events, revision }: WatchDelivery & { type: 'events' }): void {
  const batch: StoreWatchBatch = { revision, events }
  for (const id of ids) {
    const sink = watching.sinks.get(id)
    if (sink === undefined || sink.push(batch)) continue
    if (sink.open) watching.hub.pause(id, events[0]?.kv.modRevision)
    else removeWatch(watching, id)
  }
}

function endWatch(watching: Watching, id: string, detail: string): void {
  watching.sinks.get(id)?.end(refuse('compacted', detail))
  removeWatch(watching, id)
}

function removeWatch(watching: Watching, id: string): void {
  watching.sinks.delete(id)
  watching.hub.remove(id)
}
