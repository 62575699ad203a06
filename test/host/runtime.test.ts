import t from 'tap'
import type { SupervisorProtocol } from '../../actors/supervisor.js'
import type { Ref } from '../../lib/actor/index.js'
import { type NetworkFaults, noFaults, type RuntimeOptions } from '../../lib/host/index.js'
import { linesOf, play, playThrough, texts } from '../actor/harness.js'
import { bundle } from './bundle.js'
import { HostHarness } from './host-harness.js'
import type { TroubleProtocol } from './roster.js'

const a = 'm1/a'
const b = 'm2/b'
const trouble = b as Ref<TroubleProtocol>
const timeoutMs = 60_000
const hungAfterMs = 1_500 // Long enough for a slow machine, where threads wait their turn.
const bundled = bundle('../host/roster.js')

type Body = (t: import('tap').Test, h: HostHarness) => Promise<void>

const test = (name: string, body: Body, options: Partial<RuntimeOptions> = {}): void => {
  t.test(name, async t => {
    const h = await HostHarness.start({ ...(await bundled), ...options })
    try {
      await body(t, h)
    } finally {
      await h.close()
    }
  })
}

const reasons = (h: HostHarness, of: string): unknown[] =>
  linesOf(h, a, 'down').flatMap(line => (line.fields.actor === of ? [line.fields.reason] : []))

async function watch(h: HostHarness, actor: string): Promise<void> {
  await h.start(a)
  await h.start(b, actor)
  await playThrough(h, a, b, { do: 'monitor', actor: b }) // An ask behind it was answered: it is there.
}

test('every thread has a worker of its own, and says what runs in it', async (t, h) => {
  await h.start(a)
  await h.start('m1/c', 'puppet', {}, a)
  await h.start(b)
  const status = await h.runtime.status()
  t.same(
    status.map(({ name }) => name),
    ['root/main', a, b]
  )
  t.equal(new Set(status.map(({ threadId }) => threadId)).size, 3)
  t.match(
    status[1]?.actors.map(({ address }) => address),
    [a, 'm1/c']
  )
  t.ok(status.slice(1).every(({ heapUsedBytes }) => heapUsedBytes > 1_000_000))
})

const deaths: Readonly<Record<string, { actor?: string; reason: RegExp; kill(h: HostHarness): Promise<unknown> }>> = {
  'an actor killed': { reason: /^killed$/, kill: h => h.kill({ actor: b }) },
  'a handler that throws': { reason: /^failed: blown$/, kill: h => h.ask(b, 'blow', []) },
  'a thread killed': { reason: /^killed$/, kill: h => h.kill({ thread: b }) },
  'a throw outside of any turn': { actor: 'trouble', reason: /^failed: bang$/, kill: h => h.runtime.call(trouble, timeoutMs, 'crash') },
  'its own stop': { reason: /^done$/, kill: h => h.ask(b, 'play', [{ do: 'stop', reason: 'done' }]) },
  'a heap over its budget': { actor: 'trouble', reason: /^memory$/, kill: h => h.runtime.call(trouble, timeoutMs, 'hoard', 100_000) },
  'a turn without end': { actor: 'trouble', reason: /^hung$/, kill: h => h.runtime.call(trouble, timeoutMs, 'hang') }
}

for (const [how, { actor = 'puppet', reason, kill }] of Object.entries(deaths)) {
  test(
    `a death in another thread is told, with its reason: ${how}`,
    async (t, h) => {
      await watch(h, actor)
      void kill(h).catch(() => undefined)
      await h.until('a knows', () => reasons(h, b).length > 0)
      t.match(reasons(h, b), [reason])
      await h.until('the thread is gone', () => !h.runtime.hasThread(b))
      t.equal(h.runtime.threadOf(b), undefined)
      await h.start(b)
      t.match(await h.ask(b, 'echo', 'again'), { ok: true, value: 'again' })
    },
    { heapBudgetBytes: 48 << 20, hungAfterMs: how === 'a turn without end' ? 2_000 : 60_000 }
  )
}

test('what cannot start says so: to its parent, and to who starts it', async (t, h) => {
  await h.start(a)
  const stillborn = { init: [{ do: 'throw', text: 'stillborn' }] } as const
  await t.rejects(h.start('m1/root', 'puppet', stillborn), /m1\/root did not start: failed: stillborn/)
  await t.rejects(h.start('m1/root', 'nonesuch'), /no actor is called nonesuch/)
  await t.rejects(h.start(a), /m1\/a runs already/)
  await h.start('m1/root')
  t.match(await h.ask('m1/nobody', 'echo', 'x'), { ok: false, error: { code: 'unreachable', definite: true } })
  await h.start(
    'root/s',
    'supervisor',
    {
      children: [{ address: 'm1/x', actor: 'nonesuch', args: {}, thread: 'm1/x' }],
      policy: { restartsMax: 2, firstDelayMs: 1 }
    } as never,
    'root/main'
  )
  const children = () => h.runtime.call('root/s' as Ref<SupervisorProtocol>, timeoutMs, 'children')
  await h.until('it gave up', async () => JSON.stringify(await children()).includes('given up'))
  t.match(await children(), { value: [{ state: 'given up', lastDeath: /^not started: no actor is called nonesuch/ }] })
})

test('a supervisor restarts what dies, after a while; what is held stays down until released', async (t, h) => {
  const supervisor = 'root/m2' as Ref<SupervisorProtocol>
  const child = { address: b, actor: 'puppet', args: {}, thread: b }
  await h.start(supervisor, 'supervisor', { children: [child], policy: { firstDelayMs: 10, delayMsMax: 40 } } as never, 'root/main')
  const started = () => linesOf(h, b, 'started').length
  await h.until('it runs', () => started() === 1)
  for (const life of [2, 3, 4]) {
    await h.kill(life === 3 ? { actor: b } : { thread: b })
    await h.until('it runs again', () => started() === life && h.runtime.threadOf(b) === b)
  }
  t.equal(h.runtime.restartsOf(b), 3)
  const childOf = async () => {
    const children = await h.runtime.call(supervisor, timeoutMs, 'children')
    return children.ok ? children.value[0] : undefined
  }
  t.match(await childOf(), { state: 'up', restarts: 3, lastDeath: 'killed' })
  await h.runtime.call(supervisor, timeoutMs, 'hold', { addresses: [b] })
  await h.kill({ thread: b })
  await h.until('it is held', async () => (await childOf())?.state === 'held')
  await h.pass(80)
  t.equal(started(), 4)
  await h.runtime.call(supervisor, timeoutMs, 'release', { addresses: [b] })
  await h.until('it runs again', () => started() === 5)
})

test('over the window of a link asks are refused at once, tells are dead letters, and memory stays bounded', async (t, h) => {
  await h.start(a, 'trouble')
  await h.start(b, 'trouble')
  const sender = a as Ref<TroubleProtocol>
  const flood = (asks: number, tells: number) => h.runtime.call(sender, timeoutMs, 'flood', { to: b, asks, tells, timeoutMs: 60_000 })
  t.match(await flood(1, 0), { ok: true })
  const tally = async () => {
    const outcomes = await h.runtime.call(sender, timeoutMs, 'tally')
    return outcomes.ok ? outcomes.value : {}
  }
  await h.until('the link is there', async () => (await tally()).answered === 1)
  await h.pause({ thread: b })
  const window = 4096 * 16
  for (let sent = 0; sent < window + 20_000; sent += 20_000) t.match(await flood(0, 20_000), { ok: true })
  await flood(100, 0)
  await h.until('the asks are refused', async () => (await tally())['overloaded definite'] === 100)
  const { deadLetters, refused } = await h.counters(a)
  t.equal(refused, 100)
  t.ok(deadLetters > 5000 && deadLetters < 40_000, `${deadLetters} dead letters`)
  await h.resume({ thread: b })
  await h.until('b has all the others', async () => {
    const count = await h.runtime.call(trouble, timeoutMs, 'count')
    return count.ok && count.value === Math.ceil((window + 20_000) / 20_000) * 20_000 - deadLetters
  })
  await flood(1, 1)
  await h.until('the way is free', async () => (await tally()).answered === 2)
})

test('what cannot be packed fails its sender, and the link goes on', async (t, h) => {
  await h.start('m1/keeps', 'puppet', {}, a)
  await h.start(a, 'trouble', undefined, a)
  await h.start(b, 'trouble')
  await h.start('m3/c')
  await play(h, 'm3/c', { do: 'monitor', actor: a })
  // Behind it on the same link: once this is answered, the monitor has arrived.
  await play(h, 'm3/c', { do: 'ask', to: a, type: 'count', timeoutMs, tag: 'watched' })
  await h.until('it is watched', () => linesOf(h, 'm3/c', 'outcome').length === 1)
  const down = () => linesOf(h, 'm3/c', 'down').map(line => line.fields.reason)
  await h.runtime.call(a as Ref<TroubleProtocol>, timeoutMs, 'tangle', b)
  await h.until('the death is told', () => down().length === 1)
  t.match(down(), [/^failed: cannot send note to m2\/b: /])
  const count = async () => h.runtime.call(trouble, timeoutMs, 'count')
  await h.until('what else it sent arrived', async () => JSON.stringify(await count()) === '{"ok":true,"value":2}')
  await play(h, 'm1/keeps', { do: 'ask', to: b, type: 'count', timeoutMs, tag: 'after' })
  await h.until('the link goes on', () => linesOf(h, 'm1/keeps', 'outcome').some(line => line.fields.value === 2))
  await h.start('m2/guarded', 'guarded-trouble', undefined, b)
  t.match(await h.runtime.call('m2/guarded' as Ref<TroubleProtocol>, timeoutMs, 'knot'), { error: { code: 'internal', definite: false } })
  await h.runtime.call('m2/guarded' as Ref<TroubleProtocol>, timeoutMs, 'tangle', 'm1/keeps')
  await h.until('both ends of it arrived', () => texts(h, 'm1/keeps').length === 2)
  t.match(await h.runtime.call('m2/guarded' as Ref<TroubleProtocol>, timeoutMs, 'count'), { ok: true }, 'a guarded actor lives')
})

test(
  'a thread is paused whether idle or busy, and is not taken for hung',
  async (t, h) => {
    await h.start(a)
    await h.start(b, 'trouble')
    await h.pause({ thread: b })
    t.match(
      (await h.runtime.status()).find(({ name }) => name === b),
      { paused: true }
    )
    await play(h, a, { do: 'ask', to: b, type: 'count', timeoutMs, tag: 'idle' })
    await h.pass(hungAfterMs + 200)
    t.same(linesOf(h, a, 'outcome'), [])
    await h.resume({ thread: b })
    await h.until('it answers', () => linesOf(h, a, 'outcome').length === 1)
    void h.runtime.call(trouble, timeoutMs, 'hoard', 300)
    const turns = async () => (await h.runtime.status()).find(({ name }) => name === b)?.actors[0]?.turns ?? 0
    const before = await turns()
    await h.until('it is busy', async () => (await turns()) > before)
    await h.pause({ thread: b })
    await h.pass(hungAfterMs + 200)
    await h.resume({ thread: b })
    await h.until('it answers', async () => (await h.runtime.call(trouble, timeoutMs, 'count')).ok)
    t.ok(h.runtime.hasThread(b))
  },
  { hungAfterMs }
)

test('cluster time is scaled and advanced, in small steps, and never runs backwards', async (t, h) => {
  await h.start(a, 'trouble')
  await h.start(b, 'trouble')
  const startMs = h.runtime.clock.nowMs()
  for (const actor of [a, b]) await h.runtime.call(actor as Ref<TroubleProtocol>, timeoutMs, 'tick', 1000)
  await h.runtime.advanceClock(20_000)
  const ticks = (actor: string) => linesOf(h, actor, 'tick').map(line => line.fields.clusterMs as number)
  for (const actor of [a, b]) {
    t.ok(ticks(actor).length >= 10 && ticks(actor).length <= 21, `${ticks(actor).length} ticks`)
    const gaps = ticks(actor).map((atMs, i) => atMs - (ticks(actor)[i - 1] ?? startMs))
    t.ok(
      gaps.every(gapMs => gapMs >= 999 && gapMs < 3000),
      `every step was seen: ${gaps}`
    )
  }
  const advancedMs = h.runtime.clock.nowMs()
  t.ok(advancedMs >= startMs + 20_000)
  await t.rejects(h.runtime.advanceClock(-1), /never runs backwards/)
  h.runtime.clock.set(0, 1)
  t.ok(h.runtime.clock.nowMs() >= advancedMs)
  await h.runtime.setClockScale(60)
  const count = ticks(a).length
  await h.until('six cluster seconds pass in a tenth of one', () => ticks(a).length >= count + 6)
  await t.rejects(h.runtime.setClockScale(61), /at most 60/)
  t.same(
    ticks(a),
    [...ticks(a)].sort((x, y) => x - y)
  )
  await h.pause({ actor: b })
  await h.runtime.advanceClock(2000)
  await h.resume({ actor: b })
  await h.pause({ thread: b })
  await h.runtime.advanceClock(2000)
  await h.resume({ thread: b })
  void h.runtime.call(b as Ref<TroubleProtocol>, timeoutMs, 'hoard', 300)
  await h.pass(50)
  const advancing = h.runtime.advanceClock(2000)
  await h.pass(10)
  await h.pause({ thread: b })
  await advancing
  await h.resume({ thread: b })
  t.pass('a pause does not hold the clock, also not one that comes while it moves')
})

test('a cut loses what is sent, one way; a slow link delays it, in order', async (t, h) => {
  await h.start(a)
  await h.start(b)
  const faults = (changed: Partial<NetworkFaults>) => h.runtime.setFaults({ ...noFaults, ...changed })
  await playThrough(h, a, b)
  await faults({ cut: ['m1>m2'] })
  await play(h, a, { do: 'tell', to: b, text: 'lost' }, { do: 'ask', to: b, type: 'echo', timeoutMs: 50, tag: 'cut' })
  await h.until('it times out', () => linesOf(h, a, 'outcome').some(line => line.fields.tag === 'cut'))
  t.match(linesOf(h, a, 'outcome').at(-1), { fields: { code: 'timeout', definite: false } })
  await play(h, b, { do: 'tell', to: a, text: 'the other way' })
  await h.until('it arrives', () => texts(h, a).length === 1)
  await h.pause({ thread: a })
  await faults({ slowMs: { 'm1>m2': 100 } })
  await h.resume({ thread: a })
  await h.until('a knows', async () => (await h.ask(a, 'echo', 'x')).ok)
  const atMs = performance.now()
  await play(h, a, { do: 'tell', to: b, text: 'n#', times: 40 })
  await faults({})
  await play(h, a, { do: 'tell', to: b, text: 'last' })
  await h.until('all arrived', () => texts(h, b).length === 41)
  t.ok(performance.now() - atMs >= 99, 'late')
  t.same(texts(h, b), [...Array.from({ length: 40 }, (_, i) => `n${i}`), 'last'])
  await h.start('m2/late')
  await faults({ cut: ['m2>m1', 'm1>m2'] })
  await h.start('m2/later')
  t.match(await h.ask('m2/later', 'play', [{ do: 'tell', to: a, text: 'lost' }]), { ok: true }, 'a thread started later knows of the cut')
  await playThrough(h, 'm2/later', 'm2/late', { do: 'tell', to: a, text: 'lost' })
  t.equal(texts(h, a).length, 1)
})

test('nothing runs once it has stopped, in the main thread neither, and who called is told', async (t, h) => {
  const timers = (): number => process.getActiveResourcesInfo().filter(kind => kind === 'Timeout').length
  await h.start(b, 'trouble')
  await h.start(a, 'trouble', undefined, 'root/main')
  const before = timers()
  await h.runtime.call(a as Ref<TroubleProtocol>, timeoutMs, 'pester', b)
  const waiting = h.runtime.call(trouble, timeoutMs, 'hang')
  await h.runtime.stop()
  t.notOk((await waiting).ok)
  t.match(await h.runtime.call(trouble, timeoutMs, 'count'), { ok: false, error: { code: 'unreachable' } }, 'afterwards, too')
  for (let turn = 0; turn < 200; turn++) {
    await new Promise(resolve => setImmediate(resolve))
    if (timers() <= before) continue
    t.fail('something has a timer')
    return
  }
})
