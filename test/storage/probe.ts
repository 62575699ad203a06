// Probe: an actor that asks a storage what it is told, and keeps what its watches brought, for the conformance suite.

import { type Actor, ask, type Context, type Failure, type Flow, type Outcome, open, type Source } from '../../lib/actor/index.js'
import type { StoreRef, StoreWatch, StoreWatchBatch } from '../../lib/storage/index.js'

export interface ProbeProtocol {
  ask(request: { readonly to: string; readonly type: string; readonly body?: unknown; readonly timeoutMs: number }): Outcome<unknown>
  /** Opens a watch and reads it, unless `held`. */
  watch(request: WatchRequest): Outcome<null>
  /** Reads a watch that was held. */
  release(watch: { readonly name: string }): void
  close(watch: { readonly name: string }): void
  seen(watch: { readonly name: string }): Seen
}

export interface WatchRequest {
  readonly to: string
  readonly name: string
  readonly watch: StoreWatch
  readonly window: number
  readonly held: boolean
}

export interface Seen {
  readonly batches: readonly StoreWatchBatch[]
  /** How the stream ended, if it did. */
  readonly end: Failure | 'end' | null
}

interface Watch {
  readonly source: Source<StoreWatchBatch>
  readonly batches: StoreWatchBatch[]
  end: Failure | 'end' | null
}

const openTimeoutMs = 20_000

export const probe: Actor<ProbeProtocol, void, Map<string, Watch>> = {
  name: 'probe',
  init: () => new Map(),
  on: {
    *ask(_ctx, _state, { to, type, body, timeoutMs }) {
      return (yield* ask(to as string as StoreRef, timeoutMs, type as 'revision', ...([body] as unknown as []))) as Outcome<unknown>
    },
    *watch(ctx, state, { to, name, watch, window, held }) {
      const opened = yield* open(to as string as StoreRef, openTimeoutMs, 'watch', watch, window)
      if (!opened.ok) return opened
      const kept: Watch = { source: opened.value, batches: [], end: null }
      state.set(name, kept)
      if (!held) read(ctx, kept)
      return { ok: true, value: null } as const
    },
    release(ctx, state, { name }) {
      const watch = state.get(name)
      if (watch !== undefined) read(ctx, watch)
    },
    close(_ctx, state, { name }) {
      state.get(name)?.source.close()
      state.delete(name)
    },
    seen: (_ctx, state, { name }) => {
      const { batches, end } = state.get(name) ?? { batches: [], end: 'end' as const }
      return { batches: [...batches], end }
    }
  }
}

const read = (ctx: Context<ProbeProtocol>, watch: Watch): void => void ctx.run(follow(watch))

function* follow(watch: Watch): Flow<void> {
  for (;;) {
    const batch = yield* watch.source.next()
    if (batch.kind === 'items') watch.batches.push(...batch.items)
    else if (batch.kind === 'failed') {
      watch.end = batch.error
      return
    } else if (batch.kind === 'end') {
      watch.end = 'end'
      return
    }
  }
}
