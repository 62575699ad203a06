import t from 'tap'
import type { Ref } from '../../lib/actor/index.js'
import { ApiClient, type ApiRef, Informer, isExpired, Recorder, resources, watchEvents } from '../../lib/client/index.js'
import { type ConfigMap, type Event, kindOfResource } from '../../lib/kinds/index.js'
import { World } from '../../lib/sim/index.js'
import { integerBelow } from '../../lib/std/index.js'
import { fakeApiserver, History, type HistoryEvent } from './fake-api.js'

const servers = ['control-0/apiserver', 'control-1/apiserver'] as unknown as ApiRef[]
const configMap = (name: string, value = ''): { metadata: { namespace: string; name: string }; data: Record<string, string> } => ({
  metadata: { namespace: 'default', name },
  data: { value }
})

function cluster(seed: number, count = 2): { world: World; history: History; apiservers: ApiRef[] } {
  const world = new World({ seed })
  const history = new History()
  const apiservers = servers.slice(0, count)
  for (const address of apiservers) world.start(address, fakeApiserver(history))
  world.run(50)
  return { world, history, apiservers }
}

t.test('verbs', async t => {
  const { world, history, apiservers } = cluster(1)
  const pending = world.client.run(function* (ctx) {
    const client = new ApiClient(ctx, { apiservers, fieldManager: 'test' })
    const { configMaps } = resources
    const created = yield* client.create(configMaps, configMap('a', '1'))
    if (!created.ok) throw new Error(created.error.message)
    const again = yield* client.create(configMaps, configMap('a'))
    const updated = yield* client.update(configMaps, { ...created.value, data: { value: '2' } })
    const stale = yield* client.update(configMaps, { ...created.value, data: { value: '3' } })
    const patched = yield* client.patch(configMaps, created.value.metadata, { data: { other: 'x' } })
    const got = yield* client.get(configMaps, { namespace: 'default', name: 'a' })
    const missing = yield* client.get(configMaps, { namespace: 'default', name: 'b' })
    const listed = yield* client.list(configMaps, { namespace: 'default' })
    const deleted = yield* client.delete(configMaps, created.value.metadata, { preconditions: { uid: 'other' } })
    const gone = yield* client.delete(configMaps, created.value.metadata)
    return { created, again, updated, stale, patched, got, missing, listed, deleted, gone }
  })
  t.ok(world.runUntil(() => pending.done, 5000))
  const result = pending.value
  t.match(result?.created, { ok: true, value: { metadata: { name: 'a' }, data: { value: '1' } } })
  t.match(result?.again, { ok: false, error: { reason: 'AlreadyExists', code: 409, retryable: false, definite: true } })
  t.match(result?.updated, { ok: true })
  t.match(result?.stale, { ok: false, error: { reason: 'Conflict' } })
  t.match(result?.patched, { ok: true, value: { data: { value: '2', other: 'x' } } })
  t.match(result?.got, { ok: true, value: { data: { value: '2', other: 'x' } } })
  t.match(result?.missing, { ok: false, error: { reason: 'NotFound' } })
  t.match(result?.listed, { ok: true, value: { items: [{ metadata: { name: 'a' } }] } })
  t.match(result?.deleted, { ok: false, error: { reason: 'Conflict' } })
  t.same(result?.gone, { ok: true, value: undefined })
  t.ok(history.requests.includes('POST /api/v1/namespaces/default/configmaps?fieldManager=test'))
})

t.test('the next apiserver is tried at once, and a dead one is not asked again', async t => {
  const { world, history, apiservers } = cluster(2)
  world.killThread('control-0/apiserver')
  const startMs = world.nowMs
  const pending = world.client.run(function* (ctx) {
    const client = new ApiClient(ctx, { apiservers })
    const first = yield* client.create(resources.configMaps, configMap('a'))
    const tookMs = ctx.nowMs
    return { first, tookMs, apiserver: client.apiserver }
  })
  t.ok(world.runUntil(() => pending.done, 5000))
  t.equal(pending.value?.first.ok, true)
  t.equal(pending.value?.apiserver, 'control-1/apiserver')
  t.ok(world.nowMs - startMs < 100, 'refused for certain, so even a write goes on')
  t.equal(history.all(resources.configMaps).length, 1)
})

t.test('a write that may have happened is not sent again, a read is', async t => {
  const { world, history, apiservers } = cluster(3)
  let lost = 0
  history.intercept = request => {
    if (!request.path.includes('configmaps') || lost >= 2) return undefined
    lost++
    world.at(world.nowMs, () => world.killThread('control-0/apiserver')) // It dies before its answer leaves.
    throw new Error('never answered')
  }
  const pending = world.client.run(function* (ctx) {
    const client = new ApiClient(ctx, { apiservers })
    return yield* client.create(resources.configMaps, configMap('a'))
  })
  t.ok(world.runUntil(() => pending.done, 60_000))
  t.match(pending.value, { ok: false, error: { definite: false, retryable: true } })
  t.equal(history.requests.filter(line => line.startsWith('POST')).length, 1)
  world.restart(() => true)
  world.run(world.nowMs + 100)
  lost = 1
  const read = world.client.run(function* (ctx) {
    const client = new ApiClient(ctx, { apiservers })
    return yield* client.list(resources.configMaps, {})
  })
  t.ok(world.runUntil(() => read.done, 60_000))
  t.match(read.value, { ok: true })
})

t.test('Retry-After is obeyed, ten times at most, and the deadline is kept', async t => {
  const { world, history, apiservers } = cluster(4, 1)
  let refusals = 3
  const body = { kind: 'Status', status: 'Failure', code: 429, reason: 'TooManyRequests', details: { retryAfterSeconds: 1 } }
  history.intercept = () => (refusals-- > 0 ? { status: 429, body: new TextEncoder().encode(JSON.stringify(body)) } : undefined)
  const call = (timeoutMs?: number) =>
    world.client.run(function* (ctx) {
      const client = new ApiClient(ctx, { apiservers })
      return yield* client.list(resources.configMaps, timeoutMs === undefined ? {} : { timeoutMs })
    })
  const startMs = world.nowMs
  const patient = call()
  t.ok(world.runUntil(() => patient.done, startMs + 60_000))
  t.match(patient.value, { ok: true })
  t.ok(world.nowMs - startMs >= 3000 && world.nowMs - startMs < 3200)
  refusals = Number.POSITIVE_INFINITY
  const hasty = call(2500)
  t.ok(world.runUntil(() => hasty.done, world.nowMs + 60_000))
  t.match(hasty.value, { ok: false, error: { code: 429, retryable: true } })
  world.killThread('control-0/apiserver')
  const fromMs = world.nowMs
  const dead = call(2000)
  t.ok(world.runUntil(() => dead.done, fromMs + 60_000))
  t.match(dead.value, { ok: false, error: { code: 0, reason: 'unreachable', definite: true } })
  t.ok(world.nowMs - fromMs <= 2100, 'no longer than it was told')
})

interface Seen {
  readonly type: 'add' | 'update' | 'delete'
  readonly name: string
  readonly revision: number
  readonly known: boolean
}

function follow(world: World, apiservers: readonly ApiRef[], seen: Seen[]): { informer: Informer<ConfigMap> | undefined } {
  const held: { informer: Informer<ConfigMap> | undefined } = { informer: undefined }
  world.client.perform(ctx => {
    const informer = new Informer<ConfigMap>(ctx, new ApiClient(ctx, { apiservers }), { resource: resources.configMaps })
    const note = (type: Seen['type'], { metadata }: ConfigMap, known = true): void =>
      void seen.push({ type, name: metadata.name ?? '', revision: Number(metadata.resourceVersion), known })
    informer.addHandler({
      add: object => note('add', object),
      update: (_, object) => note('update', object),
      delete: (object, known) => note('delete', object, known)
    })
    informer.start()
    held.informer = informer
  })
  return held
}

const asSeen = ({ type, revision, object }: HistoryEvent): Seen => ({
  type: type === 'ADDED' ? 'add' : type === 'MODIFIED' ? 'update' : 'delete',
  name: object.metadata.name ?? '',
  revision,
  known: true
})

/** Random creates, updates and deletions until then, straight into the history. */
function churn(world: World, history: History, untilMs: number): void {
  const names = ['a', 'b', 'c', 'd', 'e']
  for (let ms = world.nowMs; ms < untilMs; ms += 5 + integerBelow(world.random, 30)) {
    const name = names[integerBelow(world.random, names.length)] as string
    const deletes = world.random() < 0.3
    world.at(ms, () => {
      const key = `/configmaps/default/${name}`
      const old = history.objects.get(key)
      const metadata = old?.metadata ?? { namespace: 'default', name, uid: history.uid() }
      const next = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { at: String(ms) } }
      if (!deletes) history.write(key, next as never, old)
      else if (old !== undefined) history.write(key, undefined, old)
      for (const ref of history.apiservers) world.client.tell(ref as Ref<{ changed(): void }>, 'changed')
    })
  }
}

t.test('an informer sees every event once and in order while apiservers die and streams fail', async t => {
  for (let seed = 10; seed < 20; seed++) {
    const { world, history, apiservers } = cluster(seed)
    const seen: Seen[] = []
    const held = follow(world, apiservers, seen)
    churn(world, history, 10_000)
    for (let ms = 300; ms < 9000; ms += 200 + integerBelow(world.random, 600)) {
      const victim = apiservers[integerBelow(world.random, 2)] as string
      world.at(ms, () => world.killThread(victim))
      world.at(ms + 1 + integerBelow(world.random, 400), () => world.restart(() => true))
    }
    world.at(9500, () => world.restart(() => true))
    world.run(25_000)
    const { informer } = held
    t.equal(informer?.counters.lists, 1, `seed ${seed}: one list, then only watches`)
    t.ok((informer?.counters.watches ?? 0) > 5, `seed ${seed}: streams did fail`)
    const first = seen.findIndex(({ type }) => type !== 'add' || history.events.length === 0)
    const from = seen[Math.max(0, first)]?.revision ?? 0
    const expected = history.events.filter(({ revision }) => revision >= from).map(asSeen)
    t.same(
      seen.filter(({ revision }) => revision >= from),
      expected,
      `seed ${seed}: exactly the history`
    )
    t.same(
      [...(informer?.store.values() ?? [])].map(({ metadata }) => metadata.resourceVersion).sort(),
      history
        .all(resources.configMaps)
        .map(({ metadata }) => metadata.resourceVersion)
        .sort()
    )
  }
})

t.test('after 410 Expired it lists again: no state twice, none older, the last one never missing', async t => {
  for (let seed = 30; seed < 40; seed++) {
    const { world, history, apiservers } = cluster(seed)
    const seen: Seen[] = []
    const held = follow(world, apiservers, seen)
    churn(world, history, 10_000)
    for (let ms = 300; ms < 9000; ms += 500 + integerBelow(world.random, 900)) {
      world.at(ms, () => {
        for (const address of apiservers) world.killThread(address)
      })
      world.at(ms + 200, () => {
        history.compact() // What happened meanwhile cannot be watched any more.
        world.restart(() => true)
      })
    }
    world.at(11_000, () => {
      for (const address of apiservers) world.killThread(address)
      for (const [key, object] of [...history.objects]) if (object.metadata.name !== 'a') history.write(key, undefined, object)
      history.compact()
      world.restart(() => true)
    })
    world.run(30_000)
    t.ok((held.informer?.counters.lists ?? 0) > 3, `seed ${seed}: it listed ${held.informer?.counters.lists} times`)
    const last = new Map<string, Seen>()
    for (const event of seen) {
      const before = last.get(event.name)
      const ordered = before === undefined || event.revision > before.revision || (event.type === 'delete' && !event.known)
      if (!ordered) t.fail(`seed ${seed}: ${JSON.stringify(before)} then ${JSON.stringify(event)}`)
      const isNew = before === undefined || before.type === 'delete'
      if ((event.type === 'add') !== isNew) t.fail(`seed ${seed}: ${event.type} of ${event.name} after ${before?.type}`)
      last.set(event.name, event)
    }
    const alive = [...last.values()].filter(({ type }) => type !== 'delete').map(({ revision }) => String(revision))
    t.same(
      alive.sort(),
      history
        .all(resources.configMaps)
        .map(({ metadata }) => metadata.resourceVersion)
        .sort(),
      `seed ${seed}: what it knows is what there is`
    )
  }
})

t.test('lists in pages; keeps frozen metadata only; a paused apiserver is left', async t => {
  const { world, history, apiservers } = cluster(50)
  for (let i = 0; i < 1203; i++) {
    const object = { apiVersion: 'v1', kind: 'ConfigMap', ...configMap(`c${i}`) }
    history.write(`/configmaps/default/c${i}`, object as never, undefined)
  }
  let informer: Informer<ConfigMap> | undefined
  world.client.perform(ctx => {
    informer = new Informer<ConfigMap>(ctx, new ApiClient(ctx, { apiservers }), {
      resource: resources.configMaps,
      metadataOnly: true,
      indexers: { last: ({ metadata }) => [metadata.name?.slice(-1) ?? ''] }
    })
    informer.start()
  })
  t.ok(world.runUntil(() => informer?.synced === true, 5000))
  t.equal(informer?.store.size, 1203)
  t.equal(history.requests.filter(line => line.startsWith('GET')).length, 3)
  const object = informer?.store.get('default/c7')
  t.same(Object.keys(object ?? {}), ['apiVersion', 'kind', 'metadata'])
  t.ok(Object.isFrozen(object?.metadata))
  t.equal(informer?.store.byIndex('last', '7').length, 120)

  world.machine('control-0').thread('control-0/apiserver').pause()
  world.run(world.nowMs + 100)
  history.write('/configmaps/default/late', { apiVersion: 'v1', kind: 'ConfigMap', ...configMap('late') } as never, undefined)
  world.client.tell('control-1/apiserver' as Ref<{ changed(): void }>, 'changed')
  t.ok(
    world.runUntil(() => informer?.store.get('default/late') !== undefined, world.nowMs + 25_000),
    'after an idle time it asks, and goes to the other'
  )
})

t.test('isExpired knows every way to say it', async t => {
  for (const reason of ['Expired', 'Gone', 'compacted']) {
    t.ok(isExpired({ reason, code: 0, message: '', retryable: true, definite: true, status: {} as never }))
  }
})

t.test('a recorder counts what repeats, combines what is alike, and is bounded', async t => {
  const { world, history, apiservers } = cluster(60)
  let recorder: Recorder | undefined
  const about = { apiVersion: 'v1', kind: 'Pod', namespace: 'default', name: 'web', uid: 'u1' }
  world.client.perform(ctx => {
    recorder = new Recorder(ctx, new ApiClient(ctx, { apiservers }), { component: 'tester' })
    for (let i = 0; i < 3; i++) recorder.event(about, 'Normal', 'Pulled', 'same words')
    for (let i = 0; i < 14; i++) recorder.event(about, 'Warning', 'Failed', `attempt ${i}`)
    for (let i = 0; i < 30; i++) recorder.event({ ...about, name: 'noisy' }, 'Normal', 'Tick', 'tock')
  })
  world.run(world.nowMs + 2000)
  const events = history.all<Event>(resources.events)
  t.match(
    events.find(({ reason }) => reason === 'Pulled'),
    { count: 3, type: 'Normal', source: { component: 'tester' }, involvedObject: about }
  )
  const failed = events.filter(({ reason }) => reason === 'Failed').map(({ message }) => message)
  t.equal(failed.filter(message => message?.startsWith('attempt')).length, 10)
  t.ok(failed.some(message => message?.startsWith('(combined from similar events): attempt')))
  t.equal(events.find(({ reason }) => reason === 'Tick')?.count, 25, 'a burst, and no more')
  t.equal(recorder?.dropped, 5)
})

t.test('the resources named here are those of the kinds', async t => {
  for (const { kind, ...resource } of Object.values(resources)) {
    if (kind === 'Binding') continue
    t.match(kindOfResource(resource.group, resource.version, resource.plural), { kind, namespaced: resource.namespaced }, kind)
  }
})

t.test('a piece of a watch is read once, line by line, and nobody can change what others are shown', async t => {
  const lines = [
    { type: 'ADDED', object: { metadata: { name: 'a', labels: { x: 'y' } } } },
    { type: 'BOOKMARK', object: { metadata: {} } }
  ]
  const text = new TextEncoder()
  const piece = text.encode(lines.map(line => `${JSON.stringify(line)}\n`).join(''))
  const events = watchEvents(piece)
  t.same(events, lines)
  t.equal(watchEvents(piece), events)
  t.ok(Object.isFrozen(events[0]?.object.metadata.labels))
  t.not(watchEvents(piece.slice()), events, 'equal bytes elsewhere are other bytes')
  t.throws(() => watchEvents(text.encode('{"type":"ADDED"')))
})
