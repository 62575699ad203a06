// A roster for the tests of the host itself: the cast of the semantics suite, supervisors, and a troublemaker.

import { supervisorOf } from '../../actors/supervisor.js'
import { type Actor, type AnyActor, ask, type Flow, type PortKind, type Ref, sleep } from '../../lib/actor/index.js'
import type { RosterModule } from '../../lib/host/index.js'
import * as castRoster from '../actor/host-roster.js'

export interface TroubleProtocol {
  /** Never ends its turn. */
  hang(): void
  /** Keeps that many objects more, a turn each. */
  hoard(turns: number): void
  /** Throws outside of any turn. */
  crash(): void
  /** Tells another what cannot be packed. */
  tangle(to: string): void
  /** Answers with what cannot be packed. */
  knot(): unknown
  count(): number
  /** Asks and tells that often, in one turn. */
  flood(flood: { readonly to: string; readonly asks: number; readonly tells: number; readonly timeoutMs: number }): void
  tally(): Readonly<Record<string, number>>
  note(text: string): void
  /** Asks another again and again, a millisecond after each answer or failure. */
  pester(to: string): void
  /** Starts a turn at every so many cluster milliseconds, and logs the time. */
  tick(everyMs: number): void
}

interface State {
  readonly kept: unknown[]
  readonly outcomes: Record<string, number>
  notes: number
}

const pesterTimeoutMs = 60_000
const bomb: PortKind<{ light(): void }> = { name: 'bomb' }

function* asking(to: Ref<TroubleProtocol>, timeoutMs: number, outcomes: Record<string, number>): Flow<void> {
  const answer = yield* ask(to, timeoutMs, 'count')
  const code = answer.ok ? 'answered' : `${answer.error.code} ${answer.error.definite ? 'definite' : 'indefinite'}`
  outcomes[code] = (outcomes[code] ?? 0) + 1
}

const cyclic = (): unknown => {
  const knot: { self?: unknown } = {}
  knot.self = knot
  return knot
}

const trouble: Actor<TroubleProtocol, void, State> = {
  name: 'trouble',
  ports: [bomb],
  init: () => ({ kept: [], outcomes: {}, notes: 0 }),
  mailboxMax: 1 << 20,
  on: {
    hang() {
      for (;;);
    },
    hoard(ctx, state, turns) {
      state.kept.push(Array.from({ length: 2000 }, (_, i) => ({ i, text: `${turns} ${i}` })))
      if (turns > 0) ctx.tell(ctx.self, 'hoard', turns - 1)
    },
    crash: ctx => ctx.tell(ctx.port(bomb), 'light'),
    tangle(ctx, _state, to) {
      ctx.tell(to as Ref<TroubleProtocol>, 'note', 'before')
      ctx.tell(to as Ref<TroubleProtocol>, 'note', cyclic() as string)
      ctx.tell(to as Ref<TroubleProtocol>, 'note', 'after')
    },
    knot: cyclic,
    count: (_ctx, state) => state.notes,
    flood(ctx, state, { to, asks, tells, timeoutMs }) {
      const ref = to as Ref<TroubleProtocol>
      for (let i = 0; i < tells; i++) ctx.tell(ref, 'note', 'flood')
      for (let i = 0; i < asks; i++) ctx.run(asking(ref, timeoutMs, state.outcomes))
    },
    tally: (_ctx, { outcomes }) => ({ ...outcomes }),
    note: (_ctx, state) => {
      state.notes++
    },
    pester(ctx, _state, to) {
      function* pestering(): Flow<void> {
        for (;;) {
          yield* ask(to as Ref<TroubleProtocol>, pesterTimeoutMs, 'count')
          yield* sleep('real', 1)
        }
      }
      ctx.run(pestering())
    },
    tick(ctx, _state, everyMs) {
      function* ticking(): Flow<void> {
        for (;;) {
          yield* sleep('cluster', everyMs)
          ctx.log('tick', { clusterMs: ctx.clusterMs })
        }
      }
      ctx.run(ticking())
    }
  }
}

const bombPort = (): AnyActor => ({
  name: 'bomb',
  init: () => null,
  on: {
    light: () =>
      void setTimeout(() => {
        throw new Error('bang')
      }, 1)
  }
})

const own: Readonly<Record<string, unknown>> = {
  trouble,
  'guarded-trouble': { ...trouble, name: 'guarded-trouble', guarded: true },
  supervisor: supervisorOf(name => ({ name, init: () => undefined, on: {} }))
}

export const load: RosterModule['load'] = async name => (own[name] as AnyActor | undefined) ?? castRoster.load(name)

export const ports: RosterModule['ports'] = { ...castRoster.ports, bomb: async () => () => bombPort }
