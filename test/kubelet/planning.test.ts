// What a kubelet thinks: plans, phases, conditions, back-off, probes, environment, volumes, logs. Pure, by tables.

import t from 'tap'
import type { Container, Pod, PodSpec, Probe } from '../../lib/kinds/index.js'
import {
  type BackOffEntry,
  type ContainerView,
  dueProbes,
  environment,
  expand,
  goDuration,
  healthOf,
  LogBuffer,
  logBytesMax,
  newContainerView,
  newProbes,
  PodAddresses,
  type PodView,
  planPod,
  podStatus,
  podVolumes,
  probed,
  probing,
  recovered,
  resolvConf,
  resourceValue,
  retryAtMs,
  serviceVariables,
  statusPatch,
  tried
} from '../../lib/kubelet/index.js'

const nowMs = 1_800_000_000_000

const podOf = (spec: Partial<PodSpec>, metadata: Pod['metadata'] = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', namespace: 'default', uid: 'u1', ...metadata },
  spec: { restartPolicy: 'Always', containers: [{ name: 'app' }], ...spec }
})

const run = (phase: 'running' | 'exited', exitCode = 0) => ({
  id: 'kabuki://1',
  attempt: 0,
  phase,
  image: 'i',
  imageId: 'i',
  startedAtMs: nowMs - 5000,
  ...(phase === 'exited' ? { finishedAtMs: nowMs - 1000, exitCode } : {})
})

const views = {
  new: {},
  running: { run: run('running'), started: true, ready: true },
  unstarted: { run: run('running') },
  unready: { run: run('running'), started: true },
  sick: { run: run('running'), started: true, unhealthy: 'liveness' },
  done: { run: run('exited') },
  failed: { run: run('exited', 1) },
  backOff: { run: run('exited', 1), retryAtMs: nowMs + 5000, waiting: { reason: 'CrashLoopBackOff' } },
  starting: { busy: 'starting' },
  stopping: { run: run('running'), busy: 'stopping' }
} satisfies Record<string, Partial<ContainerView>>

type State = keyof typeof views

const viewOf = (states: Record<string, State>, more: Partial<PodView> = {}): PodView => ({
  containers: new Map(Object.entries(states).map(([name, state]) => [name, { ...newContainerView, ...views[state] }])),
  podIp: '127.9.2.2',
  startedAtMs: nowMs - 10_000,
  ending: undefined,
  ...more
})

t.test('plans', async t => {
  const init: Partial<PodSpec> = { initContainers: [{ name: 'a' }, { name: 'side', restartPolicy: 'Always' }, { name: 'b' }] }
  const deleted = { ending: { why: 'deleted' as const } }
  const cases: [
    string,
    Partial<PodSpec>,
    Record<string, State>,
    Partial<PodView>,
    { start?: string; stop?: string; over?: boolean; wake?: number }
  ][] = [
    ['new', {}, {}, {}, { start: 'app' }],
    ['running', {}, { app: 'running' }, {}, {}],
    ['under way', {}, { app: 'starting' }, {}, {}],
    ['exited, Always', {}, { app: 'done' }, {}, { start: 'app' }],
    ['succeeded, OnFailure', { restartPolicy: 'OnFailure' }, { app: 'done' }, {}, { over: true }],
    ['failed, OnFailure', { restartPolicy: 'OnFailure' }, { app: 'failed' }, {}, { start: 'app' }],
    ['failed, Never', { restartPolicy: 'Never' }, { app: 'failed' }, {}, { over: true }],
    ['back-off', {}, { app: 'backOff' }, {}, { wake: nowMs + 5000 }],
    ['liveness', {}, { app: 'sick' }, {}, { stop: 'app liveness' }],
    ['first init', init, {}, {}, { start: 'a' }],
    ['init runs', init, { a: 'running' }, {}, {}],
    ['init failed', init, { a: 'failed' }, {}, { start: 'a' }],
    ['init failed for good', { ...init, restartPolicy: 'Never' }, { a: 'failed' }, {}, { over: true }],
    ['sidecar next', init, { a: 'done' }, {}, { start: 'side' }],
    ['sidecar is not started yet', init, { a: 'done', side: 'unstarted' }, {}, {}],
    ['after the sidecar', init, { a: 'done', side: 'running' }, {}, { start: 'b' }],
    ['all initialized', init, { a: 'done', side: 'running', b: 'done' }, {}, { start: 'app' }],
    ['a sidecar that died', init, { a: 'done', side: 'failed', b: 'done', app: 'running' }, {}, { start: 'side' }],
    [
      'sidecars go last',
      { ...init, restartPolicy: 'Never' },
      { a: 'done', side: 'running', b: 'done', app: 'done' },
      {},
      { stop: 'side pod' }
    ],
    ['deleted', init, { a: 'done', side: 'running', b: 'done', app: 'running' }, deleted, { stop: 'app pod' }],
    ['deleted, stopping', init, { a: 'done', side: 'running', b: 'done', app: 'stopping' }, deleted, {}],
    ['deleted, sidecars then', init, { a: 'done', side: 'running', b: 'done', app: 'failed' }, deleted, { stop: 'side pod' }],
    ['deleted, all over', {}, { app: 'failed' }, deleted, { over: true }],
    ['deleted before it began', {}, {}, deleted, { over: true }],
    ['a deadline to come', { activeDeadlineSeconds: 20 }, { app: 'running' }, {}, { wake: nowMs + 10_000 }]
  ]
  for (const [name, spec, states, more, expected] of cases) {
    const plan = planPod(podOf(spec), viewOf(states, more), nowMs)
    t.same(
      {
        start: plan.start.map(one => one.name).join(' '),
        stop: plan.stop.map(({ container, why }) => `${container.name} ${why}`).join(' '),
        over: plan.over,
        wake: plan.wakeAtMs
      },
      { start: '', stop: '', over: false, wake: Number.POSITIVE_INFINITY, ...expected },
      name
    )
  }
  t.equal(planPod(podOf({ activeDeadlineSeconds: 9 }), viewOf({ app: 'running' }), nowMs).overdue, true)
})

t.test('phases and conditions', async t => {
  const init: Partial<PodSpec> = { initContainers: [{ name: 'a' }] }
  const two: Partial<PodSpec> = { containers: [{ name: 'app' }, { name: 'other' }] }
  const cases: [string, Partial<PodSpec>, Record<string, State>, boolean, string, string][] = [
    ['new', {}, {}, false, 'Pending', 'True True False:ContainersNotReady False:ContainersNotReady True'],
    ['running', {}, { app: 'running' }, false, 'Running', 'True True True True True'],
    ['not ready', {}, { app: 'unready' }, false, 'Running', 'True True False:ContainersNotReady False:ContainersNotReady True'],
    [
      'initializing',
      init,
      { a: 'running' },
      false,
      'Pending',
      'True False:ContainersNotInitialized False:ContainersNotReady False:ContainersNotReady True'
    ],
    ['one of two', two, { app: 'running' }, false, 'Pending', 'True True False:ContainersNotReady False:ContainersNotReady True'],
    ['crash loop', {}, { app: 'backOff' }, false, 'Running', 'True True False:ContainersNotReady False:ContainersNotReady True'],
    ['succeeded', { restartPolicy: 'Never' }, { app: 'done' }, true, 'Succeeded', 'True True False:PodCompleted False:PodCompleted True'],
    ['failed', { restartPolicy: 'Never' }, { app: 'failed' }, true, 'Failed', 'True True False:PodFailed False:PodFailed True'],
    [
      'init failed for good',
      { ...init, restartPolicy: 'Never' },
      { a: 'failed' },
      true,
      'Failed',
      'True False:ContainersNotInitialized False:PodFailed False:PodFailed True'
    ],
    [
      'one failed, one runs',
      { ...two, restartPolicy: 'Never' },
      { app: 'failed', other: 'running' },
      false,
      'Running',
      'True True False:ContainersNotReady False:ContainersNotReady True'
    ]
  ]
  for (const [name, spec, states, over, phase, conditions] of cases) {
    const status = podStatus(podOf(spec), viewOf(states), { hostIp: '127.9.2.1', nowMs, over })
    t.equal(status.phase, phase, name)
    t.equal(status.conditions?.map(one => one.status + (one.reason === undefined ? '' : `:${one.reason}`)).join(' '), conditions, name)
  }
  const gated = podOf({ readinessGates: [{ conditionType: 'example.com/gate' }] })
  const status = podStatus(gated, viewOf({ app: 'running' }), { hostIp: 'h', nowMs, over: false })
  t.match(status.conditions?.[2], {
    status: 'False',
    reason: 'ReadinessGatesNotReady',
    message: 'corresponding condition of pod readiness gate "example.com/gate" does not exist.'
  })
  const open: Pod = { ...gated, status: { conditions: [{ type: 'example.com/gate', status: 'True' }] } }
  t.equal(podStatus(open, viewOf({ app: 'running' }), { hostIp: 'h', nowMs, over: false }).conditions?.[2]?.status, 'True')
})

t.test('status patches name what changed, and only that', async t => {
  const before = podStatus(podOf({}), viewOf({}), { hostIp: 'h', nowMs, over: false })
  t.equal(statusPatch(before, before), undefined)
  const after = podStatus({ ...podOf({}), status: before }, viewOf({ app: 'running' }, { podIp: '127.9.2.3' }), {
    hostIp: 'h',
    nowMs: nowMs + 1000,
    over: false
  })
  const patch = statusPatch(before, after)
  t.same(Object.keys(patch ?? {}).sort(), ['conditions', 'containerStatuses', 'phase', 'podIP', 'podIPs'])
  t.same(patch?.podIPs, [{ $patch: 'replace' }, { ip: '127.9.2.3' }])
  const changed = patch?.conditions as { type: string }[] | undefined
  const ready = changed?.find(({ type }) => type === 'Ready')
  t.match(ready, { status: 'True', reason: null, message: null })
})

t.test('crash back-off', async t => {
  let entry: BackOffEntry | undefined
  const delays: number[] = []
  let atMs = nowMs
  for (let crash = 0; crash < 8; crash++) {
    const dueMs = retryAtMs(entry, atMs)
    delays.push((dueMs - atMs) / 1000)
    entry = tried(entry, atMs)
    atMs = dueMs + 1000
  }
  t.same(delays, [0, 10, 20, 40, 80, 160, 300, 300])
  t.equal(retryAtMs(entry, atMs + 700_000), atMs + 700_000, 'forgotten after a long good run')
  t.same([10_000, 80_000, 300_000, 3_600_000, 250, 1500].map(goDuration), ['10s', '1m20s', '5m0s', '1h0m0s', '250ms', '1.5s'])
})

t.test('probes: thresholds, delays, the startup probe first', async t => {
  const probe: Probe = { exec: {}, initialDelaySeconds: 3, periodSeconds: 2, failureThreshold: 2, successThreshold: 2 }
  const container: Container = {
    name: 'app',
    startupProbe: { exec: {}, failureThreshold: 2 },
    readinessProbe: probe,
    livenessProbe: { ...probe, successThreshold: 1 }
  }
  let probes = newProbes(container, nowMs)
  t.same(dueProbes(probes, nowMs).due, ['startup'])
  t.match(healthOf(probes), { started: false, ready: false, unhealthy: undefined })
  probes = probed(probing(probes, 'startup', {}, nowMs), 'startup', {}, true)
  t.same(dueProbes(probes, nowMs), { due: [], wakeAtMs: nowMs + 3000 })
  t.same(dueProbes(probes, nowMs + 3000).due, ['readiness', 'liveness'])
  const results: [('readiness' | 'liveness')[], boolean, boolean, string | undefined][] = [
    [['readiness'], true, false, undefined],
    [['readiness'], true, true, undefined],
    [['readiness'], false, true, undefined],
    [['readiness'], true, true, undefined],
    [['readiness', 'readiness'], false, false, undefined],
    [['liveness'], false, false, undefined],
    [['liveness'], true, false, undefined],
    [['liveness', 'liveness'], false, false, 'liveness']
  ]
  for (const [kinds, success, ready, unhealthy] of results) {
    for (const kind of kinds) probes = probed(probes, kind, kind === 'readiness' ? probe : { ...probe, successThreshold: 1 }, success)
    t.match(healthOf(probes), { started: true, ready, unhealthy }, `${kinds} ${success}`)
  }
  t.same(dueProbes(probes, nowMs + 60_000).due, [], 'what has given up holds still')
})

t.test('environment, fields and services', async t => {
  const env = { A: '1', B: '' }
  const texts = { '$(A)': '1', '$$(A)': '$(A)', '$(C)': '$(C)', 'x$(B)y': 'xy', '$A $(A)$(A)': '$A 11', '$$$(A)': '$1' }
  for (const [text, expected] of Object.entries(texts)) t.equal(expand(text, env), expected, text)
  const facts = { nodeName: 'n', hostIp: 'h', podIp: 'p', allocatable: { cpu: '8', memory: '1Gi' } }
  const container: Container = {
    name: 'app',
    resources: { limits: { cpu: '1500m' } },
    env: [
      { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
      { name: 'LABEL', valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } },
      { name: 'CPU', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } },
      { name: 'KEY', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } },
      { name: 'NONE', valueFrom: { secretKeyRef: { name: 's', key: 'absent', optional: true } } }
    ]
  }
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata: {}, data: { k: btoa('value') } }
  const sources = { configMap: () => undefined, secret: (name: string) => (name === 's' ? secret : undefined) }
  const pod = podOf({}, { labels: { app: 'web' } })
  t.same(environment(pod, container, {}, sources, facts), { ok: true, env: { IP: 'p', LABEL: 'web', CPU: '2', KEY: 'value' } })
  const missing: [Container, string][] = [
    [{ name: 'app', envFrom: [{ configMapRef: { name: 'c' } }] }, 'configmap "c" not found'],
    [{ name: 'app', env: [{ name: 'X', valueFrom: { secretKeyRef: { name: 's', key: 'z' } } }] }, "couldn't find key z in Secret default/s"]
  ]
  for (const [one, message] of missing) t.same(environment(pod, one, {}, sources, facts), { ok: false, message })
  t.equal(resourceValue(container, 'limits.memory', '1Mi', facts.allocatable), '1024')
  const service = (name: string, namespace: string) => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace },
    spec: { clusterIP: '127.10.0.1', ports: [{ name: 'https', port: 443, protocol: 'TCP' }] }
  })
  const all = [service('kubernetes', 'default'), service('my-db', 'apps')]
  t.same(Object.keys(serviceVariables(all, false, 'apps')), [
    'KUBERNETES_SERVICE_HOST',
    'KUBERNETES_SERVICE_PORT',
    'KUBERNETES_SERVICE_PORT_HTTPS',
    'KUBERNETES_PORT',
    'KUBERNETES_PORT_443_TCP',
    'KUBERNETES_PORT_443_TCP_PROTO',
    'KUBERNETES_PORT_443_TCP_PORT',
    'KUBERNETES_PORT_443_TCP_ADDR'
  ])
  t.equal(serviceVariables(all, true, 'apps').MY_DB_PORT, 'tcp://127.10.0.1:443')
})

t.test('volumes', async t => {
  const settings = { apiVersion: 'v1', kind: 'ConfigMap', metadata: {}, data: { a: '1', b: '2' } }
  const sources = { configMap: (name: string) => (name === 'c' ? settings : undefined), secret: () => undefined, token: () => 'tok' }
  const facts = { nodeName: 'n', hostIp: 'h', podIp: 'p', allocatable: {} }
  const cases: [NonNullable<PodSpec['volumes']>[number], unknown][] = [
    [
      { name: 'v', configMap: { name: 'c' } },
      { a: '1', b: '2' }
    ],
    [{ name: 'v', configMap: { name: 'c', items: [{ key: 'a', path: 'x/y' }] } }, { 'x/y': '1' }],
    [{ name: 'v', configMap: { name: 'z', optional: true } }, {}],
    [{ name: 'v', configMap: { name: 'z' } }, 'configmap "z" not found'],
    [{ name: 'v', secret: { secretName: 's' } }, 'secret "s" not found'],
    [{ name: 'v', emptyDir: {} }, {}],
    [{ name: 'v', downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] } }, { labels: 'app="web"' }],
    [
      { name: 'v', projected: { sources: [{ configMap: { name: 'c' } }, { serviceAccountToken: { path: 'token' } }] } },
      { a: '1', b: '2', token: 'tok' }
    ],
    [{ name: 'v', nfs: {} }, "volumes of kind nfs are not supported by this node's runtime"]
  ]
  for (const [volume, expected] of cases) {
    const result = podVolumes(podOf({ volumes: [volume] }, { labels: { app: 'web' } }), sources, facts)
    t.same(result.ok ? result.volumes[0]?.files : result.message, expected, JSON.stringify(volume))
  }
})

t.test('addresses: none twice, freed ones last', async t => {
  const addresses = new PodAddresses('127.9.2')
  t.equal(addresses.adopt('127.9.2.3', 'old'), true)
  t.equal(addresses.adopt('127.9.2.3', 'other'), false)
  t.equal(addresses.adopt('127.9.3.3', 'old'), false)
  t.equal(addresses.allocate('a'), '127.9.2.2')
  t.equal(addresses.allocate('b'), '127.9.2.4')
  addresses.release('127.9.2.2', 'a')
  const rest = new Set<string | undefined>()
  for (let i = 5; i <= 254; i++) rest.add(addresses.allocate(`p${i}`))
  t.equal(rest.size, 250)
  t.equal(addresses.allocate('z'), '127.9.2.2')
  t.equal(addresses.allocate('too many'), undefined)
})

t.test('logs are lines, bounded', async t => {
  const log = new LogBuffer()
  log.append('stdout', 'one\ntw', 1)
  log.append('stderr', 'oops\n', 2)
  log.append('stdout', 'o\nrest', 3)
  log.finish(4)
  const all = log.read(0, 10).lines
  t.same(
    all.map(({ text, whole }) => [text, whole]),
    [
      ['one', true],
      ['oops', true],
      ['two', true],
      ['rest', false]
    ]
  )
  t.same(
    log.read(log.start({ tailLines: 2 }), 10).lines.map(({ text }) => text),
    ['two', 'rest']
  )
  t.same(
    log.read(log.start({ sinceMs: 3 }), 10).lines.map(({ text }) => text),
    ['two', 'rest']
  )
  for (let i = 0; i < 3000; i++) log.append('stdout', `${'x'.repeat(1000)}\n`, 5)
  const { lines } = log.read(0, 10_000)
  t.ok(lines.length * 1000 < logBytesMax && lines.length > 900, `${lines.length} lines`)
  t.equal(lines.at(-1)?.text.length, 1000)
})

t.test('recovery: what the status says of containers that are not there', async t => {
  const running = (restartCount: number) => ({
    name: 'app',
    image: 'i',
    imageID: 'i',
    ready: true,
    restartCount,
    containerID: 'kabuki://9',
    state: { running: { startedAt: '2026-01-01T00:00:00Z' } }
  })
  const of = (policy: string) =>
    recovered({ ...podOf({ restartPolicy: policy }), status: { containerStatuses: [running(2)] } }, [], nowMs).get('app')
  t.match(of('Always'), { run: undefined, restartCount: 3, last: { exitCode: 137, reason: 'ContainerStatusUnknown' } })
  t.match(of('Never'), { restartCount: 2, run: { phase: 'exited', exitCode: 137 } })
})

t.test('resolv.conf, by dnsPolicy', t => {
  const cluster = 'search shop.svc.cluster.local svc.cluster.local cluster.local\nnameserver 127.9.2.1\noptions ndots:5\n'
  const own = { nameservers: ['10.0.0.1'], searches: ['shop.example'], options: [{ name: 'ndots', value: '2' }, { name: 'edns0' }] }
  const cases: [spec: Partial<PodSpec>, expected: string][] = [
    [{}, cluster],
    [{ dnsPolicy: 'ClusterFirst' }, cluster],
    [{ dnsPolicy: 'ClusterFirst', hostNetwork: true }, 'nameserver 127.9.2.1\n'],
    [{ dnsPolicy: 'ClusterFirstWithHostNet', hostNetwork: true }, cluster],
    [{ dnsPolicy: 'Default' }, 'nameserver 127.9.2.1\n'],
    [{ dnsPolicy: 'None', dnsConfig: own }, 'search shop.example\nnameserver 10.0.0.1\noptions ndots:2 edns0\n'],
    [
      { dnsConfig: own },
      'search shop.svc.cluster.local svc.cluster.local cluster.local shop.example\nnameserver 127.9.2.1\nnameserver 10.0.0.1\noptions ndots:2 edns0\n'
    ]
  ]
  for (const [spec, expected] of cases) {
    const pod = { metadata: { name: 'web', namespace: 'shop' }, spec: { containers: [], ...spec } } as unknown as Pod
    t.equal(resolvConf(pod, '127.9.2.1'), expected, JSON.stringify(spec))
  }
  t.end()
})
