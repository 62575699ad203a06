// Majorities against the definition, exhaustively for small groups.

import t from 'tap'
import { majority, reachedByMajority, type Verdict, verdict } from '../../lib/raft/index.js'
import { integerBelow, seededRandom } from '../../lib/std/index.js'

const sizes = [1, 2, 3, 4, 5, 6, 7]

t.test('two majorities always share a member, and a majority survives the loss of any minority', async t => {
  for (const size of sizes) {
    t.ok(2 * majority(size) > size, `two of ${size}`)
    t.ok(2 * (majority(size) - 1) <= size, `no more than needed of ${size}`)
  }
})

t.test('the value a majority reached is the greatest that more than half have', async t => {
  const random = seededRandom(3)
  for (const size of sizes) {
    for (let round = 0; round < 300; round++) {
      const values = Array.from({ length: size }, () => integerBelow(random, 6))
      const reached = (floor: number): boolean => values.filter(value => value >= floor).length * 2 > size
      const naive = Math.max(...values.filter(reached))
      const mine = reachedByMajority([...values])
      if (mine !== naive) t.fail(`${values}: ${mine}, not ${naive}`)
    }
  }
  t.pass('all agree')
})

t.test('an election is decided exactly when no further vote can change it', async t => {
  for (const size of sizes) {
    for (let code = 0; code < 3 ** size; code++) {
      const voters = Array.from({ length: size }, (_, i) => `m${i}`)
      const votes = new Map<string, boolean>([
        ['learner', true],
        ['stranger', false]
      ])
      for (let i = 0, rest = code; i < size; i++, rest = Math.floor(rest / 3)) if (rest % 3 < 2) votes.set(`m${i}`, rest % 3 === 1)
      const granted = voters.filter(voter => votes.get(voter) === true).length
      const open = voters.filter(voter => !votes.has(voter)).length
      const naive: Verdict = granted * 2 > size ? 'won' : (granted + open) * 2 > size ? 'open' : 'lost'
      if (verdict(votes, voters) !== naive) t.fail(`${granted} of ${size}, ${open} open: ${verdict(votes, voters)}, not ${naive}`)
    }
  }
  t.pass('all agree')
})
