// Registers, against a checker that is slow and obvious: it tries every order. And bounds, and what shrinks to what.

import t from 'tap'
import { checkRegisters, type RegisterOperation, searchRegister, shrinkRegisters } from '../../lib/check/index.js'
import { integerBelow, type Random, seededRandom } from '../../lib/std/index.js'

/** Tries every order that respects real time. */
function isLinearizable(operations: readonly RegisterOperation[]): boolean {
  const all = operations.filter(({ outcome, kind }) => outcome !== 'failed' && !(outcome === 'unknown' && kind === 'read'))
  const go = (left: readonly RegisterOperation[], state: string | null): boolean => {
    if (left.every(({ outcome }) => outcome === 'unknown')) return true
    const firstReturn = Math.min(...left.map(({ returnedUs }) => returnedUs))
    return left.some(next => {
      if (next.invokedUs > firstReturn) return false
      const rest = left.filter(other => other !== next)
      if (next.kind === 'read') return state === next.value && go(rest, state)
      if (next.kind === 'write') return go(rest, next.value)
      if (next.outcome === 'differed') return state !== next.expected && go(rest, state)
      return state === next.expected && go(rest, next.value)
    })
  }
  return go(all, null)
}

/** A few processes beside each other, and answers that are mostly what a register would have given. */
function randomOperations(random: Random, count: number, truth: number): RegisterOperation[] {
  let state: string | null = null
  const value = (): string => String(integerBelow(random, 3))
  return Array.from({ length: count }, (_, at) => {
    const point = at * 10
    const invokedUs = Math.max(0, point - integerBelow(random, 40))
    const kind = (['read', 'read', 'write', 'cas'] as const)[integerBelow(random, 4)] as RegisterOperation['kind']
    const isLost = kind !== 'read' && random() < 0.2
    const returnedUs = isLost ? Number.POSITIVE_INFINITY : point + 1 + integerBelow(random, 40)
    const expected = kind === 'cas' ? value() : null
    const happens = !isLost || random() < 0.5
    const swaps = kind === 'cas' && state === expected
    const wanted = value()
    const read = random() < truth ? state : value()
    if (happens && (kind === 'write' || swaps)) state = wanted
    const outcome = isLost ? 'unknown' : kind === 'cas' && !swaps ? (random() < 0.5 ? 'differed' : 'failed') : 'ok'
    return { client: `p${at}`, key: 'x', invokedUs, returnedUs, kind, value: kind === 'read' ? read : wanted, expected, outcome }
  })
}

t.test('the search and the slow one agree, on right histories and on wrong ones', async t => {
  const found = { passed: 0, violated: 0 }
  const disagreeing: number[] = []
  for (let seed = 0; seed < 3000; seed++) {
    const random = seededRandom(seed)
    const operations = randomOperations(random, 4 + integerBelow(random, 6), random() < 0.5 ? 1 : 0.7)
    const { verdict } = searchRegister(operations, null)
    const right = isLinearizable(operations) ? 'passed' : 'violated'
    found[right]++
    if (verdict !== right) disagreeing.push(seed)
  }
  t.same(disagreeing, [], 'seeds that disagree')
  t.ok(found.passed > 300 && found.violated > 300, JSON.stringify(found))
})

t.test('what is left of a wrong history is wrong by itself, and nothing of it can go', async t => {
  let shrunk = 0
  for (let seed = 0; seed < 400; seed++) {
    const operations = randomOperations(seededRandom(seed), 10, 0.7)
    const history = { kind: 'register', initial: null, operations } as const
    if (isLinearizable(operations)) continue
    const smallest = shrinkRegisters(history)
    t.notOk(isLinearizable(smallest.operations), `seed ${seed}`)
    if (smallest.operations.length < operations.length) shrunk++
  }
  t.ok(shrunk > 50, `${shrunk} became smaller`)
})

t.test('a long history of one register is decided, and a hard one is given up', async t => {
  const long = randomOperations(seededRandom(7), 20_000, 1).map(operation => ({ ...operation, outcome: operation.outcome }))
  t.equal(searchRegister(long, null).verdict, 'passed')
  // Writes of one value each beside each other, and reads that need them in an order nobody can guess, but for the last.
  const side = { client: 'p', key: 'x', expected: null, outcome: 'ok' } as const
  const hard: RegisterOperation[] = []
  for (let at = 0; at < 24; at++) {
    hard.push({ ...side, kind: 'write', value: `${at}`, invokedUs: at, returnedUs: 1000 + at })
    hard.push({ ...side, kind: 'cas', expected: `${at}`, value: `${(at * 7 + 5) % 24}`, invokedUs: at, returnedUs: 1000 + at })
  }
  hard.push({ ...side, kind: 'read', value: 'never', invokedUs: 2000, returnedUs: 2001 })
  const { violations, unknown } = checkRegisters({ kind: 'register', initial: null, operations: hard }, 20_000)
  t.same(violations, [])
  t.match(unknown, /gave up after 20000 steps/)
})
