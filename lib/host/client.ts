// Client: asks the actors of a runtime from outside, by promise. It is itself an actor of the main thread, so that its
// messages travel, fail and time out as everyone's do.

import { type Actor, type Answer, type AskName, ask, type Body, type Flow, type Outcome, type Ref } from '../actor/index.js'

export const clientAddress = 'root/client'

interface ClientProtocol {
  perform(flow: () => Flow<void>): void
}

export const client: Actor<ClientProtocol, void, null> = {
  name: 'client',
  init: () => null,
  guarded: true,
  on: {
    perform: (ctx, _state, flow) => void ctx.run(flow())
  }
}

/** The work to be performed by the client for one ask, and what it will come to. */
export function asking<Q, K extends AskName<Q>>(
  to: Ref<Q>,
  timeoutMs: number,
  type: K,
  body: Body<Q, K>
): { flow: () => Flow<void>; outcome: Promise<Outcome<Answer<Q, K>>> } {
  let settle: (outcome: Outcome<Answer<Q, K>>) => void
  const outcome = new Promise<Outcome<Answer<Q, K>>>(resolve => {
    settle = resolve
  })
  function* flow(): Flow<void> {
    settle(yield* ask(to, timeoutMs, type, ...body))
  }
  return { flow, outcome }
}
