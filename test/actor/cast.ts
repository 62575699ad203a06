// Cast: the actors that the semantics suite plays with. They take scripts, and log what they see.

import {
  type Actor,
  type AnyActor,
  ask,
  type Clock,
  type Context,
  credit,
  type Flow,
  type Later,
  open,
  type PortKind,
  type Ref,
  type Refusal,
  refuse,
  type Sink,
  type Source,
  type Stream,
  sleep,
  type Turn
} from '../../lib/actor/index.js'

/** What a puppet does in a turn, in order. */
export type Act =
  | { readonly do: 'tell'; readonly to: string; readonly text: string; readonly times?: number }
  | {
      readonly do: 'ask'
      readonly to: string
      readonly type: string
      readonly body?: unknown
      readonly timeoutMs: number
      readonly tag: string
      readonly times?: number
    }
  | {
      readonly do: 'open'
      readonly to: string
      readonly body: Feed
      readonly window: number
      readonly tag: string
      /** How many batches to read; then `close`, or hold it and read no more. All, if absent. */
      readonly batches?: number
      readonly after?: 'close' | 'hold'
      readonly idleMs?: number
    }
  | { readonly do: 'giveUp' } // Cancels every flow that `ask` and `open` started.
  | { readonly do: 'monitor' | 'demonitor'; readonly actor: string }
  | { readonly do: 'spawn'; readonly name: string; readonly actor: string; readonly args?: PuppetArgs; readonly thread?: string }
  | { readonly do: 'stopActor'; readonly actor: string; readonly reason: string }
  | { readonly do: 'timer'; readonly name: 'a' | 'b'; readonly clock: Clock; readonly delayMs: number }
  | { readonly do: 'cancel'; readonly name: 'a' | 'b' }
  | { readonly do: 'save'; readonly text: string }
  | { readonly do: 'port'; readonly text: string }
  | { readonly do: 'log'; readonly text: string }
  | { readonly do: 'random' }
  | { readonly do: 'throw'; readonly text: string }
  | { readonly do: 'release'; readonly text: string } // Answers what is held, and still holds it.
  | { readonly do: 'push'; readonly items: number } // Into every stream it has opened.
  | { readonly do: 'end' } // Every such stream.
  | { readonly do: 'stop'; readonly reason: string }

export interface Feed {
  readonly items: number // Infinity is spelled -1.
  /** `push`: as many as there is credit for in one turn; `flow`: waits for credit and goes on. */
  readonly how: 'push' | 'flow' | 'refuse'
  readonly finish?: 'end' | 'fail' | 'open'
}

export interface PuppetProtocol {
  play(acts: readonly Act[]): string
  note(note: { readonly text: string }): void
  echo(text: string): string
  decline(): string
  /** Answered from a later turn, after that much real time. */
  later(wait: { readonly delayMs: number; readonly text: string }): string
  /** Deferred, and answered by `release`. */
  hold(): string
  release(text: string): number
  /** A flow that logs how it ends. */
  linger(wait: { readonly delayMs: number; readonly tag: string }): string
  blow(acts: readonly Act[]): string
  left(): number
  life(): { readonly life: number; readonly handled: number }
  feed(feed: Feed): Stream<number>
}

export type PuppetRef = Ref<PuppetProtocol>

export interface PuppetArgs {
  readonly init?: readonly Act[]
  readonly settles?: boolean
}

interface State {
  handled: number
  readonly settles: boolean
  readonly held: Later<string>[]
  readonly flows: { cancel(): void }[]
  readonly sinks: Sink<number>[]
}

type Ctx = Context<PuppetProtocol, 'a' | 'b'>
type PuppetActor = Actor<PuppetProtocol, PuppetArgs | undefined, State, 'a' | 'b'>

export const jar: PortKind<{ keep(text: string): void }> = { name: 'jar' }

function* outcome(ctx: Ctx, act: Extract<Act, { do: 'ask' }>): Flow<void> {
  const answer = yield* ask(act.to as PuppetRef, act.timeoutMs, act.type as 'echo', act.body as string)
  ctx.log('outcome', { tag: act.tag, ...(answer.ok ? { value: answer.value } : answer.error) })
}

function* reader(ctx: Ctx, act: Extract<Act, { do: 'open' }>): Flow<void> {
  const opened = yield* open(act.to as PuppetRef, 5000, 'feed', act.body, act.window)
  if (!opened.ok) return ctx.log('stream failed', { tag: act.tag, ...opened.error })
  ctx.log('opened', { tag: act.tag })
  try {
    yield* reads(ctx, act, opened.value)
  } finally {
    if (act.after !== 'hold') opened.value.close()
  }
}

function* reads(ctx: Ctx, act: Extract<Act, { do: 'open' }>, source: Source<number>): Flow<void> {
  const { tag } = act
  for (let batches = 0; act.batches === undefined || batches < act.batches; batches++) {
    const batch = yield* source.next(act.idleMs)
    if (batch.kind === 'items') ctx.log('items', { tag, items: batch.items })
    else if (batch.kind === 'idle') ctx.log('idle', { tag })
    else return ctx.log(batch.kind, { tag, code: batch.kind === 'failed' ? batch.error.code : '' })
  }
}

function perform(ctx: Ctx, state: State, act: Act): void {
  switch (act.do) {
    case 'tell':
      for (let i = 0; i < (act.times ?? 1); i++) ctx.tell(act.to as PuppetRef, 'note', { text: act.text.replace('#', String(i)) })
      return
    case 'ask':
      for (let i = 0; i < (act.times ?? 1); i++) state.flows.push(ctx.run(outcome(ctx, act)))
      return
    case 'open':
      return void state.flows.push(ctx.run(reader(ctx, act)))
    case 'giveUp':
      for (const flow of state.flows.splice(0)) flow.cancel()
      return
    case 'monitor':
      return ctx.monitor(act.actor)
    case 'demonitor':
      return ctx.demonitor(act.actor)
    case 'spawn':
      return void ctx.spawn(act.name, cast[act.actor] as PuppetActor, act.args, act.thread === undefined ? {} : { thread: act.thread })
    case 'stopActor':
      return ctx.stopActor(act.actor, act.reason)
    case 'timer':
      return ctx.timer(act.name, act.clock, act.delayMs)
    case 'cancel':
      return ctx.cancel(act.name)
    case 'save':
      return ctx.save(new TextEncoder().encode(act.text))
    case 'port':
      return ctx.tell(ctx.port(jar), 'keep', act.text)
    case 'log':
      return ctx.log('note', { text: act.text })
    case 'random':
      return ctx.log('random', { number: ctx.random() })
    case 'throw':
      throw new Error(act.text)
    case 'release':
      for (const later of state.held) ctx.answer(later, act.text)
      return
    case 'push':
      for (const sink of state.sinks) pushAll(sink, act.items)
      return
    case 'end':
      for (const sink of state.sinks) sink.end()
      return
    case 'stop':
      return ctx.stop(act.reason)
  }
}

const play = (ctx: Ctx, state: State, acts: readonly Act[]): void => {
  for (const act of acts) perform(ctx, state, act)
}

function* lingering(ctx: Ctx, delayMs: number, tag: string): Flow<string> {
  let ended = 'returned'
  try {
    yield* sleep('real', delayMs)
    ended = 'finished'
    return tag
  } finally {
    ctx.log('linger', { tag, ended })
  }
}

function pushAll(sink: Sink<number>, items: number): number {
  let pushed = 0
  while ((items < 0 || pushed < items) && sink.push(pushed)) pushed++
  return pushed
}

function* pushFlow(ctx: Turn<PuppetProtocol, 'a' | 'b', Stream<number>>, { items, finish }: Feed): Flow<void | Refusal> {
  const sink = ctx.stream()
  let ended = 'returned'
  try {
    for (let n = 0; items < 0 || n < items; n++) {
      if (!(yield* credit(sink))) {
        ended = 'closed'
        return
      }
      sink.push(n)
    }
    ended = 'finished'
    return finish === 'fail' ? refuse('spoilt', 'the feed went bad') : undefined
  } finally {
    ctx.log('feed over', { ended })
  }
}

export const puppet: PuppetActor = {
  name: 'puppet',
  ports: [jar],
  init(ctx, args) {
    const state: State = { handled: 0, settles: args?.settles ?? false, held: [], flows: [], sinks: [] }
    ctx.log('started', { life: ctx.life })
    play(ctx, state, args?.init ?? [])
    return state
  },
  on: {
    play(ctx, state, acts) {
      play(ctx, state, acts)
      return 'played'
    },
    note(ctx, state, { text }) {
      state.handled++
      ctx.log('note', { text, from: ctx.from })
    },
    echo(_ctx, state, text) {
      state.handled++
      return text
    },
    decline: () => refuse('not today', 'declined'),
    later(ctx, _state, { delayMs, text }) {
      const later = ctx.defer()
      ctx.run(
        (function* (): Flow<void> {
          yield* sleep('real', delayMs)
          ctx.answer(later, text)
        })()
      )
      return later
    },
    hold(ctx, state) {
      ctx.log('held')
      const later = ctx.defer()
      state.held.push(later)
      return later
    },
    release(ctx, state, text) {
      const held = state.held.splice(0)
      for (const later of held) {
        ctx.answer(later, text)
        ctx.answer(later, 'twice')
      }
      return held.length
    },
    linger: (ctx, _state, { delayMs, tag }) => lingering(ctx, delayMs, tag),
    blow(ctx, state, acts) {
      play(ctx, state, acts)
      throw new Error('blown')
    },
    left: ctx => ctx.leftMs,
    life: (ctx, state) => ({ life: ctx.life, handled: state.handled }),
    feed(ctx, state, feed) {
      if (feed.how === 'refuse') return refuse('not today', 'no feed')
      if (feed.how === 'flow') return pushFlow(ctx, feed)
      const sink = ctx.stream()
      state.sinks.push(sink)
      ctx.log('pushed', { count: pushAll(sink, feed.items), credit: sink.credit })
      if (feed.finish !== 'open') sink.end(feed.finish === 'fail' ? refuse('spoilt', 'the feed went bad') : undefined)
      return sink
    }
  },
  timers: {
    a: ctx => ctx.log('fired', { timer: 'a', nowMs: ctx.nowMs, clusterMs: ctx.clusterMs }),
    b: ctx => ctx.log('fired', { timer: 'b', nowMs: ctx.nowMs, clusterMs: ctx.clusterMs })
  },
  down: (ctx, _state, actor, reason) => ctx.log('down', { actor, reason }),
  sink: (ctx, _state, sink, event) => ctx.log('sink', { event, open: sink.open, credit: sink.credit }),
  settled(ctx, state) {
    if (state.settles) ctx.log('settled', { handled: state.handled })
  },
  stopping: (ctx, _state, reason) => ctx.log('stopping', { reason })
}

/** Lives through a throw. */
export const guardedPuppet: PuppetActor = { ...puppet, name: 'guarded-puppet', guarded: true }

/** Takes few messages at once. */
export const smallPuppet: PuppetActor = { ...puppet, name: 'small-puppet', mailboxMax: 4 }

/** A port that logs when it begins and when it is closed; each host has to offer it as kind `jar`. */
export const jarPort = (owner: string): AnyActor => ({
  name: 'jar',
  init: (ctx: Context<unknown>) => ctx.log('jar opened', { owner }),
  on: { keep: (ctx: Context<unknown>, _state: unknown, text: string) => ctx.log('jar', { owner, text }) },
  stopping: (ctx: Context<unknown>) => ctx.log('jar closed', { owner })
})

export const cast: Readonly<Record<string, PuppetActor>> = {
  puppet,
  'guarded-puppet': guardedPuppet,
  'small-puppet': smallPuppet
}
