// kabuki demo: a temporary cluster, and what it does when it is used and broken, step by step. It ends by itself.

import { Api } from '../api.js'
import { Cluster } from '../cluster.js'
import { answerControl, type ChaosParams } from '../control.js'
import { rosterUrl, workerUrl } from '../modules.js'

const deployments = '/apis/apps/v1/namespaces/default/deployments'
const services = '/api/v1/namespaces/default/services'
const labels = { app: 'nginx' }
const deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'nginx', labels },
  spec: {
    replicas: 3,
    selector: { matchLabels: labels },
    template: {
      metadata: { labels },
      spec: {
        containers: [{ name: 'nginx', image: 'nginx:1.27', ports: [{ containerPort: 80 }] }],
        tolerations: ['not-ready', 'unreachable'].map(taint => ({
          key: `node.kubernetes.io/${taint}`,
          operator: 'Exists',
          effect: 'NoExecute',
          tolerationSeconds: 2
        }))
      }
    }
  }
}
const service = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'nginx' },
  spec: { type: 'NodePort', selector: labels, ports: [{ port: 80, targetPort: 80 }] }
}
const nodeGraceMs = 5_000

const say = (text: string): void => void process.stdout.write(`${text}\n`)

export async function demo(): Promise<void> {
  const startedMs = performance.now()
  say('Starting a cluster of 3 store members, a control plane and 3 worker machines, every component an actor in its own thread.')
  const cluster = await Cluster.start({ rosterUrl, workerUrl, nodeGraceMs })
  const stop = (): void => void cluster.stop().then(() => process.exit(130))
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, stop)
  try {
    await cluster.ready()
    say(`  It serves at ${cluster.apiUrl} after ${Math.round(performance.now() - startedMs)} ms.`)
    await journey(cluster, new Api(cluster.kubeconfig))
  } finally {
    await cluster.stop()
  }
  say('The cluster is stopped and its data gone. `kabuki up` starts one that stays.')
  process.exit(0)
}

async function journey(cluster: Cluster, api: Api): Promise<void> {
  say('\nCreating a Deployment of 3 nginx pods:')
  await timed('rolled out', async () => {
    await expect(api, 'POST', deployments, deployment)
    await rolledOut(api)
  })
  say('\nExposing it through a NodePort:')
  const created = await expect(api, 'POST', services, service)
  const { nodePort } = created.spec.ports[0]
  await timed(`http://127.0.0.1:${nodePort} answers`, () => page(nodePort))

  say('\nKilling the leader of the store, with its power:')
  const leader = (await status(cluster)).leaders.store as string
  await wreak(cluster, { action: 'kill', targets: [leader], power: true })
  await timed('a write succeeds again, by the new leader', () => annotateUntilDone(api))

  say('\nKilling the apiserver:')
  await wreak(cluster, { action: 'kill', targets: ['control-0/apiserver'] })
  await timed('it answers again', () => api.until('the API', '/readyz', body => body === 'ok').then(() => undefined))

  const pods = await api.request('GET', '/api/v1/namespaces/default/pods')
  const victim = pods.body.items[0].spec.nodeName as string
  say(`\nKilling machine ${victim}; its kubelet goes silent, its node becomes NotReady, its pods are replaced elsewhere:`)
  await wreak(cluster, { action: 'kill', targets: [victim], stayDown: true })
  await timed('3 pods run on the other machines', () => moved(api, victim))
  await timed('the page still answers', () => page(nodePort))
  await wreak(cluster, { action: 'resume', targets: [victim] })
  await timed(`${victim} is Ready again`, () => ready(api, victim))
  api.close()
}

async function timed(what: string, body: () => Promise<void>): Promise<void> {
  const startedMs = performance.now()
  await body()
  say(`  ${what} (after ${Math.round(performance.now() - startedMs)} ms)`)
}

async function wreak(cluster: Cluster, params: ChaosParams): Promise<void> {
  const { done } = (await answerControl(cluster, { method: 'chaos', params })) as { done: string }
  say(`  ${done}`)
}

const status = (cluster: Cluster): Promise<{ leaders: Record<string, string> }> =>
  answerControl(cluster, { method: 'status', params: {} }) as Promise<{ leaders: Record<string, string> }>

async function expect(api: Api, method: string, path: string, body: unknown): Promise<any> {
  const answer = await api.request(method, path, body)
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.body.message ?? ''}`)
  return answer.body
}

const rolledOut = async (api: Api): Promise<void> =>
  void (await api.until(
    'the rollout',
    `${deployments}/nginx`,
    ({ status }) => status?.availableReplicas === 3 && status.updatedReplicas === 3
  ))

async function page(port: number): Promise<void> {
  const untilMs = performance.now() + 10_000
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${port}/`).catch(() => undefined)
    if (answer?.status === 200) {
      const text = await answer.text()
      say(`  ${(/<h1>(.*?)<\/h1>/.exec(text)?.[1] ?? text.slice(0, 80)).trim()}`)
      return
    }
    if (performance.now() > untilMs) throw new Error(`no page on port ${port}`)
  }
}

async function annotateUntilDone(api: Api): Promise<void> {
  const untilMs = performance.now() + 10_000
  const patch = { metadata: { annotations: { 'kabuki.dev/demo': String(Date.now()) } } }
  for (;;) {
    const answer = await api.request('PATCH', `${deployments}/nginx`, patch, 'application/merge-patch+json', 1_000).catch(() => undefined)
    if (answer?.status === 200) return
    if (performance.now() > untilMs) throw new Error(`writes do not go on: ${answer?.status} ${JSON.stringify(answer?.body)}`)
  }
}

const runsElsewhere = (victim: string) => (pod: any) =>
  pod.spec.nodeName !== victim &&
  pod.metadata.deletionTimestamp === undefined &&
  pod.status?.conditions?.some((condition: any) => condition.type === 'Ready' && condition.status === 'True')

const moved = async (api: Api, victim: string): Promise<void> =>
  void (await api.until(
    'the move',
    '/api/v1/namespaces/default/pods',
    ({ items }) => items.filter(runsElsewhere(victim)).length >= 3,
    60_000
  ))

const ready = async (api: Api, node: string): Promise<void> =>
  void (await api.until(
    'the node',
    `/api/v1/nodes/${node}`,
    ({ status }) => status?.conditions?.some((condition: any) => condition.type === 'Ready' && condition.status === 'True'),
    60_000
  ))
