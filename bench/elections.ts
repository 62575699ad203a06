// elections: whether a leader of the store is ever deposed by load alone.

import { withCluster } from './cluster-process.js'
import { credentialsOf, HttpLoad } from './http-load.js'
import { configMap, createNamespace } from './objects.js'
import type { Scenario } from './scenario.js'

const minutesDefault = 1
const minutesLong = 10
const inFlight = 64
const patchLag = 200 // In keys; far more than are in flight.
const deleteLag = 400

export const elections: Scenario = {
  name: 'elections',
  what: `unprovoked elections in ${minutesDefault} minute (--long: ${minutesLong}) of creates, patches and deletes, ${inFlight} in flight`,
  marks: [{ figure: 'unprovoked elections', at: 'most', value: 0 }],
  run: ({ long }) =>
    withCluster([], async cluster => {
      const load = new HttpLoad(credentialsOf(cluster.kubeconfig))
      const base = await createNamespace(load, 'elections')
      const before = await termOf(cluster)
      // A key is patched and deleted long after it was created: who races its own create is refused, and loads nothing.
      const write = (n: number) => {
        const key = Math.floor(n / 3)
        if (n % 3 === 0 || key < deleteLag) return load.request('POST', base, configMap(n, `cm-${n}`))
        const path = (lag: number) => `${base}/cm-${3 * (key - lag)}`
        if (n % 3 === 1) return load.request('PATCH', path(patchLag), { data: { n: String(n) } }, 'application/merge-patch+json')
        return load.request('DELETE', path(deleteLag))
      }
      const minutes = long ? minutesLong : minutesDefault
      const { perSecond, p99Ms, done, failed } = await load.pump(inFlight, minutes * 60_000, write)
      const elected = (await termOf(cluster)) - before
      load.close()
      return [
        {
          name: 'unprovoked elections',
          unit: `in ${minutes} min`,
          value: elected,
          also: { requestsPerSecond: perSecond, p99Ms, done, failed }
        }
      ]
    })
}

async function termOf(cluster: Parameters<Parameters<typeof withCluster>[1]>[0]): Promise<number> {
  const { actors } = await cluster.status()
  return Math.max(...actors.filter(({ actor }) => actor === 'store').map(({ term }) => Number(term)))
}
