import * as net from 'node:net'
import t from 'tap'
import { type FabricArgs, fabric } from '../../actors/fabric.js'
import { kubeProxy } from '../../actors/kube-proxy.js'
import type { AnyActor } from '../../lib/actor/index.js'
import { claimAddresses } from '../../lib/host/addresses.js'
import { loadSockets } from '../../lib/host/ports/sockets.js'
import { PortHarness } from '../ports/port-harness.js'

const claimed = await claimAddresses({ dataDir: t.testdir(), startAt: (process.pid % 97) / 97 })
t.teardown(() => claimed.release())
const skip = claimed.loopback === 'one' && 'this system has only 127.0.0.1'
const [P, S] = [`127.${claimed.podOctet}`, `127.${claimed.serviceOctet}`]

const nodes = [1, 2].map(node => ({ machine: `worker-${node}`, prefix: `${P}.${node}`, proxy: `worker-${node}/kube-proxy` }))
const encoder = new TextEncoder()

interface Objects {
  services: object[]
  endpointslices: object[]
}

/** As much of an apiserver as an informer needs: lists, and one watch each that tells what `change` brings. */
function apiserver(objects: Objects): AnyActor {
  const sinks = new Map<string, { push(item: Uint8Array): boolean }[]>()
  const kindOf = (path: string): keyof Objects => (path.includes('/endpointslices') ? 'endpointslices' : 'services')
  return {
    name: 'apiserver',
    init: () => undefined,
    on: {
      request: (_, __, { path }) => {
        const list = { kind: 'List', apiVersion: 'v1', metadata: { resourceVersion: '1' }, items: objects[kindOf(path)] }
        return { status: 200, body: encoder.encode(JSON.stringify(list)) }
      },
      watch: (ctx, _, { path }) => {
        const sink = ctx.stream()
        sinks.set(kindOf(path), [...(sinks.get(kindOf(path)) ?? []), sink])
        return sink
      },
      change: (_, __, object) => {
        const plural = object.kind === 'EndpointSlice' ? 'endpointslices' : 'services'
        const name = (item: { metadata?: { name?: string } }): string | undefined => item.metadata?.name
        objects[plural] = objects[plural].map(item => (name(item) === name(object) ? object : item))
        for (const sink of sinks.get(plural) ?? []) sink.push(encoder.encode(`${JSON.stringify({ type: 'MODIFIED', object })}\n`))
      }
    }
  }
}

const service = (name: string, ip: string, more: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'default', resourceVersion: '1', uid: name },
  spec: { type: 'ClusterIP', clusterIP: ip, clusterIPs: [ip], ports: [{ port: 80, protocol: 'TCP' }], ...more }
})

const slice = (name: string, port: number, endpoints: [address: string, nodeName: string][], resourceVersion = '1') => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name, namespace: 'default', resourceVersion, uid: `s-${name}`, labels: { 'kubernetes.io/service-name': name } },
  addressType: 'IPv4',
  ports: [{ name: '', port, protocol: 'TCP' }],
  endpoints: endpoints.map(([address, nodeName]) => ({
    addresses: [address],
    nodeName,
    conditions: { ready: true, serving: true, terminating: false }
  }))
})

/** Says its address and the client's to whoever connects. */
const backend = (address: string, port = 0): Promise<net.Server & { readonly at: number }> =>
  new Promise((resolve, reject) => {
    const server = net.createServer(socket =>
      socket.on('error', () => undefined).end(`${address.slice(P.length)} sees ${socket.remoteAddress}`)
    )
    server.on('error', reject)
    server.listen(port, address, () => resolve(Object.assign(server, { at: (server.address() as net.AddressInfo).port })))
  })

const said = (address: string, port: number, from = '127.0.0.1'): Promise<string> =>
  new Promise(resolve => {
    let text = ''
    const socket = net.connect({ host: address, port, localAddress: from })
    socket.on('data', data => {
      text += data
    })
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''))
    socket.on('close', () => resolve(text))
  })

const onlySecond = /^(\.2\.5[^,]*(,|$))+$/

const eventually = async (what: () => Promise<string>, expected: RegExp | string): Promise<string> => {
  const matches = (text: string): boolean => (typeof expected === 'string' ? text === expected : expected.test(text))
  let last = await what()
  for (let i = 0; i < 3000 && !matches(last); i++) {
    await new Promise(resolve => setTimeout(resolve, 10))
    last = await what()
  }
  return last
}

t.test('services reach their pods, from the right address', { skip }, async t => {
  const harness = await PortHarness.start('sockets', loadSockets, {}, 'root/test')
  const one = await backend(`${P}.1.5`)
  const two = await backend(`${P}.2.5`, one.at)
  t.teardown(() => {
    for (const { proxy } of nodes) harness.dispatcher.kill(proxy, 'test')
    harness.dispatcher.kill('root/fabric', 'test')
    harness.kill()
    one.close()
    two.close()
  })
  const nodePort = 30_000 + (process.pid % 2000)
  const objects: Objects = {
    services: [
      service('web', `${S}.0.10`, { type: 'NodePort', ports: [{ port: 80, nodePort, protocol: 'TCP' }] }),
      service('local', `${S}.0.11`, {
        type: 'NodePort',
        externalTrafficPolicy: 'Local',
        ports: [{ port: 80, nodePort: nodePort + 1, protocol: 'TCP' }]
      }),
      service('empty', `${S}.0.12`)
    ],
    endpointslices: [
      slice('web', one.at, [
        [`${P}.1.5`, 'worker-1'],
        [`${P}.2.5`, 'worker-2']
      ]),
      slice('local', one.at, [[`${P}.2.5`, 'worker-2']]),
      slice('empty', one.at, [])
    ]
  }
  const args = { nodes } as unknown as FabricArgs
  harness.startActor('control-0/apiserver', apiserver(objects))
  harness.startActor('root/fabric', fabric as unknown as AnyActor, args)
  const startProxy = (node: number): void =>
    harness.startActor(`worker-${node}/kube-proxy`, kubeProxy as unknown as AnyActor, {
      node: `worker-${node}`,
      nodeAddresses: ['127.0.0.1', `${P}.${node}.1`],
      apiservers: ['control-0/apiserver'],
      fabric: 'root/fabric'
    })
  for (const node of [1, 2]) startProxy(node)

  await eventually(() => said(`${S}.0.10`, 80, `${P}.1.7`), / sees /)
  const seen = new Set<string>()
  for (let i = 0; i < 4; i++) seen.add(await said(`${S}.0.10`, 80, `${P}.1.7`))
  t.same([...seen].sort(), [`.1.5 sees ${P}.1.7`, `.2.5 sees ${P}.1.7`], 'in turn, and the pod sees who asks')
  t.match(await eventually(() => said('127.0.0.1', nodePort), / sees /), /sees 127\.0\.0\.1/, 'a NodePort on 127.0.0.1')
  t.match(await said(`${P}.2.1`, nodePort), / sees /, 'and on the address of a node')
  t.equal(await said(`${S}.0.12`, 80), 'ECONNREFUSED', 'a service without endpoints')

  t.match(await eventually(() => said(`${P}.2.1`, nodePort + 1), /sees/), /^\.2\.5/, 'traffic policy Local: at the node that has one')
  t.equal(await said(`${P}.1.1`, nodePort + 1), 'ECONNRESET', 'not at one that has none')
  for (let i = 0; i < 3; i++) t.match(await said('127.0.0.1', nodePort + 1), /^\.2\.5/, '127.0.0.1 finds it')
  t.match(await said(`${P}.1.1`, nodePort + 1, `${P}.1.7`), /^\.2\.5/, 'a pod reaches all')

  harness.tell('control-0/apiserver', 'change', slice('web', one.at, [[`${P}.2.5`, 'worker-2']], '2'))
  const many = async (): Promise<string> => {
    const answers: string[] = []
    for (let i = 0; i < 8; i++) answers.push(await said(`${S}.0.10`, 80, `${P}.1.7`))
    return answers.join()
  }
  t.match(await eventually(many, onlySecond), onlySecond, 'an endpoint that went is not used')
  harness.tell('control-0/apiserver', 'change', slice('empty', one.at, [[`${P}.1.5`, 'worker-1']], '2'))
  t.match(await eventually(() => said(`${S}.0.12`, 80), / sees /), /^\.1\.5/, 'one that came is')
  harness.tell('control-0/apiserver', 'change', slice('empty', one.at, [], '3'))
  t.equal(await eventually(() => said(`${S}.0.12`, 80), 'ECONNREFUSED'), 'ECONNREFUSED')

  harness.dispatcher.pause('worker-1/kube-proxy')
  t.equal(await said(`${S}.0.10`, 80, `${P}.1.7`), 'ECONNRESET', 'a node whose kube-proxy holds still reaches nothing')
  t.match(await said('127.0.0.1', nodePort), / sees /, 'clients from outside go on')
  harness.dispatcher.resume('worker-1/kube-proxy')
  harness.posted()
  t.match(await eventually(() => said(`${S}.0.10`, 80, `${P}.1.7`), / sees /), / sees /)
  harness.dispatcher.kill('worker-1/kube-proxy', 'test')
  t.equal(await said(`${S}.0.10`, 80, `${P}.1.7`), 'ECONNRESET')
  t.match(await said(`${S}.0.10`, 80, `${P}.2.7`), / sees /, 'the other node goes on')

  startProxy(1)
  t.match(await eventually(() => said(`${S}.0.10`, 80, `${P}.1.7`), / sees /), /^\.2\.5/)
  harness.setFaults({ cut: ['worker-1>worker-2'], slowMs: {} })
  t.equal(await said(`${S}.0.10`, 80, `${P}.1.7`), 'ECONNRESET', 'a pod on a machine that is cut off')
  harness.setFaults({ cut: [], slowMs: {} })
  harness.dispatcher.kill('root/fabric', 'test')
  t.equal(await said(`${S}.0.10`, 80), 'ECONNREFUSED', 'no fabric, no services')
  harness.startActor('root/fabric', fabric as unknown as AnyActor, args)
  t.match(await eventually(() => said(`${S}.0.10`, 80, `${P}.1.7`), / sees /), / sees /, 'a new fabric asks what it must hold')
})

t.test('the API of several apiservers', { skip }, async t => {
  const harness = await PortHarness.start('sockets', loadSockets, {}, 'root/test')
  const one = await backend(`${P}.0.10`)
  const two = await backend(`${P}.0.11`, one.at)
  const port = 20_000 + (process.pid % 5000)
  const targets = [10, 11].map(host => ({ address: `${P}.0.${host}`, port: one.at }))
  const args = { nodes: [], api: { listen: { address: '127.0.0.1', port }, apiservers: targets } } as unknown as FabricArgs
  harness.startActor('root/fabric', fabric as unknown as AnyActor, args)
  t.teardown(() => {
    harness.dispatcher.kill('root/fabric', 'test')
    harness.kill()
    two.close()
  })
  await eventually(() => said('127.0.0.1', port), / sees /)
  const seen = new Set([await said('127.0.0.1', port), await said('127.0.0.1', port)])
  t.same([...seen].sort(), ['.0.10 sees 127.0.0.1', '.0.11 sees 127.0.0.1'])
  await new Promise(resolve => one.close(resolve))
  for (let i = 0; i < 3; i++) t.match(await said('127.0.0.1', port), /^\.0\.11/, 'one that refuses is passed over')
})
