// controller-manager: starts each controller in a thread of its own when it is first needed, while it is the leader.
//
// Guarantee: controllers run only while this manager holds the Lease `kube-system/kube-controller-manager`; on its loss they are
// stopped, and it campaigns again once they are gone. Until a controller is needed it costs one metadata watch for each kind it
// names, shared with the others. A controller that dies is started again, after a back-off.

import type { Actor, Context } from '../lib/actor/index.js'
import { ApiClient, type ApiRef, BackOff, Elector, electionDefaults } from '../lib/client/index.js'
import { type ControllerDefinition, type ControllerOptions, controllerNamed, controllers, Scout } from '../lib/controllers/index.js'
import { controller } from './controller.js'

/** It accepts no messages: what it does is asked of it through the API. */
export type ControllerManagerProtocol = Record<never, never>

export interface ControllerManagerArgs {
  readonly apiservers: readonly ApiRef[]
  readonly options?: Partial<ControllerOptions>
  readonly election?: { readonly leaseDurationMs: number; readonly renewDeadlineMs: number; readonly retryPeriodMs: number }
  /** The thread of a controller. Default: one each, named like its address. */
  readonly threadOf?: 'own' | 'manager'
}

interface ManagerState {
  readonly args: ControllerManagerArgs
  readonly elector: Elector
  readonly scout: Scout
  readonly children: Map<string, ControllerDefinition> // By address; there until its death is told.
  readonly restarts: Map<string, BackOff>
}

const restartLimits = { baseMs: 100, maxMs: 30_000 }

export const controllerManager: Actor<ControllerManagerProtocol, ControllerManagerArgs, ManagerState> = {
  name: 'controller-manager',
  init(ctx, args) {
    const client = new ApiClient(ctx, { apiservers: args.apiservers, fieldManager: 'kube-controller-manager' })
    const state: ManagerState = {
      args,
      scout: new Scout(ctx, client, controllers, definition => start(ctx, state, definition)),
      elector: new Elector(ctx, client, {
        ...electionDefaults,
        ...args.election,
        namespace: 'kube-system',
        name: 'kube-controller-manager',
        identity: ctx.self, // Of all its lives, of which there is one at a time: the next need not wait for the Lease to run out.
        started: () => lead(ctx, state),
        stopped: reason => resign(ctx, state, reason)
      }),
      children: new Map(),
      restarts: new Map()
    }
    ctx.show({ leader: false })
    state.elector.start()
    return state
  },
  on: {},
  down(ctx, state, address, reason) {
    const definition = state.children.get(address)
    if (definition === undefined) return
    state.children.delete(address)
    ctx.log('controller ended', { controller: definition.name, reason })
    if (state.elector.leading) ctx.run(restart(ctx, state, definition))
    else if (state.children.size === 0) state.elector.start()
  },
  settled: (_, { scout }) => scout.settled(),
  stopping(ctx, state, reason) {
    for (const address of state.children.keys()) ctx.stopActor(address, reason)
    state.elector.stop()
  }
}

type ManagerContext = Context<ControllerManagerProtocol>

function lead(ctx: ManagerContext, state: ManagerState): void {
  ctx.log('started leading')
  ctx.show({ leader: true, controllers: 0 })
  state.scout.start()
}

function resign(ctx: ManagerContext, state: ManagerState, reason: string): void {
  ctx.log('stopped leading', { reason })
  ctx.show({ leader: false })
  state.scout.stop()
  state.restarts.clear()
  for (const address of state.children.keys()) ctx.stopActor(address, 'leadership lost')
  if (state.children.size === 0) state.elector.start()
}

/** Starts a controller and those it will need, unless they run. */
function start(ctx: ManagerContext, state: ManagerState, definition: ControllerDefinition): void {
  const { args, children, elector } = state
  const address = addressOf(ctx, definition)
  if (!elector.leading || children.has(address)) return
  children.set(address, definition)
  const { apiservers, options } = args
  const own = args.threadOf !== 'manager'
  ctx.spawn(
    address,
    controller,
    { name: definition.name, apiservers, manager: ctx.self, ...(options === undefined ? {} : { options }) },
    own ? { thread: address } : {}
  )
  ctx.show({ leader: true, controllers: children.size })
  for (const name of definition.needs) {
    const needed = controllerNamed(name)
    if (needed !== undefined) {
      state.scout.started(needed)
      start(ctx, state, needed)
    }
  }
}

function* restart(ctx: ManagerContext, state: ManagerState, definition: ControllerDefinition) {
  const backOff = state.restarts.get(definition.name) ?? new BackOff(restartLimits, ctx.random)
  state.restarts.set(definition.name, backOff)
  yield { step: 'sleep', clock: 'real', delayMs: backOff.nextMs() } as const
  start(ctx, state, definition)
}

const addressOf = (ctx: ManagerContext, { name }: ControllerDefinition): string => `${ctx.self.slice(0, ctx.self.indexOf('/'))}/${name}`
