// Watching: an actor that watches config maps many times over by message, as components do, and tells what each watcher saw. Also the roster
// that has it beside the product's own.

import { type Actor, type AnyActor, type Flow, sleep } from '../../lib/actor/index.js'
import { ApiClient, type ApiRef, resources } from '../../lib/client/index.js'
import type { RosterModule } from '../../lib/host/index.js'
import type { ApiObject } from '../../lib/object/index.js'

export interface WatchingArgs {
  readonly apiserver: string
  readonly namespace: string
  readonly from: number // A revision.
  readonly watchers: number
}

export interface WatchingProtocol {
  /** How far the slowest is, and how often each went on after its stream had ended. */
  progress(): { readonly revision: number; readonly resumed: readonly number[] }
  /** What each saw: `revision type name`, in the order it came; first what should not have happened. */
  seen(): { readonly faults: readonly string[]; readonly events: readonly (readonly string[])[] }
}

interface Watcher {
  revision: number
  resumed: number
  readonly events: string[]
}

interface WatchingState {
  readonly watchers: readonly Watcher[]
  readonly faults: string[]
}

const retryMs = 50
const idleMs = 5_000
const decoder = new TextDecoder()

const watching: Actor<WatchingProtocol, WatchingArgs, WatchingState> = {
  name: 'watching',
  init(ctx, { apiserver, namespace, from, watchers: count }) {
    const watchers = Array.from({ length: count }, () => ({ revision: from, resumed: -1, events: [] }))
    const faults: string[] = []
    for (const watcher of watchers) ctx.run(follow(new ApiClient(ctx, { apiservers: [apiserver as ApiRef] }), namespace, watcher, faults))
    return { watchers, faults }
  },
  on: {
    progress: (_ctx, { watchers }) => ({
      revision: Math.min(...watchers.map(({ revision }) => revision)),
      resumed: watchers.map(({ resumed }) => resumed)
    }),
    seen: (_ctx, { watchers, faults }) => ({ faults, events: watchers.map(({ events }) => events) })
  }
}

function* follow(client: ApiClient, namespace: string, watcher: Watcher, faults: string[]): Flow<void> {
  for (;;) {
    const opened = yield* client.watch(resources.configMaps, { namespace, resourceVersion: String(watcher.revision) })
    if (opened.ok) {
      watcher.resumed++
      const { source } = opened.value
      for (let batch = yield* source.next(idleMs); batch.kind === 'items' || batch.kind === 'idle'; batch = yield* source.next(idleMs)) {
        if (batch.kind === 'items') for (const item of batch.items) take(watcher, decoder.decode(item), faults)
      }
      source.close()
    }
    yield* sleep('real', retryMs)
  }
}

function take(watcher: Watcher, text: string, faults: string[]): void {
  for (const line of text.split('\n')) {
    if (line === '') continue
    const { type, object } = JSON.parse(line) as { type: string; object: ApiObject & { code?: number } }
    if (type === 'ERROR') {
      // While it begins, or loses its store, an apiserver may refuse; a past that is gone it may not.
      if (object.code === 410) faults.push(line)
      continue
    }
    const revision = Number(object.metadata.resourceVersion)
    const event = `${revision} ${type} ${object.metadata.name}`
    if (revision <= watcher.revision) faults.push(`${event} after ${watcher.revision}`)
    watcher.revision = revision
    watcher.events.push(event)
  }
}

const product = new URL('../../bundle/roster.js', import.meta.url).href

export const load: RosterModule['load'] = async name =>
  name === 'watching' ? (watching as unknown as AnyActor) : ((await import(product)) as RosterModule).load(name)
