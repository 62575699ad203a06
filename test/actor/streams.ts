// Streams: credit, bounds, ends, failures, and the death of either side.

import { type Case, type Harness, linesOf, play } from './harness.js'

const a = 'm1/a'
const b = 'm2/b'
const forever = -1

const both = async (h: Harness): Promise<void> => {
  await h.start(a)
  await h.start(b)
}
const read = (h: Harness): unknown[] => linesOf(h, a, 'items').flatMap(line => line.fields.items as unknown[])
const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

export const streams: readonly Case[] = [
  {
    name: 'push is refused at zero credit; the items before it arrive in order, then the end',
    async run(t, h) {
      await both(h)
      await play(h, a, { do: 'open', to: b, body: { items: 20, how: 'push' }, window: 8, tag: 's' })
      await h.until('the end', () => linesOf(h, a, 'end').length === 1)
      t.match(linesOf(h, b, 'pushed'), [{ fields: { count: 8, credit: 0 } }])
      t.same(read(h), upTo(8))
    }
  },
  {
    name: 'a flow that waits for credit delivers everything, through a small window',
    async run(t, h) {
      await both(h)
      await play(h, a, { do: 'open', to: b, body: { items: 500, how: 'flow' }, window: 4, tag: 's' })
      await h.until('the end', () => linesOf(h, a, 'end').length === 1)
      t.same(read(h), upTo(500))
      t.match(linesOf(h, b, 'feed over'), [{ fields: { ended: 'finished' } }])
    }
  },
  {
    name: 'a consumer that never reads costs no more than its window',
    async run(t, h) {
      await both(h)
      await play(h, a, {
        do: 'open',
        to: b,
        body: { items: forever, how: 'push', finish: 'open' },
        window: 16,
        tag: 's',
        batches: 0,
        after: 'hold'
      })
      await h.until('it pushed', () => linesOf(h, b, 'pushed').length === 1)
      await h.pass(20)
      t.match(linesOf(h, b, 'pushed'), [{ fields: { count: 16, credit: 0 } }])
      t.same(linesOf(h, b, 'sink'), [], 'no credit came')
    }
  },
  {
    name: 'taking items is told to the producer as credit',
    async run(t, h) {
      await both(h)
      await play(h, a, { do: 'open', to: b, body: { items: forever, how: 'push', finish: 'open' }, window: 16, tag: 's' })
      await h.until('credit', () => linesOf(h, b, 'sink').length > 0)
      t.match(linesOf(h, b, 'sink')[0], { fields: { event: 'credit', open: true, credit: 16 } })
    }
  },
  {
    name: 'a producer’s failure comes after its items; a refusal instead of a stream',
    async run(t, h) {
      await both(h)
      await play(h, a, { do: 'open', to: b, body: { items: 3, how: 'push', finish: 'fail' }, window: 8, tag: 's' })
      await h.until('the failure', () => linesOf(h, a, 'failed').length === 1)
      t.same(read(h), upTo(3))
      t.match(linesOf(h, a, 'failed'), [{ fields: { tag: 's', code: 'spoilt' } }])
      await play(h, a, { do: 'open', to: b, body: { items: 3, how: 'flow', finish: 'fail' }, window: 8, tag: 'f' })
      await h.until('the failure', () => linesOf(h, a, 'failed').length === 2)
      await play(h, a, { do: 'open', to: b, body: { items: 3, how: 'refuse' }, window: 8, tag: 'r' })
      await h.until('the refusal', () => linesOf(h, a, 'stream failed').length === 1)
      t.match(linesOf(h, a, 'stream failed'), [{ fields: { tag: 'r', code: 'not today', definite: true } }])
      await play(h, a, { do: 'open', to: 'm2/nobody', body: { items: 3, how: 'push' }, window: 8, tag: 'n' })
      await h.until('the refusal', () => linesOf(h, a, 'stream failed').length === 2)
      t.match(linesOf(h, a, 'stream failed')[1], { fields: { tag: 'n', code: 'unreachable', definite: true } })
    }
  },
  {
    name: 'a consumer that closes ends the producer: a flow, and a sink',
    async run(t, h) {
      await both(h)
      await play(h, a, { do: 'open', to: b, body: { items: forever, how: 'flow' }, window: 4, tag: 'f', batches: 3, after: 'close' })
      await h.until('the flow ended', () => linesOf(h, b, 'feed over').length === 1)
      t.match(linesOf(h, b, 'feed over'), [{ fields: { ended: 'closed' } }])
      await play(h, a, {
        do: 'open',
        to: b,
        body: { items: 2, how: 'push', finish: 'open' },
        window: 8,
        tag: 's',
        batches: 1,
        after: 'close'
      })
      await h.until('the sink closed', () => linesOf(h, b, 'sink').some(line => line.fields.event === 'closed'))
      t.match(linesOf(h, b, 'sink').at(-1), { fields: { event: 'closed', open: false } })
    }
  },
  ...(['actor', 'thread', 'machine'] as const).flatMap((kind): Case[] => [
    {
      name: `the death of a consumer’s ${kind} ends the producer`,
      async run(t, h) {
        await both(h)
        await play(h, a, { do: 'open', to: b, body: { items: forever, how: 'flow' }, window: 4, tag: 'f', batches: 1, after: 'hold' })
        await h.until('items', () => linesOf(h, a, 'items').length === 1)
        await h.kill(kind === 'actor' ? { actor: a } : kind === 'thread' ? { thread: a } : { machine: 'm1' })
        await h.until('the flow ended', () => linesOf(h, b, 'feed over').length === 1)
        t.match(linesOf(h, b, 'feed over'), [{ fields: { ended: 'closed' } }])
      }
    },
    {
      name: `the death of a producer’s ${kind} fails the consumer, after what arrived`,
      async run(t, h) {
        await both(h)
        await play(h, a, { do: 'open', to: b, body: { items: 4, how: 'push', finish: 'open' }, window: 8, tag: 's' })
        await h.until('items', () => linesOf(h, a, 'items').length === 1)
        await h.kill(kind === 'actor' ? { actor: b } : kind === 'thread' ? { thread: b } : { machine: 'm2' })
        await h.until('the failure', () => linesOf(h, a, 'failed').length === 1)
        t.same(read(h), upTo(4))
        t.match(linesOf(h, a, 'failed'), [{ fields: { tag: 's', code: 'down' } }])
      }
    }
  ]),
  {
    name: 'items lost in silence leave the consumer waiting, and nothing is skipped',
    needs: 'lose',
    async run(t, h) {
      await both(h)
      await play(h, a, { do: 'open', to: b, body: { items: forever, how: 'flow' }, window: 4, tag: 'f' })
      await h.until('items', () => read(h).length > 8)
      await h.lose?.('m2', 'm1', 1)
      await h.pass(20)
      await h.lose?.('m2', 'm1', 0)
      const before = read(h).length
      t.equal(linesOf(h, a, 'failed').length, 0, 'it waits: nobody can know yet')
      await play(h, a, { do: 'giveUp' })
      await h.until('the producer ended', () => linesOf(h, b, 'feed over').length === 1)
      t.same(read(h), upTo(before), 'nothing was skipped')
    }
  },
  {
    name: 'whatever is lost, no stream goes on or ends as if it were whole',
    needs: 'lose',
    async run(t, h) {
      await both(h)
      await h.lose?.('m2', 'm1', 0.25)
      const seen = { end: 0, failed: 0, other: 0 }
      for (let n = 0; n < 60; n++) {
        const tag = `s${n}`
        const of = (...events: string[]) => h.lines().filter(line => events.includes(line.event) && line.fields.tag === tag)
        const body = { items: 12, how: n % 2 === 0 ? 'push' : 'flow' } as const
        await play(h, a, { do: 'open', to: b, body, window: n % 2 === 0 ? 16 : 4, tag, batches: 20, idleMs: 5 })
        await h.until(`${tag} is over`, () => of('end', 'failed', 'stream failed').length > 0 || of('idle').length > 3)
        await play(h, a, { do: 'giveUp' })
        const items = of('items').flatMap(line => line.fields.items as number[])
        t.same(items, upTo(items.length), 'a prefix')
        const kind = of('end').length > 0 ? 'end' : of('failed').length > 0 ? 'failed' : 'other'
        if (kind === 'end') t.equal(items.length, 12, 'the whole')
        if (kind === 'failed') t.match(of('failed')[0]?.fields.code, /^(gap|down)$/)
        seen[kind]++
      }
      t.ok(seen.end > 2 && seen.failed > 2, JSON.stringify(seen))
    }
  },
  {
    name: 'a consumer that waits with a time sees idleness, and the loss of a stream behind it',
    needs: 'lose',
    async run(t, h) {
      await both(h)
      await play(h, a, { do: 'open', to: b, body: { items: 4, how: 'push', finish: 'open' }, window: 8, tag: 's', idleMs: 10 })
      await h.until('idle', () => linesOf(h, a, 'idle').length > 2)
      t.same(linesOf(h, a, 'failed'), [])
      await h.lose?.('m2', 'm1', 1)
      await h.kill({ actor: b })
      await h.start(b)
      await h.lose?.('m2', 'm1', 0)
      await h.until('the failure', () => linesOf(h, a, 'failed').length === 1)
      t.match(linesOf(h, a, 'failed'), [{ fields: { code: 'down' } }])
    }
  }
]
