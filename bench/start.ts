// start: how long `kabuki up` takes from the start of the process until the API serves and every node is Ready.

import { ClusterProcess } from './cluster-process.js'
import { median, quantile } from './measure.js'
import type { Scenario } from './scenario.js'

const starts = 10

export const start: Scenario = {
  name: 'start',
  what: 'kabuki up --ephemeral: 3 stores, 1 apiserver, scheduler, controllers, 3 nodes Ready',
  marks: [{ figure: 'start to ready', at: 'most', value: 1000 }],
  async run() {
    const readyMs: number[] = []
    const cpuMs: number[] = []
    for (let each = 0; each < starts; each++) {
      const cluster = await ClusterProcess.start('--ephemeral')
      readyMs.push(cluster.readyMs)
      cpuMs.push(cluster.cpuMs())
      await cluster.stop()
    }
    const also = { leastMs: Math.min(...readyMs), mostMs: Math.max(...readyMs) }
    return [
      { name: 'start to ready', unit: 'ms', value: median(readyMs), also },
      { name: 'processor time of a start', unit: 'ms', value: quantile(cpuMs, 0.5) }
    ]
  }
}
