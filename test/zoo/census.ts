// Census: how often an animal is caught, over as many seeds as wanted: what `caught`, `seedsMax` and `caughtBy` of an animal rest on.
//
// node dist/test/zoo/census.js [seeds, default 40] [part of a name or habitat] [habitat to look in instead]

import { mkdtempSync, rmSync } from 'node:fs'
import type { Animal } from './animal.js'
import { type HabitatName, habitats } from './habitats.js'
import { hunt } from './hunt.js'
import { zoo } from './index.js'
import { bundleRunner } from './mutant.js'

const [count = '40', part = '', elsewhere] = process.argv.slice(2)
const directory = mkdtempSync(new URL('../../zoo-', import.meta.url).pathname)

async function counted(animal: Animal): Promise<void> {
  const habitat = habitats[(elsewhere ?? animal.habitat) as HabitatName]
  const module = await bundleRunner(habitat.runner, `${directory}/${zoo.indexOf(animal)}.mjs`, animal)
  const seeds = Array.from({ length: Number(count) }, (_, seed) => seed)
  const before = process.cpuUsage()
  const { seen, runs, crashes } = await hunt(module, habitat, seeds, false)
  const { user, system } = process.cpuUsage(before)
  const by = new Map<string, number>()
  for (const { guarantees } of seen) for (const guarantee of guarantees) by.set(guarantee, (by.get(guarantee) ?? 0) + 1)
  console.log(
    `${animal.name} (${elsewhere ?? animal.habitat}): ${seen.length} of ${runs}, first ${seen[0]?.seed}, ${((user + system) / 1e6 / runs).toFixed(2)} s each`
  )
  for (const [guarantee, times] of [...by].sort(([, a], [, b]) => b - a)) console.log(`  ${times} ${guarantee}`)
  for (const { seed, error } of crashes.slice(0, 2)) console.log(`  seed ${seed} crashed: ${error}`)
}

try {
  for (const animal of zoo) if (animal.name.includes(part) || animal.habitat === part) await counted(animal)
} finally {
  rmSync(directory, { recursive: true })
}
