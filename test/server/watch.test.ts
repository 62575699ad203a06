// Watches: state, history, bookmarks, selection; across deaths of stores and of apiservers no event is lost or told twice.

import fc from 'fast-check'
import t from 'tap'
import { TestCluster, type Watching } from './fixture-cluster.js'

const configMaps = '/api/v1/namespaces/default/configmaps'
const configMap = (name: string, labels: Record<string, string> = {}, data: Record<string, string> = {}) => ({
  metadata: { name, labels },
  data
})
const settled = (cluster: TestCluster, watching: Watching, count: number): Promise<void> =>
  cluster.until(`${count} events of ${JSON.stringify(watching.types)}`, () => watching.events.length >= count)
const revisions = (watching: Watching): number[] => watching.events.map(event => Number(event.object.metadata.resourceVersion))

t.test('what a watch begins with', async t => {
  const cluster = await TestCluster.start()
  t.teardown(() => cluster.close())
  await cluster.post(configMaps, configMap('a'))
  const { body } = await cluster.post(configMaps, configMap('b'))
  const version = body.metadata.resourceVersion as string

  for (const start of ['', '&resourceVersion=0']) {
    const state = cluster.watch(`${configMaps}?watch=1${start}`)
    await settled(cluster, state, 2)
    t.same(state.types, ['ADDED a', 'ADDED b'], `state first${start}`)
    state.close()
  }
  const since = cluster.watch(`${configMaps}?watch=true&resourceVersion=${version}`)
  await cluster.post(configMaps, configMap('c'))
  await cluster.patch(`${configMaps}/a`, 'merge-patch+json', { data: { x: 'y' } })
  await cluster.remove(`${configMaps}/b`)
  await settled(cluster, since, 3)
  t.same(since.types, ['ADDED c', 'MODIFIED a', 'DELETED b'])
  t.same(
    revisions(since),
    [...revisions(since)].sort((x, y) => x - y)
  )
  t.ok((revisions(since)[2] as number) > Number(version), 'a deletion has its own revision')
  t.equal(since.events[2]?.object.metadata.uid, body.metadata.uid, 'and shows the last state')

  const replay = cluster.watch(`${configMaps}?watch=true&resourceVersion=${version}`)
  await settled(cluster, replay, 3)
  t.same(replay.events, since.events, 'who comes later is told the same')

  const listed = cluster.watch(`${configMaps}?watch=1&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan`)
  await settled(cluster, listed, 3)
  t.same(listed.types, ['ADDED a', 'ADDED c', 'BOOKMARK'])
  t.match(listed.events[2]?.object, {
    kind: 'ConfigMap',
    metadata: { annotations: { 'k8s.io/initial-events-end': 'true' }, resourceVersion: String(cluster.store.mvcc.revision) }
  })

  const future = cluster.watch(`${configMaps}?watch=1&resourceVersion=${cluster.store.mvcc.revision + 1}`)
  await cluster.settle()
  await cluster.post(configMaps, configMap('d'))
  await cluster.post(configMaps, configMap('e'))
  await settled(cluster, future, 1)
  t.same(future.types, ['ADDED e'], 'from a revision that is yet to come')

  for (const [query, status, message] of [
    ['resourceVersionMatch=NotOlderThan', 422, /forbidden for watch unless sendInitialEvents is provided/],
    ['sendInitialEvents=true', 422, /sendInitialEvents requires setting resourceVersionMatch/],
    ['sendInitialEvents=true&resourceVersionMatch=NotOlderThan', 422, /unless allowWatchBookmarks is true/],
    ['resourceVersion=x', 400, /invalid resource version/],
    ['labelSelector=a%3D%3D%3D', 400, /unable to parse/]
  ] as const) {
    const refused = cluster.watch(`${configMaps}?watch=1&${query}`)
    await cluster.until(query, () => refused.refused !== undefined)
    t.match(refused.refused, { status, body: { message } }, query)
  }
  t.same(
    cluster.host.logged.filter(line => line.event !== 'listening'),
    []
  )
})

t.test('what is selected comes and goes', async t => {
  const cluster = await TestCluster.start()
  t.teardown(() => cluster.close())
  const red = cluster.watch(`${configMaps}?watch=1&labelSelector=color%3Dred`)
  const one = cluster.watch(`${configMaps}?watch=1&fieldSelector=metadata.name%3Da`)
  const partial = cluster.watch('/api/v1/configmaps?watch=1&allowWatchBookmarks=true')
  await cluster.settle()
  await cluster.post(configMaps, configMap('a', { color: 'red' }))
  await cluster.post(configMaps, configMap('b', { color: 'blue' }))
  await cluster.patch(`${configMaps}/a`, 'merge-patch+json', { metadata: { labels: { color: 'blue' } } })
  const { body } = await cluster.patch(`${configMaps}/b`, 'merge-patch+json', { metadata: { labels: { color: 'red' } } })
  await cluster.remove(`${configMaps}/b`)
  await settled(cluster, red, 4)
  await settled(cluster, partial, 5)
  t.same(red.types, ['ADDED a', 'DELETED a', 'ADDED b', 'DELETED b'])
  t.equal(red.events[1]?.object.metadata.labels.color, 'red', 'in its last state that was selected')
  t.equal(red.events[2]?.object.metadata.resourceVersion, body.metadata.resourceVersion)
  t.same(one.types, ['ADDED a', 'MODIFIED a'])
  t.same(partial.types, ['ADDED a', 'ADDED b', 'MODIFIED a', 'MODIFIED b', 'DELETED b'])
})

t.test('a watch ends in time, and one from before the window is told so', async t => {
  const cluster = await TestCluster.start()
  t.teardown(() => cluster.close())
  const brief = cluster.watch(`${configMaps}?watch=1&timeoutSeconds=1&allowWatchBookmarks=true`)
  const { body } = await cluster.post(configMaps, configMap('a'))
  for (let index = 0; index < 1100; index++) {
    const value = Buffer.from(
      JSON.stringify({ kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: 'a', namespace: 'default', uid: 'u' } })
    )
    cluster.store.mvcc.apply({ type: 'put', key: '/registry/configmaps/default/a', value })
  }
  await cluster.post(configMaps, configMap('z'))
  const old = cluster.watch(`${configMaps}?watch=1&resourceVersion=${body.metadata.resourceVersion}`)
  await cluster.until('the end of the old one', () => old.ended !== undefined)
  t.match(old.events, [
    { type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired', message: /^too old resource version: \d+ \(\d+\)$/ } }
  ])
  await cluster.until('the end of the brief one', () => brief.ended !== undefined)
  t.equal(brief.types.at(-1), 'BOOKMARK', 'with a last bookmark')
  t.equal(brief.ended, 'end')
})

t.test('members of the store die under load: no event is lost or told twice', async t => {
  const cluster = await TestCluster.start({ members: 3 })
  t.teardown(() => cluster.close())
  const watching = cluster.watch(`${configMaps}?watch=1`)
  await cluster.settle()
  let written = 0
  for (let round = 0; round < 12; round++) {
    const writes = Array.from({ length: 10 }, () => cluster.post(configMaps, configMap(`m${written++}`)))
    const victim = round % 3
    cluster.host.kill(`control-${victim}/store`)
    const answers = await Promise.all(writes)
    t.ok(
      answers.every(({ status }) => status === 201),
      `round ${round}`
    )
    cluster.startMember(victim)
  }
  await settled(cluster, watching, written)
  t.same([...watching.types].sort(), Array.from({ length: written }, (_, index) => `ADDED m${index}`).sort())
  const seen = revisions(watching)
  t.same(
    seen,
    [...new Set(seen)].sort((a, b) => a - b),
    'in order, each once'
  )
  t.equal((await cluster.get(`${configMaps}?limit=1`)).status, 200)
})

t.test('a member that holds still is passed over before its clients give up', async t => {
  const cluster = await TestCluster.start({ members: 2 })
  t.teardown(() => cluster.close())
  const watching = cluster.watch(`${configMaps}?watch=1`)
  cluster.host.dispatcher.pause('control-0/store')
  const [read, write] = await Promise.all([
    cluster.get(`${configMaps}?timeout=3s`),
    cluster.post(`${configMaps}?timeout=3s`, configMap('a'))
  ])
  t.equal(read.status, 200)
  t.equal(write.status, 504, 'what holds still may make it when it goes on')
  t.equal((await cluster.post(configMaps, configMap('a'))).status, 201, JSON.stringify(write.body))
  await settled(cluster, watching, 1)
})

t.test('a write whose answer is lost is found out, not made twice', async t => {
  const cluster = await TestCluster.start({ members: 2 })
  t.teardown(() => cluster.close())
  const lose = (meanwhile = (): void => undefined): void => {
    cluster.store.onTxn = () => {
      cluster.store.onTxn = undefined
      setImmediate(() => {
        meanwhile()
        for (const index of [0, 1]) {
          cluster.host.kill(`control-${index}/store`)
          cluster.startMember(index)
        }
      })
      return 'hang after'
    }
  }
  lose()
  const made = await cluster.post(configMaps, configMap('once'))
  t.equal(made.status, 201)
  const read = (await cluster.get(`${configMaps}/once`)).body
  t.equal(read.metadata.uid, made.body.metadata.uid, 'the create is ours')
  lose()
  const changed = await cluster.patch(`${configMaps}/once`, 'merge-patch+json', { data: { a: 'b' } })
  t.equal(changed.status, 200)
  t.equal(changed.body.metadata.resourceVersion, (await cluster.get(`${configMaps}/once`)).body.metadata.resourceVersion)
  lose()
  t.equal((await cluster.remove(`${configMaps}/once`)).status, 200)
  t.equal((await cluster.get(`${configMaps}/once`)).status, 404)

  const change = (edit: (object: any) => void) => (): void => {
    const { mvcc } = cluster.store
    const key = '/registry/configmaps/default/quick'
    const read = mvcc.range({ key })
    const object = JSON.parse(new TextDecoder().decode('kvs' in read ? read.kvs[0]?.value : undefined))
    edit(object)
    const value = new TextEncoder().encode(JSON.stringify(object))
    mvcc.apply({ type: 'txn', compares: [], success: [{ type: 'put', key, value }], failure: [] })
  }
  lose(change(object => Object.assign(object, { data: { by: 'another' } })))
  const changedSince = await cluster.post(configMaps, configMap('quick'))
  t.equal(changedSince.status, 201, 'ours, though somebody has changed it since')
  t.ok(
    Number((await cluster.get(`${configMaps}/quick`)).body.metadata.resourceVersion) > Number(changedSince.body.metadata.resourceVersion)
  )
  await cluster.remove(`${configMaps}/quick`)
  lose(change(object => Object.assign(object.metadata, { uid: 'of another' })))
  t.equal((await cluster.post(configMaps, configMap('quick'))).status, 504, 'not ours any more: whether it was, nobody knows')
  await cluster.remove(`${configMaps}/quick`)
  const deletion = { type: 'delete', key: '/registry/configmaps/default/quick' } as const
  lose(() => void cluster.store.mvcc.apply({ type: 'txn', compares: [], success: [deletion], failure: [] }))
  t.equal((await cluster.post(configMaps, configMap('quick'))).status, 504, 'it is not there: whether it was, nobody knows')
  t.equal((await cluster.get(`${configMaps}/quick`)).status, 404, 'what was created and deleted is not created again')
})

t.test('an apiserver dies, and its watcher goes on at the next, or at its next life', async t => {
  const cluster = await TestCluster.start({ members: 2 })
  t.teardown(() => cluster.close())
  cluster.startServer(1)
  const first = cluster.watch(`${configMaps}?watch=1`)
  await cluster.post(configMaps, configMap('a'))
  await settled(cluster, first, 1)
  cluster.host.kill('control-0/apiserver')
  await cluster.until('the end of the stream', () => first.ended !== undefined)
  await cluster.request({ method: 'POST', path: configMaps, body: configMap('b') }, 'root/test', 1)
  const second = cluster.watch(`${configMaps}?watch=1&resourceVersion=${revisions(first).at(-1)}`, { server: 1 })
  await cluster.request({ method: 'POST', path: configMaps, body: configMap('c') }, 'root/test', 1)
  await settled(cluster, second, 2)
  t.same(second.types, ['ADDED b', 'ADDED c'])
  cluster.startServer(0)
  const third = cluster.watch(`${configMaps}?watch=1&resourceVersion=${revisions(first).at(-1)}`)
  await settled(cluster, third, 2)
  t.same(third.events, second.events, 'a server that starts knows the history before its start')
  await cluster.until('ready again', () => cluster.facts('control-0/apiserver').ready === true)
  const { body } = await cluster.get('/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes')
  t.match(body, { endpoints: [{ addresses: ['127.0.0.1'] }], ports: [{ name: 'https', port: 6443 }] })
})

t.test('what others write into the store holds up no read', async t => {
  const cluster = await TestCluster.start()
  t.teardown(() => cluster.close())
  cluster.store.mvcc.apply({ type: 'put', key: 'mine', value: Buffer.from('1') })
  cluster.store.mvcc.apply({ type: 'put', key: '/registry/configmaps/default/odd', value: Buffer.from('no JSON') })
  const { status, body } = await cluster.get(configMaps)
  t.equal(status, 200)
  t.match(body, { metadata: { resourceVersion: String(cluster.store.mvcc.revision) }, items: [] })
})

t.test('compaction past what a lagging cache has seen ends its watches, and it serves on', async t => {
  const cluster = await TestCluster.start()
  t.teardown(() => cluster.close())
  const watching = cluster.watch(`${configMaps}?watch=1`)
  await cluster.settle()
  cluster.host.kill('control-0/store')
  const value = (name: string) =>
    Buffer.from(JSON.stringify({ kind: 'ConfigMap', apiVersion: 'v1', metadata: { name, namespace: 'default', uid: 'u' } }))
  for (const name of ['x', 'y']) cluster.store.mvcc.apply({ type: 'put', key: `/registry/configmaps/default/${name}`, value: value(name) })
  cluster.store.mvcc.apply({ type: 'compact', revision: cluster.store.mvcc.revision })
  cluster.startMember(0)
  await cluster.until('the end', () => watching.ended !== undefined)
  t.match(watching.events.at(-1), { type: 'ERROR', object: { code: 410, reason: 'Expired' } })
  const list = await cluster.get(configMaps)
  t.same(
    list.body.items.map((one: { metadata: { name: string } }) => one.metadata.name),
    ['x', 'y']
  )
})

t.test('who does not read is let go, and nobody waits for it', async t => {
  const cluster = await TestCluster.start()
  t.teardown(() => cluster.close())
  const slow = cluster.watch(`${configMaps}?watch=1`, { from: 'root/slow', slow: true })
  const other = cluster.watch(`${configMaps}?watch=1`)
  await cluster.settle()
  for (let index = 0; index < 20; index++) await cluster.post(configMaps, configMap(`m${index}`))
  await settled(cluster, other, 20)
  await cluster.until('the slow one hears of it', () => slow.ended !== undefined)
  t.equal(slow.ended, 'failed: slow')
  t.same(slow.types, other.types.slice(0, slow.types.length), 'what it has been told has no gap')
})

t.test('state and events add up, whatever is written and whenever one begins to watch', async () => {
  const step = fc.record({
    name: fc.constantFrom('a', 'b', 'c'),
    act: fc.constantFrom('post', 'patch', 'remove', 'watch', 'kill'),
    color: fc.constantFrom('red', 'blue')
  })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async steps => {
      const cluster = await TestCluster.start({ members: 2 })
      const watches: Watching[] = [cluster.watch(`${configMaps}?watch=1&labelSelector=color%3Dred`)]
      for (const [index, { name, act, color }] of steps.entries()) {
        if (act === 'post') await cluster.post(configMaps, configMap(name, { color }))
        else if (act === 'patch') {
          await cluster.patch(`${configMaps}/${name}`, 'merge-patch+json', {
            metadata: { labels: { color } },
            data: { index: String(index) }
          })
        } else if (act === 'remove') await cluster.remove(`${configMaps}/${name}`)
        else if (act === 'watch') watches.push(cluster.watch(`${configMaps}?watch=1&labelSelector=color%3Dred`))
        else {
          cluster.host.kill(`control-${index % 2}/store`)
          cluster.startMember(index % 2)
        }
      }
      const { body } = await cluster.get(`${configMaps}?labelSelector=color%3Dred`)
      const wanted = JSON.stringify(
        body.items.map((one: { metadata: { name: string; resourceVersion: string } }) => [one.metadata.name, one.metadata.resourceVersion])
      )
      try {
        for (const watching of watches) await cluster.until(`${wanted} of ${watching.types}`, () => stateOf(watching) === wanted)
      } finally {
        cluster.close()
      }
    }),
    { numRuns: 25, seed: 7 }
  )
})

/** What a client knows that has applied all events; it throws where they do not fit. */
function stateOf({ events }: Watching): string {
  const state = new Map<string, string>()
  for (const { type, object } of events) {
    const { name, resourceVersion } = object.metadata
    if (type === 'ADDED' && state.has(name)) throw new Error(`${name} was added twice`)
    if (type !== 'ADDED' && !state.has(name)) throw new Error(`${name} was ${type} but not there`)
    if (type === 'DELETED') state.delete(name)
    else state.set(name, resourceVersion)
  }
  return JSON.stringify([...state].sort(([a], [b]) => (a < b ? -1 : 1)))
}
