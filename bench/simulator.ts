// simulator: how fast simulated time passes: three members of a store and the bench's own loader, on one core.

import { load } from '../actors/roster.js'
import { World } from '../lib/sim/index.js'
import { median } from './measure.js'
import type { Scenario } from './scenario.js'
import { loadActor, type StoreLoadArgs } from './store-load.js'

const members = ['control-0/store', 'control-1/store', 'control-2/store']
const rounds = 3
const inFlight = 4
const virtualMs = 20_000
const thinkMs = 20 // 4 in flight: about 200 operations a virtual second.

export const simulator: Scenario = {
  name: 'simulator',
  what: 'a store of three at about 200 operations a virtual second',
  marks: [{ figure: 'virtual to real time', at: 'least', value: 100 }],
  async run() {
    const loader = await loadActor('load')
    const store = await load('store')
    const events: number[] = []
    const ratios: number[] = []
    const operations: number[] = []
    for (let round = 0; round < rounds; round++) {
      const world = new World({ seed: round + 1 })
      for (const member of members) world.start(member, store, { clusterId: 'bench', members })
      const args: StoreLoadArgs = { members, phases: [{ op: 'put', inFlight, forMs: virtualMs, thinkMs }] }
      world.start('client-0/load', loader, args)
      let answered = 0
      world.onLog(record => {
        if (record.event === 'phase') answered = Number(record.fields.answered)
      })
      const { user, system } = process.cpuUsage()
      if (!world.runUntil(() => answered > 0, 2 * virtualMs)) throw new Error('the loader did not come to its end')
      const used = process.cpuUsage({ user, system })
      const seconds = (used.user + used.system) / 1e6 // Processor time: others on the machine do not count.
      events.push(world.timeline.happened / seconds)
      ratios.push(world.nowMs / 1e3 / seconds)
      operations.push(answered / (world.nowMs / 1e3))
    }
    return [
      { name: 'events', unit: 'per s of processor', value: median(events) },
      { name: 'virtual to real time', unit: ': 1', value: median(ratios), also: { operationsPerVirtualSecond: median(operations) } }
    ]
  }
}
