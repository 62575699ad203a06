// idle: what a cluster costs that does nothing: memory, and the share of a core.

import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { withCluster } from './cluster-process.js'
import type { Scenario } from './scenario.js'

const settleMs = 5_000
const measureMs = 20_000

export const idle: Scenario = {
  name: 'idle',
  what: `3 stores, 3 nodes, no work: over ${measureMs / 1000} s, ${settleMs / 1000} s after it was ready`,
  marks: [
    { figure: 'memory', at: 'most', value: 300 },
    { figure: 'processor', at: 'most', value: 5 }
  ],
  run: () =>
    withCluster(['--ephemeral'], async cluster => {
      await sleep(settleMs)
      const cpuMs = cluster.cpuMs()
      const startMs = performance.now()
      await sleep(measureMs)
      const share = (cluster.cpuMs() - cpuMs) / (performance.now() - startMs)
      return [
        { name: 'memory', unit: 'MB resident', value: residentBytes(cluster.pid) / 1e6 },
        { name: 'processor', unit: '% of a core', value: share * 100 }
      ]
    })
}

function residentBytes(pid: number): number {
  const kibibytes = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kibibytes) * 1024
}
