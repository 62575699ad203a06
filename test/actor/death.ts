// Death: who is told, when, and why; children, ports and placement.

import { type Case, type Harness, linesOf, outcome, play, playThrough, texts } from './harness.js'

const a = 'm1/a'
const b = 'm2/b'

const told = (h: Harness, watcher = a): unknown[] => linesOf(h, watcher, 'down').map(line => line.fields)

async function watched(h: Harness): Promise<void> {
  await h.start(a)
  await h.start(b)
  await playThrough(h, a, b, { do: 'monitor', actor: b })
}

interface Way {
  readonly how: string
  readonly reason: RegExp
  kill(h: Harness): Promise<unknown>
}

const ways: readonly Way[] = [
  { how: 'its own stop', reason: /^enough$/, kill: h => play(h, b, { do: 'stop', reason: 'enough' }) },
  { how: 'being stopped', reason: /^asked$/, kill: h => play(h, a, { do: 'stopActor', actor: b, reason: 'asked' }) },
  { how: 'a failure', reason: /^failed: blown$/, kill: h => h.ask(b, 'blow', []) },
  { how: 'a kill', reason: /./, kill: h => h.kill({ actor: b }) },
  { how: 'the kill of its thread', reason: /./, kill: h => h.kill({ thread: b }) },
  { how: 'the kill of its machine', reason: /./, kill: h => h.kill({ machine: 'm2' }) },
  { how: 'a loss of power', reason: /./, kill: h => h.kill({ machine: 'm2' }, true) }
]

const monitored = ways.map(
  ({ how, reason, kill }): Case => ({
    name: `a monitor is told once of death by ${how}`,
    async run(t, h) {
      await watched(h)
      await kill(h).catch(() => undefined) // A thread that ends itself may not answer.
      await h.until('a knows', () => told(h).length > 0)
      await h.pass(10)
      t.match(told(h), [{ actor: b, reason }])
      t.equal(told(h).length, 1)
    }
  })
)

const parented = (['actor', 'thread', 'machine'] as const).flatMap(kind =>
  [false, true].map(
    (monitors): Case => ({
      name: `a parent is told once of the death of its child’s ${kind}${monitors ? ', though it monitors it too' : ''}`,
      async run(t, h) {
        await h.start(a)
        await play(h, a, { do: 'spawn', name: b, actor: 'puppet', thread: b })
        await h.until('it started', () => linesOf(h, b, 'started').length === 1)
        if (monitors) await playThrough(h, a, b, { do: 'monitor', actor: b })
        await h.kill(kind === 'actor' ? { actor: b } : kind === 'thread' ? { thread: b } : { machine: 'm2' })
        await h.until('a knows', () => told(h).length > 0)
        await h.pass(10)
        t.match(told(h), [{ actor: b }])
        t.equal(told(h).length, 1)
      }
    })
  )
)

export const death: readonly Case[] = [
  ...monitored,
  ...parented,
  {
    name: 'a monitor of what does not run is told at once',
    async run(t, h) {
      await h.start(a)
      await play(h, a, { do: 'monitor', actor: 'm1/nobody' })
      await h.until('a knows', () => told(h).length === 1)
      t.match(told(h), [{ actor: 'm1/nobody', reason: 'not running' }])
    }
  },
  {
    name: 'demonitor: nothing is told',
    async run(t, h) {
      await watched(h)
      await playThrough(h, a, b, { do: 'demonitor', actor: b })
      await h.kill({ actor: b })
      await h.pass(10)
      t.same(told(h), [])
    }
  },
  {
    name: 'a death is told after the last message of the dead',
    async run(t, h) {
      await watched(h)
      await h.ask(b, 'play', [
        { do: 'tell', to: a, text: 'n#', times: 50 },
        { do: 'stop', reason: 'done' }
      ])
      await h.until('a knows', () => told(h).length === 1)
      const seen = h.lines().filter(line => line.address === a && (line.event === 'note' || line.event === 'down'))
      t.equal(seen.length, 51)
      t.equal(seen.at(-1)?.event, 'down')
    }
  },
  {
    name: 'the death of a thread is told after the messages its actors had sent',
    async run(t, h) {
      await watched(h)
      await h.start('m1/c', 'puppet', {}, a)
      await play(h, a, { do: 'ask', to: b, type: 'echo', body: 'answered', timeoutMs: 60_000, tag: 'q' })
      await h.until('answered or lost', () => h.lines().some(line => line.event === 'outcome'))
      await h.pause({ actor: a })
      await play(h, b, { do: 'tell', to: a, text: 'n#', times: 5 }, { do: 'tell', to: 'm1/c', text: 'sent' })
      await h.until('they arrived', () => texts(h, 'm1/c').length === 1)
      await h.kill({ thread: b })
      await h.pass(10)
      await h.resume({ actor: a })
      await h.until('a knows', () => told(h).length === 1)
      t.same(texts(h, a), ['n0', 'n1', 'n2', 'n3', 'n4'])
      t.equal(
        h
          .lines()
          .filter(line => line.address === a && ['note', 'down'].includes(line.event))
          .at(-1)?.event,
        'down'
      )
    }
  },
  {
    name: 'a notice for an old life never reaches a new one',
    async run(t, h) {
      const thread = 'm1/t'
      await h.start(a, 'puppet', {}, thread)
      await h.start('m1/c', 'puppet', {}, thread)
      await h.start(b)
      await playThrough(h, a, b, { do: 'monitor', actor: b })
      await h.kill({ actor: a })
      await h.start(a, 'puppet', {}, thread)
      await h.kill({ actor: b })
      await h.pass(10)
      await h.ask(a, 'echo', 'x')
      t.same(told(h), [])
    }
  },
  {
    name: 'a new life of the watched has to be watched anew',
    async run(t, h) {
      await h.start('m2/keeps', 'puppet', {}, b)
      await watched(h)
      await h.kill({ actor: b })
      await h.until('a knows', () => told(h).length === 1)
      await h.start(b, 'puppet', {}, b)
      await h.kill({ thread: b })
      await h.pass(10)
      t.equal(told(h).length, 1)
    }
  },
  {
    name: 'children stop with their parent, in its thread and elsewhere',
    async run(t, h) {
      await h.start(a)
      await play(h, a, { do: 'spawn', name: 'near', actor: 'puppet' }, { do: 'spawn', name: 'far', actor: 'puppet', thread: 'm1/far' })
      const started = (address: string) => linesOf(h, address, 'started').length === 1
      await h.until('they started', () => started('m1/near') && started('m1/far'))
      await h.ask(a, 'blow', [])
      const stopped = (address: string) => linesOf(h, address, 'stopping').length === 1
      await h.until('they stopped', () => stopped('m1/near') && stopped('m1/far'))
      t.match(linesOf(h, 'm1/near', 'stopping'), [{ fields: { reason: 'parent ended: failed: blown' } }])
      t.match(await h.ask('m1/far', 'echo', 'x'), { ok: false, error: { definite: true } })
    }
  },
  {
    name: 'spawning what runs is told as down, and what runs is not disturbed',
    async run(t, h) {
      await h.start(a)
      const spawn = { do: 'spawn', name: 'child', actor: 'puppet' } as const
      await play(h, a, spawn)
      await play(h, a, spawn)
      await h.until('a knows', () => told(h).length === 1)
      t.match(told(h), [{ actor: 'm1/child', reason: 'runs already' }])
      t.same(await h.ask('m1/child', 'echo', 'x'), { ok: true, value: 'x' })
      await h.kill({ actor: 'm1/child' })
      await h.until('a knows', () => told(h).length === 2)
      t.equal(linesOf(h, 'm1/child', 'started').length, 1)
    }
  },
  {
    name: 'a child that fails in init is told as down',
    async run(t, h) {
      await h.start(a)
      const args = { init: [{ do: 'throw', text: 'stillborn' }] } as const
      await play(h, a, { do: 'spawn', name: 'near', actor: 'puppet', args })
      await play(h, a, { do: 'spawn', name: 'far', actor: 'puppet', args, thread: 'm1/far' })
      await h.until('a knows', () => told(h).length === 2)
      t.match(
        told(h).sort((x, y) => ((x as { actor: string }).actor < (y as { actor: string }).actor ? -1 : 1)),
        [
          { actor: 'm1/far', reason: 'failed: stillborn' },
          { actor: 'm1/near', reason: 'failed: stillborn' }
        ]
      )
    }
  },
  {
    name: 'what is told to a child right after its spawn arrives, though its thread has to start',
    async run(t, h) {
      await h.start(a)
      await play(h, a, { do: 'spawn', name: 'far', actor: 'puppet', thread: 'm1/far' }, { do: 'tell', to: 'm1/far', text: 'n#', times: 3 })
      await h.until('they arrived', () => texts(h, 'm1/far').length === 3)
      t.same(texts(h, 'm1/far'), ['n0', 'n1', 'n2'])
    }
  },
  {
    name: 'ports belong to a life: closed before the next',
    async run(t, h) {
      await h.start('m1/c', 'puppet', {}, a)
      await h.start(a, 'puppet', {}, a)
      await play(h, a, { do: 'port', text: 'one' }, { do: 'port', text: 'two' })
      await h.kill({ actor: a })
      await h.start(a, 'puppet', {}, a)
      await play(h, a, { do: 'port', text: 'three' })
      await h.until('all are kept', () => h.lines().filter(line => line.event === 'jar').length === 3)
      const order = h.lines().filter(line => line.event.startsWith('jar') || (line.event === 'started' && line.address === a))
      t.same(
        order.map(line => line.event),
        ['started', 'jar opened', 'jar', 'jar', 'jar closed', 'started', 'jar opened', 'jar']
      )
      t.same(told(h), [])
    }
  },
  {
    name: 'requests a dying actor had begun fail indefinitely, those it had not, definitely',
    async run(t, h) {
      await h.start(a)
      await h.start(b)
      await h.start('m2/c', 'puppet', {}, b)
      await play(h, a, { do: 'ask', to: b, type: 'hold', timeoutMs: 60_000, tag: 'begun' })
      await h.until('b holds', () => linesOf(h, b, 'held').length === 1)
      await h.pause({ actor: b })
      await playThrough(h, a, 'm2/c', { do: 'ask', to: b, type: 'hold', timeoutMs: 60_000, tag: 'waiting' })
      await h.kill({ actor: b })
      t.match(await outcome(h, 'begun'), { code: 'down', definite: false })
      t.match(await outcome(h, 'waiting'), { code: 'down', definite: true })
    }
  }
]
