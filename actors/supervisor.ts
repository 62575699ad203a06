// Supervisor: starts the components of one machine (or the machines of a cluster), in order, and restarts what dies.
//
// It runs in the main thread, addressed `root/<machine>`, and handles no API object. A child that is held stays down
// until it is released: that is how chaos keeps a component dead.

import {
  type Actor,
  type AnyActor,
  afterDeath,
  type Context,
  type Deaths,
  machineOf,
  noDeaths,
  type Ref,
  type RestartPolicy,
  restartPolicyDefault
} from '../lib/actor/index.js'

export interface ChildSpec {
  readonly address: string
  readonly actor: string // Its name in the roster.
  readonly args: unknown
  readonly thread: string
  /** Not started before somebody needs it. */
  readonly onDemand?: true
}

export interface SupervisorArgs {
  readonly children: readonly ChildSpec[] // In the order of their start; stopped in the reverse order.
  readonly policy?: Partial<RestartPolicy>
}

export interface SupervisorProtocol {
  /** Those children are not restarted until released. Absent: none of them. */
  hold(held: { readonly addresses?: readonly string[] }): void
  release(held: { readonly addresses?: readonly string[] }): void
  children(): readonly ChildStatus[]
  /** Starts a child that is started on demand, if it was not yet. */
  need(child: { readonly address: string }): void
  /** One more child, unless it is there already. */
  add(child: ChildSpec): void
  /** Ends a child for good. */
  drop(child: { readonly address: string }): void
  /** Of the supervisor of a whole cluster: that actor is to run on its machine, which is started if need be. */
  place(child: Omit<ChildSpec, 'onDemand'>): void
  displace(child: { readonly address: string }): void
  /** Where actors of that name were placed, but for those that were displaced. */
  placed(of: { readonly actor: string }): readonly string[]
}

export interface ChildStatus {
  readonly address: string
  readonly state: 'up' | 'down' | 'held' | 'given up'
  readonly restarts: number
  readonly lastDeath: string
}

interface Child {
  readonly spec: ChildSpec
  state: 'up' | 'down' | 'given up'
  held: boolean
  upSinceMs: number
  dueMs: number // When it is to be started, while down.
  deaths: Deaths
  restarts: number
  lastDeath: string
}

interface SupervisorState {
  readonly policy: RestartPolicy
  readonly children: Map<string, Child>
  readonly places: Map<string, string | null> // Which actor was placed, by address; null: displaced, and never placed again.
  stopping: boolean
}

const unneeded = Number.POSITIVE_INFINITY
const placesMax = 10_000 // Addresses, those of removed members too.
const ownThread = 'root/main' // Of all supervisors.
const supervisorAddress = (address: string): string => `root/${machineOf(address)}`

type SupervisorContext = Context<SupervisorProtocol, 'restart'>

/** Actors are named in its arguments; `find` knows them. */
export const supervisorOf = (find: (name: string) => AnyActor): Actor<SupervisorProtocol, SupervisorArgs, SupervisorState, 'restart'> => {
  const start = (ctx: SupervisorContext, child: Child): void => {
    child.state = 'up'
    child.upSinceMs = ctx.nowMs
    const { address, actor, args, thread } = child.spec
    ctx.spawn(address, find(actor) as never, args, { thread })
  }

  const startDue = (ctx: SupervisorContext, state: SupervisorState): void => {
    for (const child of state.children.values()) {
      if (child.state === 'down' && !child.held && child.dueMs <= ctx.nowMs) start(ctx, child)
    }
    schedule(ctx, state)
  }

  return {
    name: 'supervisor',
    init(ctx, { children, policy }) {
      const state: SupervisorState = {
        policy: { ...restartPolicyDefault, ...policy },
        children: new Map(children.map(spec => [spec.address, newChild(spec)])),
        places: new Map(),
        stopping: false
      }
      for (const child of state.children.values()) if (child.spec.onDemand !== true) start(ctx, child)
      return state
    },
    on: {
      hold: (_ctx, state, { addresses }) => holdAll(chosen(state, addresses)),
      release(ctx, state, { addresses }) {
        for (const child of chosen(state, addresses)) {
          child.held = false
          if (child.dueMs !== unneeded) child.dueMs = ctx.nowMs
          if (child.state === 'given up') child.state = 'down'
        }
        startDue(ctx, state)
      },
      need(ctx, state, { address }) {
        const child = state.children.get(address)
        if (child?.state !== 'down' || child.dueMs !== unneeded) return
        child.dueMs = ctx.nowMs
        startDue(ctx, state)
      },
      ...growing(start),
      children: (_ctx, state) =>
        [...state.children.values()].map(child => ({
          address: child.spec.address,
          state: child.held && child.state === 'down' ? 'held' : child.state,
          restarts: child.restarts,
          lastDeath: child.lastDeath
        }))
    },
    timers: { restart: startDue },
    down(ctx, state, address, reason) {
      const child = state.children.get(address)
      if (child === undefined || child.state !== 'up' || state.stopping) return
      ctx.log('child died', { address, reason })
      const restarts = died(ctx, state.policy, child, reason)
      if (restarts && state.policy.strategy === 'one-for-all') {
        for (const other of state.children.values()) if (other.state === 'up') ctx.stopActor(other.spec.address, `${address} died`)
      }
      schedule(ctx, state)
    },
    stopping(ctx, state, reason) {
      state.stopping = true
      for (const child of [...state.children.values()].reverse()) ctx.stopActor(child.spec.address, reason)
    }
  }
}

/** Children that come and go while it runs. */
const growing = (start: (ctx: SupervisorContext, child: Child) => void) => ({
  placed: (_ctx: SupervisorContext, { places }: SupervisorState, { actor }: { readonly actor: string }): readonly string[] =>
    [...places].flatMap(([address, name]) => (name === actor ? [address] : [])),
  add(ctx: SupervisorContext, state: SupervisorState, spec: ChildSpec): void {
    if (state.stopping || state.children.has(spec.address)) return
    const child = newChild(spec)
    state.children.set(spec.address, child)
    start(ctx, child)
  },
  drop(ctx: SupervisorContext, state: SupervisorState, { address }: { readonly address: string }): void {
    const child = state.children.get(address)
    if (child === undefined) return
    state.children.delete(address)
    if (child.state === 'up') ctx.stopActor(address, 'no longer wanted')
  },
  place(ctx: SupervisorContext, state: SupervisorState, spec: ChildSpec): void {
    const { address } = spec
    if (state.stopping || state.places.get(address) === null) return
    state.places.set(address, spec.actor)
    const machine = supervisorAddress(address)
    if (state.children.has(machine)) return ctx.tell(machine as Ref<SupervisorProtocol>, 'add', spec)
    const child = newChild({ address: machine, actor: 'supervisor', args: { children: [spec] }, thread: ownThread })
    state.children.set(machine, child)
    start(ctx, child)
  },
  displace(ctx: SupervisorContext, state: SupervisorState, { address }: { readonly address: string }): void {
    const machine = supervisorAddress(address)
    if (state.places.size < placesMax || state.places.has(address)) state.places.set(address, null)
    if (state.children.has(machine)) ctx.tell(machine as Ref<SupervisorProtocol>, 'drop', { address })
  }
})

/** Whether it is to be started again. */
function died(ctx: SupervisorContext, policy: RestartPolicy, child: Child, reason: string): boolean {
  const { deaths, verdict } = afterDeath(policy, child.deaths, child.upSinceMs, ctx.nowMs, ctx.random())
  child.deaths = deaths
  child.lastDeath = reason
  child.restarts++
  child.state = verdict.action === 'restart' ? 'down' : 'given up'
  if (verdict.action === 'restart') child.dueMs = ctx.nowMs + verdict.delayMs
  else ctx.log('gave up', { address: child.spec.address, deaths: deaths.atMs.length, withinMs: policy.withinMs })
  return verdict.action === 'restart'
}

function schedule(ctx: SupervisorContext, state: SupervisorState): void {
  const waiting = [...state.children.values()].filter(child => child.state === 'down' && !child.held && child.dueMs !== unneeded)
  const dues = waiting.map(child => child.dueMs)
  if (dues.length > 0) ctx.timer('restart', 'real', Math.min(...dues) - ctx.nowMs)
}

const newChild = (spec: ChildSpec): Child => ({
  spec,
  state: 'down',
  held: false,
  upSinceMs: 0,
  dueMs: spec.onDemand === true ? unneeded : 0,
  deaths: noDeaths,
  restarts: 0,
  lastDeath: ''
})

function chosen(state: SupervisorState, addresses: readonly string[] | undefined): Child[] {
  return [...state.children.values()].filter(child => addresses === undefined || addresses.includes(child.spec.address))
}

function holdAll(children: readonly Child[]): void {
  for (const child of children) child.held = true
}
