// Kubelets with stand-in containers: actors of a thread of their own, in the simulator.

import t from 'tap'
import { type Flow, open } from '../../lib/actor/index.js'
import type { Container } from '../../lib/kinds/index.js'
import { Cluster, containersAddress, kubeletAddress } from './cluster.js'
import { simulatedPorts } from './ports.js'

const one = (image: string, more: Partial<Container> = {}) => ({ containers: [{ name: 'app', image, ...more }] })
const script = (text: string, more: Partial<Container> = {}) => one('busybox', { command: ['sh', '-c', text], ...more })
const decoder = new TextDecoder()

/** Reads a log; `lines` grows as they come. */
function read(cluster: Cluster, query: object): { lines: string; end: string } {
  const log = { lines: '', end: '' }
  const all = { namespace: 'default', pod: 'web', container: 'app', ...query }
  cluster.world.client.run(function* (): Flow<void> {
    const opened = yield* open(kubeletAddress, 5000, 'logs', all)
    if (!opened.ok) {
      log.end = `${opened.error.code}: ${opened.error.detail}`
      return
    }
    while (log.end === '') {
      const batch = yield* opened.value.next()
      if (batch.kind === 'items') for (const item of batch.items) log.lines += decoder.decode(item)
      else if (batch.kind !== 'idle') log.end = batch.kind === 'end' ? 'end' : batch.error.code
    }
  })
  return log
}

t.test('nginx: Running, Ready by its probe, answers, logs, ends gracefully', async t => {
  const { ports, loopback } = simulatedPorts(1023)
  const cluster = new Cluster({ ports })
  const probe = { httpGet: { port: 'http', path: '/' }, periodSeconds: 1 }
  cluster.create('web', one('nginx:1.27', { ports: [{ containerPort: 80, name: 'http' }], readinessProbe: probe }))
  cluster.until('running', () => cluster.pod('web')?.status?.phase === 'Running')
  cluster.until('ready', () => cluster.ready('web'))
  t.match(cluster.status('web'), {
    image: 'docker.io/library/nginx:1.27',
    imageID: /^docker.io\/library\/nginx@sha256:[0-9a-f]{64}$/,
    containerID: /^kabuki:/
  })
  t.same([...loopback.moved], [['127.9.2.2:80', 20080]], 'a privileged port is moved, and found')
  t.match(cluster.events('web').join('\n'), /Port 80 of container app cannot be bound/)
  const log = read(cluster, { follow: true, timestamps: true })
  cluster.until('access log', () => /"GET \/ HTTP\/1.1" 200 \d+ "-" "kube-probe\/1.34"/.test(log.lines))
  t.match(log.lines, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z /)
  cluster.call('DELETE', '/api/v1/namespaces/default/pods/web', {})
  cluster.until('gone', () => cluster.pod('web') === undefined, 5_000)
  t.match(log.lines, /signal 3 \(SIGQUIT\) received/)
  t.equal(log.end, 'end')
  t.equal(loopback.servers.size, 0)
})

t.test('a crash loop: back-off doubles, restarts are counted, the previous log is kept', async t => {
  const cluster = new Cluster()
  cluster.create('web', script('echo hello; sleep 1; exit 7'))
  const waiting = (): boolean => cluster.status('web')?.state?.waiting?.reason === 'CrashLoopBackOff'
  const gaps: number[] = []
  for (let restarts = 1; restarts <= 4; restarts++) {
    cluster.until('back-off', () => waiting() && cluster.status('web')?.restartCount === restarts)
    const from = cluster.world.nowMs
    cluster.until('restart', () => cluster.status('web')?.restartCount === restarts + 1, 200_000)
    gaps.push(Math.round((cluster.world.nowMs - from) / 10_000))
  }
  t.same(gaps, [1, 2, 4, 8])
  t.match(cluster.status('web')?.lastState, { terminated: { exitCode: 7, reason: 'Error' } })
  t.ok(
    cluster.events('web').some(text => /^BackOff: Back-off restarting failed container app in pod web_default\(uid-web-\d+\)$/.test(text))
  )
  const previous = read(cluster, { previous: true })
  cluster.until('log', () => previous.end !== '')
  t.equal(previous.lines, 'hello\n')
})

t.test('a container that cannot start waits for its next try', async t => {
  const cluster = new Cluster()
  cluster.create('web', one('busybox', { command: ['nonsense'] }))
  cluster.until('back-off', () => cluster.status('web')?.state?.waiting?.reason === 'CrashLoopBackOff', 5_000)
  cluster.pass(5_000)
  t.match(cluster.status('web'), { restartCount: 1, lastState: { terminated: { reason: 'StartError', exitCode: 128 } } })
})

t.test('logs: tail, limit, following line by line, no such container', async t => {
  const cluster = new Cluster()
  cluster.create('web', script('echo one; echo two; sleep 5; echo three; sleep 5; exit 0', {}), {})
  cluster.until('running', () => cluster.status('web')?.state?.running !== undefined)
  cluster.pass(500)
  const [tail, limited, follow, missing] = [{ tailLines: 1 }, { limitBytes: 5 }, { follow: true }, { container: 'other' }].map(query =>
    read(cluster, query)
  )
  cluster.until('answers', () => tail?.end === 'end' && limited?.end === 'end' && missing?.end !== '')
  t.equal(tail?.lines, 'two\n')
  t.equal(limited?.lines, 'one\nt')
  t.match(missing?.end, /bad request: container "other" in pod "web" is waiting to start/)
  t.equal(follow?.lines, 'one\ntwo\n')
  cluster.until('three', () => follow?.lines === 'one\ntwo\nthree\n', 6_000)
  cluster.until('its end', () => follow?.end === 'end')
})

t.test('deletion: preStop, then SIGTERM, then SIGKILL when the grace is over', async t => {
  const cluster = new Cluster()
  const lifecycle = { preStop: { sleep: { seconds: 3 } } }
  cluster.create('deaf', { ...script('trap; sleep 1000', { lifecycle }), terminationGracePeriodSeconds: 10 })
  cluster.create('meek', script('sleep 1000'))
  for (const name of ['deaf', 'meek']) cluster.until('ready', () => cluster.ready(name))
  const from = cluster.world.nowMs
  cluster.call('DELETE', '/api/v1/namespaces/default/pods/meek', {})
  cluster.call('DELETE', '/api/v1/namespaces/default/pods/deaf', { gracePeriodSeconds: 10 })
  cluster.until('meek is gone', () => cluster.pod('meek') === undefined)
  t.ok(cluster.world.nowMs - from < 1_000)
  cluster.until('deaf is gone', () => cluster.pod('deaf') === undefined)
  const tookMs = cluster.world.nowMs - from
  t.ok(tookMs >= 10_000 && tookMs < 11_000, `${tookMs} ms`)
})

t.test('init containers one by one, a sidecar that stays, volumes between them', async t => {
  const cluster = new Cluster()
  const mount = { volumeMounts: [{ name: 'shared', mountPath: '/shared' }] }
  cluster.create('web', {
    initContainers: [
      { name: 'first', image: 'busybox', command: ['sh', '-c', 'write /shared/note hello; sleep 2'], ...mount },
      { name: 'side', image: 'busybox', command: ['sleep', '1000'], restartPolicy: 'Always' }
    ],
    containers: [{ name: 'app', image: 'busybox', command: ['sh', '-c', 'cat /shared/note; sleep 3; exit 0'], ...mount }],
    restartPolicy: 'Never',
    volumes: [{ name: 'shared', emptyDir: {} }]
  })
  cluster.until('initializing', () => cluster.pod('web')?.status?.initContainerStatuses?.[0]?.state?.running !== undefined)
  t.match(cluster.status('web')?.state, { waiting: { reason: 'PodInitializing' } })
  t.match(cluster.pod('web')?.status?.conditions?.[1], { status: 'False', message: 'containers with incomplete status: [first side]' })
  cluster.until('running', () => cluster.pod('web')?.status?.phase === 'Running')
  const log = read(cluster, { follow: true })
  cluster.until('succeeded', () => cluster.pod('web')?.status?.phase === 'Succeeded')
  t.equal(log.lines, 'hello')
  t.match(cluster.pod('web')?.status?.initContainerStatuses?.[1]?.state, { terminated: { exitCode: 143 } }, 'the sidecar went last')
})

t.test('images: unknown, invalid, simulated', async t => {
  const cluster = new Cluster()
  cluster.create('unknown', one('example.com/own/thing:1', { imagePullPolicy: 'Always' }))
  cluster.create('broken', one('nginx:not a tag'))
  cluster.until('ErrImagePull', () => cluster.status('unknown')?.state?.waiting?.reason === 'ErrImagePull')
  t.match(cluster.status('unknown')?.state?.waiting?.message, /--image example.com\/own\/thing:1=.*--unknown-images simulate/)
  cluster.until('ImagePullBackOff', () => cluster.status('unknown')?.state?.waiting?.reason === 'ImagePullBackOff')
  cluster.until('InvalidImageName', () => cluster.status('broken')?.state?.waiting?.reason === 'InvalidImageName')
  t.equal(cluster.pod('unknown')?.status?.phase, 'Pending')
  const lenient = new Cluster({ args: { unknownImages: 'simulate' } })
  lenient.create('unknown', one('example.com/own/thing:1'))
  lenient.until('ready', () => lenient.ready('unknown'))
  t.match(lenient.events('unknown').join('\n'), /simulated/)
})

t.test('environment: ConfigMaps, Secrets, fields; what is missing is named', async t => {
  const cluster = new Cluster()
  const env = [
    { name: 'COLOUR', valueFrom: { configMapKeyRef: { name: 'settings', key: 'colour' } } },
    { name: 'TEXT', value: '$(COLOUR) on $(NODE) $$(NODE)' },
    { name: 'NODE', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } }
  ]
  cluster.create('web', script('env COLOUR; env TEXT; env NODE; sleep 1000', { env, args: [] }))
  cluster.until('a config error', () => cluster.status('web')?.state?.waiting?.reason === 'CreateContainerConfigError')
  t.equal(cluster.status('web')?.state?.waiting?.message, 'configmap "settings" not found')
  const settings = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings', namespace: 'default' }, data: { colour: 'red' } }
  cluster.call('POST', '/api/v1/namespaces/default/configmaps', settings)
  cluster.until('ready', () => cluster.ready('web'))
  const log = read(cluster, {})
  cluster.until('log', () => log.end === 'end')
  t.equal(log.lines, 'red\nred on $(NODE) $(NODE)\nworker-1\n')
})

t.test('probes: readiness comes and goes, a dead container is restarted, startup holds the others back', async t => {
  const cluster = new Cluster()
  const mount = { volumeMounts: [{ name: 'state', mountPath: '/state' }] }
  const exec = (path: string) => ({ exec: { command: ['cat', path] }, periodSeconds: 1, failureThreshold: 2 })
  cluster.create('web', {
    ...script('sleep 2; write /state/up 1; sleep 3; write /state/ok 1; sleep 1000', {
      ...mount,
      startupProbe: { ...exec('/state/up'), failureThreshold: 10 },
      readinessProbe: exec('/state/ok')
    }),
    volumes: [{ name: 'state', emptyDir: {} }]
  })
  cluster.until('running', () => cluster.status('web')?.state?.running !== undefined)
  t.equal(cluster.status('web')?.started, false)
  cluster.until('started', () => cluster.status('web')?.started === true)
  t.equal(cluster.ready('web'), false)
  cluster.until('ready', () => cluster.ready('web'))
  t.ok(cluster.events('web').some(text => text.startsWith('Unhealthy: Startup probe failed: cat: /state/up')))
  const liveness = { tcpSocket: { port: 81 }, periodSeconds: 1 }
  cluster.create('dead', one('nginx', { livenessProbe: liveness }))
  cluster.until('restarted', () => (cluster.status('dead')?.restartCount ?? 0) > 0)
  t.ok(cluster.events('dead').includes('Killing: Container app failed liveness probe, will be restarted'))
  t.ok(
    cluster
      .events('dead')
      .some(text => /^Unhealthy: Liveness probe failed: dial tcp 127.9.2.\d+:81: connect: connection refused$/.test(text))
  )
})

t.test('a killed kubelet comes back to the containers it left', async t => {
  const cluster = new Cluster()
  cluster.create('web', script('echo a; sleep 8; echo b; sleep 1000'))
  cluster.create('done', { ...script('sleep 3; exit 4'), restartPolicy: 'Never' })
  cluster.until('ready', () => cluster.ready('web') && cluster.ready('done'))
  const before = cluster.status('web')
  const held = { addresses: [kubeletAddress] }
  cluster.world.client.tell('root/worker-1' as never, 'hold' as never, held as never)
  cluster.pass(10)
  cluster.world.killThread(kubeletAddress)
  cluster.pass(6_000)
  t.equal(cluster.world.lives(kubeletAddress), false)
  t.equal(cluster.pod('done')?.status?.phase, 'Running', 'nobody says otherwise yet')
  cluster.world.client.tell('root/worker-1' as never, 'release' as never, held as never)
  cluster.until('done', () => cluster.pod('done')?.status?.phase === 'Failed')
  t.match(cluster.status('done')?.state, { terminated: { exitCode: 4 } })
  t.same(cluster.status('web'), before)
  const log = read(cluster, { follow: true })
  cluster.until('the same run goes on', () => log.lines === 'a\nb\n')
})

t.test('the containers thread dies: everything runs again, counted', async t => {
  const cluster = new Cluster()
  cluster.create('web', script('sleep 1000'))
  cluster.create('once', { ...script('sleep 1000'), restartPolicy: 'Never' })
  cluster.until('ready', () => cluster.ready('web') && cluster.ready('once'))
  cluster.world.killThread(containersAddress)
  cluster.until('restarted', () => cluster.status('web')?.restartCount === 1 && cluster.ready('web'))
  t.match(cluster.status('web')?.lastState, { terminated: { exitCode: 137 } })
  cluster.until('failed', () => cluster.pod('once')?.status?.phase === 'Failed')
})

t.test('a machine loses power: pods come back, those deleted meanwhile do not', async t => {
  const cluster = new Cluster()
  for (const name of ['web', 'gone']) cluster.create(name, script('sleep 1000'))
  cluster.until('ready', () => cluster.ready('web') && cluster.ready('gone'))
  cluster.world.killMachine('worker-1', true)
  cluster.pass(1000)
  cluster.call('DELETE', '/api/v1/namespaces/default/pods/gone', { gracePeriodSeconds: 0 })
  cluster.create('late', script('sleep 1000'))
  cluster.pass(3000)
  cluster.world.restartMachine('worker-1')
  cluster.until('back', () => cluster.status('web')?.restartCount === 1 && cluster.ready('web') && cluster.ready('late'))
  t.match(cluster.status('web')?.lastState, { terminated: { exitCode: 137, reason: 'ContainerStatusUnknown' } })
  t.equal(cluster.pod('gone'), undefined)
})

t.test('kubelet and machine away while a pod is deleted: its container is cleaned up', async t => {
  const { ports, loopback } = simulatedPorts()
  const cluster = new Cluster({ ports })
  cluster.create('web', one('nginx'))
  cluster.until('ready', () => cluster.ready('web'))
  cluster.world.killThread(kubeletAddress)
  cluster.call('DELETE', '/api/v1/namespaces/default/pods/web', { gracePeriodSeconds: 0 })
  t.equal(loopback.servers.size, 1)
  cluster.until('nothing listens', () => loopback.servers.size === 0)
})

t.test('activeDeadlineSeconds', async t => {
  const cluster = new Cluster()
  cluster.create('web', { ...script('sleep 1000'), activeDeadlineSeconds: 5 })
  cluster.until('failed', () => cluster.pod('web')?.status?.phase === 'Failed', 10_000)
  t.match(cluster.pod('web')?.status, { reason: 'DeadlineExceeded', message: /longer than the specified deadline/ })
  t.match(cluster.status('web')?.state, { terminated: { exitCode: 143 } })
})
