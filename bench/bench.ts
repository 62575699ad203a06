// bench: runs the scenarios one after the other, prints each figure beside its mark, and keeps them in bench/RESULTS.md.
//
// npm run bench -- [store api | --only store,api] [--long] [--no-append]

import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { report } from './report.js'
import { resultOf, type Scenario } from './scenario.js'

const scenarios: Readonly<Record<string, () => Promise<Scenario>>> = {
  start: async () => (await import('./start.js')).start,
  rollout: async () => (await import('./rollout.js')).rollout,
  idle: async () => (await import('./idle.js')).idle,
  simulator: async () => (await import('./simulator.js')).simulator,
  check: async () => (await import('./check.js')).check,
  store: async () => (await import('./store.js')).store,
  'store-size': async () => (await import('./store-size.js')).storeSize,
  api: async () => (await import('./api.js')).api,
  failover: async () => (await import('./failover.js')).failover,
  elections: async () => (await import('./elections.js')).elections
}
/** Reports by itself, beside a peer of its own. */
const wire = fileURLToPath(new URL('./wire.js', import.meta.url))

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { only: { type: 'string' }, long: { type: 'boolean', default: false }, 'no-append': { type: 'boolean', default: false } }
})
const append = values['no-append'] !== true
const named = [...positionals, ...(values.only?.split(',') ?? [])]
const wanted = named.length > 0 ? named : ['wire', ...Object.keys(scenarios)]
const unknown = wanted.filter(name => name !== 'wire' && scenarios[name] === undefined)
if (unknown.length > 0) throw new Error(`no scenario is called ${unknown.join(', ')}; there are wire, ${Object.keys(scenarios).join(', ')}`)

let failed = 0
for (const name of wanted) {
  if (name === 'wire') {
    if (existsSync(wire)) spawnSync(process.execPath, [wire, ...(append ? ['--append'] : [])], { stdio: 'inherit' })
    continue
  }
  const scenario = await (scenarios[name] as () => Promise<Scenario>)()
  console.log(`\n${scenario.name}: ${scenario.what}`)
  try {
    const figures = await scenario.run({ long: values.long === true })
    report(
      scenario.name,
      figures.map(figure => resultOf(scenario, figure)),
      append
    )
  } catch (error) {
    failed++
    console.error(`${scenario.name} was not measured:`, error)
  }
}
process.exit(failed === 0 ? 0 : 1)
