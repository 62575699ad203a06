import t from 'tap'
import type { Ref } from '../../lib/actor/index.js'
import { Nemesis, type Strike, StrikeLog, World } from '../../lib/sim/index.js'
import { type LedgerProtocol, ledger } from './ledger.js'

const machines = ['m1', 'm2', 'm3']

function raged(
  seed: number,
  only?: readonly number[],
  behind: readonly string[] = []
): { world: World; nemesis: Nemesis; left: readonly string[] } {
  const world = new World({ seed })
  for (const machine of machines) world.start(`${machine}/ledger`, ledger)
  const nemesis = new Nemesis(world, {
    seed,
    everyMs: 200,
    lastsMsMax: 2000,
    machines: () => machines,
    kindsMin: 4,
    log: new StrikeLog(only)
  })
  nemesis.rage(10_000)
  const left = nemesis.heal(behind)
  return { world, nemesis, left }
}

const answers = (world: World, machine: string): boolean => world.client.call(`${machine}/ledger` as Ref<LedgerProtocol>, 2000, 'read').ok

/** When, what and for how long; targets may differ where one is gone that was there. */
const outside = ({ number, atMs, kind, lastsMs }: Strike): unknown => ({ number, atMs, kind, lastsMs })

t.test('leaving out strikes changes no other, and a choice of all is the whole run', async t => {
  for (let seed = 0; seed < 10; seed++) {
    const whole = raged(seed)
    const strikes = whole.nemesis.log.inflicted
    t.ok(strikes.length > 2, `seed ${seed}: ${strikes.length} strikes`)
    const numbers = strikes.map(({ number }) => number)
    t.equal(raged(seed, numbers).world.trace.hash, whole.world.trace.hash, 'all of them')
    const every = numbers.filter((_, at) => at % 3 === 0)
    const some = raged(seed, every).nemesis.log.inflicted
    t.same(some.map(outside), strikes.filter(({ number }) => some.some(other => other.number === number)).map(outside))
    t.ok(some.every(({ number }) => every.includes(number)))
    t.same(raged(seed, []).nemesis.log.inflicted, [])
  }
})

t.test('who is left behind stays away, and the others run again; then all do', async t => {
  const kinds = new Set<string>()
  for (let seed = 0; seed < 12; seed++) {
    const { world, nemesis, left } = raged(seed, undefined, ['m2'])
    t.same(left, ['m2'])
    const kind = nemesis.log.inflicted.at(-1)?.faults[0]?.fault ?? ''
    kinds.add(kind)
    world.run(world.nowMs + 2000)
    if (kind !== 'cut') t.notOk(answers(world, 'm2'), `seed ${seed}: ${kind}`)
    t.ok(answers(world, 'm1') && answers(world, 'm3'), `seed ${seed}: the others answer`)
    nemesis.heal()
    world.run(world.nowMs + 2000)
    t.ok(
      machines.every(machine => answers(world, machine)),
      `seed ${seed}: all answer`
    )
  }
  t.same([...kinds].sort(), ['crashMachine', 'cut', 'pauseMachine'], 'dead, cut off or paused')
})

t.test('a minority that is left out of the strikes is not left behind', async t => {
  const { left, world } = raged(3, [], ['m2'])
  t.same(left, [])
  world.run(world.nowMs + 2000)
  t.ok(answers(world, 'm2'))
})
