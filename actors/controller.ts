// controller: runs one controller of lib/controllers. All of them are this actor; its arguments say which.

import type { Actor, Clock, Context } from '../lib/actor/index.js'
import type { ApiRef } from '../lib/client/index.js'
import {
  type ControllerOptions,
  ControllerScope,
  controllerDefaults,
  controllerNamed,
  type JoinProtocol
} from '../lib/controllers/index.js'
import { assert } from '../lib/std/index.js'

export type ControllerProtocol = JoinProtocol

export interface ControllerArgs {
  readonly name: string
  readonly apiservers: readonly ApiRef[]
  readonly options?: Partial<ControllerOptions>
  /** It does not outlive its manager, not even one whose thread was killed and could not stop it. */
  readonly manager?: string
}

interface ControllerState {
  readonly scope: ControllerScope
  readonly armedMs: Record<Clock, number>
}

export const controller: Actor<ControllerProtocol, ControllerArgs, ControllerState, Clock> = {
  name: 'controller',
  init(ctx, { name, apiservers, options, manager }) {
    const definition = controllerNamed(name)
    assert(definition !== undefined, 'no such controller', { name })
    const scope = new ControllerScope(ctx, apiservers, { ...controllerDefaults, ...options }, later => ctx.answer(later, undefined))
    definition.start(scope)
    if (manager !== undefined) ctx.monitor(manager)
    return { scope, armedMs: { real: Number.POSITIVE_INFINITY, cluster: Number.POSITIVE_INFINITY } }
  },
  on: { join: (ctx, { scope }, id) => scope.join(id, () => ctx.defer()) },
  // A timer only wakes the actor: what is due is taken up in `settled`.
  timers: {
    real(_, { armedMs }) {
      armedMs.real = Number.POSITIVE_INFINITY
    },
    cluster(_, { armedMs }) {
      armedMs.cluster = Number.POSITIVE_INFINITY
    }
  },
  down: (ctx, _, actor, reason) => ctx.stop(`${actor}: ${reason}`),
  settled(ctx, state) {
    state.scope.settled()
    arm(ctx, state, 'real')
    arm(ctx, state, 'cluster')
  }
}

function arm(ctx: Context<ControllerProtocol, Clock>, { scope, armedMs }: ControllerState, clock: Clock): void {
  const dueMs = scope.dueMs(clock)
  if (dueMs === armedMs[clock]) return
  armedMs[clock] = dueMs
  if (dueMs === Number.POSITIVE_INFINITY) ctx.cancel(clock)
  else ctx.timer(clock, clock, dueMs - (clock === 'real' ? ctx.nowMs : ctx.clusterMs))
}
