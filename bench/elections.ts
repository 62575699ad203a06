// elections: whether a leader of the store is ever deposed by load alone.

import { withCluster } from './cluster-process.js'
import { credentialsOf, HttpLoad } from './http-load.js'
import { configMap, createNamespace } from './objects.js'
import type { Scenario } from './scenario.js'

const minutesDefault = 1
const minutesLong = 10
const inFlight = 64
const keysMax = 2000

export const elections: Scenario = {
  name: 'elections',
  what: `unprovoked elections in ${minutesDefault} minute (--long: ${minutesLong}) of creates, patches and deletes, ${inFlight} in flight`,
  marks: [{ figure: 'unprovoked elections', at: 'most', value: 0 }],
  run: ({ long }) =>
    withCluster([], async cluster => {
      const load = new HttpLoad(credentialsOf(cluster.kubeconfig))
      const base = await createNamespace(load, 'elections')
      const before = await termOf(cluster)
      const write = (n: number) => {
        const key = Math.floor(n / 3) % keysMax
        if (n % 3 === 0) return load.request('POST', base, configMap(key))
        const path = `${base}/cm-${key}`
        if (n % 3 === 1) return load.request('PATCH', path, { data: { n: String(n) } }, 'application/merge-patch+json')
        return load.request('DELETE', path)
      }
      const minutes = long ? minutesLong : minutesDefault
      const { perSecond, p99Ms } = await load.pump(inFlight, minutes * 60_000, write)
      const elected = (await termOf(cluster)) - before
      load.close()
      return [{ name: 'unprovoked elections', unit: `in ${minutes} min`, value: elected, also: { writesPerSecond: perSecond, p99Ms } }]
    })
}

async function termOf(cluster: Parameters<Parameters<typeof withCluster>[1]>[0]): Promise<number> {
  const { actors } = await cluster.status()
  return Math.max(...actors.filter(({ actor }) => actor === 'store').map(({ term }) => Number(term)))
}
