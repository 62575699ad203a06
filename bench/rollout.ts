// rollout: from the request that creates a deployment to its last pod being available, on a cluster whose controllers have not run.

import { setTimeout as sleep } from 'node:timers/promises'
import { type ClusterProcess, withCluster } from './cluster-process.js'
import { credentialsOf, HttpLoad } from './http-load.js'
import { median } from './measure.js'
import type { Scenario } from './scenario.js'

const rounds = 3 // Each on a cluster of its own.
const replicas = 3
const pollMs = 10
const timeoutMs = 30_000

export const rollout: Scenario = {
  name: 'rollout',
  what: `a deployment of ${replicas} by API, cold controllers, until every replica is available; median of ${rounds} clusters`,
  marks: [{ figure: 'create to rolled out', at: 'most', value: 1000 }],
  async run() {
    const tookMs: number[] = []
    for (let round = 0; round < rounds; round++) tookMs.push(await withCluster(['--ephemeral'], rolledOutMs))
    return [{ name: 'create to rolled out', unit: 'ms', value: median(tookMs), also: { leastMs: Math.min(...tookMs) } }]
  }
}

async function rolledOutMs({ kubeconfig }: ClusterProcess): Promise<number> {
  const load = new HttpLoad(credentialsOf(kubeconfig), 1)
  const path = '/apis/apps/v1/namespaces/default/deployments'
  const labels = { app: 'web' }
  const template = { metadata: { labels }, spec: { containers: [{ name: 'web', image: 'nginx' }] } }
  const startMs = performance.now()
  try {
    const created = await load.request('POST', path, {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web' },
      spec: { replicas, selector: { matchLabels: labels }, template }
    })
    if (created.status !== 201) throw new Error(`not created: ${created.body}`)
    for (;;) {
      const { status } = JSON.parse((await load.request('GET', `${path}/web`)).body.toString())
      if (status?.availableReplicas === replicas) return performance.now() - startMs
      if (performance.now() - startMs > timeoutMs) throw new Error(`not rolled out after ${timeoutMs / 1000} s: ${JSON.stringify(status)}`)
      await sleep(pollMs)
    }
  } finally {
    load.close()
  }
}
