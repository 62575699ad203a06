// store: writes and linearizable reads by message: three members in threads of their own, with real logs, and a loader in a fourth.

import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { Runtime } from '../lib/host/index.js'
import type { Figure, Scenario } from './scenario.js'
import type { Phase, PhaseRate, StoreLoadArgs } from './store-load.js'

const members = ['control-0/store', 'control-1/store', 'control-2/store']
const loader = 'control-0/load'
const phases: readonly Phase[] = [1, 64, 256].flatMap(inFlight => [
  { op: 'put', inFlight, forMs: 2500 } as const,
  { op: 'read', inFlight, forMs: 1500 } as const
])
const timeoutMs = 60_000

export const store: Scenario = {
  name: 'store',
  what: 'three members, real logs; puts of 256 bytes and linearizable reads by message',
  marks: [
    { figure: 'put, 1 in flight', at: 'least', value: 1500 },
    { figure: 'put, 64 in flight', at: 'least', value: 25_000 },
    { figure: 'put, 256 in flight', at: 'least', value: 45_000 }
  ],
  async run() {
    const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), 'kabuki-bench-'))
    const bundle = new URL('../bundle/', import.meta.url)
    const runtime = await Runtime.start({
      dataDir,
      rosterUrl: new URL('./store-load.js', import.meta.url).href,
      workerUrl: actor => new URL(actor === 'store' ? 'thread-store.cjs' : '../lib/host/worker-main.js', bundle).href
    })
    try {
      const rates = await ratesOf(runtime)
      return phases.map((phase, number): Figure => {
        const { perSecond, p50Ms, p99Ms, failed, cpuUs } = rates[number] as MeasuredRate
        return {
          name: `${phase.op}, ${phase.inFlight} in flight`,
          value: perSecond,
          unit: 'per s',
          also: { p50Ms, p99Ms, cpuUs, ...(failed === 0 ? {} : { failed }) }
        }
      })
    } finally {
      await runtime.stop()
      fs.rmSync(dataDir, { recursive: true, force: true })
    }
  }
}

/** With the processor time of the whole process an operation: the figure that a busy machine disturbs least. */
type MeasuredRate = PhaseRate & { readonly cpuUs: number }

async function ratesOf(runtime: Runtime): Promise<MeasuredRate[]> {
  for (const member of members) await runtime.startActor(member, 'store', { clusterId: 'bench', members }, member)
  const args: StoreLoadArgs = { members, phases }
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`the store took longer than ${timeoutMs / 1000} s`)), timeoutMs)
    const rates: MeasuredRate[] = []
    let usage = process.cpuUsage()
    runtime.facts.listen(() => {
      const fact = runtime.facts.of(loader)?.[`phase ${rates.length}`]
      if (typeof fact !== 'string') return
      const { user, system } = process.cpuUsage(usage)
      usage = process.cpuUsage()
      const rate = JSON.parse(fact) as PhaseRate
      rates.push({ ...rate, cpuUs: (user + system) / rate.answered })
      if (rates.length < phases.length) return
      clearTimeout(timer)
      resolve(rates)
    })
    runtime.startActor(loader, 'load', args, loader).catch(reject)
  })
}
