// Cluster watcher: a client that follows a kind of object, as an actor of the simulation: at one apiserver after the other.

import { type Flow, sleep } from '../actor/index.js'
import { type ApiClient, type ApiError, statusError, watchEvents } from '../client/index.js'
import type { WatchScript } from './watch-script.js'

const pauseMs = 30
const idleMs = 5_000
const openTimeoutMs = 5_000

export function* clusterWatcher(script: WatchScript, client: ApiClient): Flow<void> {
  for (;;) {
    const { kind, path } = script.next()
    if (kind === 'list') script.listed(yield* client.call('GET', path))
    else script.ended(yield* watch(script, client, path))
    yield* sleep('real', pauseMs)
  }
}

/** What ended it, if that was an error. */
function* watch(script: WatchScript, client: ApiClient, path: string): Flow<ApiError | undefined> {
  const opened = yield* client.watchAt(path, openTimeoutMs)
  if (!opened.ok) return opened.error
  const { source, apiserver } = opened.value
  try {
    for (;;) {
      const batch = yield* source.next(idleMs)
      if (batch.kind === 'idle') {
        if (yield* client.isAlive(apiserver, idleMs)) continue
        return undefined
      }
      if (batch.kind === 'failed') {
        client.failedAt(apiserver)
        return { ...statusError(0, undefined), reason: batch.error.code }
      }
      if (batch.kind !== 'items') return undefined
      for (const item of batch.items) {
        for (const event of watchEvents(item)) if (!script.told(event)) return undefined
      }
    }
  } finally {
    source.close()
  }
}
