import t from 'tap'
import { ask, type Flow, type Ref, sleep } from '../../lib/actor/index.js'
import { detectionUs, heal, inflict, Nemesis, Volume, World } from '../../lib/sim/index.js'
import { cast, type PuppetRef } from '../actor/cast.js'
import { type LedgerProtocol, ledger } from './ledger.js'

const seeds = Array.from({ length: 20 }, (_, seed) => seed)
const ledgers = ['m1/ledger', 'm2/ledger', 'm3/ledger'] as Ref<LedgerProtocol>[]
const puppet = cast.puppet as NonNullable<(typeof cast)[string]>

interface Told {
  readonly to: Ref<LedgerProtocol>
  readonly number: number
}

/** Three ledgers, a writer each on another machine, and everything that can happen to them. */
function battle(seed: number): { world: World; nemesis: Nemesis; told: Told[]; refused: Told[]; tried: number } {
  const world = new World({ seed })
  for (const address of ledgers) world.start(address, ledger)
  const told: Told[] = []
  const refused: Told[] = []
  let tried = 0
  ledgers.forEach((_, i) => {
    const client = world.newClient(`m${i + 1}/writer`)
    const to = ledgers[(i + 1) % ledgers.length] as Ref<LedgerProtocol>
    client.run(function* (): Flow<void> {
      for (;;) {
        const number = ++tried
        const answer = yield* ask(to, 500, 'add', number)
        if (answer.ok) told.push({ to, number })
        else if (answer.error.definite) refused.push({ to, number })
        yield* sleep('real', 5)
      }
    })
  })
  const nemesis = new Nemesis(world, { seed: seed + 1000, everyMs: 300, lastsMsMax: 2000, actors: address => address.endsWith('/ledger') })
  nemesis.run(10_000, 3000)
  return { world, nemesis, told, refused, tried }
}

t.test('the same seed gives the same run', async t => {
  const hashes = new Set<string>()
  for (const seed of seeds) {
    const first = battle(seed).world
    const second = battle(seed).world
    t.equal(first.trace.hash, second.trace.hash, `seed ${seed}`)
    t.equal(first.timeline.happened, second.timeline.happened)
    hashes.add(first.trace.hash)
  }
  t.equal(hashes.size, seeds.length, 'and another seed another')
})

t.test('whatever happens, what was acknowledged is kept, what was refused is not, and all run again', async t => {
  let acknowledged = 0
  let torn = 0
  const faults = new Set<string>()
  for (const seed of seeds) {
    const { world, nemesis, told, refused } = battle(seed)
    t.ok(nemesis.log.inflicted.length > 0, 'something happened')
    for (const [event] of world.trace.counts()) faults.add(event)
    const [before, not] = [[...told], [...refused]] // Writers go on while we read.
    for (const address of ledgers) {
      const read = world.client.call(address, 5000, 'read')
      if (!read.ok) {
        t.fail(`${address} of seed ${seed} does not answer: ${read.error.detail}`)
        continue
      }
      const kept = new Set(read.value)
      const of = (list: Told[]): number[] => list.filter(({ to }) => to === address).map(({ number }) => number)
      t.same(
        of(before).filter(number => !kept.has(number)),
        [],
        `seed ${seed} ${address}: lost`
      )
      t.same(
        of(not).filter(number => kept.has(number)),
        [],
        `seed ${seed} ${address}: refused and yet kept`
      )
      acknowledged += of(before).length
    }
    torn += world.count('recovered')
  }
  t.ok(acknowledged > 1000, `${acknowledged} were acknowledged`)
  t.ok(torn > 100, `${torn} recoveries`)
  for (const fault of [
    'crashActor',
    'crashThread',
    'crashMachine',
    'pauseThread',
    'cut',
    'lose',
    'reorder',
    'drift',
    'jump',
    'slowDisk',
    'fullDisk',
    'failDisk'
  ])
    t.ok(faults.has(fault), `${fault} was among the faults`)
})

t.test('clocks differ between machines, never run back, and timers keep to them', async t => {
  const world = new World({ seed: 5 })
  world.start('m1/a', puppet)
  world.start('m2/a', puppet)
  world.run(100)
  const { real, wall } = world.machine('m1')
  t.not(real.at(0), world.machine('m2').real.at(0))
  let shown = { real: 0, wall: 0 }
  for (let step = 0; step < 200; step++) {
    world.run(world.nowMs + 7)
    if (step % 10 === 0) inflict(world, { fault: 'drift', machine: 'm1', rate: step % 20 === 0 ? 0.5 : 2 })
    if (step % 10 === 3) inflict(world, { fault: 'jump', machine: 'm1', byMs: 5 })
    if (step % 10 === 5) inflict(world, { fault: 'skew', machine: 'm1', byMs: step % 20 === 5 ? 500 : -500 })
    if (step === 100) world.scaleCluster(60)
    const now = { real: real.at(world.timeline.nowUs), wall: wall.at(world.timeline.nowUs) }
    if (now.real < shown.real || now.wall < shown.wall) t.fail(`step ${step}: ${JSON.stringify({ now, shown })}`)
    shown = now
  }
  const fired: number[] = []
  world.onLog(({ event, atUs }) => void (event === 'fired' && fired.push(atUs)))
  heal(world)
  world.scaleCluster(1)
  inflict(world, { fault: 'drift', machine: 'm1', rate: 2 })
  const startUs = world.timeline.nowUs
  world.client.call('m1/a' as PuppetRef, 1000, 'play', [{ do: 'timer', name: 'a', clock: 'real', delayMs: 1000 }])
  world.client.call('m2/a' as PuppetRef, 1000, 'play', [{ do: 'timer', name: 'a', clock: 'real', delayMs: 1000 }])
  world.run(world.nowMs + 2000)
  t.same(
    fired.map(us => Math.round((us - startUs) / 100_000)),
    [5, 10],
    'twice as fast, half as long'
  )
})

t.test('a death behind a cut is told when the cut heals, or after its detection', async t => {
  for (const heals of [true, false]) {
    const world = new World({ seed: 3 })
    world.start('m1/a', puppet)
    world.start('m2/b', puppet)
    const down: number[] = []
    world.onLog(({ event, atUs }) => void (event === 'down' && down.push(atUs)))
    world.client.call('m1/a' as PuppetRef, 1000, 'play', [{ do: 'monitor', actor: 'm2/b' }])
    world.run(world.nowMs + 100)
    inflict(world, { fault: 'cut', from: 'm2', to: 'm1' })
    inflict(world, { fault: 'crashMachine', machine: 'm2', power: true })
    const diedUs = world.timeline.nowUs
    world.run(world.nowMs + 5000)
    t.same(down, [], 'nobody can know')
    if (heals) heal(world)
    world.run(world.nowMs + 20_000)
    t.equal(down.length, 1)
    const afterUs = (down[0] as number) - diedUs
    if (heals) t.ok(afterUs > 5_000_000 && afterUs < 5_100_000, `${afterUs} µs`)
    else t.ok(afterUs >= detectionUs && afterUs < detectionUs + 100_000, `${afterUs} µs`)
  }
})

t.test('a cut is one way, loses messages, and leaves supervision waiting', async t => {
  const world = new World({ seed: 4 })
  world.start('m1/a', puppet)
  world.start('m2/b', puppet)
  world.run(100)
  inflict(world, { fault: 'cut', from: 'm1', to: 'm2' })
  const notes: unknown[] = []
  world.onLog(({ event, fields }) => void (event === 'note' && notes.push(fields.text)))
  const play = (who: string, to: string): unknown =>
    world.client.call(who as PuppetRef, 1000, 'play', [{ do: 'tell', to, text: `${who} to ${to}` }])
  play('m1/a', 'm2/b')
  play('m2/b', 'm1/a')
  world.client.call('m1/a' as PuppetRef, 1000, 'play', [{ do: 'stopActor', actor: 'm2/b', reason: 'x' }])
  world.run(world.nowMs + 1000)
  t.same(notes, ['m2/b to m1/a'])
  t.ok(world.lives('m2/b'), 'the stop has not arrived')
  inflict(world, { fault: 'heal', from: 'm1', to: 'm2' })
  world.run(world.nowMs + 1000)
  t.notOk(world.lives('m2/b'), 'now it has')
  t.equal(world.count('network: cut off'), 1)
  t.throws(() => inflict(world, { fault: 'crashMachine', machine: 'root', power: false }), /exempt/)
})

t.test('loss, duplication and reordering are what they are called', async t => {
  const count = 2000
  for (const fault of ['lose', 'duplicate', 'reorder'] as const) {
    const world = new World({ seed: 6 })
    world.start('m1/a', puppet)
    world.start('m2/b', puppet)
    world.run(100)
    inflict(world, { fault, from: '*', to: '*', share: 0.1 })
    const notes: number[] = []
    world.onLog(({ event, fields }) => void (event === 'note' && notes.push(Number(fields.text))))
    for (let i = 0; i < count; i += 100) {
      const acts = Array.from({ length: 100 }, (_, n) => ({ do: 'tell', to: 'm2/b', text: String(i + n) }) as const)
      world.client.call('m1/a' as PuppetRef, 1000, 'play', acts)
    }
    world.run(world.nowMs + 1000)
    const distinct = new Set(notes).size
    const inOrder = notes.every((n, i) => i === 0 || n >= (notes[i - 1] as number))
    const between = (n: number, low: number, high: number): boolean => n > low * count && n < high * count
    if (fault === 'lose') t.ok(between(distinct, 0.85, 0.95) && notes.length === distinct && inOrder)
    if (fault === 'duplicate') t.ok(distinct === count && between(notes.length, 1.05, 1.15))
    if (fault === 'reorder') t.ok(distinct === count && notes.length === count && !inOrder)
  }
})

t.test('a power loss keeps what was synced, and any part of what was not', async t => {
  const kinds = new Set<string>()
  for (const seed of Array.from({ length: 200 }, (_, i) => i)) {
    let state = seed
    const random = (): number => {
      state = (state * 1103515245 + 12345) % 2147483648
      return state / 2147483648
    }
    const volume = new Volume(random, () => {})
    volume.append(new Uint8Array(700).fill(1), 0)()
    const durable = volume.append(new Uint8Array(3000).fill(2), 0)
    volume.crash(true, seed % 4 === 0)
    if (durable()) t.fail('a save was acknowledged after the crash')
    const bytes = volume.segment(1) ?? new Uint8Array()
    if (!bytes.subarray(0, 700).every(byte => byte === 1)) t.fail(`seed ${seed} lost what was synced`)
    const rest = [...bytes.subarray(700)]
    const last = rest.lastIndexOf(2)
    if (last < 0) kinds.add('nothing')
    else if (last === 2999 && !rest.slice(0, 3000).includes(0)) kinds.add('all')
    else kinds.add(rest.slice(0, last).includes(0) ? 'holes' : 'prefix')
  }
  t.same(
    [...kinds].sort().filter(kind => kind !== 'all'),
    ['holes', 'nothing', 'prefix']
  )
})

t.test('what was sent is frozen, bytes are copied', async t => {
  const world = new World({ seed: 8 })
  const sent = { list: [1], bytes: new Uint8Array([1]) }
  let got: typeof sent | undefined
  world.start('m1/a', {
    name: 'a',
    init: () => null,
    on: {
      take(_ctx: unknown, _state: unknown, body: typeof sent) {
        got = body
      }
    }
  })
  world.client.tell('m1/a' as Ref<{ take(body: typeof sent): void }>, 'take', sent)
  world.run(100)
  t.same(got, sent)
  t.throws(() => sent.list.push(2))
  t.throws(() => got?.list.push(2))
  sent.bytes[0] = 9
  t.equal(got?.bytes[0], 1)
})

t.test('where the wire is given, what is sent is frozen in a share of the seeds, those with copies among them', async t => {
  const wireCopy = (body: unknown): unknown => body
  const freezing = Array.from({ length: 300 }, (_, seed) => new World({ seed, handover: { wireCopy } }).freezes).filter(Boolean).length
  t.ok(freezing > 45 && freezing < 150, `${freezing} of 300`)
  for (const freezeShare of [0, 1]) {
    const world = new World({ seed: 8, handover: { wireCopy, wireCopyShare: 0, freezeShare } })
    const sent = { list: [1] }
    world.start('m1/a', { name: 'a', init: () => null, on: { take: () => undefined } })
    world.client.tell('m1/a' as Ref<{ take(body: typeof sent): void }>, 'take', sent)
    world.run(100)
    t.equal(Object.isFrozen(sent.list), freezeShare === 1)
  }
})

t.test('a spawn on a machine that is down, and a thread killed before it began, are told to the parent', async t => {
  const world = new World({ seed: 10, startUsMin: 20_000 })
  world.start('root/parent', puppet)
  const told: unknown[] = []
  world.onLog(({ event, fields }) => void (event === 'down' && told.push(fields)))
  const parent = 'root/parent' as PuppetRef
  const spawn = (): unknown => world.client.call(parent, 1000, 'play', [{ do: 'spawn', name: 'm1/x', actor: 'puppet', thread: 'm1/x' }])
  const ran = (): number => world.count('started')
  spawn()
  inflict(world, { fault: 'crashThread', thread: 'm1/x' })
  world.run(world.nowMs + 100)
  t.match(told, [{ actor: 'm1/x', reason: 'killed' }])
  inflict(world, { fault: 'crashMachine', machine: 'm1', power: true })
  spawn()
  world.run(world.nowMs + 100)
  t.match(told[1], { actor: 'm1/x', reason: 'machine down' })
  t.equal(ran(), 1, 'only the parent')
  inflict(world, { fault: 'restartMachine', machine: 'm1' })
  spawn()
  world.run(world.nowMs + 100)
  t.equal(ran(), 2)
  t.ok(world.lives('m1/x'))
  world.client.call(parent, 1000, 'play', [{ do: 'spawn', name: 'm1/y', actor: 'puppet', thread: 'm2/y' }])
  world.run(world.nowMs + 100)
  t.match(told[2], { actor: 'm1/y', reason: /not a thread of its machine/ })
})

t.test('two actors that keep each other busy do not stop time', async t => {
  const world = new World({ seed: 9 })
  const busy = {
    name: 'busy',
    init: () => null,
    on: { ping: (ctx: { tell: (...x: string[]) => void; from: string }) => ctx.tell(ctx.from, 'ping') }
  }
  world.start('m1/a', { ...busy, settled: (ctx: { tell: (...x: string[]) => void }) => ctx.tell('m1/b', 'ping') }, undefined, 'm1/t')
  world.start('m1/b', busy, undefined, 'm1/t')
  world.start('m2/c', puppet)
  world.run(50)
  t.match(world.client.call('m2/c' as PuppetRef, 1000, 'echo', 'x'), { ok: true })
})
