// Time and durability: timers on either clock, pauses, and the order of a save.

import { type Case, linesOf, outcome, play, playThrough, texts } from './harness.js'

const a = 'm1/a'
const b = 'm2/b'

export const time: readonly Case[] = [
  {
    name: 'a timer fires once, not before its time, on its clock',
    async run(t, h) {
      await h.start(a)
      const nowMs = async (): Promise<number> => {
        await play(h, a, { do: 'timer', name: 'b', clock: 'real', delayMs: 0 })
        const fired = (): number => linesOf(h, a, 'fired').filter(line => line.fields.timer === 'b').length
        await h.until('the time', () => fired() > 0)
        return linesOf(h, a, 'fired').at(-1)?.fields.nowMs as number
      }
      const before = await nowMs()
      await play(h, a, { do: 'timer', name: 'a', clock: 'real', delayMs: 30 })
      const fired = () => linesOf(h, a, 'fired').filter(line => line.fields.timer === 'a')
      await h.until('it fired', () => fired().length === 1)
      t.ok((fired()[0]?.fields.nowMs as number) >= before + 30)
      await h.pass(40)
      t.equal(fired().length, 1)
      await play(h, a, { do: 'timer', name: 'a', clock: 'cluster', delayMs: 3_600_000 })
      await h.advanceCluster(3_600_000)
      await h.until('the cluster’s hour passed', () => fired().length === 2)
      t.ok((fired()[1]?.fields.clusterMs as number) - (fired()[0]?.fields.clusterMs as number) >= 3_600_000)
      t.ok((fired()[1]?.fields.nowMs as number) - before < 60_000, 'real time did not')
    }
  },
  {
    name: 'setting a timer replaces it, cancel ends it, and it dies with the life',
    async run(t, h) {
      await h.start(a)
      await h.start('m1/c', 'puppet', {}, a)
      await play(
        h,
        a,
        { do: 'timer', name: 'a', clock: 'real', delayMs: 5 },
        { do: 'timer', name: 'a', clock: 'cluster', delayMs: 30 },
        { do: 'timer', name: 'b', clock: 'real', delayMs: 5 },
        { do: 'cancel', name: 'b' }
      )
      await h.until('it fired', () => linesOf(h, a, 'fired').length > 0)
      await h.pass(30)
      t.match(linesOf(h, a, 'fired'), [{ fields: { timer: 'a' } }], 'once')
      await play(h, a, { do: 'timer', name: 'a', clock: 'real', delayMs: 50 })
      await h.kill({ actor: a })
      const before = linesOf(h, a, 'fired').length
      await h.start(a, 'puppet', {}, a)
      await h.pass(70)
      t.equal(linesOf(h, a, 'fired').length, before)
    }
  },
  ...(['actor', 'thread', 'machine'] as const).map(
    (kind): Case => ({
      name: `pausing a ${kind} holds messages and timers; going on brings both`,
      async run(t, h) {
        await h.start(a)
        await h.start(b)
        await play(h, b, { do: 'timer', name: 'a', clock: 'real', delayMs: 25 })
        const target = kind === 'actor' ? { actor: b } : kind === 'thread' ? { thread: b } : { machine: 'm2' }
        await h.pause(target)
        const before = linesOf(h, b, 'fired').length // One, where pausing takes long.
        await play(h, a, { do: 'tell', to: b, text: 'n#', times: 3 })
        await h.pass(30)
        t.same(texts(h, b), [])
        t.equal(linesOf(h, b, 'fired').length, before)
        await h.resume(target)
        await h.until('it went on', () => texts(h, b).length === 3 && linesOf(h, b, 'fired').length === 1)
        t.same(texts(h, b), ['n0', 'n1', 'n2'])
      }
    })
  ),
  {
    name: 'stop overtakes messages that wait',
    async run(t, h) {
      await h.start(a)
      await h.start(b)
      await h.start('m2/c', 'puppet', {}, b)
      await playThrough(h, a, b, { do: 'monitor', actor: b })
      await h.pause({ actor: b })
      const stop = { do: 'stopActor', actor: b, reason: 'enough' } as const
      await playThrough(h, a, 'm2/c', { do: 'tell', to: b, text: 'n#', times: 3 }, stop)
      await h.resume({ actor: b })
      await h.until('it stopped', () => linesOf(h, a, 'down').length === 1)
      t.match(linesOf(h, b, 'stopping'), [{ fields: { reason: 'enough' } }])
      t.match(linesOf(h, a, 'down'), [{ fields: { actor: b, reason: 'enough' } }])
      t.same(texts(h, b), [])
    }
  },
  {
    name: 'what is told before a save leaves before it is durable; what is told after, only then',
    needs: 'slowDisk',
    async run(t, h) {
      await h.start(a)
      await h.start(b)
      await h.slowDisk?.('m2', 50)
      await play(
        h,
        a,
        {
          do: 'ask',
          to: b,
          type: 'play',
          body: [
            { do: 'tell', to: a, text: 'before' },
            { do: 'save', text: 'x' },
            { do: 'tell', to: a, text: 'after' }
          ],
          timeoutMs: 60_000,
          tag: 'saved'
        },
        { do: 'ask', to: b, type: 'echo', body: 'x', timeoutMs: 60_000, tag: 'next' }
      )
      await h.until('the first arrived', () => texts(h, a).length === 1)
      t.same(texts(h, a), ['before'])
      await h.pass(15)
      t.same(texts(h, a), ['before'], 'the disk is still at it')
      t.same(linesOf(h, a, 'outcome'), [], 'and the next turn waits')
      t.match(await outcome(h, 'saved'), { value: 'played' })
      t.match(await outcome(h, 'next'), { value: 'x' })
      t.same(texts(h, a), ['before', 'after'])
    }
  },
  {
    name: 'a turn that saved and is waited for by a death nearby still ends in its order',
    needs: 'slowDisk',
    async run(t, h) {
      await h.start(a)
      await h.start(b)
      await h.start('m3/c')
      await play(h, b, { do: 'monitor', actor: 'm3/c' }, { do: 'ask', to: 'm3/c', type: 'hold', timeoutMs: 60_000, tag: 'to the dead' })
      await h.until('c holds', () => linesOf(h, 'm3/c', 'held').length === 1)
      await h.slowDisk?.('m2', 100)
      const body = [
        { do: 'save', text: 'x' },
        { do: 'log', text: 'saved' },
        { do: 'tell', to: a, text: 'after' }
      ]
      await play(h, a, { do: 'ask', to: b, type: 'play', body, timeoutMs: 60_000, tag: 'saved' })
      await h.pass(10)
      await h.kill({ machine: 'm3' })
      t.match(await outcome(h, 'to the dead'), { code: 'down', definite: false })
      await h.until('b knows', () => linesOf(h, b, 'down').length === 1)
      t.match(await outcome(h, 'saved'), { value: 'played' })
      t.same(texts(h, a), ['after'])
      const order = h.lines().filter(line => line.address === b && ['note', 'down', 'outcome'].includes(line.event))
      t.same(
        order.map(line => line.event),
        ['note', 'outcome', 'down']
      )
    }
  },
  {
    name: 'a failed save fails the actor; what was told before has left, what was told after has not',
    needs: 'fillDisk',
    async run(t, h) {
      await h.start(a)
      await h.start(b)
      await playThrough(h, a, b, { do: 'monitor', actor: b })
      await h.fillDisk?.('m2', true)
      const answer = await h.ask(b, 'play', [
        { do: 'tell', to: a, text: 'before' },
        { do: 'save', text: 'x' },
        { do: 'tell', to: a, text: 'after' }
      ])
      t.match(answer, { ok: false, error: { code: 'down', definite: false } })
      await h.until('a knows', () => linesOf(h, a, 'down').length === 1)
      t.match(linesOf(h, a, 'down')[0]?.fields.reason, /^save failed: no space/)
      t.same(texts(h, a), ['before'])
    }
  }
]
