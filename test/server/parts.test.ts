// The parts a request passes through, each alone: paths, negotiation, tokens, entries, protobuf, identities.

import fc from 'fast-check'
import t from 'tap'
import type { Flow } from '../../lib/actor/index.js'
import { configMapKind } from '../../lib/kinds/index.js'
import type { ApiObject } from '../../lib/object/index.js'
import { userOfAddress } from '../../lib/server/authentication.js'
import { allows } from '../../lib/server/authorization.js'
import { addressAt, parseCidr } from '../../lib/server/cidr.js'
import { continueToken, parseContinue } from '../../lib/server/continuation.js'
import { EntryFormat } from '../../lib/server/entry.js'
import { negotiate } from '../../lib/server/negotiation.js'
import { jsonOfProtobuf, type WireMessages } from '../../lib/server/protobuf.js'
import { parseTarget } from '../../lib/server/request.js'
import { type FindStores, StoreClient } from '../../lib/server/store-client.js'
import { makeUid } from '../../lib/server/uid.js'
import type { StoreRef } from '../../lib/storage/index.js'

t.test('who knows only stores that are gone finds out which there are, once all of them have failed', async t => {
  const named = (...names: string[]): StoreRef[] => names.map(name => name as string as StoreRef)
  const flows: Generator<unknown, void, unknown>[] = []
  const around = { nowMs: 0, run: (flow: Flow<void>) => void flows.push(flow as (typeof flows)[number]) }
  let known: StoreRef[] = []
  const find: FindStores = function* () {
    yield* []
    return known
  }
  const client = new StoreClient(named('a', 'b'), around, find)
  const fail = (): void => client.leave(client.current)
  fail()
  t.same([client.current, flows.length], ['b', 0], 'the next one first')
  fail()
  fail()
  fail()
  t.same([client.current, flows.length], ['a', 1], 'asked once at a time')
  flows.pop()?.next()
  t.equal(client.current, 'a', 'nobody knows others')
  known = named('c', 'b', 'd')
  fail()
  t.equal(client.current, 'b')
  fail()
  fail()
  flows.pop()?.next()
  t.equal(client.current, 'b', 'it stays with one that still is')
  fail()
  fail()
  t.same([client.current, flows.length], ['c', 1], 'd was next')
  const fixed = new StoreClient(named('a'), around)
  fixed.leave(fixed.current)
  t.same([fixed.current, flows.length], ['a', 1])
})

t.test('what a path and a method ask for', async t => {
  const rows: readonly (readonly [method: string, url: string, expected: string])[] = [
    ['GET', '/api/v1/pods', 'list  v1 pods'],
    ['GET', '/api/v1/pods?watch=true', 'watch  v1 pods'],
    ['GET', '/api/v1/pods?watch=0', 'list  v1 pods'],
    ['GET', '/api/v1/watch/namespaces/a/pods', 'watch  v1 pods in a'],
    ['GET', '/api/v1/namespaces/a/pods/b', 'get  v1 pods in a named b'],
    ['GET', '/api/v1/namespaces/a/pods/b/log', 'get  v1 pods in a named b / log'],
    ['POST', '/apis/apps/v1/namespaces/a/deployments', 'create apps v1 deployments in a'],
    ['PUT', '/apis/apps/v1/namespaces/a/deployments/b/status', 'update apps v1 deployments in a named b / status'],
    ['PATCH', '/api/v1/nodes/a%2Db', 'patch  v1 nodes named a-b'],
    ['DELETE', '/api/v1/namespaces/a/pods', 'deletecollection  v1 pods in a'],
    ['DELETE', '/api/v1/namespaces/a', 'delete  v1 namespaces in a named a'],
    ['PUT', '/api/v1/namespaces/a/finalize', 'update  v1 namespaces in a named a / finalize'],
    ['GET', '/api/v1', 'none'],
    ['GET', '/apis/apps/v1', 'none'],
    ['GET', '/healthz', 'none'],
    ['TRACE', '/api/v1/pods', 'none']
  ]
  for (const [method, url, expected] of rows) {
    const { resource } = parseTarget(method, url)
    const text =
      resource === undefined
        ? 'none'
        : `${resource.verb} ${resource.group} ${resource.version} ${resource.resource}` +
          (resource.namespace === '' ? '' : ` in ${resource.namespace}`) +
          (resource.name === '' ? '' : ` named ${resource.name}`) +
          (resource.subresource === '' ? '' : ` / ${resource.subresource}`)
    t.equal(text, expected, `${method} ${url}`)
  }
  t.throws(() => parseTarget('GET', '/api/v1/nodes/%zz'), { name: 'StatusError' })
  const { query } = parseTarget('GET', '/x?a=1&a=2&b=c+d%20e&__proto__=f')
  t.same([query.all('a'), query.get('b'), query.get('none'), query.get('__proto__')], [['1', '2'], 'c d e', undefined, 'f'])
})

t.test('the first form that can be had', async t => {
  const { query } = parseTarget('GET', '/')
  const rows: readonly (readonly [accept: string | undefined, expected: string])[] = [
    [undefined, 'object'],
    ['*/*', 'object'],
    ['application/yaml', 'object yaml'],
    ['application/json;q=0.5, application/yaml', 'object yaml'],
    ['application/json;as=Table;v=v1;g=meta.k8s.io,application/json', 'table'],
    ['application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json', 'object'],
    ['application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io,application/json', 'object'],
    ['application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io', 'partial'],
    ['text/html', '406'],
    ['application/json;q=0', '406']
  ]
  for (const [accept, expected] of rows) {
    let seen: string
    try {
      const { shape, yaml } = negotiate(accept, query)
      seen = yaml ? `${shape} yaml` : shape
    } catch (error) {
      seen = String((error as { status: { code: number } }).status.code)
    }
    t.equal(seen, expected, accept ?? 'nothing')
  }
})

t.test('an entry is what was stored, with its revision, whatever the object', async () => {
  const format = new EntryFormat(configMapKind)
  const object = fc.record({
    apiVersion: fc.constant('v1'),
    kind: fc.constant('ConfigMap'),
    metadata: fc.record({ name: fc.string({ minLength: 1 }), resourceVersion: fc.option(fc.string(), { nil: undefined }) }),
    data: fc.dictionary(
      fc.string().filter(name => name !== '__proto__'),
      fc.string({ unit: 'grapheme' })
    )
  })
  fc.assert(
    fc.property(object, fc.integer({ min: 1 }), fc.integer({ min: 1 }), (given, first, second) => {
      const entry = format.decode('/registry/configmaps/a/b', format.encode(given as ApiObject), first)
      if (entry === undefined) return false
      const expected = (revision: number) =>
        JSON.parse(JSON.stringify({ ...given, metadata: { ...given.metadata, resourceVersion: String(revision) } }))
      t.same(entry.object(), expected(first))
      t.same(entry.at(second).object(), expected(second))
      return true
    }),
    { numRuns: 50 }
  )
  t.equal(format.decode('k', new TextEncoder().encode('{"kind":"Other","metadata":{"name":"a"}}'), 1), undefined)
  const foreign = format.decode('k', new TextEncoder().encode('{"metadata":{"name":"a"},"kind":"ConfigMap"}'), 7)
  t.match(foreign?.object(), { apiVersion: 'v1', metadata: { name: 'a', resourceVersion: '7' } }, 'written by another hand')
})

t.test('tokens, addresses, uids', async t => {
  const prefix = '/registry/pods/'
  const token = continueToken({ revision: 7, start: '/registry/pods/default/a\0' }, prefix)
  t.match(token, /^[\w-]+$/)
  t.same(parseContinue(token, prefix), { revision: 7, start: '/registry/pods/default/a\0' })
  for (const bad of ['', '!', btoa('{}'), btoa('{"v":"meta.k8s.io/v1","rv":0,"start":"a"}'), btoa('{"v":"meta.k8s.io/v1","rv":1}')]) {
    t.throws(() => parseContinue(bad, prefix), { name: 'StatusError' }, bad)
  }
  const cidr = parseCidr('10.96.0.0/16')
  t.same([addressAt(cidr, 1), addressAt(cidr, 65_534), cidr.size], ['10.96.0.1', '10.96.255.254', 65_536])
  t.same(['10.96.0.0', '10.96.0.1', '10.96.255.255', '10.97.0.0', '10.96.0.1.2', 'x'].map(cidr.contains), [
    false,
    true,
    false,
    false,
    false,
    false
  ])
  const uids = Array.from({ length: 1000 }, () => makeUid({ clusterMs: 1.7e12, random: Math.random }))
  t.equal(new Set(uids).size, 1000)
  t.ok(uids.every(uid => /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(uid)))
})

t.test('bodies in protobuf', async t => {
  const messages: WireMessages = {
    'io.k8s.api.core.v1.Thing': [
      [1, 'name', 's', 1],
      [2, 'count', 'i', 0],
      [3, 'tags', '[]s', 0],
      [4, 'labels', '{}s', 0],
      [5, '', 'm:Inlined', 0],
      [6, 'when', 't', 0],
      [7, 'size', 'q', 0],
      [8, 'port', 'x', 0],
      [9, 'raw', 'y', 0],
      [10, 'on', 'b', 1]
    ],
    Inlined: [[1, 'inner', 's', 0]]
  }
  const varint = (value: number): number[] => (value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)])
  const bytes = (number: number, body: readonly number[] | string): number[] => {
    const given = typeof body === 'string' ? [...Buffer.from(body)] : body
    return [...varint(number * 8 + 2), ...varint(given.length), ...given]
  }
  const int = (number: number, value: readonly number[]): number[] => [number * 8, ...value]
  const wrap = (raw: readonly number[], kind = 'Thing'): Uint8Array =>
    Uint8Array.from([0x6b, 0x38, 0x73, 0, ...bytes(1, [...bytes(1, 'v1'), ...bytes(2, kind)]), ...bytes(2, raw)])
  const minusOne = [255, 255, 255, 255, 255, 255, 255, 255, 255, 1]
  const raw = [
    ...bytes(1, 'a'),
    ...int(2, minusOne),
    ...bytes(3, 'x'),
    ...bytes(3, 'y'),
    ...bytes(4, [...bytes(1, 'k'), ...bytes(2, 'v')]),
    ...bytes(4, bytes(1, 'empty')),
    ...bytes(5, bytes(1, 'deep')),
    ...bytes(6, int(1, varint(86_400))),
    ...bytes(7, bytes(1, '100m')),
    ...bytes(8, [...int(1, [1]), ...bytes(3, 'http')]),
    ...bytes(9, [1, 2, 3]),
    ...int(10, [0]),
    ...bytes(99, 'unknown')
  ]
  t.same(jsonOfProtobuf(wrap(raw), messages), {
    apiVersion: 'v1',
    kind: 'Thing',
    name: 'a',
    count: -1,
    tags: ['x', 'y'],
    labels: { k: 'v', empty: '' },
    inner: 'deep',
    when: '1970-01-02T00:00:00Z',
    size: '100m',
    port: 'http',
    raw: 'AQID'
  })
  for (const bad of [Uint8Array.of(1, 2), wrap([0x0a, 0x7f]), wrap([0x0b]), wrap([], 'Nothing'), wrap([0x0a, 1, 0x80])]) {
    t.throws(() => jsonOfProtobuf(bad, messages), { name: 'StatusError' })
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), junk => {
      try {
        jsonOfProtobuf(wrap([...junk]), messages)
      } catch (error) {
        return (error as { status?: { code: number } }).status?.code === 400
      }
      return true
    }),
    { numRuns: 300 }
  )
})

t.test('who is who, and may what', async t => {
  const rows: readonly (readonly [address: string, user: string, may: string, mayNot: string])[] = [
    ['control-0/scheduler', 'system:kube-scheduler', 'create pods/binding', 'create pods'],
    ['control-1/controller-manager', 'system:kube-controller-manager', 'list nodes', 'delete nodes'],
    ['control-0/replicaset-controller', 'system:serviceaccount:kube-system:replicaset-controller', 'create pods', 'delete nodes'],
    ['control-0/pod-garbage-collector', 'system:serviceaccount:kube-system:pod-garbage-collector', 'delete pods', 'create pods'],
    ['worker-1/kubelet', 'system:node:worker-1', 'patch pods/status', 'delete services'],
    ['worker-1/kube-proxy', 'system:kube-proxy', 'watch services', 'list secrets'],
    ['root/main', 'system:root', 'delete nodes', ''],
    ['worker-1/other', 'system:anonymous', '', 'list pods']
  ]
  for (const [address, name, may, mayNot] of rows) {
    const user = userOfAddress(address)
    t.equal(user.name, name)
    const asks = (text: string): boolean => {
      const [verb = '', path = ''] = text.split(' ')
      const [resource = '', subresource = ''] = path.split('/')
      return allows(user, { verb, group: '', resource, subresource, namespace: 'a', name: '' })
    }
    if (may !== '') t.ok(asks(may), `${name} may ${may}`)
    if (mayNot !== '') t.notOk(asks(mayNot), `${name} may not ${mayNot}`)
  }
})
