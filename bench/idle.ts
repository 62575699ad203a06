// idle: what a cluster costs that does nothing: memory, and the share of a core.

import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { withCluster } from './cluster-process.js'
import type { Scenario } from './scenario.js'

const settleMs = 5_000
const settledMs = 60_000 // Until V8 has compiled what an idle cluster runs.
const measureMs = 20_000

export const idle: Scenario = {
  name: 'idle',
  what: `3 stores, 3 nodes, no work: over ${measureMs / 1000} s, ${settleMs / 1000} s and ${settledMs / 1000} s after it was ready`,
  marks: [
    { figure: 'memory', at: 'most', value: 300 },
    { figure: 'processor', at: 'most', value: 5 }
  ],
  run: () =>
    withCluster(['--ephemeral'], async cluster => {
      const readyMs = performance.now()
      const shareAfter = async (afterMs: number): Promise<number> => {
        await sleep(readyMs + afterMs - performance.now())
        const [cpuMs, startMs] = [cluster.cpuMs(), performance.now()]
        await sleep(measureMs)
        return (100 * (cluster.cpuMs() - cpuMs)) / (performance.now() - startMs)
      }
      const first = await shareAfter(settleMs)
      const memory = residentBytes(cluster.pid) / 1e6
      return [
        { name: 'memory', unit: 'MB resident', value: memory },
        { name: 'processor, at first', unit: '% of a core', value: first },
        { name: 'processor', unit: '% of a core', value: await shareAfter(settledMs) }
      ]
    })
}

function residentBytes(pid: number): number {
  const kibibytes = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kibibytes) * 1024
}
