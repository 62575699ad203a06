import t from 'tap'
import type { EndpointSlice, Service } from '../../lib/kinds/index.js'
import { addressesOfName, Balancer, type NodeView, ruleName, rulesOf } from '../../lib/proxy/index.js'

type Conditions = { ready?: boolean; serving?: boolean; terminating?: boolean }

const service = (spec: Partial<Service['spec']>, labels: Record<string, string> = {}): Service =>
  ({
    metadata: { name: 'web', namespace: 'default', labels },
    spec: { clusterIP: '127.9.0.10', clusterIPs: ['127.9.0.10'], ports: [{ port: 80, protocol: 'TCP' }], ...spec }
  }) as Service

const slice = (endpoints: [address: string, node: string, conditions?: Conditions][], more: Partial<EndpointSlice> = {}): EndpointSlice =>
  ({
    metadata: { name: 'web-1', namespace: 'default' },
    addressType: 'IPv4',
    ports: [{ name: '', port: 8080, protocol: 'TCP' }],
    endpoints: endpoints.map(([address, nodeName, conditions = { ready: true, serving: true, terminating: false }]) => ({
      addresses: [address],
      nodeName,
      conditions
    })),
    ...more
  }) as EndpointSlice

const here: NodeView = { node: 'worker-1', nodeAddresses: ['127.0.0.1', '127.8.1.1'] }
const terminating = { ready: false, serving: true, terminating: true }
const two: [string, string][] = [
  ['127.8.1.5', 'worker-1'],
  ['127.8.2.5', 'worker-2']
]
const nodePort: Partial<Service['spec']> = { type: 'NodePort', ports: [{ port: 80, nodePort: 30_080, protocol: 'TCP' }] }

// What stands behind each listener: for clients from outside, and, if it differs, for those inside.
const cases: [name: string, service: Service, slices: EndpointSlice[], rules: Record<string, string>][] = [
  ['ready endpoints', service({}), [slice(two)], { 'TCP 127.9.0.10:80': '1.5 2.5' }],
  ['no slices', service({}), [], { 'TCP 127.9.0.10:80': '' }],
  ['unknown ready is ready', service({}), [slice([['127.8.1.5', 'worker-1', {}]])], { 'TCP 127.9.0.10:80': '1.5' }],
  ['not ready', service({}), [slice([['127.8.1.5', 'worker-1', { ready: false, serving: false }]])], { 'TCP 127.9.0.10:80': '' }],
  [
    'ready before terminating',
    service({}),
    [slice([...two.slice(0, 1), ['127.8.2.5', 'worker-2', terminating]] as never)],
    { 'TCP 127.9.0.10:80': '1.5' }
  ],
  ['terminating if none is ready', service({}), [slice([['127.8.2.5', 'worker-2', terminating]])], { 'TCP 127.9.0.10:80': '2.5' }],
  ['internal Local', service({ internalTrafficPolicy: 'Local' }), [slice(two)], { 'TCP 127.9.0.10:80': '1.5' }],
  ['internal Local, none here', service({ internalTrafficPolicy: 'Local' }), [slice(two.slice(1))], { 'TCP 127.9.0.10:80': '' }],
  [
    'NodePort',
    service(nodePort),
    [slice(two)],
    { 'TCP 127.9.0.10:80': '1.5 2.5', 'TCP 127.0.0.1:30080': '1.5 2.5', 'TCP 127.8.1.1:30080': '1.5 2.5' }
  ],
  [
    'external Local',
    service({ ...nodePort, externalTrafficPolicy: 'Local' }),
    [slice(two.slice(1))],
    { 'TCP 127.9.0.10:80': '2.5', 'TCP 127.0.0.1:30080': '|2.5', 'TCP 127.8.1.1:30080': '|2.5' }
  ],
  [
    'external IPs',
    service({ externalIPs: ['127.9.9.9'] }),
    [slice(two)],
    { 'TCP 127.9.0.10:80': '1.5 2.5', 'TCP 127.9.9.9:80': '1.5 2.5' }
  ],
  [
    'UDP',
    service({ ports: [{ port: 53, protocol: 'UDP' }] }),
    [slice(two, { ports: [{ name: '', port: 53, protocol: 'UDP' }] })],
    { 'UDP 127.9.0.10:53': '1.5 2.5' }
  ],
  ['SCTP', service({ ports: [{ port: 53, protocol: 'SCTP' }] }), [slice(two)], {}],
  ['headless', service({ clusterIP: 'None', clusterIPs: ['None'] }), [slice(two)], {}],
  ['ExternalName', service({ type: 'ExternalName', externalName: 'x' }), [slice(two)], {}],
  ['of another proxy', service({}, { 'service.kubernetes.io/service-proxy-name': 'other' }), [slice(two)], {}],
  [
    'in two slices at once',
    service({}),
    [slice([['127.8.1.5', 'worker-1', { ready: false }]]), slice(two)],
    { 'TCP 127.9.0.10:80': '1.5 2.5' }
  ],
  ['IPv6', service({}), [slice([['fd00::1', 'worker-1']], { addressType: 'IPv6' })], { 'TCP 127.9.0.10:80': '' }],
  [
    'named ports',
    service({
      ports: [
        { name: 'a', port: 80 },
        { name: 'b', port: 81 }
      ]
    }),
    [
      slice(two.slice(0, 1), {
        ports: [
          { name: 'b', port: 9 },
          { name: 'a', port: 8 }
        ]
      })
    ],
    { 'TCP 127.9.0.10:80': '1.5', 'TCP 127.9.0.10:81': '1.5' }
  ]
]

t.test('rules', async t => {
  for (const [name, object, slices, expected] of cases) {
    const text = (endpoints: readonly { address: string }[]): string =>
      endpoints.map(({ address }) => address.slice('127.8.'.length)).join(' ')
    const found = rulesOf(object, slices, here).map(({ listener, endpoints, endpointsInside }) => {
      const [outer, inner] = [text(endpoints), text(endpointsInside)]
      return [ruleName(listener), inner === outer ? outer : `${outer}|${inner}`]
    })
    t.same(Object.fromEntries(found), expected, name)
  }
})

t.test('whose turn it is', async t => {
  const [rule] = rulesOf(service({}), [slice(two)], here)
  if (rule === undefined) return t.fail('no rule')
  const balancer = new Balancer()
  const first = (client = '127.8.1.7', at = 0) => balancer.choose(rule, client, true, at)[0]?.address
  t.same([first(), first(), first()], ['127.8.1.5', '127.8.2.5', '127.8.1.5'], 'round robin')
  t.equal(balancer.choose(rule, '127.8.1.7', true, 0).length, 2, 'another is there to be tried')
})

t.test('session affinity', async t => {
  const sticky = { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 10 } } }
  const object = service({ ...sticky, ...nodePort })
  const many = slice([...two, ['127.8.2.6', 'worker-2']])
  const rules = rulesOf(object, [many], here)
  const balancer = new Balancer()
  const choose = (client: string, nowMs: number, at = 0) => balancer.choose(rules[at] as (typeof rules)[0], client, true, nowMs)[0]?.address
  const one = choose('a', 0)
  t.not(choose('b', 0), one, 'another client, another endpoint')
  t.equal(choose('a', 9_000), one)
  t.equal(choose('a', 18_000), one, 'each connection renews it')
  t.equal(choose('a', 18_500, 1), one, 'the NodePort of the same port keeps it')
  t.not(choose('a', 60_000), one, 'until the time is over')
  const held = choose('c', 60_000) as string
  const without = rulesOf(
    object,
    [
      slice(
        many.endpoints
          .map(({ addresses, nodeName }) => [addresses[0], nodeName] as [string, string])
          .filter(([address]) => address !== held)
      )
    ],
    here
  )
  t.not(balancer.choose(without[0] as (typeof rules)[0], 'c', true, 60_001)[0]?.address, held, 'or the endpoint is gone')
  const ports = service({
    ...sticky,
    ports: [
      { name: 'a', port: 80 },
      { name: 'b', port: 81 }
    ]
  })
  const both = rulesOf(
    ports,
    [
      slice(two, {
        ports: [
          { name: 'a', port: 8 },
          { name: 'b', port: 9 }
        ]
      })
    ],
    here
  )
  const fresh = new Balancer()
  const pick = (at: number) => fresh.choose(both[at] as (typeof both)[0], 'a', true, 0)[0]
  const [a, b] = [pick(0), pick(1)]
  t.same([pick(0), pick(1), pick(0)], [a, b, a], 'two ports of a service do not disturb each other')
})

t.test('names of services', t => {
  const objects = new Map<string, [Service, EndpointSlice[]]>([
    ['default/web', [service({}), [slice(two)]]],
    ['default/none', [service({ clusterIP: 'None', clusterIPs: ['None'] }), []]],
    ['default/outside', [service({ type: 'ExternalName', externalName: 'example.com' }), []]],
    [
      'db/peers',
      [
        service({ clusterIP: 'None', clusterIPs: ['None'] }),
        [
          slice([['127.8.2.5', 'worker-2'], ['127.8.1.6', 'worker-1', { ready: false }], ...two.slice(0, 1)] as never),
          slice([], { endpoints: [{ addresses: ['127.8.1.7'], hostname: 'peer-0', conditions: { ready: true } }] })
        ]
      ]
    ]
  ])
  const source = { service: (key: string) => objects.get(key)?.[0], slices: (key: string) => objects.get(key)?.[1] ?? [] }
  const names: [name: string, addresses: string[]][] = [
    ['web.default.svc.cluster.local', ['127.9.0.10']],
    ['WEB.default.svc.cluster.local', ['127.9.0.10']],
    ['peers.db.svc.cluster.local', ['127.8.1.5', '127.8.1.7', '127.8.2.5']],
    ['peer-0.peers.db.svc.cluster.local', ['127.8.1.7']],
    ['peer-9.peers.db.svc.cluster.local', []],
    ['none.default.svc.cluster.local', []],
    ['outside.default.svc.cluster.local', []],
    ['web-0.web.default.svc.cluster.local', []],
    ['a.peer-0.peers.db.svc.cluster.local', []],
    ['web.db.svc.cluster.local', []],
    ['web.default.svc', []],
    ['default.svc.cluster.local', []],
    ['svc.cluster.local', []],
    ['example.com', []]
  ]
  for (const [name, addresses] of names) t.same(addressesOfName(name, source), addresses, name)
  t.end()
})
