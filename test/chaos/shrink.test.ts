import t from 'tap'
import { type Case, commandOf, type Shrinkage, shrink, type Trial } from '../../lib/chaos/index.js'

const limits = { forMs: 12_000, forMsMin: 500 }
const range = (count: number): number[] => Array.from({ length: count }, (_, at) => at + 1)

/** A system in which the promise is broken when all of these strikes befall it, for so long, with so many. */
interface Bug {
  readonly strikes: readonly number[]
  readonly forMs: number
  readonly clients: number
  readonly operations: number
}

function trialOf({ options }: Case, bug: Bug): Trial {
  const forMs = options.forMs ?? limits.forMs
  const strikes = (options.strikes ?? range(40)).filter(strike => strike * 100 <= forMs)
  const clients = Math.min(options.clients ?? 9, 9)
  const watchers = Math.min(options.watchers ?? 4, 4)
  const operations = Math.min(options.operations ?? 2000, forMs / 6)
  const all = bug.strikes.every(strike => strikes.includes(strike))
  return {
    fails: all && forMs >= bug.forMs && clients >= bug.clients && operations >= bug.operations,
    strikes,
    clients,
    watchers,
    operations
  }
}

function smallest(bug: Bug): Shrinkage & { rounds: number } {
  const start: Case = { workload: 'kv', seed: 7, options: {} }
  const trying = shrink(start, trialOf(start, bug), limits)
  let rounds = 0
  let next = trying.next()
  for (; next.done !== true; rounds++) next = trying.next(next.value.map(one => trialOf(one, bug)))
  return { ...next.value, rounds }
}

t.test('what is not needed is taken away', async t => {
  const bugs: [string, Bug][] = [
    ['no strike', { strikes: [], forMs: 0, clients: 0, operations: 0 }],
    ['one strike', { strikes: [3], forMs: 1000, clients: 2, operations: 10 }],
    ['two far apart', { strikes: [2, 39], forMs: 0, clients: 1, operations: 1 }],
    ['five', { strikes: [1, 5, 9, 17, 33], forMs: 5000, clients: 9, operations: 500 }],
    ['all of it', { strikes: range(40), forMs: 12_000, clients: 9, operations: 2000 }]
  ]
  for (const [name, bug] of bugs) {
    const { case: small, trial, rounds } = smallest(bug)
    t.ok(trial.fails && trialOf(small, bug).fails, `${name}: it still fails`)
    t.same(trial.strikes, bug.strikes, `${name}: these strikes and no other`)
    t.equal(trial.clients, bug.clients, name)
    t.equal(trial.watchers, 0, name)
    t.ok(trial.operations <= Math.max(1, bug.operations), `${name}: ${trial.operations} operations`)
    const least = Math.max(bug.forMs, 500, 100 * Math.max(0, ...bug.strikes))
    t.ok((small.options.forMs ?? limits.forMs) <= least * 1.3, `${name}: ${small.options.forMs} ms, of ${least}`)
    t.ok(rounds < 200, `${name}: ${rounds} rounds`)
  }
})

t.test('what fails only as a whole is left as it is', async t => {
  const start: Case = { workload: 'kv', seed: 7, options: {} }
  const trial = trialOf(start, { strikes: [], forMs: 0, clients: 0, operations: 0 })
  const trying = shrink(start, trial, limits)
  let next = trying.next()
  while (next.done !== true) next = trying.next(next.value.map(() => ({ ...trial, fails: false })))
  t.same(next.value, { case: start, trial })
})

t.test('a case is one line', async t => {
  const rows: [Case, string][] = [
    [{ workload: 'kv', seed: 7, options: {} }, 'kabuki sim --workload kv --seed 7'],
    [
      { workload: 'txn', seed: 0, options: { forMs: 4000, faults: ['crashThread', 'isolate'], strikes: [3, 9, 14], clients: 2 } },
      'kabuki sim --workload txn --seed 0 --for 4s --faults crashThread,isolate --strikes 3,9,14 --clients 2'
    ],
    [
      { workload: 'watch', seed: 1, options: { forMs: 1500, faults: [], strikes: [], watchers: 0, operations: 12 } },
      'kabuki sim --workload watch --seed 1 --for 1500ms --faults none --strikes none --watchers 0 --operations 12'
    ]
  ]
  for (const [one, line] of rows) t.equal(commandOf(one), line)
})
