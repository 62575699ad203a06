// What is refused, and in which words. Each row changes a valid object and names the faults upstream finds.

import t from 'tap'
import {
  apiVersionOf,
  beforeCreate,
  beforeUpdate,
  configMapKind,
  controllerRevisionKind,
  deploymentKind,
  endpointSliceKind,
  endpointsKind,
  eventKind,
  eventsEventKind,
  type Kind,
  leaseKind,
  namespaceKind,
  nodeKind,
  podKind,
  replicaSetKind,
  secretKind,
  serviceKind
} from '../../lib/kinds/index.js'
import { type ApiObject, cloneJson } from '../../lib/object/index.js'
import { seededRandom } from '../../lib/std/index.js'

// Edits reach anywhere into JSON.
type Edit = (object: any) => void

const creation = { namespace: 'ns', nowMs: 0, uid: 'u', random: seededRandom(1) }

function make<T extends ApiObject>(kind: Kind<T>, body: object, edit: Edit): { object: T; faults: string[] } {
  const metadata = { name: 'x', ...(kind.namespaced ? { namespace: 'ns' } : {}) }
  const object = { apiVersion: apiVersionOf(kind), kind: kind.kind, metadata, ...cloneJson(body) } as unknown as T
  edit(object)
  kind.defaults(object)
  const faults = beforeCreate(kind, object, creation).map(error => `${error.field}: ${error.message}`)
  return { object, faults }
}

/** Rows of creation: [edit, faults]. Plain strings must be equal, patterns match. */
function refuses<T extends ApiObject>(kind: Kind<T>, body: object, rows: readonly (readonly [Edit, (string | RegExp)[]])[]): void {
  t.test(`${kind.kind} of ${apiVersionOf(kind)}`, async t => {
    t.same(make(kind, body, () => {}).faults, [], 'valid as it is')
    for (const [edit, expected] of rows) {
      const { faults } = make(kind, body, edit)
      t.equal(faults.length, expected.length, `${edit}: ${JSON.stringify(faults)}`)
      expected.forEach((fault, index) => {
        if (typeof fault === 'string') t.equal(faults[index], fault)
        else t.match(faults[index], fault)
      })
    }
  })
}

function refusesUpdates<T extends ApiObject>(kind: Kind<T>, body: object, rows: readonly (readonly [Edit, (string | RegExp)[]])[]): void {
  t.test(`updates of ${kind.kind}`, async t => {
    const { object: old } = make(kind, body, () => {})
    old.metadata.resourceVersion = '1'
    for (const [edit, expected] of rows) {
      const next = cloneJson(old)
      edit(next)
      kind.defaults(next)
      const faults = beforeUpdate(kind, next, old).map(error => `${error.field}: ${error.message}`)
      t.equal(faults.length, expected.length, `${edit}: ${JSON.stringify(faults)}`)
      expected.forEach((fault, index) => {
        if (typeof fault === 'string') t.equal(faults[index], fault)
        else t.match(faults[index], fault)
      })
    }
  })
}

const container = { name: 'c', image: 'nginx:1', ports: [{ containerPort: 80, name: 'http' }] }
const pod = { spec: { containers: [container], nodeSelector: { a: 'b' } } }

refuses(podKind, pod, [
  [p => (p.spec.containers = []), ['spec.containers: Required value']],
  [p => delete p.spec, ['spec.containers: Required value']],
  [p => (p.spec.containers[0].name = ''), ['spec.containers[0].name: Required value']],
  [p => (p.spec.containers[0].name = 'A_b'), [/^spec.containers\[0\].name: Invalid value: "A_b": a lowercase RFC 1123 label must/]],
  [p => delete p.spec.containers[0].image, ['spec.containers[0].image: Required value']],
  [
    p => (p.spec.containers[0].image = ' x'),
    ['spec.containers[0].image: Invalid value: " x": must not have leading or trailing whitespace']
  ],
  [p => p.spec.containers.push(container), ['spec.containers[1].name: Duplicate value: "c"']],
  [p => (p.spec.initContainers = [container]), ['spec.initContainers[0].name: Duplicate value: "c"']],
  [
    p => (p.spec.initContainers = [{ name: 'i', image: 'x', readinessProbe: { exec: { command: ['a'] } } }]),
    ['spec.initContainers[0].readinessProbe: Forbidden: may not be set for init containers without restartPolicy=Always']
  ],
  [
    p => (p.spec.containers[0].ports[0].containerPort = 70000),
    ['spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive']
  ],
  [p => delete p.spec.containers[0].ports[0].containerPort, ['spec.containers[0].ports[0].containerPort: Required value']],
  [
    p => (p.spec.containers[0].ports[0].protocol = 'tcp'),
    ['spec.containers[0].ports[0].protocol: Unsupported value: "tcp": supported values: "SCTP", "TCP", "UDP"']
  ],
  [
    p => p.spec.containers[0].ports.push({ containerPort: 81, name: 'http' }),
    ['spec.containers[0].ports[1].name: Duplicate value: "http"']
  ],
  [
    p => (p.spec.containers[0].imagePullPolicy = 'Sometimes'),
    ['spec.containers[0].imagePullPolicy: Unsupported value: "Sometimes": supported values: "Always", "IfNotPresent", "Never"']
  ],
  [
    p => (p.spec.containers[0].volumeMounts = [{ name: 'v', mountPath: '/x' }]),
    ['spec.containers[0].volumeMounts[0].name: Not found: "v"']
  ],
  [
    p => {
      p.spec.volumes = [{ name: 'v' }, { name: 'v' }]
      p.spec.containers[0].volumeMounts = ['/x', '/x'].map(mountPath => ({ name: 'v', mountPath }))
    },
    ['spec.volumes[1].name: Duplicate value: "v"', 'spec.containers[0].volumeMounts[1].mountPath: Invalid value: "/x": must be unique']
  ],
  [
    p => (p.spec.volumes = [{ name: 'v', emptyDir: {}, secret: {} }]),
    ['spec.volumes[0].secret: Forbidden: may not specify more than 1 volume type', 'spec.volumes[0].secret.secretName: Required value']
  ],
  [
    p => (p.spec.containers[0].resources = { limits: { cpu: '1' }, requests: { cpu: '2' } }),
    ['spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1']
  ],
  [
    p => (p.spec.containers[0].resources = { limits: { gpu: '1' } }),
    [/limits\[gpu\]: Invalid value: "gpu": must be a standard resource for containers$/, /requests\[gpu\]/]
  ],
  [
    p => (p.spec.containers[0].resources = { requests: { cpu: '-1' } }),
    ['spec.containers[0].resources.requests[cpu]: Invalid value: "-1": must be greater than or equal to 0']
  ],
  [
    p => (p.spec.containers[0].resources = { requests: { cpu: 'x' } }),
    [/requests\[cpu\]: Invalid value: "x": quantities must match the regular expression/]
  ],
  [p => (p.spec.containers[0].livenessProbe = {}), ['spec.containers[0].livenessProbe: Required value: must specify a handler type']],
  [
    p => (p.spec.containers[0].livenessProbe = { tcpSocket: { port: 'x--' }, successThreshold: 2 }),
    [
      'spec.containers[0].livenessProbe.tcpSocket.port: Invalid value: "x--": must not contain consecutive hyphens',
      'spec.containers[0].livenessProbe.tcpSocket.port: Invalid value: "x--": must not begin or end with a hyphen',
      'spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1'
    ]
  ],
  [
    p => (p.spec.containers[0].env = [{ name: 'A', value: 'x', valueFrom: { fieldRef: { fieldPath: 'a' } } }, { name: '' }]),
    [
      'spec.containers[0].env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty',
      'spec.containers[0].env[1].name: Required value'
    ]
  ],
  [
    p => (p.spec.restartPolicy = 'Maybe'),
    ['spec.restartPolicy: Unsupported value: "Maybe": supported values: "Always", "OnFailure", "Never"']
  ],
  [
    p => (p.spec.dnsPolicy = 'x'),
    ['spec.dnsPolicy: Unsupported value: "x": supported values: "ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"']
  ],
  [p => (p.spec.activeDeadlineSeconds = 0), ['spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive']],
  [
    p => (p.spec.tolerations = [{ value: 'x' }]),
    [
      'spec.tolerations[0].operator: Invalid value: "": operator must be Exists when `key` is empty, which means "match all values and all keys"'
    ]
  ],
  [p => (p.spec.ephemeralContainers = [{ name: 'e', image: 'x' }]), ['spec.ephemeralContainers: Forbidden: cannot be set on create']],
  [
    p => Object.assign(p.spec, { nodeName: 'n', schedulingGates: [{ name: 'g' }] }),
    ['spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared']
  ],
  [p => (p.metadata.name = 'A'), [/^metadata.name: Invalid value: "A": a lowercase RFC 1123 subdomain must/]]
])

const fixed =
  /^spec: Forbidden: pod updates may not change fields other than `spec.containers\[\*\].image`,`spec.initContainers\[\*\].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` \(only additions to existing tolerations\),`spec.terminationGracePeriodSeconds` \(allow it to be set to 1 if it was previously negative\)/
refusesUpdates(
  podKind,
  { spec: { ...pod.spec, tolerations: [{ key: 'a', operator: 'Exists' }], activeDeadlineSeconds: 50, schedulingGates: [{ name: 'g' }] } },
  [
    [p => (p.spec.containers[0].image = 'nginx:2'), []],
    [p => (p.spec.containers[0].image = ''), ['spec.containers[0].image: Required value']],
    [p => (p.metadata.labels = { a: 'b' }), []],
    [p => (p.spec.containers[0].command = ['x']), [fixed]],
    [p => (p.spec.nodeName = 'n'), [fixed]],
    [p => p.spec.containers.push({ name: 'd', image: 'x' }), ['spec.containers: Forbidden: pod updates may not add or remove containers']],
    [p => p.spec.tolerations.push({ key: 'b', operator: 'Exists' }), []],
    [p => (p.spec.tolerations = []), ['spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds']],
    [p => (p.spec.activeDeadlineSeconds = 40), []],
    [
      p => (p.spec.activeDeadlineSeconds = 60),
      ['spec.activeDeadlineSeconds: Invalid value: 60: must be less than or equal to previous value']
    ],
    [
      p => delete p.spec.activeDeadlineSeconds,
      ['spec.activeDeadlineSeconds: Invalid value: null: must not update from a positive integer to nil value']
    ],
    [p => (p.spec.schedulingGates = []), []],
    [
      p => (p.spec.schedulingGates = [{ name: 'h' }]),
      ["spec.schedulingGates: Forbidden: only deletion is allowed, but found new scheduling gate 'h'"]
    ],
    [p => (p.spec.nodeSelector.more = 'x'), []],
    [p => (p.spec.nodeSelector = { a: 'c' }), [fixed]],
    [p => (p.metadata.resourceVersion = ''), ['metadata.resourceVersion: Invalid value: "": must be specified for an update']]
  ]
)

const workload = {
  spec: { selector: { matchLabels: { app: 'x' } }, template: { metadata: { labels: { app: 'x' } }, spec: { containers: [container] } } }
}
const mismatch = 'spec.template.metadata.labels: Invalid value: {"app":"y"}: `selector` does not match template `labels`'

refuses(deploymentKind, workload, [
  [d => (d.spec.replicas = -1), ['spec.replicas: Invalid value: -1: must be greater than or equal to 0']],
  [d => (d.spec.template.metadata.labels.app = 'y'), [mismatch]],
  [
    d => delete d.spec.selector,
    [
      'spec.selector: Required value',
      'spec.template.metadata.labels: Invalid value: {"app":"x"}: `selector` does not match template `labels`'
    ]
  ],
  [d => (d.spec.selector = {}), ['spec.selector: Invalid value: {}: empty selector is invalid for deployment']],
  [d => delete d.spec.template.spec.containers[0].image, ['spec.template.spec.containers[0].image: Required value']],
  [
    d => (d.spec.template.spec.restartPolicy = 'Never'),
    ['spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"']
  ],
  [
    d => (d.spec.strategy = { type: 'Recreate', rollingUpdate: {} }),
    ["spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"]
  ],
  [d => (d.spec.strategy = { type: 'Fast' }), ['spec.strategy: Unsupported value: "Fast": supported values: "Recreate", "RollingUpdate"']],
  [
    d => (d.spec.strategy = { rollingUpdate: { maxSurge: 0, maxUnavailable: '0%' } }),
    ['spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "0%": may not be 0 when `maxSurge` is 0']
  ],
  [
    d => (d.spec.strategy = { rollingUpdate: { maxUnavailable: '200%' } }),
    ['spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "200%": must not be greater than 100%']
  ],
  [
    d => (d.spec.strategy = { rollingUpdate: { maxSurge: 'x' } }),
    ['spec.strategy.rollingUpdate.maxSurge: Invalid value: "x": must be an integer or percentage (e.g \'5%\')']
  ],
  [
    d => Object.assign(d.spec, { minReadySeconds: 700 }),
    ['spec.progressDeadlineSeconds: Invalid value: 600: must be greater than minReadySeconds']
  ]
])
refusesUpdates(deploymentKind, workload, [
  [d => (d.spec.replicas = 3), []],
  [
    d => {
      d.spec.selector.matchLabels.app = 'y'
      d.spec.template.metadata.labels.app = 'y'
    },
    ['spec.selector: Invalid value: {"matchLabels":{"app":"y"}}: field is immutable']
  ]
])
refuses(replicaSetKind, workload, [
  [r => (r.spec.replicas = -1), ['spec.replicas: Invalid value: -1: must be greater than or equal to 0']],
  [r => (r.spec.template.metadata.labels.app = 'y'), [mismatch]]
])

refuses(serviceKind, { spec: { ports: [{ port: 80 }], selector: { a: 'b' } } }, [
  [s => (s.metadata.name = '1a'), [/^metadata.name: Invalid value: "1a": a DNS-1035 label must consist of/]],
  [s => (s.spec.ports = []), ['spec.ports: Required value']],
  [
    s => (s.spec.ports[0].port = 0),
    [
      'spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive',
      'spec.ports[0].targetPort: Invalid value: 0: must be between 1 and 65535, inclusive'
    ]
  ],
  [s => s.spec.ports.push({ port: 81 }), ['spec.ports[0].name: Required value', 'spec.ports[1].name: Required value']],
  [
    s =>
      (s.spec.ports = [
        { port: 80, name: 'a' },
        { port: 80, name: 'a' }
      ]),
    ['spec.ports[1].name: Duplicate value: "a"', 'spec.ports[1]: Duplicate value: {"port":80,"protocol":"TCP"}']
  ],
  [
    s => (s.spec.type = 'Public'),
    ['spec.type: Unsupported value: "Public": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"']
  ],
  [s => (s.spec.ports[0].nodePort = 30000), ["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"]],
  [s => (s.spec.type = 'ExternalName'), ['spec.externalName: Required value']],
  [
    s => (s.spec.clusterIP = '10.0.0.300'),
    ['spec.clusterIPs[0]: Invalid value: "10.0.0.300": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)']
  ],
  [
    s => Object.assign(s.spec, { clusterIP: 'None', type: 'NodePort' }),
    ['spec.clusterIPs[0]: Invalid value: "None": may not be set to \'None\' for NodePort services']
  ],
  [
    s => (s.spec.externalTrafficPolicy = 'Local'),
    ['spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services']
  ]
])

refuses(configMapKind, { data: { a: 'b' } }, [
  [m => (m.data['a b'] = 'x'), [/^data\[a b\]: Invalid value: "a b": a valid config key must consist of alphanumeric characters/]],
  [m => (m.binaryData = { a: 'eA==' }), ['data[a]: Invalid value: "a": duplicate of key present in binaryData']],
  [m => (m.data.a = 'x'.repeat(1048577)), ['[]: Too long: may not be more than 1048576 bytes']]
])
const frozen = 'Forbidden: field is immutable when `immutable` is set'
refusesUpdates(configMapKind, { data: { a: 'b' }, immutable: true }, [
  [m => (m.metadata.labels = { a: 'b' }), []],
  [m => (m.data.a = 'c'), [`data: ${frozen}`]],
  [m => (m.immutable = false), [`immutable: ${frozen}`]]
])
refuses(secretKind, { stringData: { a: 'b' } }, [
  [s => (s.type = 'kubernetes.io/tls'), ['data[tls.crt]: Required value', 'data[tls.key]: Required value']],
  [s => (s.data = { x: '***' }), ['data[x]: Invalid value: "***": illegal base64 data']],
  [s => (s.type = 'kubernetes.io/service-account-token'), ['metadata.annotations[kubernetes.io/service-account.name]: Required value']]
])
refusesUpdates(secretKind, { data: { a: 'eA==' } }, [[s => (s.type = 'x'), ['type: Invalid value: "x": field is immutable']]])

refuses(namespaceKind, {}, [
  [n => (n.metadata.name = 'a.b'), ['metadata.name: Invalid value: "a.b": must not contain dots']],
  [
    n => (n.spec = { finalizers: ['mine'] }),
    ['spec.finalizers[0]: Invalid value: "mine": name is neither a standard finalizer name nor is it fully qualified']
  ]
])
refuses(nodeKind, { spec: {} }, [
  [
    n => (n.spec.taints = ['a', 'a'].map(key => ({ key, effect: 'NoSchedule' }))),
    ['spec.taints[1]: Duplicate value: {"key":"a","effect":"NoSchedule"}: taints must be unique by key and effect pair']
  ],
  [
    n => (n.spec.taints = [{ key: 'a', effect: 'Never' }]),
    ['spec.taints[0].effect: Unsupported value: "Never": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"']
  ]
])
refusesUpdates(nodeKind, { spec: { podCIDR: '10.0.0.0/24', podCIDRs: ['10.0.0.0/24'] } }, [
  [n => (n.spec.unschedulable = true), []],
  [n => (n.spec.podCIDRs = ['10.0.1.0/24']), ['spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid']]
])
refuses(endpointSliceKind, { addressType: 'IPv4', endpoints: [{ addresses: ['127.1.0.2'] }], ports: [{ port: 80 }] }, [
  [s => (s.addressType = ''), ['addressType: Required value']],
  [s => (s.endpoints[0].addresses = []), ['endpoints[0].addresses: Required value: must contain at least 1 address']],
  [s => (s.endpoints[0].addresses = ['::1']), ['endpoints[0].addresses[0]: Invalid value: "::1": must be an IPv4 address']],
  [s => s.ports.push({ port: 81 }), ['ports[1].name: Duplicate value: ""']],
  [
    s => (s.endpoints = Array.from({ length: 1001 }, () => ({ addresses: ['10.0.0.1'] }))),
    ['endpoints: Too many: 1001: must have at most 1000 items']
  ]
])
refuses(endpointsKind, { subsets: [{ addresses: [{ ip: '10.0.0.1' }], ports: [{ port: 80 }] }] }, [
  [e => (e.subsets[0].addresses = []), ['subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`']],
  [e => (e.subsets[0].addresses[0].ip = 'x'), [/must be a valid IP address/]]
])
refuses(leaseKind, { spec: { leaseDurationSeconds: 15 } }, [
  [l => (l.spec.leaseDurationSeconds = 0), ['spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0']],
  [l => (l.spec.leaseTransitions = -1), ['spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0']]
])
refuses(controllerRevisionKind, { data: {}, revision: 1 }, [
  [r => delete r.data, ['data: Required value: data is mandatory']],
  [r => (r.revision = -1), ['revision: Invalid value: -1: must be greater than or equal to 0']]
])
refuses(eventKind, { involvedObject: { kind: 'Pod', name: 'p', namespace: 'ns' }, message: 'x'.repeat(5000) }, [
  [e => (e.involvedObject.namespace = 'other'), ['involvedObject.namespace: Invalid value: "other": does not match event.namespace']]
])
const newEvent = {
  regarding: { kind: 'Pod', name: 'p', namespace: 'ns' },
  eventTime: '2025-01-01T00:00:00.000000Z',
  type: 'Normal',
  reason: 'R',
  action: 'A',
  reportingController: 'c',
  reportingInstance: 'i'
}
refuses(eventsEventKind, newEvent, [
  [e => delete e.eventTime, ['eventTime: Required value']],
  [e => delete e.action, ['action: Required value']],
  [e => (e.type = 'Odd'), ['type: Invalid value: "": has invalid value: Odd']],
  [e => (e.note = 'x'.repeat(1025)), ['message: Invalid value: "": can have at most 1024 characters']]
])
