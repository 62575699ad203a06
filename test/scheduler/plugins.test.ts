import t from 'tap'
import type { Node, Pod } from '../../lib/kinds/index.js'
import { type Cluster, type ClusterEvent, defaultPlugins, nodeRejects, type Plugin, podRequests } from '../../lib/scheduler/index.js'
import { clusterOf, info, node, type PodParts, pod } from './fixtures.js'

const plugin = (name: string): Plugin => {
  const found = defaultPlugins.find(one => one.name === name)
  if (found === undefined) throw new Error(name)
  return found
}

/** What one plugin says of each node: its reasons, `!` after those that preemption cannot help; '' where it has nothing against it. */
function verdicts(name: string, object: Pod, cluster: Cluster): Record<string, string> {
  const found: Record<string, string> = {}
  for (const one of cluster.nodes) {
    const rejected = nodeRejects(info(object), one, cluster, [plugin(name)])
    found[one.name] = rejected === undefined ? '' : rejected.reasons.join('; ') + (rejected.resolvable ? '' : '!')
  }
  return found
}

/** What one plugin scores each node, normalized. */
function scores(name: string, object: Pod, cluster: Cluster): Record<string, number> | undefined {
  const scorer = plugin(name).score?.(info(object), cluster, cluster.nodes)
  if (scorer === undefined) return undefined
  const list = cluster.nodes.map(one => scorer.score(one))
  scorer.normalize?.(list, cluster.nodes)
  return Object.fromEntries(cluster.nodes.map((one, i) => [one.name, list[i] as number]))
}

interface Row {
  readonly what: string
  readonly plugin: string
  readonly pod: PodParts
  readonly nodes: readonly Node[]
  readonly on?: Readonly<Record<string, readonly Pod[]>>
  readonly want: Record<string, string>
}

const taint = (key: string, effect: string, value?: string) => ({ key, effect, ...(value === undefined ? {} : { value }) })
const required = (...terms: object[]): Partial<Pod['spec']> => ({
  affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms as [] } } }
})
const port = (hostPort: number, protocol?: string, hostIP?: string) => ({
  spec: {
    containers: [{ name: 'c', ports: [{ containerPort: 80, hostPort, ...(protocol ? { protocol } : {}), ...(hostIP ? { hostIP } : {}) }] }]
  }
})
const labelled = (name: string, labels: Record<string, string>, parts: PodParts = {}): Pod => pod(name, { ...parts, metadata: { labels } })
const zone = (name: string, value: string): Node => node(name, { labels: { zone: value } })
const near = (side: 'podAffinity' | 'podAntiAffinity', app: string, topologyKey: string, more: object = {}): Partial<Pod['spec']> => ({
  affinity: {
    [side]: { requiredDuringSchedulingIgnoredDuringExecution: [{ labelSelector: { matchLabels: { app } }, topologyKey, ...more }] }
  }
})
const spread = (topologyKey: string, maxSkew: number, more: object = {}) => ({
  topologySpreadConstraints: [
    { topologyKey, maxSkew, whenUnsatisfiable: 'DoNotSchedule', labelSelector: { matchLabels: { app: 'a' } }, ...more }
  ]
})
const podsNotMatch = "node(s) didn't match Pod's node affinity/selector!"
const noPorts = "node(s) didn't have free ports for the requested pod ports"
const skewed = "node(s) didn't match pod topology spread constraints"
const a = { labels: { app: 'a' } }

const rows: readonly Row[] = [
  {
    what: 'cordoned',
    plugin: 'NodeUnschedulable',
    pod: {},
    nodes: [node('x', { spec: { unschedulable: true } }), node('y')],
    want: { x: 'node(s) were unschedulable!', y: '' }
  },
  {
    what: 'cordoned, tolerated',
    plugin: 'NodeUnschedulable',
    pod: { spec: { tolerations: [{ key: 'node.kubernetes.io/unschedulable', operator: 'Exists' }] } },
    nodes: [node('x', { spec: { unschedulable: true } })],
    want: { x: '' }
  },
  {
    what: 'named',
    plugin: 'NodeName',
    pod: { spec: { nodeName: 'y' } },
    nodes: [node('x'), node('y')],
    want: { x: "node(s) didn't match the requested node name!", y: '' }
  },
  {
    what: 'taints: the first untolerated one is named; PreferNoSchedule keeps nobody away',
    plugin: 'TaintToleration',
    pod: { spec: { tolerations: [{ key: 'k', value: 'v', effect: 'NoSchedule' }] } },
    nodes: [
      node('x', { spec: { taints: [taint('k', 'NoSchedule', 'v'), taint('m', 'NoExecute')] } }),
      node('y', { spec: { taints: [taint('k', 'NoSchedule', 'w')] } }),
      node('z', { spec: { taints: [taint('p', 'PreferNoSchedule')] } })
    ],
    want: { x: 'node(s) had untolerated taint {m: }!', y: 'node(s) had untolerated taint {k: w}!', z: '' }
  },
  {
    what: 'tolerations without key, effect or value',
    plugin: 'TaintToleration',
    pod: { spec: { tolerations: [{ operator: 'Exists' }] } },
    nodes: [node('x', { spec: { taints: [taint('k', 'NoSchedule', 'v'), taint('m', 'NoExecute')] } })],
    want: { x: '' }
  },
  {
    what: 'nodeSelector and affinity must both hold',
    plugin: 'NodeAffinity',
    pod: {
      spec: { nodeSelector: { disk: 'ssd' }, ...required({ matchExpressions: [{ key: 'zone', operator: 'In', values: ['1', '2'] }] }) }
    },
    nodes: [node('x', { labels: { disk: 'ssd', zone: '1' } }), node('y', { labels: { disk: 'ssd', zone: '3' } }), zone('z', '1')],
    want: { x: '', y: podsNotMatch, z: podsNotMatch }
  },
  {
    what: 'terms are alternatives; an empty one matches nothing',
    plugin: 'NodeAffinity',
    pod: {
      spec: required(
        {},
        { matchExpressions: [{ key: 'cores', operator: 'Gt', values: ['7'] }] },
        { matchExpressions: [{ key: 'gpu', operator: 'Exists' }] }
      )
    },
    nodes: [node('x', { labels: { cores: '8' } }), node('y', { labels: { cores: '7' } }), node('z', { labels: { gpu: '' } })],
    want: { x: '', y: podsNotMatch, z: '' }
  },
  {
    what: 'NotIn and DoesNotExist match what lacks the label',
    plugin: 'NodeAffinity',
    pod: {
      spec: required({
        matchExpressions: [
          { key: 'zone', operator: 'NotIn', values: ['1'] },
          { key: 'old', operator: 'DoesNotExist' }
        ]
      })
    },
    nodes: [node('x'), zone('y', '1'), node('z', { labels: { old: 'yes' } })],
    want: { x: '', y: podsNotMatch, z: podsNotMatch }
  },
  {
    what: 'matchFields',
    plugin: 'NodeAffinity',
    pod: { spec: required({ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['y'] }] }) },
    nodes: [node('x'), node('y')],
    want: { x: podsNotMatch, y: '' }
  },
  {
    what: 'host ports: by protocol and address',
    plugin: 'NodePorts',
    pod: port(80),
    nodes: ['x', 'y', 'z', 'w'].map(name => node(name)),
    on: { x: [pod('p', port(80))], y: [pod('q', port(80, 'UDP'))], z: [pod('r', port(80, 'TCP', '127.0.0.1'))], w: [pod('s', port(81))] },
    want: { x: noPorts, y: '', z: noPorts, w: '' }
  },
  {
    what: 'host ports of two addresses do not meet',
    plugin: 'NodePorts',
    pod: port(80, 'TCP', '127.0.0.2'),
    nodes: [node('x')],
    on: { x: [pod('r', port(80, 'TCP', '127.0.0.1'))] },
    want: { x: '' }
  },
  {
    what: 'resources: all that is short is named, and what the node never has is beyond preemption',
    plugin: 'NodeResourcesFit',
    pod: { requests: { cpu: '3', memory: '6Gi', 'example.com/gpu': '1' } },
    nodes: [
      node('x'),
      node('y', { allocatable: { 'example.com/gpu': '2' } }),
      node('z', { allocatable: { 'example.com/gpu': '1', pods: '0' } })
    ],
    on: { y: [pod('p', { requests: { cpu: '1500m', memory: '1Gi' } })] },
    want: { x: 'Insufficient example.com/gpu!', y: 'Insufficient cpu', z: 'Too many pods' }
  },
  {
    what: 'a pod that asks for nothing needs a place only',
    plugin: 'NodeResourcesFit',
    pod: {},
    nodes: [node('x', { allocatable: { cpu: '0', memory: '0', pods: '1' } }), node('y', { allocatable: { pods: '1' } })],
    on: { y: [pod('p')] },
    want: { x: '', y: 'Too many pods' }
  },
  {
    what: 'spread: the skew counts from the emptiest domain, those without pods too',
    plugin: 'PodTopologySpread',
    pod: { metadata: a, spec: spread('zone', 1) },
    nodes: [zone('x', '1'), zone('y', '1'), zone('z', '2'), node('w')],
    on: { x: [labelled('p', { app: 'a' })] },
    want: { x: skewed, y: skewed, z: '', w: `${skewed} (missing required label)!` }
  },
  {
    what: 'spread: minDomains makes the emptiest zero; terminating and foreign pods do not count',
    plugin: 'PodTopologySpread',
    pod: { metadata: a, spec: spread('zone', 1, { minDomains: 3 }) },
    nodes: [zone('x', '1'), zone('y', '2'), zone('z', '2')],
    on: {
      x: [
        pod('p', { metadata: { ...a, deletionTimestamp: '2026-01-01T00:00:00Z' } }),
        pod('q', { metadata: { ...a, namespace: 'other' } })
      ],
      y: [labelled('r', { app: 'a' })]
    },
    want: { x: '', y: skewed, z: skewed }
  },
  {
    what: 'spread: nodes the pod cannot go to by affinity are no domains; taints count only if asked',
    plugin: 'PodTopologySpread',
    pod: { metadata: a, spec: { nodeSelector: { ok: 'yes' }, ...spread('zone', 1, { nodeTaintsPolicy: 'Honor' }) } },
    nodes: [
      node('x', { labels: { zone: '1', ok: 'yes' } }),
      zone('y', '2'),
      node('z', { labels: { zone: '3', ok: 'yes' }, spec: { taints: [taint('k', 'NoSchedule')] } })
    ],
    on: { x: [labelled('p', { app: 'a' })] },
    want: { x: '', y: '', z: '' }
  },
  {
    what: 'spread: matchLabelKeys narrow the selector to the pod’s own value',
    plugin: 'PodTopologySpread',
    pod: { metadata: { labels: { app: 'a', hash: '2' } }, spec: spread('zone', 1, { matchLabelKeys: ['hash'] }) },
    nodes: [zone('x', '1'), zone('y', '2')],
    on: { x: [labelled('p', { app: 'a', hash: '1' })] },
    want: { x: '', y: '' }
  },
  {
    what: 'affinity: near what matches, by topology',
    plugin: 'InterPodAffinity',
    pod: { spec: near('podAffinity', 'db', 'zone') },
    nodes: [zone('x', '1'), zone('y', '1'), zone('z', '2'), node('w')],
    on: { x: [labelled('p', { app: 'db' })] },
    want: { x: '', y: '', z: "node(s) didn't match pod affinity rules!", w: "node(s) didn't match pod affinity rules!" }
  },
  {
    what: 'affinity: the first of its kind goes anywhere that has the label',
    plugin: 'InterPodAffinity',
    pod: { metadata: a, spec: near('podAffinity', 'a', 'zone') },
    nodes: [zone('x', '1'), node('w')],
    want: { x: '', w: "node(s) didn't match pod affinity rules!" }
  },
  {
    what: 'anti-affinity: far from what matches, in its namespace only',
    plugin: 'InterPodAffinity',
    pod: { spec: near('podAntiAffinity', 'db', 'kubernetes.io/hostname') },
    nodes: [node('x'), node('y')],
    on: { x: [labelled('p', { app: 'db' })], y: [pod('q', { metadata: { namespace: 'other', labels: { app: 'db' } } })] },
    want: { x: "node(s) didn't match pod anti-affinity rules", y: '' }
  },
  {
    what: 'anti-affinity: of all namespaces by an empty selector',
    plugin: 'InterPodAffinity',
    pod: { spec: near('podAntiAffinity', 'db', 'kubernetes.io/hostname', { namespaceSelector: {} }) },
    nodes: [node('y')],
    on: { y: [pod('q', { metadata: { namespace: 'other', labels: { app: 'db' } } })] },
    want: { y: "node(s) didn't match pod anti-affinity rules" }
  },
  {
    what: 'anti-affinity of those that are there',
    plugin: 'InterPodAffinity',
    pod: { metadata: a },
    nodes: [zone('x', '1'), zone('y', '1'), zone('z', '2')],
    on: { x: [pod('p', { spec: near('podAntiAffinity', 'a', 'zone') })] },
    want: {
      x: "node(s) didn't satisfy existing pods anti-affinity rules",
      y: "node(s) didn't satisfy existing pods anti-affinity rules",
      z: ''
    }
  }
]

t.test('filters say what upstream says', async t => {
  for (const row of rows) {
    t.same(verdicts(row.plugin, pod('new', row.pod), clusterOf(row.nodes, row.on)), row.want, `${row.plugin}: ${row.what}`)
  }
})

const preferring = (...terms: [number, string, string][]): Partial<Pod['spec']> => ({
  affinity: {
    nodeAffinity: {
      preferredDuringSchedulingIgnoredDuringExecution: terms.map(([weight, key, value]) => ({
        weight,
        preference: { matchExpressions: [{ key, operator: 'In', values: [value] }] }
      }))
    }
  }
})
const mebibytes = (count: number): number => count * 1024 * 1024

interface ScoreRow extends Omit<Row, 'want'> {
  readonly want: Record<string, number> | undefined
}

const scoreRows: readonly ScoreRow[] = [
  {
    // Upstream's balanced and least allocated tables: (4000-3000)/4000 and (10000-5000)/10000 of cpu and memory.
    what: 'what is free after it, as a mean of CPU and memory',
    plugin: 'NodeResourcesFit',
    pod: { requests: { cpu: '3', memory: '5000' } },
    nodes: [node('x', { allocatable: { cpu: '4', memory: '10000' } }), node('y', { allocatable: { cpu: '6', memory: '10000' } })],
    want: { x: 37, y: 50 }
  },
  {
    what: 'containers that ask for nothing count as 100m and 200 MiB',
    plugin: 'NodeResourcesFit',
    pod: {},
    nodes: [node('x', { allocatable: { cpu: '1', memory: '400Mi' } }), node('y', { allocatable: { cpu: '1', memory: '400Mi' } })],
    on: { y: [pod('p')] },
    want: { x: 70, y: 40 }
  },
  {
    what: 'balance of shares',
    plugin: 'NodeResourcesBalancedAllocation',
    pod: { requests: { cpu: '3', memory: '5000' } },
    nodes: [node('x', { allocatable: { cpu: '4', memory: '10000' } }), node('y', { allocatable: { cpu: '6', memory: '10000' } })],
    want: { x: 87, y: 100 }
  },
  { what: 'not for pods that ask for nothing', plugin: 'NodeResourcesBalancedAllocation', pod: {}, nodes: [node('x')], want: undefined },
  {
    what: 'fewer untolerated PreferNoSchedule taints',
    plugin: 'TaintToleration',
    pod: { spec: { tolerations: [{ key: 'k', operator: 'Exists', effect: 'PreferNoSchedule' }] } },
    nodes: [
      node('x', { spec: { taints: [taint('k', 'PreferNoSchedule')] } }),
      node('y', { spec: { taints: [taint('k', 'PreferNoSchedule'), taint('l', 'PreferNoSchedule')] } }),
      node('z', { spec: { taints: [taint('l', 'PreferNoSchedule'), taint('m', 'PreferNoSchedule')] } })
    ],
    want: { x: 100, y: 50, z: 0 }
  },
  {
    what: 'weights of preferred terms, as shares of the best',
    plugin: 'NodeAffinity',
    pod: { spec: preferring([2, 'zone', '1'], [5, 'disk', 'ssd']) },
    nodes: [zone('x', '1'), node('y', { labels: { zone: '1', disk: 'ssd' } }), node('z')],
    want: { x: 28, y: 100, z: 0 }
  },
  {
    // Upstream: 250 MiB on one of two nodes counts half; (125-23)/(1000-23) is 10.4 %.
    what: 'images there, the more the fewer nodes lack them',
    plugin: 'ImageLocality',
    pod: { spec: { containers: [{ name: 'c', image: 'gcr.io/250' }] } },
    nodes: [node('x', { images: [{ names: ['gcr.io/250:latest'], sizeBytes: mebibytes(250) }] }), node('y')],
    want: { x: 10, y: 0 }
  },
  {
    what: 'spread by preference: the emptier, the better',
    plugin: 'PodTopologySpread',
    pod: { metadata: a, spec: spread('kubernetes.io/hostname', 1, { whenUnsatisfiable: 'ScheduleAnyway' }) },
    nodes: [node('x'), node('y'), node('z')],
    on: { x: [labelled('p', { app: 'a' }), labelled('q', { app: 'a' })], y: [labelled('r', { app: 'a' })] },
    want: { x: 0, y: 33, z: 100 }
  },
  {
    what: 'preferred affinity less preferred anti-affinity, between least and most',
    plugin: 'InterPodAffinity',
    pod: {
      spec: {
        affinity: {
          podAffinity: {
            preferredDuringSchedulingIgnoredDuringExecution: [
              { weight: 10, podAffinityTerm: { topologyKey: 'zone', labelSelector: { matchLabels: { app: 'db' } } } }
            ]
          },
          podAntiAffinity: {
            preferredDuringSchedulingIgnoredDuringExecution: [
              { weight: 5, podAffinityTerm: { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app: 'db' } } } }
            ]
          }
        }
      }
    },
    nodes: [zone('x', '1'), zone('y', '1'), zone('z', '2')],
    on: { x: [labelled('p', { app: 'db' })] },
    want: { x: 50, y: 100, z: 0 }
  }
]

t.test('scores are what upstream would give', async t => {
  for (const row of scoreRows) {
    t.same(scores(row.plugin, pod('new', row.pod), clusterOf(row.nodes, row.on)), row.want, `${row.plugin}: ${row.what}`)
  }
})

t.test('copies of a ReplicaSet are spread by default over nodes and zones', async t => {
  const copy = (name: string): Pod =>
    pod(name, {
      metadata: { ...a, ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid: 'u', controller: true }] }
    })
  const zoned = (name: string, value: string): Node => node(name, { labels: { 'topology.kubernetes.io/zone': value } })
  const cluster = clusterOf([zoned('x', '1'), zoned('y', '1'), zoned('z', '2')], { x: [copy('p')] })
  t.equal(scores('PodTopologySpread', copy('new'), cluster), undefined, 'nobody knows the ReplicaSet')
  cluster.workloads.setOwner('ReplicaSet', 'default', 'web', { matchLabels: { app: 'a' } })
  const found = scores('PodTopologySpread', copy('new'), cluster)
  t.ok(found !== undefined && (found.z as number) > (found.y as number) && (found.y as number) > (found.x as number), JSON.stringify(found))
  t.equal(scores('PodTopologySpread', pod('alone'), cluster), undefined)
  cluster.workloads.setService('default', 'svc', { app: 'lone' })
  t.not(scores('PodTopologySpread', labelled('served', { app: 'lone' }), cluster), undefined, 'a Service makes copies too')
})

t.test('what a pod requests', async t => {
  const container = (cpu: string, more: object = {}) => ({ name: cpu, resources: { requests: { cpu } }, ...more })
  const rows: [string, Partial<Pod['spec']>, number][] = [
    ['containers add up', { containers: [container('1'), container('500m')] }, 1500],
    ['the greatest init container', { containers: [container('1')], initContainers: [container('3'), container('2')] }, 3000],
    ['a sidecar stays', { containers: [container('1')], initContainers: [container('2', { restartPolicy: 'Always' })] }, 3000],
    [
      'an init container runs beside the sidecars before it',
      { containers: [container('1')], initContainers: [container('2', { restartPolicy: 'Always' }), container('4')] },
      6000
    ],
    ['overhead', { containers: [container('1')], overhead: { cpu: '250m' } }, 1250],
    ['the pod’s own instead', { containers: [container('1')], resources: { requests: { cpu: '5' } } }, 5000],
    ['finer than a thousandth counts as one', { containers: [container('100u')] }, 1]
  ]
  for (const [what, spec, want] of rows) t.equal(podRequests(pod('p', { spec }).spec).requests.milliCpu, want, what)
  const { requests } = podRequests(pod('p', { requests: { memory: '1Ki', 'ephemeral-storage': '1k', 'hugepages-2Mi': '2Mi' } }).spec)
  t.same([requests.memory, requests.ephemeralStorage, requests.scalars.get('hugepages-2Mi')], [1024, 1000, 2097152])
})

t.test('events that help, and those that do not', async t => {
  const cluster = clusterOf([node('x', { allocatable: { cpu: '1' } }), node('big')])
  const at = (name: string) => cluster.node(name) as NonNullable<ReturnType<Cluster['node']>>
  const added = (name: string): ClusterEvent => ({ type: 'nodeAdded', node: at(name) })
  const updated = (before: Node, after: Node): ClusterEvent => {
    const facts = clusterOf([before]).nodes[0]?.facts
    return { type: 'nodeUpdated', node: clusterOf([after]).nodes[0] as never, before: facts as never }
  }
  const gone = (object: Pod): ClusterEvent => ({ type: 'podGone', pod: info(object) })
  const assigned = (object: Pod): ClusterEvent => ({ type: 'podAssigned', pod: info(object) })
  const rows: [string, PodParts, ClusterEvent, boolean][] = [
    ['NodeResourcesFit', { requests: { cpu: '2' } }, added('big'), true],
    ['NodeResourcesFit', { requests: { cpu: '2' } }, added('x'), false],
    ['NodeResourcesFit', { requests: { cpu: '2' } }, gone(pod('p')), true],
    ['NodeResourcesFit', { requests: { cpu: '2' } }, assigned(pod('p')), false],
    ['NodeResourcesFit', { requests: { cpu: '2' } }, updated(node('n', { allocatable: { cpu: '1' } }), node('n')), true],
    ['NodeResourcesFit', { requests: { cpu: '2' } }, updated(node('n'), node('n', { labels: { l: '' } })), false],
    ['TaintToleration', {}, updated(node('n', { spec: { taints: [taint('k', 'NoSchedule')] } }), node('n')), true],
    ['TaintToleration', {}, updated(node('n'), node('n')), false],
    ['NodeUnschedulable', {}, updated(node('n', { spec: { unschedulable: true } }), node('n')), true],
    ['NodeAffinity', { spec: { nodeSelector: { l: '1' } } }, updated(node('n'), node('n', { labels: { l: '1' } })), true],
    ['NodeAffinity', { spec: { nodeSelector: { l: '1' } } }, added('big'), false],
    ['NodePorts', port(80), gone(pod('p', port(80))), true],
    ['NodePorts', port(80), gone(pod('p', port(81))), false],
    ['InterPodAffinity', { spec: near('podAffinity', 'db', 'zone') }, assigned(labelled('p', { app: 'db' })), true],
    ['InterPodAffinity', { spec: near('podAffinity', 'db', 'zone') }, assigned(labelled('p', { app: 'other' })), false],
    ['InterPodAffinity', { metadata: a }, gone(pod('p', { spec: near('podAntiAffinity', 'a', 'zone') })), true],
    ['PodTopologySpread', { metadata: a, spec: spread('zone', 1) }, assigned(labelled('p', { app: 'a' })), true],
    ['PodTopologySpread', { metadata: a, spec: spread('zone', 1) }, gone(labelled('p', { app: 'b' })), false]
  ]
  for (const [name, parts, event, want] of rows) {
    t.equal(plugin(name).helpedBy?.(event, info(pod('new', parts)), cluster), want, `${name} ${event.type} ${want}`)
  }
})
