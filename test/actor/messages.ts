// Messages: order, asks and their failures, mailboxes, turns that throw.

import { type Case, linesOf, outcome, outcomeOf, play, playThrough, texts } from './harness.js'

const a = 'm1/a'
const b = 'm2/b'
const numbered = (count: number): string[] => Array.from({ length: count }, (_, i) => `n${i}`)

export const messages: readonly Case[] = [
  {
    name: 'one sender and one receiver: in order, across machines, threads and within a thread',
    async run(t, h) {
      await h.start(a)
      await h.start(b)
      await h.start('m1/c')
      await h.start('m1/d', 'puppet', {}, a)
      for (const to of [b, 'm1/c', 'm1/d']) {
        await play(h, a, { do: 'tell', to, text: 'n#', times: 300 })
        await play(h, a, { do: 'tell', to, text: 'last' })
        await h.until(`${to} has all`, () => texts(h, to).length === 301)
        t.same(texts(h, to), [...numbered(300), 'last'], to)
      }
    }
  },
  {
    name: 'an ask is answered, declined (definite), unknown (definite), unreachable (definite)',
    async run(t, h) {
      await h.start(a)
      t.same(await h.ask(a, 'echo', 'x'), { ok: true, value: 'x' })
      t.match(await h.ask(a, 'decline'), { ok: false, error: { code: 'not today', definite: true, detail: 'declined' } })
      t.match(await h.ask(a, 'nonsense' as 'echo', 'x'), { ok: false, error: { code: 'unknown message', definite: true } })
      t.match(await h.ask('m1/nobody', 'echo', 'x'), { ok: false, error: { code: 'unreachable', definite: true } })
      t.match(await h.ask(`${a}:nothing`, 'echo', 'x'), { ok: false, error: { code: 'unreachable', definite: true } })
    }
  },
  {
    name: 'an ask that is not answered in time fails, indefinitely; its late answer is nobody’s',
    async run(t, h) {
      await h.start(a)
      await h.start(b)
      await play(h, a, { do: 'ask', to: b, type: 'later', body: { delayMs: 500, text: 'late' }, timeoutMs: 10, tag: 'late' })
      t.match(await outcome(h, 'late'), { code: 'timeout', definite: false })
      await h.pass(550)
      t.equal(h.lines().filter(line => line.event === 'outcome').length, 1)
      const left = await h.ask(a, 'left', undefined, 60_000)
      t.ok(left.ok && left.value > 0 && left.value <= 60_000, 'leftMs is what the caller still waits')
    }
  },
  {
    name: 'a deferred answer comes from a later turn, once',
    async run(t, h) {
      await h.start(a)
      await h.start(b)
      t.same(await h.ask(a, 'later', { delayMs: 5, text: 'done' }), { ok: true, value: 'done' })
      await play(h, a, { do: 'ask', to: b, type: 'hold', timeoutMs: 60_000, tag: 'held' })
      await h.until('b holds', () => linesOf(h, b, 'held').length === 1)
      t.equal(outcomeOf(h, 'held'), undefined)
      t.same(await h.ask(b, 'release', 'free'), { ok: true, value: 1 })
      t.match(await outcome(h, 'held'), { value: 'free' })
    }
  },
  {
    name: 'a caller that gives up ends the callee’s flow by return(); so does the deadline, and the caller’s death',
    async run(t, h) {
      await h.start(a)
      await h.start(b)
      const lingers = (tag: string): readonly unknown[] => linesOf(h, b, 'linger').filter(line => line.fields.tag === tag)
      const asks = (tag: string, timeoutMs: number) =>
        play(h, a, { do: 'ask', to: b, type: 'linger', body: { delayMs: 120_000, tag }, timeoutMs, tag })
      await asks('given up', 60_000)
      await play(h, a, { do: 'giveUp' })
      await h.until('the flow ended', () => lingers('given up').length === 1)
      await asks('timed out', 10)
      await h.until('the flow ended', () => lingers('timed out').length === 1)
      await asks('orphaned', 60_000)
      await h.ask(b, 'echo', 'after it began')
      await h.kill({ actor: a })
      await h.until('the flow ended', () => lingers('orphaned').length === 1)
      t.match(lingers('given up'), [{ fields: { ended: 'returned' } }])
      t.match(lingers('timed out'), [{ fields: { ended: 'returned' } }])
      t.match(lingers('orphaned'), [{ fields: { ended: 'returned' } }])
      t.equal(outcomeOf(h, 'given up'), undefined, 'a flow that was given up hears of nothing')
    }
  },
  {
    name: 'an ask past its time is dropped unhandled',
    async run(t, h) {
      await h.start(a)
      await h.start(b)
      await h.pause({ actor: b })
      await play(h, a, { do: 'ask', to: b, type: 'hold', timeoutMs: 10, tag: 'stale' })
      t.match(await outcome(h, 'stale'), { code: 'timeout', definite: false })
      await h.pass(30)
      await h.resume({ actor: b })
      await h.ask(b, 'echo', 'x')
      t.same(linesOf(h, b, 'held'), [])
      t.match(await h.counters(b), { expired: 1 })
    }
  },
  {
    name: 'a full mailbox refuses asks at once and definitely, and counts the tells it drops',
    async run(t, h) {
      await h.start(a)
      await h.start(b, 'small-puppet')
      await h.pause({ actor: b })
      await play(h, a, { do: 'tell', to: b, text: 'n#', times: 10 })
      await play(h, a, { do: 'ask', to: b, type: 'echo', body: 'x', timeoutMs: 60_000, tag: 'refused' })
      t.match(await outcome(h, 'refused'), { code: 'overloaded', definite: true })
      await h.resume({ actor: b })
      await h.until('b has four', () => texts(h, b).length === 4)
      t.same(texts(h, b), numbered(4))
      t.match(await h.counters(b), { deadLetters: 6, refused: 1 })
    }
  },
  {
    name: 'a turn that throws sends nothing, and the actor fails',
    async run(t, h) {
      await h.start(a)
      await h.start(b)
      await playThrough(h, a, b, { do: 'monitor', actor: b })
      const outcome = await h.ask(b, 'blow', [
        { do: 'tell', to: a, text: 'never' },
        { do: 'log', text: 'never' },
        { do: 'spawn', name: 'child', actor: 'puppet' }
      ])
      t.match(outcome, { ok: false, error: { code: 'down', definite: false } })
      await h.until('a knows', () => linesOf(h, a, 'down').length === 1)
      t.match(linesOf(h, a, 'down'), [{ fields: { actor: b, reason: 'failed: blown' } }])
      t.same(texts(h, a), [])
      t.same(texts(h, b), [])
      t.same(linesOf(h, 'm2/child', 'started'), [])
    }
  },
  {
    name: 'an actor that stops in a turn still performs that turn, its answer included',
    async run(t, h) {
      await h.start(a)
      await h.start(b)
      await h.start('m2/c', 'puppet', {}, b) // Keeps the thread: else nobody is there to say that the last ask was not handled.
      const acts = [
        { do: 'stop', reason: 'one' },
        { do: 'stop', reason: 'two' },
        { do: 'tell', to: a, text: 'last words' }
      ] as const
      t.same(await h.ask(b, 'play', acts), { ok: true, value: 'played' })
      await h.until('a has them', () => texts(h, a).length === 1)
      t.match(await h.ask(b, 'echo', 'x'), { ok: false, error: { definite: true } })
    }
  },
  {
    name: 'a guarded handler that throws answers internal (indefinite), sends nothing, and the actor lives',
    async run(t, h) {
      await h.start(a)
      await h.start(b, 'guarded-puppet')
      const before = await h.ask(b, 'life')
      const outcome = await h.ask(b, 'blow', [{ do: 'tell', to: a, text: 'never' }])
      t.match(outcome, { ok: false, error: { code: 'internal', definite: false } })
      t.same(await h.ask(b, 'life'), before, 'the same life')
      t.same(texts(h, a), [])
      t.equal(linesOf(h, b, 'guarded handler threw').length, 1)
    }
  },
  {
    name: 'a guarded turn that throws leaves timers, deferred requests and streams as they were, and begins no flow',
    async run(t, h) {
      await h.start(a)
      await h.start(b, 'guarded-puppet')
      await play(
        h,
        a,
        { do: 'ask', to: b, type: 'hold', timeoutMs: 60_000, tag: 'held' },
        { do: 'open', to: b, body: { items: 2, how: 'push', finish: 'open' }, window: 8, tag: 's' }
      )
      const items = () => linesOf(h, a, 'items').flatMap(line => line.fields.items)
      await h.until('both are there', () => linesOf(h, b, 'held').length === 1 && items().length === 2)
      await play(h, b, { do: 'timer', name: 'a', clock: 'real', delayMs: 40 })
      const outcomeOfBlow = await h.ask(b, 'blow', [
        { do: 'cancel', name: 'a' },
        { do: 'timer', name: 'b', clock: 'real', delayMs: 5 },
        { do: 'timer', name: 'a', clock: 'cluster', delayMs: 60_000 },
        { do: 'release', text: 'never' },
        { do: 'ask', to: a, type: 'hold', timeoutMs: 10, tag: 'never' },
        { do: 'push', items: 3 },
        { do: 'end' },
        { do: 'tell', to: a, text: 'never' }
      ])
      t.match(outcomeOfBlow, { ok: false, error: { code: 'internal' } })
      await h.until('the timer fires', () => linesOf(h, b, 'fired').length > 0)
      await h.pass(20)
      t.match(linesOf(h, b, 'fired'), [{ fields: { timer: 'a' } }])
      t.same(
        [outcomeOf(h, 'held'), outcomeOf(h, 'never'), texts(h, a), linesOf(h, a, 'held'), linesOf(h, a, 'end')],
        [undefined, undefined, [], [], []]
      )
      await play(h, b, { do: 'release', text: 'free' }, { do: 'push', items: 1 }, { do: 'end' })
      t.match(await outcome(h, 'held'), { value: 'free' })
      await h.until('the end', () => linesOf(h, a, 'end').length === 1)
      t.same(items(), [0, 1, 0])
    }
  },
  {
    name: 'a request answered in a turn that throws fails with its actor',
    async run(t, h) {
      await h.start(a)
      await h.start(b)
      await play(h, a, { do: 'ask', to: b, type: 'hold', timeoutMs: 60_000, tag: 'held' })
      await h.until('b holds', () => linesOf(h, b, 'held').length === 1)
      t.match(await h.ask(b, 'blow', [{ do: 'release', text: 'never' }]), { ok: false, error: { code: 'down', definite: false } })
      t.match(await outcome(h, 'held'), { code: 'down', definite: false })
    }
  },
  {
    name: 'a restart loses the mailbox and the state, and requests in it fail definitely',
    async run(t, h) {
      await h.start(a)
      await h.start(b)
      await h.start('m2/c', 'puppet', {}, b) // Keeps the thread.
      await h.ask(b, 'echo', 'x')
      const before = await h.ask(b, 'life')
      await h.pause({ actor: b })
      const question = { do: 'ask', to: b, type: 'echo', body: 'x', timeoutMs: 60_000, tag: 'q' } as const
      await playThrough(h, a, 'm2/c', { do: 'tell', to: b, text: 'n#', times: 3 }, question)
      await h.kill({ actor: b })
      t.match(await outcome(h, 'q'), { code: 'down', definite: true })
      await h.start(b, 'puppet', {}, b)
      const after = await h.ask(b, 'life')
      t.same(texts(h, b), [])
      t.match(before, { value: { handled: 1 } })
      t.match(after, { value: { handled: 0 } })
      t.not(before.ok && before.value.life, after.ok && after.value.life)
    }
  },
  {
    name: 'an answer to an old life never reaches a new one',
    async run(t, h) {
      const thread = 'm1/t'
      await h.start(a, 'puppet', {}, thread)
      await h.start('m1/c', 'puppet', {}, thread)
      await h.start(b)
      await play(h, a, { do: 'ask', to: b, type: 'later', body: { delayMs: 20, text: 'old' }, timeoutMs: 60_000, tag: 'old' })
      await h.ask(b, 'echo', 'it has the question')
      await h.kill({ actor: a })
      await h.start(a, 'puppet', {}, thread)
      // The new life's first question has the same number as the old one's.
      await play(h, a, { do: 'ask', to: b, type: 'later', body: { delayMs: 40, text: 'new' }, timeoutMs: 60_000, tag: 'new' })
      t.match(await outcome(h, 'new'), { value: 'new' })
      t.equal(outcomeOf(h, 'old'), undefined)
    }
  },
  {
    name: 'settled is called once after a batch, not once for a message',
    async run(t, h) {
      await h.start(a)
      await h.start(b, 'puppet', { settles: true })
      await h.start('m2/c', 'puppet', {}, b)
      await h.pause({ actor: b })
      await playThrough(h, a, 'm2/c', { do: 'tell', to: b, text: 'n#', times: 20 })
      const before = linesOf(h, b, 'settled').length
      await h.resume({ actor: b })
      await h.until('b has settled', () => linesOf(h, b, 'settled').at(-1)?.fields.handled === 20)
      t.equal(linesOf(h, b, 'settled').length, before + 1)
      const order = h.lines().filter(line => line.address === b && (line.event === 'note' || line.event === 'settled'))
      t.equal(order.at(-1)?.event, 'settled', 'and after the last of them')
    }
  },
  {
    name: 'chance is seeded for each life',
    async run(t, h) {
      await h.start(a, 'puppet', { init: [{ do: 'random' }, { do: 'random' }] })
      await h.start(b, 'puppet', { init: [{ do: 'random' }] })
      const numbers = h.lines().flatMap(line => (line.event === 'random' ? [line.fields.number as number] : []))
      t.equal(new Set(numbers).size, 3)
      t.ok(numbers.every(number => number >= 0 && number < 1))
    }
  }
]
