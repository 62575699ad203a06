// Negative: what must not compile. Built by `tsc -b` with `types: []`, as lib and actors are, and never run or
// shipped: a line that begins to compile fails the build, since its expectation of an error is then unused.

import { type Actor, ask, type Context, type Ref, type Sink, type Stream } from '../../lib/actor/index.js'

interface LeaseProtocol {
  acquire(request: { readonly holder: string; readonly ttlMs: number }): { readonly granted: boolean }
  inspect(): { readonly holder: string | null }
  watch(from: { readonly revision: number }): Stream<string>
}
type LeaseRef = Ref<LeaseProtocol>
type LeaseActor = Actor<LeaseProtocol, { readonly ttlMs: number }, null, 'expiry'>

declare const lease: LeaseActor
declare const ref: LeaseRef
declare const ctx: Context<LeaseProtocol, 'expiry'>

export function messages(): void {
  ctx.tell(ref, 'inspect')
  // @ts-expect-error an unknown message
  ctx.tell(ref, 'release')
  // @ts-expect-error a body of the wrong shape
  ctx.tell(ref, 'acquire', { holder: 'x' })
  // @ts-expect-error a body where none belongs
  ctx.tell(ref, 'inspect', {})
  // @ts-expect-error a body is missing
  void ask(ref, 10, 'acquire')
  // @ts-expect-error a stream is opened, not asked for
  void ask(ref, 10, 'watch', { revision: 1 })
  // @ts-expect-error a stream is opened, not told
  ctx.tell(ref, 'watch', { revision: 1 })
  // @ts-expect-error a ref to some other protocol
  const other: Ref<{ put(body: { key: string }): void }> = ref
  void other
  // @ts-expect-error a plain string is no ref
  const plain: LeaseRef = 'm/lease'
  void plain
}

export function context(): void {
  ctx.timer('expiry', 'real', 10)
  // @ts-expect-error an undeclared timer
  ctx.timer('renewal', 'real', 10)
  // @ts-expect-error a timer without its clock
  ctx.timer('expiry', 10)
  // @ts-expect-error no such clock
  ctx.timer('expiry', 'wall', 10)
  // @ts-expect-error no such args
  ctx.spawn('l', lease, { ttl: 1 })
  // @ts-expect-error an answer is deferred by a handler, not by a timer
  ctx.defer()
  // @ts-expect-error facts are scalars
  ctx.show({ nested: {} })
  // @ts-expect-error bytes are saved
  ctx.save('text')
}

export function* flows(): Generator<never, void, unknown> {
  // @ts-expect-error a promise is not a step
  yield* ask(ref, 10, 'inspect').then()
}

const on: LeaseActor['on'] = {
  acquire: () => ({ granted: true }),
  inspect: () => ({ holder: null }),
  watch: ctx => ctx.stream()
}
const timers: NonNullable<LeaseActor['timers']> = { expiry: () => {} }
const rest = { name: 'lease', init: () => null }

export const good: LeaseActor = { ...rest, timers, on }
export const answersWrongly: LeaseActor['on'] = {
  ...on,
  // @ts-expect-error an answer of the wrong shape
  inspect: () => ({ holder: 7 })
}
export const promises: LeaseActor['on'] = {
  ...on,
  // @ts-expect-error a promise is no answer
  inspect: async () => ({ holder: null })
}
export const answersStream: LeaseActor['on'] = {
  ...on,
  // @ts-expect-error a stream is not answered with a value
  watch: () => 'x'
}
export const pushesWrongly = (sink: Sink<string>): void => {
  // @ts-expect-error an item of the wrong type
  sink.push(7)
}
// @ts-expect-error a handler is missing
export const partial: LeaseActor['on'] = { acquire: () => ({ granted: true }), inspect: () => ({ holder: null }) }
export const undeclared: LeaseActor['timers'] = {
  expiry: () => {},
  // @ts-expect-error an undeclared timer
  renewal: () => {}
}

export function host(): void {
  // @ts-expect-error no clock of the host
  setTimeout(() => {}, 1)
  // @ts-expect-error no console
  console.log('')
  // @ts-expect-error no process
  void process.env
  // @ts-expect-error no network
  void fetch('http://localhost')
  // @ts-expect-error no clock of the host
  performance.now()
  // @ts-expect-error no microtasks
  queueMicrotask(() => {})
  // @ts-expect-error no Buffer
  Buffer.alloc(1)
}
