// Objects: what the load is made of.

import { setTimeout as sleep } from 'node:timers/promises'
import type { HttpLoad } from './http-load.js'

const shards = 10
const dataBytes = 200

export const configMap = (n: number, name = `cm-${n}`, bytes = dataBytes) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, labels: { app: 'load', shard: String(n % shards) } },
  data: { a: 'x'.repeat(bytes), n: String(n) }
})

/** The path of its config maps, once the namespace takes them. */
export async function createNamespace(load: HttpLoad, name: string): Promise<string> {
  for (let tries = 1; ; tries++) {
    const { status, body } = await load.request('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
    if (status === 201) return `/api/v1/namespaces/${name}/configmaps`
    if (tries === 20) throw new Error(`no namespace ${name}: ${status} ${body}`)
    await sleep(100)
  }
}
