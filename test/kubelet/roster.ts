// What a real host plays in this folder's tests: a node, an apiserver of a few lines, and a hand for the test.

import { load as loadCast } from '../../actors/roster.js'
import type { Actor, AnyActor, Context } from '../../lib/actor/index.js'
import { fakeApi } from './fake-api.js'

export interface HandProtocol {
  perform(work: (ctx: Context<HandProtocol>) => void): void
}

/** Does what the test says, in a turn. It lives in the main thread, so that functions reach it. */
const hand: Actor<HandProtocol, object, null> = { name: 'hand', init: () => null, on: { perform: (ctx, _state, work) => work(ctx) } }

const own: Readonly<Record<string, AnyActor>> = { apiserver: fakeApi as AnyActor, hand: hand as AnyActor }

export const load = async (name: string): Promise<AnyActor> => own[name] ?? (await loadCast(name))
