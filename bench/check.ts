// check: how much processor time the verdict on a large history takes, on one core: what clients of a store saw, with lost answers.

import { checkStore, type StoreQuestion, sampleHistory, shrinkHistory } from '../lib/check/index.js'
import { median } from './measure.js'
import type { Figure, Scenario } from './scenario.js'

const rounds = 3
const shape = { operations: 100_000, clients: 50, keys: 1000, lostShare: 0.01 }

export const check: Scenario = {
  name: 'check',
  what: '100,000 operations of 50 clients over 1,000 keys, of which one in a hundred lost its answer',
  marks: [
    { figure: 'verdict, nobody watched', at: 'most', value: 10 },
    { figure: 'verdict, three watched it all', at: 'most', value: 10 }
  ],
  async run() {
    const figures: Figure[] = []
    for (const [name, watches] of [['verdict, nobody watched', 0] as const, ['verdict, three watched it all', 3] as const]) {
      const seconds: number[] = []
      let doubtsResolved = 0
      for (let round = 0; round < rounds; round++) {
        const question = questionOf(round + 1, watches)
        const took = secondsOf(() => checkStore(question))
        if (took.value.violations.length > 0 || took.value.unknown !== undefined) throw new Error(`seed ${round + 1} did not pass`)
        doubtsResolved = took.value.doubtsResolved
        seconds.push(took.seconds)
      }
      figures.push({ name, unit: 's of processor', value: median(seconds), also: { doubtsResolved } })
    }
    figures.push({ name: 'smallest history of a stale read', unit: 's of processor', value: shrinkSeconds() })
    return figures
  }
}

const questionOf = (seed: number, watches: number): StoreQuestion => ({
  history: sampleHistory({ ...shape, seed, watches }),
  isWhole: () => true,
  compactedMax: 0,
  isQuiet: true
})

/** The last read is answered from long before. */
function shrinkSeconds(): number {
  const question = questionOf(1, 1)
  const last = question.history.operations.findLast(({ kind, outcome }) => kind === 'revision' && outcome?.ok === true)
  if (last?.kind !== 'revision') throw new Error('nobody asked for the revision')
  last.outcome = { ok: true, value: { revision: 2 } }
  const [violation] = checkStore(question).violations
  if (violation === undefined) throw new Error('a stale read was not found')
  const { value, seconds } = secondsOf(() => shrinkHistory(question, violation))
  if (value.operations.length + value.watches.length !== 2)
    throw new Error(`the smallest history has ${value.operations.length} operations`)
  return seconds
}

function secondsOf<V>(work: () => V): { value: V; seconds: number } {
  const { user, system } = process.cpuUsage()
  const value = work()
  const used = process.cpuUsage({ user, system })
  return { value, seconds: (used.user + used.system) / 1e6 }
}
