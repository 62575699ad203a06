// What `kubectl get` prints, -o wide included.

import t from 'tap'
import {
  apiVersionOf,
  deploymentKind,
  endpointSliceKind,
  endpointsKind,
  eventKind,
  eventsEventKind,
  type Kind,
  kinds,
  namespaceKind,
  nodeKind,
  podKind,
  replicaSetKind,
  serviceKind,
  toEventsEvent
} from '../../lib/kinds/index.js'
import { type ApiObject, type Cell, cloneJson } from '../../lib/object/index.js'

const nowMs = 3_600_000
const metadata = { name: 'x', namespace: 'ns', creationTimestamp: '1970-01-01T00:55:00Z' }

function cells<T extends ApiObject>(kind: Kind<T>, body: object): Cell[] {
  const object = { apiVersion: apiVersionOf(kind), kind: kind.kind, metadata, ...cloneJson(body) } as unknown as T
  kind.defaults(object)
  return kind.cells(object, nowMs)
}

t.test('every kind has a cell a column, and names its rows', async t => {
  for (const kind of kinds) {
    const row = cells(kind, { involvedObject: {}, addressType: 'IPv4' })
    t.equal(row.length, kind.columns.length, kind.schemaName)
    t.equal(row[kind.columns.findIndex(column => column.format === 'name')], 'x', kind.schemaName)
  }
})

const running = { running: { startedAt: '1970-01-01T00:56:00Z' } }
const spec = { containers: [{ name: 'a' }, { name: 'b' }] }
const status = (...containerStatuses: object[]): object => ({ phase: 'Running', containerStatuses })
const init = (...initContainerStatuses: object[]): object => ({ phase: 'Pending', initContainerStatuses })

t.test('pods: READY, STATUS, RESTARTS', async t => {
  const up = { name: 'a', ready: true, restartCount: 0, state: running }
  const withInit = { ...spec, initContainers: [{ name: 'i' }, { name: 'j' }] }
  const withSidecar = { ...spec, initContainers: [{ name: 'i', restartPolicy: 'Always' }] }
  const table: readonly [string, object, string, string, string][] = [
    ['not yet started', { spec, status: { phase: 'Pending' } }, '0/2', 'Pending', '0'],
    ['running', { spec, status: status(up, up) }, '2/2', 'Running', '0'],
    ['one not ready', { spec, status: status(up, { ...up, ready: false }) }, '1/2', 'Running', '0'],
    [
      'creating',
      { spec, status: { phase: 'Pending', containerStatuses: [{ restartCount: 0, state: { waiting: { reason: 'ContainerCreating' } } }] } },
      '0/2',
      'ContainerCreating',
      '0'
    ],
    [
      'crash loop',
      {
        spec,
        status: status({
          restartCount: 3,
          state: { waiting: { reason: 'CrashLoopBackOff' } },
          lastState: { terminated: { exitCode: 1, finishedAt: '1970-01-01T00:58:30Z' } }
        })
      },
      '0/2',
      'CrashLoopBackOff',
      '3 (90s ago)'
    ],
    ['exit code', { spec, status: status({ restartCount: 0, state: { terminated: { exitCode: 7 } } }) }, '0/2', 'ExitCode:7', '0'],
    ['signal', { spec, status: status({ restartCount: 0, state: { terminated: { exitCode: 137, signal: 9 } } }) }, '0/2', 'Signal:9', '0'],
    [
      'completed',
      {
        spec,
        status: {
          phase: 'Succeeded',
          containerStatuses: [{ restartCount: 0, state: { terminated: { exitCode: 0, reason: 'Completed' } } }]
        }
      },
      '0/2',
      'Completed',
      '0'
    ],
    [
      'one completed, one running',
      {
        spec,
        status: {
          ...status({ restartCount: 0, state: { terminated: { exitCode: 0, reason: 'Completed' } } }, up),
          conditions: [{ type: 'Ready', status: 'True' }]
        }
      },
      '1/2',
      'Running',
      '0'
    ],
    [
      'one completed, one running, not ready',
      { spec, status: status({ restartCount: 0, state: { terminated: { exitCode: 0, reason: 'Completed' } } }, up) },
      '1/2',
      'NotReady',
      '0'
    ],
    ['evicted', { spec, status: { phase: 'Failed', reason: 'Evicted' } }, '0/2', 'Evicted', '0'],
    [
      'terminating',
      { metadata: { ...metadata, deletionTimestamp: '1970-01-01T00:59:00Z' }, spec, status: status(up, up) },
      '2/2',
      'Terminating',
      '0'
    ],
    [
      'terminating but done',
      { metadata: { ...metadata, deletionTimestamp: '1970-01-01T00:59:00Z' }, spec, status: { phase: 'Succeeded' } },
      '0/2',
      'Succeeded',
      '0'
    ],
    [
      'on a lost node',
      { metadata: { ...metadata, deletionTimestamp: '1970-01-01T00:59:00Z' }, spec, status: { phase: 'Running', reason: 'NodeLost' } },
      '0/2',
      'Unknown',
      '0'
    ],
    ['initializing', { spec: withInit, status: init({ name: 'i', restartCount: 0, state: running }) }, '0/2', 'Init:0/2', '0'],
    [
      'second init',
      {
        spec: withInit,
        status: init({ name: 'i', restartCount: 0, state: { terminated: { exitCode: 0 } } }, { name: 'j', restartCount: 0, state: running })
      },
      '0/2',
      'Init:1/2',
      '0'
    ],
    [
      'init fails',
      { spec: withInit, status: init({ name: 'i', restartCount: 2, state: { terminated: { exitCode: 3 } } }) },
      '0/2',
      'Init:ExitCode:3',
      '2'
    ],
    [
      'init waits',
      { spec: withInit, status: init({ name: 'i', restartCount: 0, state: { waiting: { reason: 'ImagePullBackOff' } } }) },
      '0/2',
      'Init:ImagePullBackOff',
      '0'
    ],
    [
      'a sidecar counts',
      {
        spec: withSidecar,
        status: { ...status(up, up), initContainerStatuses: [{ name: 'i', started: true, ready: true, restartCount: 1, state: running }] }
      },
      '3/3',
      'Running',
      '1'
    ],
    [
      'gated',
      { spec, status: { phase: 'Pending', conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated' }] } },
      '0/2',
      'SchedulingGated',
      '0'
    ]
  ]
  for (const [name, body, ready, text, restarts] of table) t.same(cells(podKind, body).slice(1, 4), [ready, text, restarts], name)
  const wide = cells(podKind, {
    spec: { ...spec, nodeName: 'n1', readinessGates: [{ conditionType: 'g' }, { conditionType: 'h' }] },
    status: { phase: 'Running', podIP: '10.0.0.1', conditions: [{ type: 'g', status: 'True' }] }
  })
  t.same(wide, ['x', '0/2', 'Running', '0', '5m', '10.0.0.1', 'n1', '<none>', '1/2'])
  t.same(
    podKind.columns.map(column => [column.name, column.priority]),
    [
      ['Name', 0],
      ['Ready', 0],
      ['Status', 0],
      ['Restarts', 0],
      ['Age', 0],
      ['IP', 1],
      ['Node', 1],
      ['Nominated Node', 1],
      ['Readiness Gates', 1]
    ]
  )
})

t.test('services', async t => {
  const table: readonly [object, Cell[]][] = [
    [
      { clusterIP: '10.0.0.1', ports: [{ port: 80 }, { port: 53, protocol: 'UDP' }], selector: { b: '2', a: '1' } },
      ['ClusterIP', '10.0.0.1', '<none>', '80/TCP,53/UDP', '5m', 'a=1,b=2']
    ],
    [{ type: 'NodePort', ports: [{ port: 80, nodePort: 30080 }] }, ['NodePort', '<none>', '<none>', '80:30080/TCP', '5m', '<none>']],
    [{ type: 'LoadBalancer', ports: [{ port: 80 }] }, ['LoadBalancer', '<none>', '<pending>', '80/TCP', '5m', '<none>']],
    [{ type: 'ExternalName', externalName: 'a.b' }, ['ExternalName', '<none>', 'a.b', '<none>', '5m', '<none>']],
    [{ clusterIP: 'None', externalIPs: ['1.1.1.1'], ports: [{ port: 80 }] }, ['ClusterIP', 'None', '1.1.1.1', '80/TCP', '5m', '<none>']]
  ]
  for (const [body, expected] of table) t.same(cells(serviceKind, { spec: body }).slice(1), expected)
  const balanced = cells(serviceKind, {
    spec: { type: 'LoadBalancer' },
    status: { loadBalancer: { ingress: [{ ip: '2.2.2.2' }, { hostname: 'h' }] } }
  })
  t.equal(balanced[3], '2.2.2.2,h')
})

t.test('nodes', async t => {
  const nodeInfo = { kubeletVersion: 'v1.34.0', osImage: 'Linux', kernelVersion: '6.1', containerRuntimeVersion: 'kabuki://1' }
  const row = cells(nodeKind, {
    metadata: { ...metadata, labels: { 'node-role.kubernetes.io/worker': '', 'node-role.kubernetes.io/control-plane': '' } },
    spec: { unschedulable: true },
    status: { nodeInfo, conditions: [{ type: 'Ready', status: 'True' }], addresses: [{ type: 'InternalIP', address: '10.0.0.5' }] }
  })
  t.same(row, [
    'x',
    'Ready,SchedulingDisabled',
    'control-plane,worker',
    '5m',
    'v1.34.0',
    '10.0.0.5',
    '<none>',
    'Linux',
    '6.1',
    'kabuki://1'
  ])
  t.same(cells(nodeKind, { status: { conditions: [{ type: 'Ready', status: 'Unknown' }] } }).slice(1, 3), ['NotReady', '<none>'])
  t.equal(cells(nodeKind, {})[1], 'Unknown')
})

t.test('workloads', async t => {
  const body = {
    spec: {
      replicas: 3,
      selector: { matchLabels: { app: 'x' } },
      template: {
        spec: {
          containers: [
            { name: 'a', image: 'i' },
            { name: 'b', image: 'j' }
          ]
        }
      }
    },
    status: { replicas: 3, readyReplicas: 2, updatedReplicas: 1, availableReplicas: 2 }
  }
  t.same(cells(deploymentKind, body), ['x', '2/3', 1, 2, '5m', 'a,b', 'i,j', 'app=x'])
  t.same(cells(replicaSetKind, body), ['x', 3, 3, 2, '5m', 'a,b', 'i,j', 'app=x'])
})

t.test('endpoints and namespaces', async t => {
  const subsets = [{ addresses: [{ ip: '10.0.0.1' }, { ip: '10.0.0.2' }], ports: [{ port: 80 }, { port: 81 }] }]
  t.equal(cells(endpointsKind, { subsets })[1], '10.0.0.1:80,10.0.0.2:80,10.0.0.1:81 + 1 more...')
  t.equal(cells(endpointsKind, {})[1], '<none>')
  const slice = { addressType: 'IPv4', ports: [{ port: 80 }], endpoints: ['1', '2', '3', '4'].map(n => ({ addresses: [`10.0.0.${n}`] })) }
  t.same(cells(endpointSliceKind, slice), ['x', 'IPv4', '80', '10.0.0.1,10.0.0.2,10.0.0.3 + 1 more...', '5m'])
  t.same(cells(namespaceKind, {}), ['x', 'Active', '5m'])
})

t.test('events: LAST SEEN TYPE REASON OBJECT MESSAGE, and wide', async t => {
  const event = {
    involvedObject: { kind: 'Pod', name: 'p', fieldPath: 'spec.containers{a}' },
    type: 'Normal',
    reason: 'Pulled',
    message: 'pulled\n',
    count: 4,
    firstTimestamp: '1970-01-01T00:10:00Z',
    lastTimestamp: '1970-01-01T00:59:30Z',
    source: { component: 'kubelet', host: 'n1' }
  }
  const row = ['30s', 'Normal', 'Pulled', 'pod/p', 'spec.containers{a}', 'kubelet, n1', 'pulled', '50m', 4, 'x']
  t.same(cells(eventKind, event), row)
  const {
    apiVersion: _version,
    kind: _kind,
    metadata: _meta,
    ...newer
  } = toEventsEvent({ apiVersion: 'v1', kind: 'Event', metadata, ...event })
  t.same(cells(eventsEventKind, newer), row, 'both views print alike')
  const series = cells(eventKind, {
    involvedObject: { kind: 'Node', name: 'n' },
    eventTime: '1970-01-01T00:50:00.000000Z',
    series: { count: 9, lastObservedTime: '1970-01-01T00:58:00.000000Z' }
  })
  t.same([series[0], series[7], series[8]], ['2m', '10m', 9])
})
