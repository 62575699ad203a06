// The zoo: every bug planted on purpose is caught by the checkers within a stated number of seeds, and the code as it is passes where
// they are looked for. A checker, a workload or a fault that stops working lets an animal out.

import { readFileSync } from 'node:fs'
import t from 'tap'
import type { Animal } from './animal.js'
import { type Habitat, habitats, type runners } from './habitats.js'
import { type Hunt, hunt } from './hunt.js'
import { zoo } from './index.js'
import { bundleRunner, filesOf, mutated } from './mutant.js'
import { lineOf } from './table.js'

const lanes = 2
const controlSeeds = { raft: 100, talk: 20, store: 4, lease: 10, auth: 6, cluster: 1 }
const margin = 5 // Times the seeds that it takes on average.

t.test('what an animal changes is there, once', async t => {
  for (const animal of zoo) {
    for (const file of filesOf(animal)) t.doesNotThrow(() => mutated(readFileSync(file, 'utf8'), file, animal), animal.name)
  }
  const change = { file: 'a', replace: [['old', 'new'] as const] }
  t.throws(() => mutated('another', 'a', change), { message: /has this 0 times/ }, 'one that the code has left behind is noticed')
  t.throws(() => mutated('old, old', 'a', change), { message: /has this 2 times/ })
  t.equal(mutated('an old $&', 'a', { ...change, replace: [['old', '$&']] }), 'an $& $&')
})

t.test('an animal says who it is and how soon it is caught', async t => {
  t.ok(zoo.length >= 20, `${zoo.length} animals`)
  t.equal(new Set(zoo.map(({ name }) => name)).size, zoo.length, 'each has a name of its own')
  for (const { name, modelledOn, caught, seedsMax, caughtBy } of zoo) {
    t.match(modelledOn, /https:\/\//, `${name}: modelled on something published`)
    t.ok(caught.seeds > 0 && seedsMax >= (margin * caught.of) / caught.seeds, `${name}: its bound is ${margin} times what it takes`)
    t.ok(caughtBy.length > 0, `${name}: somebody is expected to notice`)
  }
})

t.test('docs/zoo.md has them all, as they are', async t => {
  const lines = new Set(readFileSync('docs/zoo.md', 'utf8').split('\n'))
  for (const animal of zoo) t.ok(lines.has(lineOf(animal)), `docs/zoo.md needs this line:\n${lineOf(animal)}`)
  const rows = [...lines].filter(line => line.startsWith('| ') && !line.startsWith('| animal') && !line.startsWith('| habitat'))
  t.equal(rows.length, zoo.length + Object.keys(habitats).length, 'and nothing else')
})

t.test('no bug that was planted gets past the checkers', { timeout: 900_000 }, async t => {
  const directory = t.testdir()
  const healthy = new Map<string, Promise<string>>()
  const runnerOf = (runner: keyof typeof runners): Promise<string> => {
    const bundled = healthy.get(runner) ?? bundleRunner(runner, `${directory}/${runner}.mjs`)
    healthy.set(runner, bundled)
    return bundled
  }
  const used = new Set(zoo.map(({ habitat }) => habitat))
  const controls = [...used].map(name => async (): Promise<void> => {
    const habitat: Habitat = habitats[name]
    const seeds = Array.from({ length: controlSeeds[habitat.runner] }, (_, seed) => seed)
    passes(t, name, await hunt(await runnerOf(habitat.runner), habitat, seeds, false))
  })
  const hunts = zoo.map((animal, at) => async (): Promise<void> => {
    const habitat: Habitat = habitats[animal.habitat]
    const module = await bundleRunner(habitat.runner, `${directory}/${at}.mjs`, animal)
    const seeds = Array.from({ length: animal.seedsMax }, (_, seed) => seed)
    isCaught(t, animal, await hunt(module, habitat, seeds, true))
  })
  const before = process.cpuUsage()
  await sideBySide([...controls, ...hunts])
  const { user, system } = process.cpuUsage(before)
  t.comment(`${zoo.length} animals and ${controls.length} controls: ${Math.round((user + system) / 1e6)} s of processor time`)
})

type Test = Pick<typeof t, 'ok' | 'same' | 'comment'>

function passes(t: Test, habitat: string, { seen, runs, crashes }: Hunt): void {
  t.same(crashes, [], `${habitat}: no run of the code as it is throws`)
  t.same(seen, [], `${habitat}: ${runs} runs of the code as it is break no promise`)
}

function isCaught(t: Test, { name, seedsMax, caughtBy }: Animal, { seen, runs, crashes }: Hunt): void {
  t.same(crashes, [], `${name}: no run throws`)
  const [caught] = seen
  t.ok(caught !== undefined, `${name}: caught within ${seedsMax} seeds, after ${runs}`)
  if (caught === undefined || caught.guarantees.some(guarantee => caughtBy.includes(guarantee))) return
  t.comment(`${name}: caught by others than expected: ${caught.guarantees.join('; ')}\n${caught.excerpt}`)
}

async function sideBySide(jobs: readonly (() => Promise<void>)[]): Promise<void> {
  const left = jobs[Symbol.iterator]()
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      for (let next = left.next(); next.done !== true; next = left.next()) await next.value()
    })
  )
}
