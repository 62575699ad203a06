// Flawed seed: runs of the store with a mistake in it, for what is to find such mistakes: a member that has been started again
// answers every read from its own state, however old.

import { store } from '../../actors/store.js'
import type { AnyActor, Context } from '../../lib/actor/index.js'
import { perform, type SeedAnswer, type SeedOrder } from '../../lib/chaos/index.js'
import type { StoreRange } from '../../lib/storage/index.js'

type Handler = (ctx: unknown, state: object, body: unknown) => unknown
interface Right {
  readonly init: (ctx: unknown, args: unknown) => object
  readonly on: Readonly<Record<string, Handler>>
}

const clusterStartMs = 1_767_225_600_000
const startMs = 2_000 // Whoever begins later has been there before.

/** Anew for each run: it remembers who was started again. */
export function flawedStore(): AnyActor {
  const again = new WeakSet<object>()
  const right = store as unknown as Right
  return {
    ...right,
    init(ctx: Context<unknown>, args: unknown): object {
      const state = right.init(ctx, args)
      if (ctx.clusterMs > clusterStartMs + startMs) again.add(state)
      return state
    },
    on: {
      ...right.on,
      range: (ctx: unknown, state: object, query: StoreRange) =>
        (right.on.range as Handler)(ctx, state, again.has(state) && query.revision === undefined ? { ...query, serializable: true } : query)
    }
  } as unknown as AnyActor
}

export const runSeed = (seed: number, order: SeedOrder): SeedAnswer => perform({ store: { store: flawedStore() } }, seed, order)
