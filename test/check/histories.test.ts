// Known histories, good and bad: each file says in its header what it models and what a check must come to.

import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import {
  apiGuarantees,
  checkHistory,
  type Decoded,
  decodeHistory,
  encodeApiHistory,
  encodeAuthHistory,
  encodeHistory,
  encodeLeaseHistory,
  encodeRegisterHistory,
  guarantees,
  shrinkAuth,
  shrinkHistory,
  shrinkLeases,
  shrinkRegisters,
  storeQuestion,
  violationPage
} from '../../lib/check/index.js'

// From the sources: data is not compiled.
const folder = new URL('../../../test/check/histories/', import.meta.url)

function decoded(lines: Iterable<string>): Decoded {
  const history = decodeHistory(lines)
  if (typeof history === 'string') throw new Error(history)
  return history
}

function linesOf({ kind, history, header }: Decoded): string[] {
  if (kind === 'api') return [...encodeApiHistory(history, header)]
  if (kind === 'lease') return [...encodeLeaseHistory(history, header)]
  if (kind === 'auth') return [...encodeAuthHistory(history, header)]
  return [...(kind === 'store' ? encodeHistory(history, header) : encodeRegisterHistory(history, header))]
}

function smallestOf(known: Exclude<Decoded, { kind: 'api' }>, first: { guarantee: string; excerpt: string }): Decoded {
  if (known.kind === 'lease') return { ...known, history: shrinkLeases(known.history, first) }
  if (known.kind === 'auth') return { ...known, history: shrinkAuth(known.history, first) }
  if (known.kind === 'register') return { ...known, history: shrinkRegisters(known.history) }
  return { ...known, history: shrinkHistory(storeQuestion(known.history, known.header), first) }
}

for (const name of readdirSync(folder).sort()) {
  t.test(name, async t => {
    const known = decoded(readFileSync(new URL(name, folder), 'utf8').split('\n'))
    const { expect } = known.header
    const { verdict, violations, unknown } = checkHistory(known)
    t.equal(verdict, expect?.verdict)
    t.equal(unknown !== undefined, verdict === 'unknown')
    const guarantee =
      expect?.guarantee === undefined
        ? undefined
        : { ...guarantees, ...(known.kind === 'api' ? apiGuarantees : {}) }[expect.guarantee as keyof typeof guarantees]
    t.equal(violations[0]?.guarantee, guarantee)
    const copy = decoded(linesOf(known))
    t.same(copy.history, known.history, 'the same from its own lines')
    if (unknown === undefined) t.same(checkHistory(copy), { verdict, violations, unknown }) // The other took its whole bound once.
    const [first] = violations
    if (first === undefined) return
    t.match(violationPage({ title: name, violations, history: known.history }), / marked/, 'the page marks what is named')
    if (known.kind === 'api') return
    const smallest = smallestOf(known, first)
    const again = checkHistory(decoded(linesOf(smallest)))
    t.ok(
      again.violations.some(violation => violation.guarantee === guarantee),
      'the smallest history breaks the same promise'
    )
    t.ok(smallest.history.operations.length <= known.history.operations.length)
  })
}

t.test('there are enough of them, and all kinds', async t => {
  const all = readdirSync(folder).map(name => decoded(readFileSync(new URL(name, folder), 'utf8').split('\n')))
  const heads = all.map(({ header }) => header)
  t.ok(heads.length >= 20)
  t.same([...new Set(heads.map(({ expect }) => expect?.verdict))].sort(), ['passed', 'unknown', 'violated'])
  const of = (kind: string): Set<string | undefined> =>
    new Set(all.filter(one => one.kind === kind).map(({ header }) => header.expect?.guarantee))
  t.same(
    Object.keys(guarantees).filter(name => name.startsWith('watch') && name !== 'watchTrue' && !of('store').has(name)),
    [],
    'a bad history for each promise of watches'
  )
  t.same(
    Object.keys(guarantees).filter(name => name.startsWith('lease') && !of('lease').has(name)),
    [],
    'for each of leases'
  )
  t.same(
    Object.keys(guarantees).filter(name => name.startsWith('auth') && name !== 'authTokenEverywhere' && !of('auth').has(name)),
    [],
    'for each of users and roles'
  )
  t.same(
    Object.keys(apiGuarantees).filter(name => !of('api').has(name)),
    [],
    'and for each of the API'
  )
})
