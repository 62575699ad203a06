// Kubelets with simulated containers: status only.

import t from 'tap'
import type { Lease, Node } from '../../lib/kinds/index.js'
import { Cluster, kubeletAddress } from './cluster.js'

const simulated = (more = {}) => new Cluster({ args: { runtime: 'simulated' as const, ...more } })
const web = { containers: [{ name: 'web', image: 'nginx:1.27', imagePullPolicy: 'IfNotPresent' }] }

t.test('a node registers, renews its lease and keeps its heartbeat', async t => {
  const cluster = simulated()
  const node = cluster.get<Node>('/api/v1/nodes/worker-1')
  t.equal(node?.metadata.labels?.['kubernetes.io/hostname'], 'worker-1')
  t.equal(node?.spec?.podCIDR, '127.9.2.0/24')
  t.match(node?.status?.addresses, [
    { address: '127.9.2.1', type: 'InternalIP' },
    { address: 'worker-1', type: 'Hostname' }
  ])
  t.equal(node?.status?.conditions?.find(({ type }) => type === 'Ready')?.status, 'True')
  const renewed = (): string | undefined =>
    cluster.get<Lease>('/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/worker-1')?.spec?.renewTime
  cluster.until('a lease', () => renewed() !== undefined)
  const first = renewed()
  cluster.pass(10_500)
  t.not(renewed(), first)
  const heartbeat = (): string | undefined => cluster.get<Node>('/api/v1/nodes/worker-1')?.status?.conditions?.[0]?.lastHeartbeatTime
  const before = heartbeat()
  cluster.pass(100_000)
  t.equal(heartbeat(), before, 'nothing changed, so nothing is written')
  cluster.pass(220_000)
  t.not(heartbeat(), before)
})

t.test('a pod becomes Running and Ready', async t => {
  const cluster = simulated({ startDelayMs: 500 })
  cluster.create('web', web)
  cluster.until('pending', () => cluster.pod('web')?.status?.phase === 'Pending')
  t.match(cluster.status('web')?.state, { waiting: { reason: 'ContainerCreating' } })
  cluster.until('ready', () => cluster.ready('web'))
  const pod = cluster.pod('web')
  t.match(pod?.status, { phase: 'Running', hostIP: '127.9.2.1', podIP: '127.9.2.2', podIPs: [{ ip: '127.9.2.2' }], observedGeneration: 1 })
  t.same(
    pod?.status?.conditions?.map(({ type, status }) => `${type}=${status}`),
    ['PodReadyToStartContainers=True', 'Initialized=True', 'Ready=True', 'ContainersReady=True', 'PodScheduled=True']
  )
  t.match(cluster.status('web'), { ready: true, started: true, restartCount: 0, image: 'docker.io/library/nginx:1.27' })
})

t.test('deletion: graceful, then the object goes, and its address is free', async t => {
  const cluster = simulated()
  cluster.create('web', web)
  cluster.until('ready', () => cluster.ready('web'))
  cluster.call('DELETE', '/api/v1/namespaces/default/pods/web', {})
  cluster.until('gone', () => cluster.pod('web') === undefined)
  t.ok(cluster.events('web').includes('Killing: Stopping container web'))
  t.equal(
    cluster.world.client.call(kubeletAddress, 1000, 'exec', { namespace: 'default', pod: 'web', container: 'web', argv: [], timeoutMs: 1 })
      .ok,
    false
  )
})

t.test('jobs: scripted exits end in Succeeded or Failed, or are restarted', async t => {
  const cluster = simulated()
  const annotated = (seconds: number, code: number) => ({
    annotations: { 'kabuki.dev/run-seconds': String(seconds), 'kabuki.dev/exit-code': String(code) }
  })
  cluster.create('good', { ...web, restartPolicy: 'Never' }, annotated(1, 0))
  cluster.create('bad', { ...web, restartPolicy: 'Never' }, annotated(1, 3))
  cluster.create('again', { ...web, restartPolicy: 'OnFailure' }, annotated(1, 3))
  cluster.until('done', () => cluster.pod('good')?.status?.phase === 'Succeeded')
  cluster.until('failed', () => cluster.pod('bad')?.status?.phase === 'Failed')
  t.match(cluster.status('bad')?.state, { terminated: { exitCode: 3, reason: 'Error' } })
  cluster.until('back-off', () => cluster.status('again')?.state?.waiting?.reason === 'CrashLoopBackOff')
  t.equal(cluster.status('again')?.restartCount, 1, 'the first restart is immediate')
  t.match(cluster.status('again')?.lastState, { terminated: { exitCode: 3 } })
  cluster.until('10 s later', () => cluster.status('again')?.restartCount === 2)
})

t.test('a restarted kubelet takes over its pods, and cleans up', async t => {
  const cluster = simulated()
  cluster.create('web', web)
  cluster.until('ready', () => cluster.ready('web'))
  const before = cluster.pod('web')
  cluster.world.killActor(kubeletAddress)
  cluster.pass(5000)
  t.equal(cluster.world.lives(kubeletAddress), true)
  t.same(cluster.pod('web')?.status, before?.status)
  cluster.create('other', web)
  cluster.until('ready', () => cluster.ready('other'))
  t.not(cluster.pod('other')?.status?.podIP, before?.status?.podIP)
})

t.test('an address that a pod has is not given to another one, in whatever order a restarted kubelet finds them', async t => {
  const cluster = simulated()
  cluster.create('listed-first', { ...web, nodeName: '' })
  cluster.create('web', web)
  cluster.until('ready', () => cluster.ready('web'))
  cluster.world.killMachine('worker-1', false)
  cluster.call('PATCH', '/api/v1/namespaces/default/pods/listed-first', { spec: { nodeName: 'worker-1' } })
  cluster.world.restartMachine('worker-1')
  cluster.until('ready', () => cluster.ready('listed-first'))
  t.not(cluster.pod('listed-first')?.status?.podIP, cluster.pod('web')?.status?.podIP)
})

t.test('a kubelet whose renewals failed looks at its node as soon as one succeeds', async t => {
  const cluster = simulated({ leaseRenewMs: 1_000 })
  cluster.pass(1_500)
  const status = (): string | undefined =>
    cluster.get<Node>('/api/v1/nodes/worker-1')?.status?.conditions?.find(({ type }) => type === 'Ready')?.status
  const { world } = cluster
  world.machine('worker-1').threads.get(kubeletAddress)?.pause()
  cluster.pass(5_000)
  const conditions = [{ type: 'Ready', status: 'Unknown', reason: 'NodeStatusUnknown', message: '' }]
  cluster.call('PATCH', '/api/v1/nodes/worker-1/status', { status: { conditions } })
  t.equal(status(), 'Unknown')
  world.machine('worker-1').threads.get(kubeletAddress)?.resume()
  cluster.until('Ready', () => status() === 'True', 3_000)
})
