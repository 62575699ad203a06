// What a user leaves out, and what becomes of an object on its way to storage.

import t from 'tap'
import {
  apiVersionOf,
  beforeCreate,
  beforeStatusUpdate,
  beforeUpdate,
  bindPod,
  configMapKind,
  type Deployment,
  defaultTolerations,
  deploymentKind,
  endpointSliceKind,
  finalizeNamespace,
  type Kind,
  kindOf,
  kindOfResource,
  kinds,
  namespaceKind,
  type Pod,
  podKind,
  podQuality,
  replicaSetKind,
  secretKind,
  selectableFields,
  serviceKind,
  toCoreEvent,
  toEventsEvent,
  toScale
} from '../../lib/kinds/index.js'
import { type ApiObject, cloneJson, field, parseTime } from '../../lib/object/index.js'
import { seededRandom } from '../../lib/std/index.js'

/** An object of that kind as a user writes it. */
function written<T extends ApiObject>(kind: Kind<T>, body: object, meta: object = {}): T {
  const metadata = { name: 'x', ...(kind.namespaced ? { namespace: 'ns' } : {}), ...meta }
  return { apiVersion: apiVersionOf(kind), kind: kind.kind, metadata, ...cloneJson(body) } as unknown as T
}

function defaulted<T extends ApiObject>(kind: Kind<T>, body: object, meta?: object): T {
  const object = written(kind, body, meta)
  kind.defaults(object)
  return object
}

const creation = { namespace: 'ns', nowMs: parseTime('2025-01-01T00:00:00Z') ?? 0, uid: 'uid-1', random: seededRandom(1) }
const texts = (errors: readonly { field: string; message: string }[]): string[] => errors.map(error => `${error.field}: ${error.message}`)

function created<T extends ApiObject>(kind: Kind<T>, body: object, meta?: object): T {
  const object = defaulted(kind, body, meta)
  t.same(texts(beforeCreate(kind, object, creation)), [])
  object.metadata.resourceVersion = '1'
  return object
}

t.test('a pod', async t => {
  const pod = defaulted(podKind, {
    spec: {
      containers: [
        {
          name: 'a',
          image: 'nginx',
          ports: [{ containerPort: 80 }],
          resources: { limits: { cpu: '0.5', memory: '128Mi' }, requests: { cpu: '0.1001' } },
          livenessProbe: { httpGet: { port: 80 } },
          env: [
            { name: 'N', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
            { name: 'C', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } }
          ]
        }
      ],
      serviceAccountName: 'robot',
      volumes: [
        { name: 'e' },
        { name: 'c', configMap: { name: 'm' } },
        { name: 'h', hostPath: { path: '/' } },
        { name: 't', projected: { sources: [{ serviceAccountToken: { path: 't' } }] } }
      ]
    }
  })
  t.strictSame(pod.spec, {
    containers: [
      {
        name: 'a',
        image: 'nginx',
        ports: [{ containerPort: 80, protocol: 'TCP' }],
        resources: { limits: { cpu: '500m', memory: '128Mi' }, requests: { cpu: '101m', memory: '128Mi' } },
        livenessProbe: {
          httpGet: { port: 80, path: '/', scheme: 'HTTP' },
          timeoutSeconds: 1,
          periodSeconds: 10,
          successThreshold: 1,
          failureThreshold: 3
        },
        env: [
          { name: 'N', valueFrom: { fieldRef: { fieldPath: 'metadata.name', apiVersion: 'v1' } } },
          { name: 'C', valueFrom: { resourceFieldRef: { resource: 'limits.cpu', divisor: '0' } } }
        ],
        imagePullPolicy: 'Always',
        terminationMessagePath: '/dev/termination-log',
        terminationMessagePolicy: 'File'
      }
    ],
    serviceAccountName: 'robot',
    serviceAccount: 'robot',
    volumes: [
      { name: 'e', emptyDir: {} },
      { name: 'c', configMap: { name: 'm', defaultMode: 420 } },
      { name: 'h', hostPath: { path: '/', type: '' } },
      { name: 't', projected: { sources: [{ serviceAccountToken: { path: 't', expirationSeconds: 3600 } }], defaultMode: 420 } }
    ],
    dnsPolicy: 'ClusterFirst',
    restartPolicy: 'Always',
    securityContext: {},
    terminationGracePeriodSeconds: 30,
    schedulerName: 'default-scheduler',
    enableServiceLinks: true
  } as unknown as Pod['spec'])
  const again = cloneJson(pod)
  podKind.defaults(again)
  t.strictSame(again, pod, 'defaults are idempotent')
  const zero = defaulted(podKind, { spec: { terminationGracePeriodSeconds: 0, containers: [] } })
  t.equal(zero.spec.terminationGracePeriodSeconds, 0, 'zero is a choice')
  const host = defaulted(podKind, { spec: { hostNetwork: true, containers: [{ name: 'a', ports: [{ containerPort: 80 }] }] } })
  t.equal(host.spec.containers[0]?.ports?.[0]?.hostPort, 80)
})

t.test('pull policies', async t => {
  const table: readonly [string, string][] = [
    ['nginx', 'Always'],
    ['nginx:latest', 'Always'],
    ['nginx:1.27', 'IfNotPresent'],
    ['registry:5000/nginx', 'Always'],
    ['registry:5000/nginx:1', 'IfNotPresent'],
    ['nginx@sha256:abc', 'IfNotPresent'],
    ['nginx:latest@sha256:abc', 'Always'],
    ['', 'IfNotPresent']
  ]
  for (const [image, policy] of table) {
    const pod = defaulted(podKind, { spec: { containers: [{ name: 'a', image }] } })
    t.equal(pod.spec.containers[0]?.imagePullPolicy, policy, image)
  }
})

t.test('quality of service', async t => {
  const spec = (...resources: object[]): Pod['spec'] =>
    ({ containers: resources.map(one => ({ name: 'c', resources: one })) }) as Pod['spec']
  const full = { limits: { cpu: '1', memory: '1Gi' } }
  t.equal(podQuality(spec({})), 'BestEffort')
  t.equal(podQuality(spec(full)), 'Guaranteed')
  t.equal(podQuality(spec({ ...full, requests: { cpu: '1000m', memory: '1024Mi' } })), 'Guaranteed')
  t.equal(podQuality(spec(full, {})), 'Burstable')
  t.equal(podQuality(spec({ ...full, requests: { cpu: '500m' } })), 'Burstable')
  t.equal(podQuality(spec({ requests: { cpu: '1' } })), 'Burstable')
})

t.test('tolerations every pod gets', async t => {
  t.equal(defaultTolerations(undefined).length, 2)
  t.same(defaultTolerations([{ key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 5 }])[1], {
    key: 'node.kubernetes.io/unreachable',
    operator: 'Exists',
    effect: 'NoExecute',
    tolerationSeconds: 300
  })
  const all = [{ operator: 'Exists' }]
  t.equal(defaultTolerations(all), all)
})

const template = { metadata: { labels: { app: 'x' } }, spec: { containers: [{ name: 'c', image: 'nginx:1' }] } }
const selector = { matchLabels: { app: 'x' } }

t.test('workloads and services', async t => {
  const deployment = defaulted(deploymentKind, { spec: { selector, template } })
  const { template: full, ...rest } = deployment.spec
  t.strictSame(rest as unknown, {
    selector,
    replicas: 1,
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '25%', maxSurge: '25%' } },
    revisionHistoryLimit: 10,
    progressDeadlineSeconds: 600
  })
  t.equal(full.spec.restartPolicy, 'Always')
  t.equal(full.spec.enableServiceLinks, undefined, 'pods alone have it')
  t.same(defaulted(deploymentKind, { spec: { selector, template, strategy: { type: 'Recreate' }, replicas: 0 } }).spec.strategy, {
    type: 'Recreate'
  })
  t.equal(defaulted(replicaSetKind, { spec: { selector, template } }).spec.replicas, 1)

  const service = (spec: object): unknown => defaulted(serviceKind, { spec }).spec
  t.strictSame(service({ ports: [{ port: 80 }] }), {
    ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }],
    sessionAffinity: 'None',
    type: 'ClusterIP',
    internalTrafficPolicy: 'Cluster'
  })
  t.match(service({ type: 'LoadBalancer', sessionAffinity: 'ClientIP' }), {
    sessionAffinityConfig: { clientIP: { timeoutSeconds: 10800 } },
    externalTrafficPolicy: 'Cluster',
    allocateLoadBalancerNodePorts: true
  })
  t.strictSame(service({ type: 'ExternalName', externalName: 'a.b' }), {
    type: 'ExternalName',
    externalName: 'a.b',
    sessionAffinity: 'None'
  })
  t.same(defaulted(endpointSliceKind, { addressType: 'IPv4', ports: [{ port: 1 }] }).ports, [{ port: 1, name: '', protocol: 'TCP' }])
})

t.test('secrets fold stringData in', async t => {
  const secret = defaulted(secretKind, { data: { a: 'eA==', b: 'eQ==' }, stringData: { b: 'é' } })
  t.strictSame([secret.type, secret.data, secret.stringData], ['Opaque', { a: 'eA==', b: 'w6k=' }, undefined])
  const big = defaulted(secretKind, { stringData: { a: 'x'.repeat(100_000) } })
  t.equal(atob(big.data?.a ?? '').length, 100_000)
})

t.test('creation', async t => {
  const pod = created(
    podKind,
    { spec: { containers: [{ name: 'c', image: 'i' }] }, status: { phase: 'Running' } },
    { name: undefined, generateName: 'web-', uid: 'mine', generation: 7, resourceVersion: '9' }
  )
  t.match(pod.metadata.name, /^web-.{5}$/)
  t.same([pod.metadata.uid, pod.metadata.generation, pod.metadata.creationTimestamp], ['uid-1', 1, '2025-01-01T00:00:00Z'])
  t.same(pod.status, { phase: 'Pending', qosClass: 'BestEffort' })
  const gated = created(podKind, { spec: { schedulingGates: [{ name: 'a' }], containers: [{ name: 'c', image: 'i' }] } })
  t.match(gated.status?.conditions, [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated' }])
  const namespace = created(namespaceKind, {}, { labels: { a: 'b' } })
  t.strictSame(
    [namespace.spec?.finalizers, namespace.status, namespace.metadata.labels, namespace.metadata.generation],
    [['kubernetes'], { phase: 'Active' }, { a: 'b', 'kubernetes.io/metadata.name': 'x' }, undefined]
  )
  t.equal(created(configMapKind, { data: {} }).metadata.generation, undefined, 'no generation without a spec')
})

t.test('updates', async t => {
  const old = created(deploymentKind, { spec: { selector, template } })
  old.status = { replicas: 3 }
  const change = (edit: (deployment: Deployment) => void, through = beforeUpdate): Deployment => {
    const next = cloneJson(old)
    edit(next)
    t.same(texts(through(deploymentKind as Kind, next, old)), [])
    return next
  }
  t.equal(change(() => {}).metadata.generation, 1)
  t.equal(change(next => (next.spec.replicas = 5)).metadata.generation, 2)
  t.equal(change(next => (next.metadata.labels = { a: 'b' })).metadata.generation, 1)
  t.equal(change(next => (next.metadata.annotations = { a: 'b' })).metadata.generation, 2, 'as upstream counts')
  t.same(change(next => (next.status = { replicas: 9 })).status, { replicas: 3 }, 'status is not the main resource’s')
  const status = change(next => {
    next.status = { replicas: 9 }
    next.spec.replicas = 77
    next.metadata.labels = { x: 'y' }
  }, beforeStatusUpdate)
  t.same([status.status, status.spec.replicas, status.metadata.labels, status.metadata.generation], [{ replicas: 9 }, 1, undefined, 1])
})

t.test('services keep what was allocated', async t => {
  const old = created(serviceKind, { spec: { type: 'NodePort', ports: [{ port: 80 }] } })
  Object.assign(old.spec, { clusterIP: '10.0.0.1', clusterIPs: ['10.0.0.1'], ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack' })
  if (old.spec.ports?.[0]) old.spec.ports[0].nodePort = 30000
  const put = (spec: object): unknown => {
    const next = defaulted(serviceKind, { spec }, { resourceVersion: '1' })
    const errors = texts(beforeUpdate(serviceKind, next, old))
    return errors.length > 0 ? errors : next.spec
  }
  t.match(put({ type: 'NodePort', ports: [{ port: 80 }] }), {
    clusterIP: '10.0.0.1',
    clusterIPs: ['10.0.0.1'],
    ipFamilies: ['IPv4'],
    ports: [{ nodePort: 30000 }]
  })
  t.same((put({ ...old.spec, type: 'ClusterIP', externalTrafficPolicy: undefined }) as { ports: unknown }).ports, [
    { port: 80, protocol: 'TCP', targetPort: 80 }
  ])
  t.same(put({ type: 'NodePort', clusterIP: '10.0.0.2', ports: [{ port: 80 }] }), [
    'spec.clusterIPs[0]: Invalid value: ["10.0.0.2"]: may not change once set'
  ])
  const external = put({ type: 'ExternalName', externalName: 'a.b' }) as { clusterIP?: string }
  t.equal(external.clusterIP, undefined)
})

t.test('graceful deletion of pods', async t => {
  const table: readonly [object, object, number | undefined, number][] = [
    [{ nodeName: 'n' }, {}, undefined, 30],
    [{ nodeName: 'n' }, {}, 5, 5],
    [{ nodeName: 'n' }, {}, 0, 0],
    [{ nodeName: 'n' }, {}, -3, 1],
    [{}, {}, undefined, 0],
    [{ nodeName: 'n' }, { phase: 'Succeeded' }, undefined, 0],
    [{ nodeName: 'n', terminationGracePeriodSeconds: 0 }, {}, undefined, 0]
  ]
  for (const [spec, status, requested, seconds] of table) {
    const pod = defaulted(podKind, { spec: { containers: [], ...spec }, status })
    t.equal(podKind.graceSeconds?.(pod, requested), seconds)
  }
})

t.test('binding and finalizing', async t => {
  const pod = created(podKind, { spec: { containers: [{ name: 'c', image: 'i' }] } })
  pod.status = { ...pod.status, conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: 'no room' }] }
  const binding = (name: string, kind = 'Node') => ({
    apiVersion: 'v1',
    kind: 'Binding',
    metadata: { annotations: { a: 'b' } },
    target: { kind, name }
  })
  const outcome = (of: Pod, name: string, kind?: string): unknown => {
    const result = bindPod(of, binding(name, kind), 0)
    return result.ok ? result.pod : `${result.error.code} ${result.error.message}`
  }
  const bound = outcome(pod, 'n1') as Pod
  t.same([bound.spec.nodeName, bound.metadata.annotations, pod.spec.nodeName], ['n1', { a: 'b' }, undefined])
  t.strictSame(bound.status?.conditions, [{ type: 'PodScheduled', status: 'True', lastTransitionTime: '1970-01-01T00:00:00Z' }])
  t.equal(outcome(bound, 'n2'), '409 Operation cannot be fulfilled on pods/binding "x": pod x is already assigned to node "n1"')
  t.equal(
    outcome({ ...pod, metadata: { ...pod.metadata, deletionTimestamp: '1970-01-01T00:00:00Z' } }, 'n1'),
    '409 Operation cannot be fulfilled on pods/binding "x": pod x is being deleted, cannot be assigned to a host'
  )
  t.equal(outcome(pod, ''), '422 Binding "x" is invalid: target.name: Required value')
  t.match(outcome(pod, 'n', 'Pod'), /target.kind: Unsupported value: "Pod"/)

  const namespace = created(namespaceKind, {})
  const edited = {
    ...namespace,
    metadata: { ...namespace.metadata, labels: { z: 'z' } },
    spec: { finalizers: [] },
    status: { phase: 'Odd' }
  }
  const finalized = finalizeNamespace(edited, namespace)
  t.strictSame(
    [finalized.spec, finalized.status, finalized.metadata.labels],
    [{ finalizers: [] }, namespace.status, namespace.metadata.labels]
  )
})

t.test('scale, fields, the registry and the two events', async t => {
  const deployment = created(deploymentKind, { spec: { selector, template, replicas: 3 } })
  t.match(toScale(deploymentKind, deployment), { kind: 'Scale', spec: { replicas: 3 }, status: { replicas: 0, selector: 'app=x' } })
  deploymentKind.scale?.setReplicas(deployment, 7)
  t.equal(deployment.spec.replicas, 7)
  t.equal(toScale(podKind as Kind, deployment), undefined)
  const pod = defaulted(podKind, { spec: { nodeName: 'n', containers: [] }, status: { phase: 'Running' } })
  t.match(selectableFields(podKind, pod), {
    'metadata.name': 'x',
    'metadata.namespace': 'ns',
    'spec.nodeName': 'n',
    'status.phase': 'Running'
  })

  t.equal(kindOf('apps/v1', 'Deployment'), deploymentKind)
  t.equal(kindOfResource('', 'v1', 'pods'), podKind)
  t.equal(kindOfResource('', 'v1', 'toString'), undefined)
  for (const kind of kinds) {
    const fields = Object.keys(kind.fields(defaulted(kind, { involvedObject: {}, spec: { containers: [] } })))
    t.ok(
      fields.every(name => kind.selectableFields.includes(name)),
      `${kind.kind} offers the fields it has`
    )
    t.match(kind.schemaName, new RegExp(`\\.v1\\.${kind.kind}$`))
  }
  const stored = { apiVersion: 'v1', kind: 'Event', metadata: {}, involvedObject: { name: 'p' }, message: 'm', count: 2, reason: 'r' }
  t.strictSame(toEventsEvent(stored) as unknown, {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: {},
    regarding: { name: 'p' },
    note: 'm',
    deprecatedCount: 2,
    reason: 'r'
  })
  t.strictSame(toCoreEvent(toEventsEvent(stored)) as unknown, stored)
  t.equal(field.child('', 'a'), 'a')
})
